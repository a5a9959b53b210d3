"""What conditions may say of purchases: when, how often, for how much, and of what."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import BigIntegerField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from core.lib.conditions import fields as of
from core.lib.conditions.fields import Context, Cost, Field, Fresh
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from core.lib.money import to_minor
from customers.lists.happenings import happening
from customers.models import Bought, Category, Order, OrderLine, Product

GROUP = _("Purchases")
GOODS = _("What they bought")
NOTE = _("Orders that were told without lines do not count here.")
TREND_DAYS = 4


def _minor(column: str) -> Any:
    """The amount as the whole minor units that it is stored as."""
    return Cast(F(column), BigIntegerField())


def _average(leaf: Leaf, context: Context) -> Q:
    """What an order comes to: what was paid, over all orders; the comparison without dividing."""
    bounds = [Value(to_minor(Decimal(value)), BigIntegerField()) * F("order_count") for value in leaf.values]
    if leaf.op == "unknown":
        return Q(order_count=0)
    return Q(order_count__gt=0) & _compared("paid_sum", leaf.op, bounds)


def _trend(leaf: Leaf, context: Context) -> Q:
    """Four times the last 90 days in per cent of the last 365, from four purchase days on."""
    known = Q(purchase_days__gte=TREND_DAYS, paid_365__gt=0)
    if leaf.op == "unknown":
        return Q(purchase_days__lt=TREND_DAYS) | Q(paid_365__lte=0)
    bounds = [_minor("paid_365") * Value(int(value), BigIntegerField()) for value in leaf.values]
    return known & _compared("paid_90", leaf.op, bounds, times=400)


def _compared(column: str, op: str, bounds: Sequence[Any], times: int = 1) -> Q:
    left = _minor(column) * Value(times, BigIntegerField())
    return Q(*(lookup(left, bound) for lookup, bound in zip(of.LOOKUPS[op], bounds, strict=True)))


# Orders and goods ---------------------------------------------------------------------------------------------------


def _orders(values: Sequence[str]) -> QuerySet[Order]:
    return Order.objects.filter(status=Order.Status.PAID, fully_refunded_on__isnull=True)


def _of_goods(chosen: str) -> of.Where:
    """Whether they bought one of the chosen goods; `chosen` is the path from a product to what is chosen.

    That they did is in `Bought`; how often and for how much, unless it is one product ever, is added up from the lines.
    """

    def lines(values: Sequence[str]) -> QuerySet[OrderLine]:
        paid = OrderLine.objects.filter(order__status=Order.Status.PAID, order__fully_refunded_on__isnull=True)
        return paid.filter(**{f"product__{chosen}__in": _ids(values)}) if values else paid

    added_up = happening(
        lines, on="order__ordered_on", customer="order__customer", times="order__ordered_on", paid="amount"
    )

    def where(leaf: Leaf, context: Context) -> Q:
        one_ever = chosen == "pk" and len(leaf.values) == 1 and leaf.within is None
        if not one_ever and ((leaf.at_least or 1) > 1 or leaf.money is not None):
            return added_up(leaf, context)
        bought = Bought.objects.filter(customer=OuterRef("customer_id"))
        if leaf.values:
            path = "product__in" if chosen == "pk" else f"product__{chosen}__in"
            bought = bought.filter(**{path: _ids(leaf.values)})
        if leaf.within is not None:
            first, after = of.days_before(context.today, leaf.within - 1), of.days_before(context.today, -1)
            bought = bought.filter(last_on__gte=first, first_on__lt=after)
        if leaf.at_least is not None:
            bought = bought.filter(days__gte=leaf.at_least)
        if leaf.money is not None:
            bought = bought.filter(paid__gte=Decimal(leaf.money))
        return Q(~Exists(bought)) if leaf.op == "never" else Q(Exists(bought))

    return where


def _ids(values: Sequence[str]) -> list[int]:
    return [int(value) for value in values if value.isdecimal() and len(value) <= 12]


def _named(model: type[Category] | type[Product]) -> Callable[[Sequence[str]], Mapping[str, str]]:
    def names(values: Sequence[str]) -> dict[str, str]:
        rows = model.objects.filter(pk__in=_ids(values))
        return {str(row.pk): row.name for row in rows}

    return names


def _categories() -> list[tuple[str, Words]]:
    return [(str(pk), name) for pk, name in Category.objects.order_by("name").values_list("pk", "name")]


def _number(key: str, label: Words, column: str, **more: Any) -> Field:
    return Field(key, label, Kind.NUMBER, of.number(column), group=GROUP, path=column, **more)


def _amount(key: str, label: Words, column: str, **more: Any) -> Field:
    return Field(key, label, Kind.MONEY, of.money(column), group=GROUP, path=column, **more)


FIELDS: tuple[Field, ...] = (
    Field(
        "quiet",
        _("Days without purchase"),
        Kind.NUMBER,
        of.days_since("last_on"),
        since="last_on",
        group=GROUP,
        unknown=True,
        says={"gt": _("no purchase for more than %(value)s days"), "ge": _("no purchase for at least %(value)s days")}
        | {"le": _("bought within %(value)s days"), "lt": _("bought within less than %(value)s days")}
        | {"between": _("no purchase for %(value)s to %(until)s days"), "unknown": _("never bought")},
    ),
    Field(
        "first",
        _("First purchase"),
        Kind.DAY,
        of.day("first_on"),
        group=GROUP,
        unknown=True,
        path="first_on",
        says={"unknown": _("never bought")},
    ),
    Field(
        "last",
        _("Last purchase"),
        Kind.DAY,
        of.day("last_on"),
        group=GROUP,
        unknown=True,
        path="last_on",
        says={"unknown": _("never bought")},
    ),
    _number("days", _("Purchase days"), "purchase_days"),
    _number("orders", _("Orders"), "order_count"),
    _amount("paid", _("Paid in all"), "paid_sum"),
    _amount("paid_90", _("Paid in 90 days"), "paid_90", fresh=Fresh.NIGHT),
    _amount("paid_365", _("Paid in a year"), "paid_365", fresh=Fresh.NIGHT),
    _number("days_365", _("Purchase days in a year"), "days_365", fresh=Fresh.NIGHT),
    Field("average", _("Average order"), Kind.MONEY, _average, group=GROUP, unknown=True),
    Field(
        "trend",
        _("Spend of 90 days against the year, in per cent"),
        Kind.NUMBER,
        _trend,
        group=GROUP,
        unknown=True,
        fresh=Fresh.NIGHT,
        note=_("Four times the last 90 days in per cent of the last 365; known from four purchase days on."),
    ),
    Field(
        "ordered",
        _("Orders in some days"),
        Kind.HAPPENING,
        happening(_orders, on="ordered_on", paid="paid"),
        group=GROUP,
        cost=Cost.HEAVY,
        says={"has": _("ordered"), "never": _("ordered nothing")},
    ),
    Field(
        "bought.category",
        _("Bought of a category"),
        Kind.HAPPENING,
        _of_goods("category"),
        group=GOODS,
        cost=Cost.PROBE,
        options=_categories,
        note=NOTE,
        says={"has": _("bought %(value)s"), "never": _("never bought %(value)s")},
    ),
    Field(
        "bought",
        _("Bought a product"),
        Kind.HAPPENING,
        _of_goods("pk"),
        group=GOODS,
        cost=Cost.PROBE,
        open=True,
        called=_named(Product),
        note=NOTE,
        says={"has": _("bought %(value)s"), "never": _("never bought %(value)s")},
    ),
)
