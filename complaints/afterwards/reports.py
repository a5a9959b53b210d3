"""The figures of the desk. A count is the length of the list its filter opens; times come from the clocks themselves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from statistics import median
from typing import Any, NamedTuple

from django.db.models import Avg, Count, Min, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from complaints.matters import REPURCHASE_WITHIN, Matter, of_first_cycle
from complaints.models import Clock, Metric, Remedy, Survey
from complaints.models.remedies import RemedyKind
from complaints.queries import Filters, cases_for
from core.accounts.models import User
from core.lib.periods import mall_day
from customers.models import Order, Standing

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Period:
    """From the one instant up to, not including, the other."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Figure:
    """A number with the filter of the list it opens."""

    name: str
    label: str | Promise
    count: int
    filters: Filters


@dataclass(frozen=True)
class Row:
    """One line of a breakdown. Cases without a value (no cause yet, no product named) have no line."""

    key: int | str
    label: str
    count: int
    filters: Filters


@dataclass(frozen=True)
class Counted:
    """A number and the filter of the list that it opens."""

    count: int
    filters: Filters


@dataclass(frozen=True)
class Attainment:
    """Promises of one kind that were due in the period, per class. Seconds are business time, of those that ended."""

    customer_class: int
    kept: Counted
    missed: Counted
    median_seconds: float | None
    p90_seconds: float | None

    @property
    def share(self) -> float | None:
        total = self.kept.count + self.missed.count
        return self.kept.count / total if total else None


def _within(period: Period, **more: Any) -> Filters:
    return Filters(opened_from=period.since, opened_until=period.until, counted=True, **more)


# Each named number is a filter; nothing else knows what it means.
NAMED: dict[str, tuple[str | Promise, Callable[[Period], Filters]]] = {
    "logged": (_("Logged"), lambda p: _within(p)),
    "open": (_("Open"), lambda p: Filters(open=True, counted=True)),
    "breached": (_("Open and overdue"), lambda p: Filters(open=True, breached=True, counted=True)),
    "unassigned": (_("Open without owner"), lambda p: Filters(open=True, unassigned=True, counted=True)),
    "big_open": (_("Open, of big customers"), lambda p: Filters(open=True, served_as=Standing.Class.BIG, counted=True)),
    "solved": (_("Solved"), lambda p: Filters(resolved_from=p.since, resolved_until=p.until, counted=True)),
    "reopened": (_("Reopened"), lambda p: _within(p, reopened=True)),
    "logged_late": (_("Logged late"), lambda p: _within(p, logged_late=True)),
}


def figures(user: User, period: Period, at: datetime) -> list[Figure]:
    """Every named number for what this user may see."""
    made = [(name, label, filters(period)) for name, (label, filters) in NAMED.items()]
    return [Figure(name, label, cases_for(user, at, f).count(), f) for name, label, f in made]


def by_category(user: User, period: Period, at: datetime) -> list[Row]:
    return _breakdown(user, period, at, "category", "category__name", "category_id")


def by_root_cause(user: User, period: Period, at: datetime) -> list[Row]:
    return _breakdown(user, period, at, "root_cause", "root_cause__name", "root_cause_id")


def by_department(user: User, period: Period, at: datetime) -> list[Row]:
    """By the department responsible for the root cause."""
    return _breakdown(user, period, at, "root_cause__department", "root_cause__department__name", "department_id")


def by_product(user: User, period: Period, at: datetime, most: int = 10) -> list[Row]:
    rows = _breakdown(user, period, at, "product_ref", "product_ref", "product_ref")
    return rows[:most]


def by_class(user: User, period: Period, at: datetime) -> list[Row]:
    rows = _breakdown(user, period, at, "served_as", "served_as", "served_as")
    return [replace(row, label=str(Standing.Class(row.key).label)) for row in rows if isinstance(row.key, int)]


def per_thousand_orders(user: User, period: Period, at: datetime) -> float | None:
    """Complaints logged in the period per 1000 orders paid in it; None without orders."""
    orders = Order.objects.filter(
        status=Order.Status.PAID, ordered_at__gte=period.since, ordered_at__lt=period.until
    ).count()
    return cases_for(user, at, _within(period)).count() * 1000 / orders if orders else None


