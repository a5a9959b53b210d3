"""Contact plans: which row of the rules asks how much of whom, and by when somebody talks with them next."""

import json
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, F, FloatField, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from care import rules
from care.days import WorkingDays
from care.models import Appointment, CustomerPlan, Means, PlanDue, Who
from care.rules import LONGEST, Table
from core.accounts import audit
from core.accounts.models import User
from core.lib import sql
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_zone
from customers import locks
from customers.access import scope_filter
from customers.models import ContactStop, Customer, Todo
from customers.work import stakes

# An appointment within a week of the day it was due lets the plan be.
SILENCE = 7
# Of the value is risked, at most, when a whole interval has passed unused: our own assumption.
MOST_RISKED = "0.10"
_STEPS = sql.steps(__file__, "plans")


@transaction.atomic
def refresh(
    ids: Collection[int] | None, *, today: date, at: datetime, days: WorkingDays, by: User | None = None
) -> dict[str, int]:
    """The plans of these customers (None: of all) are what rules, own plans and contacts make of them, and what is due
    waits on My day; returns how many rows changed. `by`: whose talk has ended what waited.
    """
    table, risks = rules.in_force(at=at), stakes.in_force(at=at)
    terms = {
        **_terms(table, ids, today),
        "zone": str(mall_zone()),
        "version": table.version,
        "closed": days.closed,
        "opens": days.opens,
        "working": days.working,
        "at": at,
        "by": by.pk if by else None,
        "share": MOST_RISKED,
        "risks": risks.version,
        "silence": SILENCE,
    }
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["keep"].replace("{resolved}", _STEPS["resolved"]), terms)
        counts["plans"] = cursor.fetchone()[0]
        for step in ("settle", "open"):
            cursor.execute(_STEPS[step], terms)
            counts[f"plan_todos_{step}"] = cursor.rowcount
    return counts


def _terms(table: Table, ids: Collection[int] | None, today: date) -> dict[str, Any]:
    return {"rows": json.dumps(table.content), "ids": None if ids is None else list(ids), "today": today}


def asked_by(table: Table, *, today: date) -> dict[int, int]:
    """Of these rules: every how many days they ask for a talk with each customer; own plans stay as they are."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["foretell"].replace("{resolved}", _STEPS["resolved"]), _terms(table, None, today))
        return dict(cursor.fetchall())


class Asked(NamedTuple):
    """What a plan of somebody's own says."""

    every_days: int
    means: str = Means.TALK
    who: str = Who.MANAGER
    visits_a_year: int = 0
    leader_visits_a_year: int = 0
    until: date | None = None
    why: str = ""


@transaction.atomic
def set_own(
    customer: Customer, asked: Asked, *, by: User, today: date, at: datetime, days: WorkingDays
) -> CustomerPlan:
    """The customer has this plan of their own instead of what the rules ask. Raises Invalid, DomainError."""
    why = asked.why.strip()[:200]
    if not 1 <= asked.every_days <= LONGEST:
        raise Invalid(_("Talk with them every 1 to %(most)d days.") % {"most": LONGEST}, code="plan_every")
    if asked.means not in Means.values or asked.who not in Who.values:
        raise Invalid(_("There is no such means or person."), code="plan_how")
    if not 0 <= asked.visits_a_year <= 52 or not 0 <= asked.leader_visits_a_year <= 12:
        raise Invalid(_("At most 52 visits a year, and 12 of a leader."), code="plan_visits")
    if asked.until and asked.until < today:
        raise Invalid(_("Choose today or a later day."), code="day_past")
    if not why:
        raise Invalid(_("Say why this customer has a plan of their own."), code="plan_why")
    locks.hold_customers([customer.pk])
    if ContactStop.objects.filter(customer=customer).exists():
        raise DomainError(_("This customer is not to be reached: nothing is planned for them."), code="stopped")
    if not Customer.objects.filter(pk=customer.pk, manager__isnull=False).exists():
        raise DomainError(_("Nobody looks after this customer: assign a manager first."), code="no_manager")
    said = {**asked._asdict(), "why": why, "by": by, "at": at}
    row, _created = CustomerPlan.objects.update_or_create(customer=customer, defaults=said)
    refresh([customer.pk], today=today, at=at, days=days)
    audit.record(by, "plan.own", customer, at=at, every=asked.every_days, why=why)
    return row


@transaction.atomic
def end_own(customer: Customer, *, by: User, today: date, at: datetime, days: WorkingDays) -> None:
    """What the rules ask holds for them again. Raises DomainError where they have no plan of their own."""
    locks.hold_customers([customer.pk])
    gone, _rows = CustomerPlan.objects.filter(customer=customer).delete()
    if not gone:
        raise DomainError(_("This customer has no plan of their own."), code="no_own_plan")
    refresh([customer.pk], today=today, at=at, days=days)
    audit.record(by, "plan.own_ended", customer, at=at)


def visible_to(user: User, today: date) -> QuerySet[PlanDue]:
    """The plans of customers whom this person sees."""
    return PlanDue.objects.filter(scope_filter(user, today, "customer__", book="customer__standing__"))


class Kept(NamedTuple):
    """Of so many plans so many are in time; they ask for so many talks a week."""

    in_time: int
    of: int
    a_week: float

    @property
    def percent(self) -> int | None:
        """None of nobody's."""
        return round(100 * self.in_time / self.of) if self.of else None


def in_time(today: date, prefix: str = "") -> Q:
    """Whoever was talked with within their plan, by any way that leads to it: its day has not passed."""
    return Q(**{f"{prefix}due_on__gte": today})


def kept(rows: QuerySet[PlanDue], today: date) -> Kept:
    """Kept is the plan of whoever was talked with within it, however often others were: five calls to one are one."""
    weekly = Sum(Cast(Value(7.0), FloatField()) / F("every_days"))
    told = rows.order_by().aggregate(n=Count("pk"), good=Count("pk", filter=in_time(today)), weekly=weekly)
    return Kept(told["good"], told["n"], float(told["weekly"] or 0))


def kept_by_owner(rows: QuerySet[PlanDue], today: date) -> dict[int, Kept]:
    """The same for each who keeps plans, by person; how many talks a week is not asked."""
    counts = rows.order_by().values_list("owner").annotate(n=Count("pk"), good=Count("pk", filter=in_time(today)))
    return {owner: Kept(good, n, 0) for owner, n, good in counts}


def merge(loser: Customer, winner: Customer) -> None:
    """The appointments are the winner's, and the own plan, where the winner has none. Call with both held."""
    if not CustomerPlan.objects.filter(customer=winner).exists():
        CustomerPlan.objects.filter(customer=loser).update(customer=winner)
    Appointment.objects.filter(customer=loser).update(customer=winner)
    # The winner has one that is due, or will have with the next talk or night.
    due = Todo.objects.filter(customer=loser, reason=Todo.Reason.PLAN, state=Todo.State.OPEN)
    due.update(state=Todo.State.DROPPED, closed_at=F("opened_at"))
    PlanDue.objects.filter(customer=loser).delete()
