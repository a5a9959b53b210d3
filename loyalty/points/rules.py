"""How points are earned and how long they live: versions, and the arithmetic of one version."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day, mall_midnight
from loyalty.models import PointRules

EndOf = PointRules.EndOf
NUMBERS = (
    "rate",
    "least_order",
    "most_per_order",
    "most_per_day",
    "bonus_from",
    "bonus_points",
    "referrer_points",
    "referred_points",
    "referral_least",
    "pending_days",
    "life_months",
    "hold_minutes",
    "grace_days",
    "yuan_per_point",
    "notice_days",
)
CHOICES = ("life_ends", "shortfall", "excluded_categories")


def in_force(at: datetime) -> PointRules | None:
    """The version of that moment; None as long as the mall gives no points."""
    return of(PointRules.objects.order_by("-starts_at"), at)


def of(versions: Iterable[PointRules], at: datetime) -> PointRules | None:
    """The one among these versions that was in force at that moment."""
    begun = (row for row in versions if row.withdrawn_at is None and row.starts_at <= at)
    running = (row for row in begun if row.ends_at is None or at < row.ends_at)
    return next(running, None)


@transaction.atomic
def save(data: dict[str, Any], *, starts_at: datetime, by: User | None, reason: str, at: datetime) -> PointRules:
    """A new version from `starts_at` on; the one before ends then. Points already earned keep their own rules.

    Raises Invalid for numbers out of range, a start in the past or before a version that is still to come.
    """
    everything = PointRules.objects.select_for_update().order_by("-version")
    number = next((row.version for row in everything), 0) + 1
    last = next((row for row in everything if row.withdrawn_at is None), None)
    if not reason.strip():
        raise Invalid(_("Say in a few words why the rules change."), code="reason_missing")
    if starts_at < at:
        raise Invalid(_("Rules begin now or later: nobody's points are worked out again."), code="starts_at")
    if last and starts_at <= last.starts_at:
        raise Invalid(
            _("Version %(version)d begins later than this. Choose a later start.") % {"version": last.version},
            code="starts_at",
        )
    values = {name: data[name] for name in (*NUMBERS, *CHOICES) if name in data}
    refuse_numbers(values)
    if last and last.ends_at is None:
        last.ends_at = starts_at
        last.save(update_fields=["ends_at"])
    version = PointRules.objects.create(
        version=number,
        starts_at=starts_at,
        reason=reason.strip()[:300],
        by=by,
        at=at,
        **values,
    )
    audit.record(by, "points.rules", version, at=at, version=version.version)
    return version


def refuse_numbers(values: Mapping[str, Any]) -> None:
    """Raises Invalid for a number out of its bounds."""
    for name in NUMBERS:
        value = values.get(name)
        if value is not None and not 0 <= value <= 1_000_000:
            raise Invalid(_("The numbers of the rules lie between 0 and 1,000,000."), code=name)
    if values.get("hold_minutes") == 0:
        raise Invalid(_("A redemption needs at least a minute."), code="hold_minutes")
    if values.get("life_months") == 0:
        raise Invalid(
            _("Points live at least a month. Leave it empty for points that never expire."), code="life_months"
        )
    if values.get("notice_days") is not None and not 1 <= values["notice_days"] <= 366:
        raise Invalid(_("A change of the rules is known from 1 to 366 days before."), code="notice_days")


@transaction.atomic
def withdraw(version: int, *, at: datetime) -> None:
    """This version, which has not begun, never begins; the one before it goes on."""
    row = PointRules.objects.select_for_update().get(version=version)
    row.withdrawn_at = at
    row.save(update_fields=["withdrawn_at"])
    PointRules.objects.filter(ends_at=row.starts_at, withdrawn_at__isnull=True).update(ends_at=None)


def earned(rules: PointRules, multiplier: Decimal, net: Decimal, *, most: int | None = None) -> int:
    """Points of an order of which `net` yuan count: their total rounded down, what a large order earns more, the caps.

    `most` is what the cap of the day leaves for this order.
    """
    if net <= 0 or net < rules.least_order:
        return 0
    points = int((net * rules.rate * multiplier).to_integral_value(ROUND_FLOOR))
    if rules.bonus_from is not None and net >= rules.bonus_from:
        points += rules.bonus_points
    return min(cap for cap in (points, rules.most_per_order, most) if cap is not None)


def usable_from(rules: PointRules, earned_at: datetime) -> datetime:
    return earned_at + timedelta(days=rules.pending_days)


def expiry(rules: PointRules, earned_at: datetime) -> datetime | None:
    """The local midnight after the last day on which the points are good; None if they never expire."""
    if rules.life_months is None:
        return None
    day = _months_later(mall_day(earned_at), rules.life_months)
    if rules.life_ends == EndOf.MONTH:
        day = _end_of_month(day.year, day.month)
    elif rules.life_ends == EndOf.QUARTER:
        day = _end_of_month(day.year, (day.month + 2) // 3 * 3)
    elif rules.life_ends == EndOf.YEAR:
        day = date(day.year, 12, 31)
    return mall_midnight(day + timedelta(days=1))


def _months_later(day: date, months: int) -> date:
    """29 February plus twelve months is 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _end_of_month(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])
