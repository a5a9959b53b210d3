"""Work with an owner: opened once per reason, finished, undone, put off, and shown in the order of what is at stake."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Case, DateTimeField, F, IntegerField, Q, QuerySet, When
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.leaves import covers
from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field, Scope, rights_of
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day, mall_midnight
from customers.access import STAND_IN, delegating, scope_filter, standing_in_for
from customers.models import ContactStop, Customer, Promise, Todo
from customers.work import settling, stakes

LONGEST_SNOOZE = timedelta(days=90)
BY_THE_CLOCK = timedelta(hours=2)
# What we plan of ourselves: of somebody who must not be reached it is dropped as it is opened.
PLANNED = (
    Todo.Reason.CONTACT,
    Todo.Reason.ALERT,
    Todo.Reason.TIER,
    Todo.Reason.CREDIT,
    Todo.Reason.RISING,
    Todo.Reason.PLAN,
    Todo.Reason.BOOKED,
)
# Done by what is said to the customer, not by a tick.
BY_A_TALK = (Todo.Reason.PLAN, Todo.Reason.BOOKED)
# What a tick does not finish, and what does.
_TALK = gettext_lazy("A planned talk is done when it is logged: log the contact, or put it off.")
DONE_ELSEWHERE: dict[str, Any] = {
    Todo.Reason.RISING: gettext_lazy("Answer first: adopt the customer, or say why not now."),
    Todo.Reason.LETTER: gettext_lazy("Open the letter, and say there that you have sent it."),
    **dict.fromkeys(BY_A_TALK, _TALK),
}


def open_task(
    customer: Customer,
    *,
    reason: str,
    text: dict[str, Any],
    due_on: date,
    at: datetime,
    dedupe_key: str,
    stake: stakes.Stake | None = None,
    alert_id: int | None = None,
    owner: User | None = None,
    due_at: datetime | None = None,
    promise: Promise | None = None,
) -> Todo:
    """The task with this key exists; a second call returns it untouched. No owner means the customer's manager.

    `due_at` is the moment on the day `due_on` for what has an hour. Without a `stake` it is that of the reason's risk and
    of what the customer is worth now: nothing is opened that has none. What is planned for somebody who must not be
    reached is dropped at once.
    """
    if known := Todo.objects.filter(dedupe_key=dedupe_key).first():
        return known
    todo = Todo(
        customer=customer,
        owner=owner,
        reason=reason,
        text=text,
        due_on=due_on,
        due_at=due_at,
        alert_id=alert_id,
        promise_id=promise.pk if promise else None,
        opened_at=at,
        dedupe_key=dedupe_key,
    )
    if reason in PLANNED and ContactStop.objects.filter(customer=customer).exists():
        _drop([todo])
    if stake is None:
        stakes.fill([todo])
    else:
        stakes.put(todo, stake)
    # Somebody may have opened it in the meantime: theirs stands.
    Todo.objects.bulk_create([todo], ignore_conflicts=True)
    return Todo.objects.get(dedupe_key=dedupe_key)


def open_many(rows: Iterable[Todo]) -> int:
    """Store these unsaved tasks, each with what is at stake, leaving out keys that exist; returns how many are new."""
    todos = {row.dedupe_key: row for row in rows}
    known = set(Todo.objects.filter(dedupe_key__in=todos).values_list("dedupe_key", flat=True))
    new = [todo for key, todo in sorted(todos.items()) if key not in known]
    planned = [todo for todo in new if todo.reason in PLANNED]
    stopped = ContactStop.objects.filter(customer__in={todo.customer_id for todo in planned}) if planned else []
    of_them = {stop.customer_id for stop in stopped}
    _drop([todo for todo in planned if todo.customer_id in of_them])
    stakes.fill(new)
    Todo.objects.bulk_create(new, ignore_conflicts=True, batch_size=1000)
    return len(new)


def _drop(todos: Iterable[Todo]) -> None:
    for todo in todos:
        todo.state, todo.closed_at = Todo.State.DROPPED, todo.opened_at


@transaction.atomic
def withdraw_many(ids: Collection[int], *, by: User, at: datetime) -> list[int]:
    """Of these tasks those that are open still are no longer needed; returns them."""
    rows = Todo.objects.select_for_update(of=("self",)).filter(pk__in=ids, state=Todo.State.OPEN).order_by("pk")
    open_still = list(rows.values_list("pk", flat=True))
    Todo.objects.filter(pk__in=open_still).update(state=Todo.State.DROPPED, closed_at=at, closed_by=by)
    return open_still


@transaction.atomic
def complete(todo_id: int, *, by: User, at: datetime) -> Todo:
    """The task is done; the promise that it stands for is kept, or kept late. An alert is decided first."""
    todo = _locked(todo_id, by, at)
    if todo.state != Todo.State.OPEN:
        raise DomainError(_("This task is closed already."), code="already_closed")
    if todo.undecided:
        raise DomainError(
            _("Decide first what is done about this silence: contact, offer, visit or watch."), code="undecided"
        )
    if todo.reason in DONE_ELSEWHERE:
        raise DomainError(str(DONE_ELSEWHERE[todo.reason]), code="done_elsewhere")
    if todo.promise and todo.promise.source == Promise.Source.REMEDY:
        raise DomainError(_("This promise is kept by giving the remedy: do that in its case."), code="kept_elsewhere")
    if todo.promise:
        settling.end(settling.hold(todo.promise.pk)[1], by=by, at=at)
    todo.state, todo.closed_at, todo.closed_by = Todo.State.DONE, at, by
    todo.save(update_fields=["state", "closed_at", "closed_by"])
    audit.record(by, "todo.completed", todo, at=at, customer=todo.customer_id, reason=todo.reason)
    return todo


@transaction.atomic
def reopen(todo_id: int, *, by: User, at: datetime) -> Todo:
    """Undo: the task is open and in the queue again, whether it was finished or put off."""
    todo = _locked(todo_id, by, at)
    today = mall_day(at)
    put_off = todo.snoozed_until is not None and todo.snoozed_until > today
    if todo.state == Todo.State.OPEN and not put_off:
        raise DomainError(_("This task is open already."), code="already_open")
    if todo.reason == Todo.Reason.LETTER and todo.state != Todo.State.OPEN:
        raise DomainError(_("What became of a letter stands: write another one."), code="letter_state")
    if todo.reason in BY_A_TALK and not put_off:
        raise DomainError(_("They have been talked with: the plan has moved on."), code="talked_with")
    if todo.promise and todo.state != Todo.State.OPEN:
        settling.reopen(settling.hold(todo.promise.pk)[1], by=by, at=at)
    todo.state, todo.closed_at, todo.closed_by = Todo.State.OPEN, None, None
    if put_off:
        todo.snoozed_until, todo.snooze_reason = None, ""
    todo.save(update_fields=["state", "closed_at", "closed_by", "snoozed_until", "snooze_reason"])
    audit.record(by, "todo.reopened", todo, at=at, customer=todo.customer_id, reason=todo.reason)
    return todo


@transaction.atomic
def snooze(todo_id: int, *, by: User, until: date, reason: str, at: datetime) -> Todo:
    """Out of the queue until that day, with the reason on record."""
    todo = _locked(todo_id, by, at)
    today = mall_day(at)
    if todo.state != Todo.State.OPEN:
        raise DomainError(_("This task is closed already."), code="already_closed")
    if todo.promise:
        raise DomainError(
            _("A promise is not put off: move it to a time that the customer agreed to."), code="promise_moves"
        )
    if not today < until <= today + LONGEST_SNOOZE:
        raise Invalid(
            _("Choose a day within the next %(days)d days.") % {"days": LONGEST_SNOOZE.days}, code="snooze_day"
        )
    if not reason.strip():
        raise Invalid(_("Say why this can wait."), code="snooze_reason")
    todo.snoozed_until, todo.snooze_reason = until, reason.strip()[:200]
    todo.save(update_fields=["snoozed_until", "snooze_reason"])
    audit.record(by, "todo.snoozed", todo, at=at, customer=todo.customer_id, until=until.isoformat())
    return todo


def reach(user: User, today: date) -> Q:
    """Tasks the user may touch: their own, a colleague's for whom they stand in, and those of customers they may see."""
    return owned(user, today) | scope_filter(user, today, "customer__")


