"""The figures of the desk. A count is the length of the list its filter opens; times come from the clocks themselves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from statistics import median
from typing import Any, NamedTuple

from django.db.models import Avg, Count, Exists, Min, OuterRef, Q, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from complaints.models import Case, Clock, Metric, Remedy, Survey
from complaints.models.remedies import RemedyKind
from complaints.queries import Filters, cases_for
from core.accounts.models import User
from core.lib.periods import mall_day
from customers.models import Order, Standing

State = Clock.State
REPURCHASE_WITHIN = timedelta(days=90)


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
class Attainment:
    """Promises of one kind that were due in the period, per class. Seconds are business time, of those that ended."""

    customer_class: int
    kept: int
    missed: int
    median_seconds: float | None
    p90_seconds: float | None

    @property
    def share(self) -> float | None:
        total = self.kept + self.missed
        return self.kept / total if total else None


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
    rows = (
        Clock.objects.filter(case__in=cases_for(user, at, Filters(counted=True)), metric=metric, cycle=1)
        .filter(started_at__gte=period.since, started_at__lt=period.until)
        .exclude(state=State.CANCELLED)
        .values_list("case__served_as", "state", "due_at", "elapsed_seconds")
    )
    classes = []
    for customer_class in sorted(Standing.Class.values, reverse=True):
        mine = [row[1:] for row in rows if row[0] == customer_class]
        kept = sum(state == State.MET for state, _due, _spent in mine)
        missed = sum(
            state == State.MISSED or (state == State.RUNNING and due is not None and due < at)
            for state, due, _spent in mine
        )
        spent = sorted(seconds for _state, _due, seconds in mine if seconds is not None)
        if mine:
            classes.append(
                Attainment(customer_class, kept, missed, median(spent) if spent else None, _percentile(spent, 0.9))
            )
    return classes


class Repurchase(NamedTuple):
    """`customers` had their 90 days after the first answer, `bought` of them bought; `waiting` still have them.

    `not_before`: when the first of those who wait has had them.
    """

    state: str
    customers: int
    bought: int
    waiting: int
    not_before: date | None


def first_answer_and_repurchase(period: Period, *, at: datetime) -> list[Repurchase]:
    """Whether quick answers bring customers back, of those who had their 90 days to buy again by `at`."""
    orders = Order.objects.filter(
        customer=OuterRef("case__customer"),
        status=Order.Status.PAID,
        ordered_at__gt=OuterRef("stopped_at"),
        ordered_at__lte=OuterRef("stopped_at") + REPURCHASE_WITHIN,
    )
    clocks = Clock.objects.filter(
        metric=Metric.FIRST_RESPONSE,
        cycle=1,
        case__customer__isnull=False,
        state__in=(State.MET, State.MISSED),
        stopped_at__gte=period.since,
        stopped_at__lt=period.until,
    )
    over = Q(stopped_at__lte=at - REPURCHASE_WITHIN)
    rows = {
        row["state"]: row
        for row in clocks.annotate(bought=Exists(orders))
        .values("state")
        .annotate(
            customers=Count("pk", filter=over),
            came=Count("pk", filter=over & Q(bought=True)),
            waiting=Count("pk", filter=~over),
            first=Min("stopped_at", filter=~over),
        )
    }
    return [
        Repurchase(
            state,
            row["customers"],
            row["came"],
            row["waiting"],
            mall_day(row["first"] + REPURCHASE_WITHIN) if row["first"] else None,
        )
        for state in (State.MET, State.MISSED)
        if (row := rows.get(state))
    ]


def paused_share(user: User, period: Period, at: datetime) -> list[tuple[int | None, int, int]]:
    """Gaming the clock would show here: (owner, cases, of them with more than three pauses)."""
    rows = (
        cases_for(user, at, _within(period))
        .annotate(waits=Count("events", filter=Q(events__kind="waited")))
        .values_list("owner", "waits")
    )
    pauses: dict[int | None, list[int]] = {}
    for owner, waits in rows:
        pauses.setdefault(owner, []).append(waits)
    return [
        (owner, len(w), sum(n > 3 for n in w)) for owner, w in sorted(pauses.items(), key=lambda pair: pair[0] or 0)
    ]


def satisfaction(period: Period) -> list[tuple[int | None, int, float]]:
    """(agent, answers, mean score of 1–5) for surveys answered in the period."""
    rows = (
        Survey.objects.filter(state=Survey.State.ANSWERED, answered_at__gte=period.since, answered_at__lt=period.until)
        .values("agent")
        .annotate(n=Count("pk"), mean=Avg("score"))
        .order_by("agent")
    )
    return [(row["agent"], row["n"], float(row["mean"])) for row in rows]


def remedy_cost(period: Period) -> list[tuple[int, str, int, Decimal]]:
    """(class, kind, how many, together) of what was given in the period; points are points, everything else money."""
    rows = Remedy.objects.filter(status=Remedy.Status.ISSUED, issued_at__gte=period.since, issued_at__lt=period.until)
    groups = rows.values("case__served_as", "kind").annotate(n=Count("pk"), total=Sum("amount"))
    return [
        (row["case__served_as"], RemedyKind(row["kind"]), row["n"], row["total"])
        for row in groups.order_by("-case__served_as", "kind")
    ]


def backlog_age(user: User, at: datetime) -> dict[str, int]:
    """Open cases by age in days since they were said."""
    ages = [
        (at - received).days
        for received in cases_for(user, at, Filters(open=True)).values_list("received_at", flat=True)
    ]
    bounds = (("0–1", 0, 2), ("2–3", 2, 4), ("4–7", 4, 8), ("8–30", 8, 31), ("31+", 31, 10_000))
    return {name: sum(low <= age < high for age in ages) for name, low, high in bounds}


def promises_kept(period: Period) -> tuple[int, int]:
    """(kept, due) of remedies promised for a moment in the period."""
    due = Remedy.objects.filter(promised_at__gte=period.since, promised_at__lt=period.until).exclude(
        status=Remedy.Status.REJECTED
    )
    kept = [r for r in due if r.issued_at is not None and r.promised_at is not None and r.issued_at <= r.promised_at]
    return len(kept), due.count()


def lost_after_complaint(period: Period) -> list[Row]:
    """Which complaints customers had who were closed as lost in the period: the causes of churn that were told us."""
    rows = (
        Case.objects.filter(
            customer__alerts__state="lost",
            customer__alerts__closed_on__gte=period.since.date(),
            customer__alerts__closed_on__lt=period.until.date(),
        )
        .values("category", "category__name")
        .annotate(n=Count("customer", distinct=True))
        .order_by("-n", "category")
    )
    return [
        Row(r["category"], r["category__name"], r["n"], Filters(category_id=r["category"], counted=True)) for r in rows
    ]


def _breakdown(user: User, period: Period, at: datetime, group: str, label: str, field: str) -> list[Row]:
    base = _within(period)
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
