"""The rules of points as the rulebook changes them: what other rules would have given for the orders of late."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, QuerySet, Sum
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib import mall
from core.lib.errors import Invalid
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange
from customers.models import Category, Order, Refund
from loyalty.models import OrderPoints, PointRules
from loyalty.points import rules
from loyalty.points.orders import ONE, back_of, shares_of

FIELDS = (*rules.NUMBERS, *rules.CHOICES)
LARGEST_ID = 2**63
AMOUNTS = ("least_order", "bonus_from", "referral_least")
# The orders of the last so many days are looked at: of the last month, or of less where that is very many.
WINDOWS = (30, 7, 1)
MOST_ORDERS = 100_000
# Points that give back this much of what is paid, or so many times more than before, are asked about.
MUCH_PERCENT = 10
MUCH_MORE = 5
NOTHING = Decimal(0)


class Sold(NamedTuple):
    """One paid order as far as points are concerned: `net` is what was not given back of what was `paid`."""

    pk: int
    customer: int
    on: date
    paid: Decimal
    net: Decimal
    multiplier: Decimal


class PointKind(Kind):
    name = "points"
    label = gettext_lazy("Points")
    edits = Permission.EDIT_POINTS
    confirms = Permission.PUBLISH_TIERS
    figures = {
        "days": gettext_lazy("Days looked at"),
        "orders": gettext_lazy("Orders that earn points"),
        "points": gettext_lazy("Points for these orders"),
        "per_hundred": gettext_lazy("Points for 100 of turnover"),
        "cost": gettext_lazy("What these points cost, in yuan"),
        "percent": gettext_lazy("Of the turnover, in per cent"),
    }

    def checked(self, content: Content) -> Content:
        unknown = content.keys() - set(FIELDS)
        if unknown:
            raise Invalid(_("There is no rule called “%(name)s”.") % {"name": sorted(unknown)[0]})
        values = {name: _python(name, content.get(name, _field(name).get_default())) for name in FIELDS}
        if values["rate"] is None:
            raise Invalid(_("Say how many points a yuan earns."), code="rate")
        rules.refuse_numbers(values)
        return content_of(PointRules(**values))

    def versions(self, limit: int) -> list[Version]:
        rows = PointRules.objects.filter(withdrawn_at__isnull=True).select_related("by").order_by("-version")
        return [Version(row.version, content_of(row), row.starts_at, row.reason, row.by) for row in rows[:limit]]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """The orders of late, as if they came again: each as it stands now, in the order in which they came."""
        days, sold = _sold_lately(at)
        now = rules.in_force(at)
        before = _replayed(now, sold) if now else _Granted(0, 0, NOTHING)
        after = _replayed(PointRules(**values_of(content)), sold)
        turnover = sum((order.net for order in sold), NOTHING)
        return Foretold(
            {
                "days": (days, days),
                "orders": (before.orders, after.orders),
                "points": (before.points, after.points),
                "per_hundred": (_rate(before.points, turnover), _rate(after.points, turnover)),
                "cost": (float(before.cost), float(after.cost)),
                "percent": (_rate(before.cost, turnover), _rate(after.cost, turnover)),
            }
        )

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        data = values_of(change.content)
        return rules.save(data, starts_at=starts_at, by=change.by, reason=change.reason, at=at).version

    def take_back(self, version: int, *, at: datetime) -> None:
        rules.withdraw(version, at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """What the orders of this version have earned so far, as they stand now."""
        row = PointRules.objects.get(version=version)
        earned = OrderPoints.objects.filter(rules=row, order__status=Order.Status.PAID)
        sums = earned.aggregate(points=Sum("granted"), paid=Sum("order__paid"))
        if sums["paid"] is None:
            return None
        back = Refund.objects.filter(order__points__rules=row, order__status=Order.Status.PAID)
        turnover = sums["paid"] - (back.aggregate(sum=Sum("amount"))["sum"] or NOTHING)
        cost = sums["points"] * row.yuan_per_point
        return {"per_hundred": _rate(sums["points"], turnover), "percent": _rate(cost, turnover)}

    def differences(self, before: Content | None, after: Content) -> list[str]:
        if before is None:
            return [_("These are the first rules.")]
        old, new = self.checked(before), self.checked(after)
        return [
            _("%(option)s: %(after)s instead of %(before)s.")
            % {
                "option": capfirst(str(_field(name).verbose_name)),
                "before": _in_words(name, old[name]),
                "after": _in_words(name, new[name]),
            }
            for name in FIELDS
            if old[name] != new[name]
        ]

    def says(self, content: Content) -> list[tuple[str, str]]:
        values = values_of(self.checked(content))
        return [
            (capfirst(str(_field(name).verbose_name)), _in_words(name, values[name]))
            for name in FIELDS
            if values[name] not in (None, [])
        ]

    def doubts(self, content: Content, figures: Mapping[str, tuple[Number, Number]]) -> list[str]:
        values, sentences = values_of(content), []
        given_back = values["rate"] * values["yuan_per_point"] * 100
        before, after = figures.get("percent", (0, 0))
        if max(given_back, Decimal(after)) >= MUCH_PERCENT:
            sentences.append(
                _("%(rate)s points per yuan at %(cost)s a point cost %(percent)s %% of the turnover.")
                % {
                    "rate": _plain(values["rate"]),
                    "cost": f"{mall.facts().symbol}{_plain(values['yuan_per_point'])}",
                    "percent": _plain(max(given_back, Decimal(str(after)))),
                }
            )
        if before and after >= MUCH_MORE * before:
            sentences.append(_("Points cost %(times)d times what they cost now.") % {"times": after // before})
        if not after and (before or not values["rate"]):
            sentences.append(_("Orders like those of late earn no points any more."))
        return sentences

    def stays(self, version: int) -> list[str]:
        """Points already earned keep their own rules."""
        row = PointRules.objects.get(version=version)
        sums = OrderPoints.objects.filter(rules=row, granted__gt=0).aggregate(n=Count("pk"), points=Sum("granted"))
        if not sums["n"]:
            return [_("No order has earned points under this version: nothing stays.")]
        return [
            _("Points that stay with the customers: %(points)s of %(orders)s orders, worth %(cost)s.")
            % {
                "points": f"{sums['points']:,}",
                "orders": f"{sums['n']:,}",
                "cost": mall.priced((sums["points"] * row.yuan_per_point).quantize(Decimal("0.01"))),
            }
        ]

    def notice_days(self, content: Content) -> int:
        return int(content["notice_days"])


RULES = PointKind()


def content_of(row: PointRules) -> Content:
    """What a version says, as JSON: decimals as strings in one form of writing."""
    return {name: _json(name, getattr(row, name)) for name in FIELDS}


def values_of(content: Content) -> dict[str, Any]:
    """The same as the model has them."""
    return {name: _python(name, content[name]) for name in FIELDS}


# Bound to the model: its fields, their words, their decimals.


def _field(name: str) -> Any:
    return PointRules._meta.get_field(name)


def _python(name: str, value: Any) -> Any:
    field = _field(name)
    try:
        value = field.to_python(value)
        if isinstance(field, models.DecimalField) and value is not None and not value.is_finite():
            raise ValidationError("")
        if name == "excluded_categories":
            value = sorted({int(pk) for pk in value})
            if value and not 0 < value[0] <= value[-1] < LARGEST_ID:
                raise ValidationError("")
        if field.choices and value not in dict(field.choices):
            raise ValidationError("")
        if value is None and not field.null:
            raise ValidationError("")
    except (ValidationError, TypeError, ValueError, ArithmeticError):
        raise Invalid(
            _("%(label)s: this cannot be read.") % {"label": capfirst(str(field.verbose_name))}, code=name
        ) from None
    return value


def _json(name: str, value: Any) -> Any:
    field = _field(name)
    if isinstance(field, models.DecimalField) and value is not None:
        return str(Decimal(value).quantize(Decimal(1).scaleb(-field.decimal_places)))
    return list(value) if name == "excluded_categories" else value


def _in_words(name: str, value: Any) -> str:
    field = _field(name)
    if name == "excluded_categories":
        return ", ".join(Category.objects.filter(pk__in=value).order_by("name").values_list("name", flat=True)) or "–"
    if field.choices:
        return str(dict(field.flatchoices)[value])
    if value is None:
        return "–"
    if name in AMOUNTS:
        return mall.priced(Decimal(value))
    if isinstance(value, int):
        return f"{value:,}"
    return _plain(Decimal(value)) if isinstance(field, models.DecimalField) else str(value)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"


# The orders of late -------------------------------------------------------------------------------------------------


class _Granted(NamedTuple):
    """What a version gives for some orders: how many earn anything, points, and their cost in yuan."""

    orders: int
    points: int
    cost: Decimal


def _sold_lately(at: datetime) -> tuple[int, list[Sold]]:
    """The days looked at, and the paid orders of them in the order in which they came."""
    days, rows = next(
        (days, rows)
        for days in WINDOWS
        if (rows := _paid(since=at - timedelta(days=days), until=at))[MOST_ORDERS:].first() is None
        or days == WINDOWS[-1]
    )
    columns = rows.values_list("pk", "customer_id", "ordered_on", "paid", "back", "points__multiplier")
    return days, [
        Sold(pk, customer, on, paid, paid - (back or NOTHING), ONE if multiplier is None else multiplier)
        for pk, customer, on, paid, back, multiplier in columns[:MOST_ORDERS]
    ]


def _paid(*, since: datetime, until: datetime) -> QuerySet[Any]:
    orders = Order.objects.filter(status=Order.Status.PAID, ordered_at__gt=since, ordered_at__lte=until)
    return orders.exclude(customer=None).annotate(back=back_of()).order_by("ordered_at", "source", "external_id")


def _replayed(version: PointRules, sold: Sequence[Sold]) -> _Granted:
    shares = shares_of([order.pk for order in sold], [version]) if version.excluded_categories else {}
    days: dict[tuple[int, date], int] = defaultdict(int)
    orders = points = 0
    for order in sold:
        day, most = (order.customer, order.on), None
        if version.most_per_day is not None:
            most = max(0, version.most_per_day - days[day])
        share = shares.get((order.pk, version.pk), ONE)
        # What went back of an order leaves no room for another one of its day.
        days[day] += rules.earned(version, order.multiplier, order.paid * share, most=most)
        earned = rules.earned(version, order.multiplier, order.net * share, most=most)
        orders += bool(earned)
        points += earned
    return _Granted(orders, points, (points * version.yuan_per_point).quantize(Decimal("0.01")))


def _rate(amount: Decimal | int, turnover: Decimal) -> float:
    """Per hundred yuan of turnover."""
    return round(float(amount * 100 / turnover), 2) if turnover > 0 else 0.0