def owned(user: User, today: date) -> Q:
    """What is this person's, or of a colleague for whom they stand in; of tasks and of promises alike."""
    theirs = standing_in_for(user, today)
    return Q(owner__in=[user.pk, *theirs]) if theirs else Q(owner=user)


def left_by(manager_id: int) -> Q:
    """What this manager has to do, and what a colleague keeps for them while they are away."""
    return Q(owner=manager_id) | Q(promise__kept_for=manager_id)


def task_for(user: User, pk: int, today: date) -> Todo:
    """The open task, or Http404 if it is missing or out of reach."""
    reachable = Todo.objects.filter(reach(user, today), state=Todo.State.OPEN).select_related("customer")
    task = reachable.filter(pk=pk).first()
    if task is None:
        raise Http404
    return task


class Band(models.IntegerChoices):
    """How the day is cut, from the top: within a band the work stands by `ORDER`."""

    LATE = 0, gettext_lazy("Late promises")
    CLOCK = 1, gettext_lazy("By the clock")
    TODAY = 2, gettext_lazy("Later today")
    STAKE = 3, gettext_lazy("By what is at stake")


def open_task_of(user: User, pk: int, at: datetime) -> Todo:
    """The task, held until the transaction ends; Http404 out of reach, a refusal when somebody closed it meanwhile."""
    task = _locked(pk, user, at)
    if task.state != Todo.State.OPEN:
        raise DomainError(_("This task is closed already."), code="already_closed")
    return task