def attainment(user: User, period: Period, metric: str, at: datetime) -> list[Attainment]:
    """How many promises were kept, per class. Of reopened cases the first cycle counts; merged and invalid ones do not.

    A clock that has run past its due moment is missed even if nobody has looked at it yet.
    """
    kept, missed = (_per_class(user, _matter(name, period, at, metric), at) for name in ("kept", "missed"))
    cases = cases_for(user, at, Filters(counted=True))
    rows = of_first_cycle(metric).filter(case__in=cases, elapsed_seconds__isnull=False)
    within = rows.filter(started_at__gte=period.since, started_at__lt=period.until)
    spent: dict[int, list[int]] = {}
    for served_as, seconds in within.values_list("case__served_as", "elapsed_seconds").order_by("elapsed_seconds"):
        spent.setdefault(served_as, []).append(seconds or 0)
    return [
        Attainment(
            served_as,
            kept[served_as],
            missed[served_as],
            median(spent[served_as]) if served_as in spent else None,
            _percentile(spent.get(served_as, []), 0.9),
        )
        for served_as in sorted(Standing.Class.values, reverse=True)
        if kept[served_as].count or missed[served_as].count or served_as in spent
    ]


def _matter(name: str, period: Period, at: datetime, key: str = "") -> Filters:
    return Filters(matter=Matter(name, period.since, period.until, at, key), counted=True)


def _per_class(user: User, filters: Filters, at: datetime) -> dict[int, Counted]:
    """For every class how many cases there are, and their list."""
    rows = cases_for(user, at, filters).values_list("served_as").annotate(n=Count("pk"))
    counts = dict(rows)
    return {
        served_as: Counted(counts.get(served_as, 0), replace(filters, served_as=served_as))
        for served_as in Standing.Class.values
    }


class Repurchase(NamedTuple):
    """Of `had_time`, who had their 90 days after the first answer, `came_back` bought; `has_time` still have them.

    `not_before`: when the first of those who still have them has had them.
    """

    state: str
    had_time: Counted
    came_back: Counted
    has_time: Counted
    not_before: date | None


def first_answer_and_repurchase(user: User, period: Period, at: datetime) -> list[Repurchase]:
    """Whether quick answers bring customers back, of those who had their 90 days to buy again by `at`."""
    rows = []
    for state in (Clock.State.MET, Clock.State.MISSED):
        had, came, has = (_counted(user, name, period, at, state) for name in ("had_time", "came_back", "has_time"))
        if had.count or has.count:
            waiting = cases_for(user, at, has.filters).filter(clocks__metric=Metric.FIRST_RESPONSE, clocks__cycle=1)
            first = waiting.aggregate(first=Min("clocks__stopped_at"))["first"]
            rows.append(Repurchase(state, had, came, has, mall_day(first + REPURCHASE_WITHIN) if first else None))
    return rows


def _counted(user: User, name: str, period: Period, at: datetime, key: str = "") -> Counted:
    filters = _matter(name, period, at, key)
    return Counted(cases_for(user, at, filters).count(), filters)


class Waits(NamedTuple):
    """Gaming the clock would show here: of an owner's cases those with more than three waits."""

    owner: int | None
    cases: Counted
    many: Counted


def paused_share(user: User, period: Period, at: datetime) -> list[Waits]:
    """Owners with a case that was set to wait more than three times."""
    many = replace(_matter("waits", period, at), opened_from=period.since, opened_until=period.until)
    return [
        Waits(owner, Counted(cases, _of(owner, _within(period))), Counted(waits, _of(owner, many)))
        for owner, cases, waits in _per_owner(user, _within(period), many, at)
    ]


def _per_owner(user: User, every: Filters, some: Filters, at: datetime) -> list[tuple[int | None, int, int]]:
    counts, all_of = (
        dict(cases_for(user, at, filters).values_list("owner").annotate(n=Count("pk"))) for filters in (some, every)
    )
    return [(owner, all_of[owner], n) for owner, n in sorted(counts.items(), key=lambda row: row[0] or 0)]


