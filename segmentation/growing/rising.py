"""Random customers who rise: found by the night, asked about once a quarter, adopted by somebody or not now.

Random customers are served without personal time; who begins to buy like an active one is worth a look. Nothing here
claims that adopting has an effect: people chose whom they adopt.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, Scope, rights_of
from core.lib import sql
from core.lib.errors import DomainError, Invalid
from core.lib.money import from_minor
from core.lib.periods import mall_day
from customers import managers, todo
from customers.access import scope_filter
from customers.models import Customer, Standing, Todo
from customers.work import stakes
from segmentation.models import Change, Rising

_STEPS = sql.steps(__file__, "rising")
State, Class = Rising.State, Standing.Class
LEAST_DAYS = 2
A_WEEK, UNASSIGNED = 5, 50
SILENT = timedelta(days=180)
FIRST_TALK = timedelta(days=7)
# What they could buy is not what they will: our own assumption, which orders the work and forecasts nothing.
SHARE = Decimal("0.20")
LATER = timedelta(days=180)


def quarter_of(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


@transaction.atomic
def find(*, as_of: date, at: datetime) -> int:
    """Who rises by the figures of this night waits for an answer, with work for whoever looks after them; returns how many.

    At most 5 new ones a week for each manager and 50 of nobody's, those with the highest potential first, each once a
    quarter and not for 180 days after a *not now*. Who has grown, or whom nobody has answered for in their quarter,
    waits no longer. Doing it again changes nothing.
    """
    _close(as_of, at)
    quarter = quarter_of(as_of)
    terms: dict[str, date | int] = {
        "as_of": as_of,
        "quarter": quarter,
        "random": Class.RANDOM,
        "active": Class.ACTIVE,
        "least": LEAST_DAYS,
        "silent": SILENT.days,
        "a_week": A_WEEK,
        "unassigned": UNASSIGNED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["find"], terms)
        rows = cursor.fetchall()
    asked = []
    for customer, manager, days, before, paid, bar, potential in rows:
        row = Rising(
            customer_id=customer,
            quarter=quarter,
            opened_on=as_of,
            days=days,
            days_before=before,
            paid=from_minor(paid),
            bar=from_minor(bar),
        )
        asked.append((row, _work(row, manager, from_minor(potential), at)))
    Rising.objects.bulk_create(row for row, _task in asked)
    todo.open_many(task for _row, task in asked)
    return len(asked)


def _work(row: Rising, manager: int | None, potential: Decimal, at: datetime) -> Todo:
    work = Todo(
        customer_id=row.customer_id,
        owner_id=manager,
        reason=Todo.Reason.RISING,
        text={"days": row.days, "before": row.days_before},
        due_on=row.opened_on,
        opened_at=at,
        dedupe_key=work_key(row),
    )
    stakes.put(work, stakes.of(Todo.Reason.RISING, value=potential, risk=SHARE))
    return work


def work_key(row: Rising) -> str:
    return f"rising:{row.customer_id}:{row.quarter.isoformat()}"


def _close(as_of: date, at: datetime) -> None:
    waiting = Rising.objects.filter(state=State.OPEN)
    grown = waiting.filter(customer__standing__customer_class__gt=Class.RANDOM)
    _end(list(grown), State.GREW, as_of, at)
    _end(list(waiting.filter(quarter__lt=quarter_of(as_of))), State.LAPSED, as_of, at)


def _end(ended: Sequence[Rising], state: str, as_of: date, at: datetime) -> None:
    Rising.objects.filter(pk__in=[row.pk for row in ended]).update(state=state, decided_on=as_of)
    _finish(ended, Todo.State.DROPPED, None, at)


def _finish(ended: Sequence[Rising], state: str, by: User | None, at: datetime) -> None:
    keys = [work_key(row) for row in ended]
    work = Todo.objects.filter(dedupe_key__in=keys, state=Todo.State.OPEN)
    work.update(state=state, closed_at=at, closed_by=by)


def merge(loser_id: int, *, on: date, at: datetime) -> None:
    """Nobody is asked about the record that went into another one: the night asks about that one anew."""
    _end(list(Rising.objects.filter(customer=loser_id, state=State.OPEN)), State.LAPSED, on, at)


# What somebody does --------------------------------------------------------------------------------------------------


@transaction.atomic
def adopt(rising_id: int, *, by: User, at: datetime) -> Rising:
    """The customer has a manager who takes them on: the one there is, else `by`; a first talk within a week is planned.

    Raises DomainError where it is answered already, or nobody looks after them and `by` has no book of their own.
    """
    row = _open(rising_id, by, at)
    today = mall_day(at)
    if row.customer.manager_id is None:
        if not rights_of(by).scopes & {Scope.OWN, Scope.TEAM} or not may(by, Permission.WORK_CARE):
            raise DomainError(_("You have no book: somebody who looks after customers can adopt."), code="no_book")
        managers.assign(row.customer, manager=by, by=by, on=today, reason=_("Adopted: buys more often"), at=at)
    row.state, row.decided_by, row.decided_on = State.ADOPTED, by, today
    row.save(update_fields=["state", "decided_by", "decided_on"])
    _finish([row], Todo.State.DONE, by, at)
    customer = Customer.objects.get(pk=row.customer_id)
    todo.open_task(
        customer,
        reason=Todo.Reason.CONTACT,
        text={"adopted": True},
        due_on=today + FIRST_TALK,
        at=at,
        dedupe_key=f"adopted:{row.customer_id}:{row.quarter.isoformat()}",
        owner=customer.manager,
    )
    audit.record(by, "rising.adopted", row, at=at, customer=row.customer_id)
    return row


@transaction.atomic
def not_now(rising_id: int, *, why: str, by: User, at: datetime) -> Rising:
    """Nobody asks about this customer for 180 days. Raises Invalid without a reason, DomainError where it is answered."""
    if why not in Rising.Why.values:
        raise Invalid(_("Choose why not now."), code="why_missing")
    row = _open(rising_id, by, at)
    row.state, row.decided_by, row.decided_on, row.why = State.NOT_NOW, by, mall_day(at), why
    row.save(update_fields=["state", "decided_by", "decided_on", "why"])
    _finish([row], Todo.State.DONE, by, at)
    audit.record(by, "rising.not_now", row, at=at, customer=row.customer_id, why=why)
    return row


@transaction.atomic
def reopen(rising_id: int, *, by: User, at: datetime) -> Rising:
    """A *not now* is taken back within its quarter: it waits for an answer again, and its work is open."""
    row = _held(rising_id, by, at)
    if row.state != State.NOT_NOW or row.quarter != quarter_of(mall_day(at)):
        raise DomainError(_("Only a “not now” of this quarter can be taken back."), code="cannot_reopen")
    row.state, row.decided_by, row.decided_on, row.why = State.OPEN, None, None, ""
    row.save(update_fields=["state", "decided_by", "decided_on", "why"])
    work = Todo.objects.filter(dedupe_key=work_key(row))
    work.update(state=Todo.State.OPEN, closed_at=None, closed_by=None)
    audit.record(by, "rising.reopened", row, at=at, customer=row.customer_id)
    return row


def _open(rising_id: int, by: User, at: datetime) -> Rising:
    row = _held(rising_id, by, at)
    if row.state != State.OPEN:
        raise DomainError(
            _("This was answered already: %(state)s.") % {"state": row.get_state_display()}, code="answered"
        )
    return row


def _held(rising_id: int, by: User, at: datetime) -> Rising:
    seen = rising(by, mall_day(at)).order_by().values("pk")
    row = Rising.objects.select_for_update(of=("self",)).filter(pk=rising_id, pk__in=seen).first()
    if row is None:
        raise Http404
    return row


# Reading -------------------------------------------------------------------------------------------------------------


def rising(user: User, today: date) -> QuerySet[Rising]:
    """Everybody who was asked about, of those whom this person sees, the latest first."""
    return Rising.objects.filter(scope_filter(user, today, "customer__", book="customer__standing__")).order_by(
        "-opened_on", "-pk"
    )


def of(customer_id: int, user: User, today: date) -> Rising | None:
    """What was asked last about this customer, if this person sees them."""
    return rising(user, today).filter(customer=customer_id).select_related("customer").order_by("-quarter").first()


class Share(NamedTuple):
    """Of so many who were answered 180 days ago and more, how many were active or big on that day."""

    label: str
    of: int
    grew: int


def board(user: User, today: date) -> tuple[Share, Share]:
    """Who was adopted, and who was not: two figures that are not to be compared, for people chose."""
    rows = list(
        rising(user, today)
        .exclude(state=State.OPEN)
        .filter(opened_on__lte=today - LATER)
        .values_list("state", "customer_id", "opened_on")
    )
    after = _classes({(customer, opened + LATER) for _state, customer, opened in rows})
    counted = {True: [0, 0], False: [0, 0]}
    for state, customer, opened in rows:
        one = counted[state == State.ADOPTED]
        one[0] += 1
        one[1] += after.get((customer, opened + LATER), Class.RANDOM) > Class.RANDOM
    return Share(_("Adopted"), *counted[True]), Share(_("Not adopted"), *counted[False])


def _classes(asked: set[tuple[int, date]]) -> dict[tuple[int, date], int]:
    """The class of each of these customers on that day, by the last change until then."""
    changes = Change.objects.filter(customer__in={customer for customer, _day in asked}).order_by("on")
    told: dict[int, list[tuple[date, int]]] = {}
    for customer, on, after in changes.values_list("customer_id", "on", "class_after"):
        told.setdefault(customer, []).append((on, after))
    return {
        (customer, day): next((after for on, after in reversed(told.get(customer, ())) if on <= day), Class.RANDOM)
        for customer, day in asked
    }


def tally(user: User, today: date) -> dict[str, int]:
    """How many there are of each state."""
    counts = rising(user, today).order_by().values_list("state").annotate(n=Count("pk"))
    return dict.fromkeys(State.values, 0) | dict(counts)
