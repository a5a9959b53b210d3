"""What a customer would lose by leaving: the reasons to stay, in yuan where they have a price."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

from customers.models import Customer
from loyalty.models import Coupon
from loyalty.points import accounts
from loyalty.points import rules as point_rules
from loyalty.tiers import membership


class Loss(NamedTuple):
    """`worth` in yuan; None where it has no price."""

    what: str
    worth: Decimal | None


def of(customer: Customer, *, on: date, at: datetime) -> list[Loss]:
    """Points, coupons, the level with its benefits, and the years; empty for who has none of them."""
    losses = []
    rules, balance = point_rules.in_force(at), accounts.balance(customer, at=at)
    if rules and (owned := balance.available + balance.pending + balance.held):
        losses.append(Loss(_("%(points)s points") % {"points": f"{owned:,}"}, owned * rules.yuan_per_point))
    coupons = Coupon.objects.filter(customer=customer, status=Coupon.Status.ISSUED, expires_at__gt=at)
    open_ = list(coupons.select_related("campaign"))
    if open_:
        losses.append(
            Loss(_("%(n)d coupons") % {"n": len(open_)}, sum((coupon.campaign.amount for coupon in open_), Decimal(0)))
        )
    standing = membership.standing(customer, on=on)
    if standing and standing.rank:
        losses.append(Loss(_("the level %(level)s") % {"level": standing.level["name"]}, None))
        if standing.seniority_years:
            losses.append(Loss(_("%(years)d years with us") % {"years": standing.seniority_years}, None))
    return losses