def _of(owner: int | None, filters: Filters) -> Filters:
    return replace(filters, owner_id=owner, unassigned=owner is None)


class Satisfaction(NamedTuple):
    """How content those were who answered for an agent: the cases, and the mean score of 1–5."""

    agent: int | None
    answered: Counted
    mean: float


def satisfaction(user: User, period: Period, at: datetime) -> list[Satisfaction]:
    """For each agent the surveys answered in the period, of cases this user may see; `answered` counts cases."""
    rows = (
        Survey.objects.filter(state=Survey.State.ANSWERED, answered_at__gte=period.since, answered_at__lt=period.until)
        .filter(case__in=cases_for(user, at, Filters(counted=True)))
        .values("agent")
        .annotate(n=Count("case", distinct=True), mean=Avg("score"))
        .order_by("agent")
    )
    return [
        Satisfaction(
            row["agent"],
            Counted(row["n"], _matter("surveyed", period, at, str(row["agent"] or ""))),
            float(row["mean"]),
        )
        for row in rows
    ]


class Given(NamedTuple):
    """What was given of one kind to one class: in how many cases, how often, and together.

    Points are points, everything else money.
    """

    customer_class: int
    kind: str
    cases: Counted
    times: int
    total: Decimal


def remedy_cost(user: User, period: Period, at: datetime) -> list[Given]:
    """What was given in the period in cases this user may see."""
    rows = Remedy.objects.filter(status=Remedy.Status.ISSUED, issued_at__gte=period.since, issued_at__lt=period.until)
    groups = (
        rows.filter(case__in=cases_for(user, at, Filters(counted=True)))
        .values("case__served_as", "kind")
        .annotate(cases=Count("case", distinct=True), n=Count("pk"), total=Sum("amount"))
    )
    return [
        Given(
            row["case__served_as"],
            RemedyKind(row["kind"]),
            Counted(row["cases"], replace(_matter("given", period, at, row["kind"]), served_as=row["case__served_as"])),
            row["n"],
            row["total"],
        )
        for row in groups.order_by("-case__served_as", "kind")
    ]


AGES = (("0–1", 0, 2), ("2–3", 2, 4), ("4–7", 4, 8), ("8–30", 8, 31), ("31+", 31, 10_000))


def backlog_age(user: User, at: datetime) -> list[Row]:
    """Open cases by age in whole days since they were said."""
    rows = []
    for name, low, high in AGES:
        between = Period(at - timedelta(days=high) + SECOND, at - timedelta(days=low) + SECOND)
        filters = Filters(open=True, matter=Matter("aged", between.since, between.until, at))
        rows.append(Row(name, name, cases_for(user, at, filters).count(), filters))
    return rows


def promises_kept(user: User, period: Period, at: datetime) -> tuple[Counted, Counted]:
    """(kept, due): cases with a remedy promised for a moment in the period, and those where every one was given by it."""
    return _counted(user, "remedy_kept", period, at), _counted(user, "remedy_due", period, at)


def lost_after_complaint(user: User, period: Period, at: datetime) -> list[Row]:
    """What customers had complained about who were closed as lost in the period: causes of churn that were told us."""
    base = _matter("lost", period, at)
    return _grouped(user, base, at, "category", "category__name", "category_id")


def _breakdown(user: User, period: Period, at: datetime, group: str, label: str, field: str) -> list[Row]:
    return _grouped(user, _within(period), at, group, label, field)


def _grouped(user: User, base: Filters, at: datetime, group: str, label: str, field: str) -> list[Row]:
    rows = cases_for(user, at, base).values(group, label).annotate(n=Count("pk", distinct=True)).order_by("-n", group)
    return [
        Row(row[group], str(row[label]), row["n"], replace(base, **{field: row[group]}))
        for row in rows
        if row[group] not in (None, "")
    ]


def _percentile(ordered: list[int], share: float) -> float | None:
    """The smallest value at or below which this share lies."""
    if not ordered:
        return None
    return float(ordered[ceil(share * len(ordered)) - 1])
