"""The tables of loyalty, one module per subject."""

from loyalty.models.tiers import (
    Membership,
    TierChange,
    TierDraft,
    TierOverride,
    TierRules,
    TierSimulation,
    TierState,
)

__all__ = ["Membership", "TierChange", "TierDraft", "TierOverride", "TierRules", "TierSimulation", "TierState"]
