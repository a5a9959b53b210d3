"""The tables of loyalty, one module per subject."""

from loyalty.models.points import (
    HoldAllocation,
    OrderPoints,
    PointAccount,
    PointAdjustment,
    PointHold,
    PointLot,
    PointRules,
    PointState,
    PointTxn,
    Posting,
    Redemption,
    Reward,
)
from loyalty.models.tiers import (
    Membership,
    TierChange,
    TierDraft,
    TierOverride,
    TierRules,
    TierSimulation,
    TierState,
)

__all__ = [
    "HoldAllocation",
    "Membership",
    "OrderPoints",
    "PointAccount",
    "PointAdjustment",
    "PointHold",
    "PointLot",
    "PointRules",
    "PointState",
    "PointTxn",
    "Posting",
    "Redemption",
    "Reward",
    "TierChange",
    "TierDraft",
    "TierOverride",
    "TierRules",
    "TierSimulation",
    "TierState",
]
