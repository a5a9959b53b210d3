"""What coupons would have done to the orders of late: the same offer, the same limits, nothing stored."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import QuerySet

from core.lib.errors import DomainError
from core.lib.periods import mall_midnight
from customers.models import Order, OrderLine
from loyalty.campaigns.coupons import NOTHING, Basket, Line, work_out
from loyalty.models import CampaignUsage, Coupon, CouponCampaign

# The orders of the last so many days are looked at: as many as the campaign lasts, a month at most, or less where that
# is very many.
LONGEST, SHORTER = 30, (7, 1)
MOST_ORDERS = 100_000


class Sold(NamedTuple):
    """A paid order of late, moved to when it would come again."""

    at: datetime
    customer: int
    lines: tuple[Line, ...]


@dataclass
class Stand:
    """What of a campaign is used, and when the coupons end that each customer has: it changes as orders use them."""

    used: int = 0
    spent: Decimal = NOTHING
    mine: Counter[int] = field(default_factory=Counter)
    hands: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    @property
    def coupons(self) -> int:
        return sum(map(len, self.hands.values()))


class Used(NamedTuple):
    """Coupons that orders use, what they cost, the goods of these orders, and how many orders a limit turns away."""

    used: int = 0
    cost: Decimal = NOTHING
    sales: Decimal = NOTHING
    refused: int = 0


def days_of(starts_on: date, ends_at: datetime) -> int:
    """How many days are looked at of a campaign that lasts so long."""
    return max(1, min(LONGEST, (ends_at - mall_midnight(starts_on)).days))


def stand_of(campaign: CouponCampaign, *, at: datetime) -> Stand:
    """As it is. Codes for whoever shows them are in nobody's hands."""
    stand = Stand(campaign.used, campaign.budget_used)
    stand.mine.update(dict(CampaignUsage.objects.filter(campaign=campaign).values_list("customer", "used")))
    usable = Coupon.objects.filter(campaign=campaign, status=Coupon.Status.ISSUED, expires_at__gt=at)
    for customer, expires_at in usable.exclude(customer=None).values_list("customer", "expires_at"):
        stand.hands[customer].append(expires_at)
    return stand


def sold_lately(until: date, days: int, *, begins: date) -> tuple[int, list[Sold]]:
    """The days looked at, and the paid orders of the days before `until`, as if they came from `begins` on."""
    days, rows = next(
        (some, rows)
        for some in (days, *(less for less in SHORTER if less < days), 0)
        if (rows := _paid(until - timedelta(days=some), until))[MOST_ORDERS:].first() is None or some <= SHORTER[-1]
    )
    later = mall_midnight(begins) - mall_midnight(until - timedelta(days=days))
    orders = list(rows.values_list("pk", "customer_id", "ordered_at", "paid")[:MOST_ORDERS])
    lines = _lines([pk for pk, *_rest in orders])
    return days, [
        Sold(at + later, customer, lines.get(pk) or (Line("order", paid),)) for pk, customer, at, paid in orders
    ]


def replay(terms: CouponCampaign, stand: Stand, sold: Sequence[Sold]) -> Used:
    """What these orders use of it, if each uses it as soon as it may: the most that it can cost.

    Shipping is taken to cost as much as the coupon pays at most. That a coupon of another campaign is on the same
    order is not looked at.
    """
    result = Used()
    for order in sold:
        if order.at >= terms.ends_at:
            continue
        hand = sorted(end for end in stand.hands[order.customer] if end > order.at)
        if terms.needs_code and not hand:
            continue
        basket = Basket(order.lines, terms.amount if terms.kind == CouponCampaign.Kind.SHIPPING else NOTHING)
        try:
            worth = work_out(terms, None, basket).worth
        except DomainError:
            continue
        if not _fits(terms, stand, order.customer, worth):
            result = result._replace(refused=result.refused + 1)
            continue
        stand.used, stand.spent = stand.used + 1, stand.spent + worth
        stand.mine[order.customer] += 1
        if terms.needs_code:
            stand.hands[order.customer].remove(hand[0])
        result = Used(result.used + 1, result.cost + worth, result.sales + basket.goods, result.refused)
    return result


def _fits(terms: CouponCampaign, stand: Stand, customer: int, worth: Decimal) -> bool:
    """As `reserving.take_of_customer` and `take_of_campaign` have it."""
    within = terms.budget is None or stand.spent + worth <= terms.budget
    return within and stand.used < terms.total_limit and stand.mine[customer] < terms.per_customer_limit


def _paid(since: date, until: date) -> QuerySet[Order]:
    orders = Order.objects.filter(status=Order.Status.PAID, fully_refunded_on=None)
    orders = orders.filter(ordered_at__gte=mall_midnight(since), ordered_at__lt=mall_midnight(until))
    return orders.exclude(customer=None).order_by("ordered_at", "pk")


def _lines(orders: Iterable[int]) -> Mapping[int, tuple[Line, ...]]:
    by_order: dict[int, tuple[Line, ...]] = {}
    rows: Any = OrderLine.objects.filter(order__in=list(orders)).order_by("pk")
    for order, pk, amount, category in rows.values_list("order", "pk", "amount", "product__category__name"):
        by_order[order] = (*by_order.get(order, ()), Line(str(pk), amount, category or ""))
    return by_order