def queue(user: User, today: date, *, now: datetime | None = None) -> QuerySet[Todo]:
    """What the user has to do today, and what is due soon after midnight, each row with its `band` (see Band).

    First promises past their hour, by what is at stake; then what has its hour within two hours, by the hour; then what
    has an hour or was promised for later today, and then all else, both by what is at stake. Who does not see values
    has the same bands, and within them what is due first: the order tells nobody what a customer is worth. Without `now`
    it is the queue as the day begins.
    """
    now = now or mall_midnight(today)
    rows = in_bands(Todo.objects.filter(_work_of(user, today)), today, now)
    return rows.select_related("customer__standing", "customer__manager", "promise__kept_for", "owner").order_by(
        *order(by_stake=sees(user, Field.VALUE))
    )


def in_bands(rows: QuerySet[Todo], today: date, now: datetime) -> QuerySet[Todo]:
    """What of these tasks waits today, or is due soon after midnight, each with its `band`, and `by_hour` where that
    counts.
    """
    promise = Q(reason=Todo.Reason.PROMISE)
    late = promise & (Q(due_at__lt=now) | Q(due_at__isnull=True, due_on__lt=today))
    # An agreed day that has passed was a promise, too.
    late |= Q(reason=Todo.Reason.BOOKED, due_on__lt=today)
    tonight = mall_midnight(today + timedelta(days=1))
    band = Case(
        When(late, then=Band.LATE),
        When(due_at__lte=now + BY_THE_CLOCK, then=Band.CLOCK),
        When(Q(due_at__lt=tonight) | promise, then=Band.TODAY),
        default=Band.STAKE,
        output_field=IntegerField(),
    )
    by_hour = Case(When(band=Band.CLOCK, then=F("due_at")), output_field=DateTimeField())
    return (
        rows.filter(state=Todo.State.OPEN)
        .filter(Q(due_on__lte=today) | Q(due_at__lte=now + BY_THE_CLOCK))
        .filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=today))
        .annotate(band=band)
        .annotate(by_hour=by_hour)
    )


def order(*, by_stake: bool) -> list[Any]:
    """How a day stands, of tasks `in_bands`."""
    stake = ["-at_stake"] if by_stake else []
    return ["band", F("by_hour").asc(nulls_last=True), *stake, F("due_at").asc(nulls_last=True), "due_on", "id"]


