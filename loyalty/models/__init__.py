"""The tables of loyalty, one module per subject."""

from loyalty.models.clubs import Club, ClubEvent, ClubMember, ClubVisit, PartnerBenefit
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
    "Club",
    "ClubEvent",
    "ClubMember",
    "ClubVisit",
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
    "PartnerBenefit",
    "TierChange",
    "TierDraft",
    "TierOverride",
    "TierRules",
    "TierSimulation",
    "TierState",
]
