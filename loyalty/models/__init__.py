"""The tables of loyalty, one module per subject."""

from loyalty.models.coupons import (
    CampaignUsage,
    Coupon,
    CouponCampaign,
    CouponIssue,
    CouponLineShare,
    CouponRedemption,
)
from loyalty.models.credit import CreditAccount, CreditAuthorisation, CreditEntry, CreditLimitChange
from loyalty.models.draws import Draw, Lottery, LotteryPrize, LotteryTicket
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
    "CampaignUsage",
    "Coupon",
    "CouponCampaign",
    "CouponIssue",
    "CouponLineShare",
    "CouponRedemption",
    "CreditAccount",
    "CreditAuthorisation",
    "CreditEntry",
    "CreditLimitChange",
    "Draw",
    "Lottery",
    "LotteryPrize",
    "LotteryTicket",
    "Membership",
    "TierChange",
    "TierDraft",
    "TierOverride",
    "TierRules",
    "TierSimulation",
    "TierState",
]