def finished(user: User, today: date) -> QuerySet[Todo]:
    """What the user finished today, the latest first."""
    mine = Todo.objects.filter(reach(user, today), closed_by=user, state=Todo.State.DONE)
    done = mine.filter(closed_at__gte=mall_midnight(today))
    return done.select_related("customer", "owner", "promise__kept_for").order_by("-closed_at")


def promises_of(user: User, day: date, *, today: date) -> tuple[int, int]:
    """How many promises that were due on this day were kept in time, and how many were not."""
    due = Todo.objects.filter(_work_of(user, today) | Q(closed_by=user), reason=Todo.Reason.PROMISE, due_on=day)
    rows = list(due.filter(state__in=(Todo.State.OPEN, Todo.State.DONE)).distinct())
    kept = sum(row.closed_at is not None and not row.is_late(row.closed_at) for row in rows)
    return kept, len(rows) - kept


def put_off(user: User, today: date) -> QuerySet[Todo]:
    """What will come back into the user's queue on a later day, the soonest first."""
    waiting = Todo.objects.filter(_work_of(user, today), state=Todo.State.OPEN, snoozed_until__gt=today)
    return waiting.select_related("customer", "owner", "promise__kept_for").order_by("snoozed_until", "id")


def _work_of(user: User, today: date) -> Q:
    """Theirs, and what is nobody's: without owner, or left behind by a colleague who is gone, or away and not covered."""
    scopes = rights_of(user).scopes
    # As numbers: with a subquery the open tasks could not be found by their index.
    not_here = list(covers.not_here(today).values_list("pk", "is_active", "team"))
    nobodys = Q(owner__isnull=True) | Q(owner__in=[pk for pk, _active, _team in not_here])
    mine = owned(user, today) | (nobodys & Q(customer__manager=user))
    if scopes & STAND_IN:
        theirs = Q(customer__manager__in=delegating(user, today))
        mine |= (nobodys | Q(owner=F("customer__manager"))) & theirs
    if Scope.TEAM in scopes:
        # Nobody else would see the tasks of customers without manager.
        mine |= nobodys & Q(customer__manager__isnull=True)
        if alone := [pk for pk, active, team in not_here if active and team == user.team_id]:
            mine |= Q(owner__in=alone)
    return mine


@transaction.atomic
def hand_over(leaver: User, *, to: Sequence[User], by: User | None, at: datetime) -> int:
    """The leaver's open work is with the manager of its customer, else with one of these in turn. Returns how much."""
    count, ids = 0, []
    Promise.objects.filter(kept_for=leaver).update(kept_for=None)
    rows = Todo.objects.select_for_update(of=("self",)).filter(owner=leaver, state=Todo.State.OPEN).order_by("pk")
    for todo in rows.select_related("customer__manager"):
        manager = todo.customer.manager
        takes_over = manager if manager and manager.is_active and manager != leaver else None
        todo.owner = takes_over or (to[count % len(to)] if to else None)
        todo.save(update_fields=["owner"])
        count += 1
        ids.append(todo.pk)
    settling.follow(Todo.objects.filter(pk__in=ids), by=by, at=at)
    return count


def go_along(todos: QuerySet[Todo], to: User, *, by: User | None, at: datetime) -> list[int]:
    """These open tasks, and the promises among them, are this person's; returns their ids."""
    open_work = todos.filter(state=Todo.State.OPEN).order_by("pk")
    ids = list(open_work.select_for_update(of=("self",)).values_list("pk", flat=True))
    Todo.objects.filter(pk__in=ids).update(owner=to)
    settling.follow(Todo.objects.filter(pk__in=ids), by=by, at=at)
    return ids


def _locked(todo_id: int, by: User, at: datetime) -> Todo:
    today = mall_day(at)
    allowed = Todo.objects.filter(reach(by, today)).values("pk")
    todo = Todo.objects.select_for_update().filter(pk=todo_id, pk__in=allowed).first()
    if todo is None:
        raise Http404
    return todo
