"""Coupons on an order: validated without a trace, reserved, redeemed, and given back when the order dies.

Callers say `coupons.reserve(…)`: every verb stands here.
"""

from loyalty.campaigns.coupons.codes import ALPHABET, new_code, normalise, written
from loyalty.campaigns.coupons.offers import NOTHING, SHIPPING, Basket, Line, Offer, Share, work_out
from loyalty.campaigns.coupons.redeeming import (
    expire_due,
    follow_order,
    follow_orders,
    merge,
    of_orders,
    redeem,
    release,
    roll_back,
)
from loyalty.campaigns.coupons.reserving import HOLD, LIVE, LONGEST_HOLD, release_overdue, reserve
from loyalty.campaigns.coupons.validating import validate
from loyalty.campaigns.order_refs import ref_of

__all__ = [
    "ALPHABET",
    "HOLD",
    "LIVE",
    "LONGEST_HOLD",
    "NOTHING",
    "SHIPPING",
    "Basket",
    "Line",
    "Offer",
    "Share",
    "expire_due",
    "follow_order",
    "follow_orders",
    "merge",
    "new_code",
    "normalise",
    "of_orders",
    "redeem",
    "ref_of",
    "release",
    "release_overdue",
    "reserve",
    "roll_back",
    "validate",
    "work_out",
    "written",
]
