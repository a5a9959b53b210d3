"""Promises: made with a keeper and an hour, kept, moved, released, handed over. Each is a task of its keeper."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import Role, User
from core.accounts.roles import Scope, holders, rights_of
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_day, mall_midnight, mall_moment, mall_time
from core.outbox import delivery
from core.outbox.kinds import Kind, Topic
from customers import todo
from customers.access import scope_filter
from customers.models import Customer, Promise, PromiseEvent, Todo
from customers.work import settling

FURTHEST = timedelta(days=366)
CLOSING_HOUR = 18
State = Promise.State
GIVEN = Kind(
    "promise_given", Topic.PROMISE, gettext_lazy("A promise to customer %(number)s is yours to keep by %(due)s")
)
KINDS = (GIVEN,)


class Due(NamedTuple):
    """By when: the moment, and whether the hour was promised or only the day."""

    at: datetime
    grain: str


def on_day(day: date, *, at: datetime) -> Due:
    """A promise for a day is due when the desk closes; on a day whose desk has closed, when the day ends."""
    closing = mall_moment(day, CLOSING_HOUR)
    if closing <= at:
        closing = mall_midnight(day + timedelta(days=1)) - timedelta(minutes=1)
    return Due(closing, Promise.Grain.DAY)


def to_the_hour(moment: datetime) -> Due:
    return Due(moment, Promise.Grain.HOUR)


@transaction.atomic
def make(
    customer: Customer,
    *,
    words: str,
    due: Due,
    owner: User,
    by: User | None,
    at: datetime,
    source: str,
    source_id: int,
    ordinal: int = 0,
    text: dict[str, Any] | None = None,
    dedupe_key: str = "",
) -> Promise:
    """The customer was promised this by then, and it is the keeper's task. Telling it twice finds the first again.

    `by` None: a program promised. `text`: what the task says instead of the words.
    """
    words = words.strip()[:200]
    if not words:
        raise Invalid(_("Say what was promised."), code="promise_words")
    if due.at < at:
        raise Invalid(_("Choose today or a later day."), code="day_past")
    if due.at > at + FURTHEST:
        raise Invalid(_("Promise something for within a year."), code="promise_far")
    promise, created = Promise.objects.get_or_create(
        source=source,
        source_id=source_id,
        ordinal=ordinal,
        defaults={
            "customer": customer,
            "words": words,
            "made_at": at,
            "made_by": by,
            "owner": owner,
            "due_at": due.at,
            "grain": due.grain,
            "first_due_at": due.at,
            "counts_at": due.at,
        },
    )
    if created:
        settling.note(promise, PromiseEvent.Kind.MADE, by=by, at=at)
        todo.open_task(
            customer,
            owner=owner,
            reason=Todo.Reason.PROMISE,
            text=text or {"promise": words},
            due_on=mall_day(due.at),
            due_at=due.at,
            at=at,
            dedupe_key=dedupe_key or f"{source}:{source_id}:{ordinal}",
            promise=promise,
        )
        if by:
            audit.record(by, "promise.made", promise, at=at, customer=customer.pk)
    return promise


@transaction.atomic
def make_once(customer: Customer, *, key: str, words: str, due: Due, owner: User, by: User, at: datetime) -> Promise:
    """What the shop promised, known by its key; raises SameKey where something else was promised under it.

    Told again when its hour is over it is found as well: who did not hear the answer asks until they do.
    """
    number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) >> 1
    source = Promise.Source.SHOP
    promise = Promise.objects.filter(source=source, source_id=number, ordinal=0).first()
    if promise is None:
        promise = make(customer, words=words, due=due, owner=owner, by=by, at=at, source=source, source_id=number)
    told = (customer.pk, words.strip()[:200], due.grain, mall_day(due.at))
    if told != (promise.customer_id, promise.words, promise.grain, mall_day(promise.first_due_at)):
        raise SameKey()
    if due.grain == Promise.Grain.HOUR and due.at != promise.first_due_at:
        raise SameKey()
    return promise


@transaction.atomic
def keep(promise_id: int, *, by: User | None, at: datetime, how: str = "") -> Promise:
    """Done: kept if in time, late if not, and its task is closed. `by` None: a program did it."""
    task, promise = settling.hold(promise_id)
    _must_be_open(promise)
    settling.end(promise, by=by, at=at, how=how)
    _close(task, Todo.State.DONE, by=by, at=at)
    _record(promise, "promise.kept", by=by, at=at, state=promise.state)
    return promise


@transaction.atomic
def move(
    promise_id: int, *, due: Due, reason: str, agreed_with_customer: bool, by: User | None, at: datetime
) -> Promise:
    """The customer agreed to another time. Moved once and in time it counts at the new one; otherwise where it stood."""
    task, promise = settling.hold(promise_id)
    _must_be_open(promise)
    if not reason.strip():
        raise Invalid(_("Say why the promise is moved."), code="move_reason")
    if not agreed_with_customer:
        raise Invalid(_("A promise is moved when the customer has agreed to it."), code="move_agreed")
    if not at < due.at <= at + FURTHEST:
        raise Invalid(_("Choose a time from now on, within a year."), code="move_time")
    before = promise.due_at
    if promise.moves == 0 and at <= promise.counts_at:
        promise.counts_at = due.at
    promise.due_at, promise.grain, promise.moves = due.at, due.grain, promise.moves + 1
    promise.agreed_with_customer = True
    promise.save(update_fields=["due_at", "grain", "counts_at", "moves", "agreed_with_customer"])
    task.due_at, task.due_on, task.snoozed_until, task.snooze_reason = due.at, mall_day(due.at), None, ""
    task.save(update_fields=["due_at", "due_on", "snoozed_until", "snooze_reason"])
    settling.note(promise, PromiseEvent.Kind.MOVED, by=by, at=at, reason=reason, before=before)
    _record(promise, "promise.moved", by=by, at=at, due_at=due.at.isoformat())
    return promise


@transaction.atomic
def release(promise_id: int, *, how: str, by: User | None, at: datetime) -> Promise:
    """The customer does not want it any more, and said so: neither kept nor late."""
    return _let_go(promise_id, State.RELEASED, how, by=by, at=at)


@transaction.atomic
def void(promise_id: int, *, how: str, by: User | None, at: datetime) -> Promise:
    """It was no promise after all: what it belonged to was taken back, merged or invalid."""
    return _let_go(promise_id, State.VOID, how, by=by, at=at)


@transaction.atomic
def hand_over(promise_id: int, *, to: User, by: User, at: datetime) -> Promise:
    """Somebody else keeps it from now on, and has its task."""
    task, promise = settling.hold(promise_id)
    _must_be_open(promise)
    if not to.is_active or to.pk == promise.owner_id:
        raise Invalid(_("Choose a colleague who works here and does not keep it already."), code="hand_over_to")
    Todo.objects.filter(pk=task.pk).update(owner=to)
    settling.follow(Todo.objects.filter(pk=task.pk), by=by, at=at)
    promise.refresh_from_db()
    _record(promise, "promise.handed_over", by=by, at=at, to=to.pk)
    delivery.tell(
        [to.pk] if to != by else [],
        GIVEN,
        {"number": promise.customer.number, "due": f"{mall_time(promise.due_at):%m-%d %H:%M}"},
        key=f"promise-given:{promise.pk}:{at.isoformat()}",
        thread=f"promise:{promise.pk}",
        at=at,
        link="/promises/",
    )
    return promise


def settle(source: str, source_id: int, *, kept: bool, how: str = "", by: User | None, at: datetime) -> None:
    """What was promised by this is kept, or else was no promise after all; harmless where nothing was or is open."""
    rows = Promise.objects.filter(source=source, source_id=source_id, state=State.OPEN).order_by("pk")
    for pk in list(rows.values_list("pk", flat=True)):
        if kept:
            keep(pk, by=by, at=at, how=how)
        else:
            void(pk, how=how, by=by, at=at)


def reach(user: User, today: date) -> Q:
    """Promises somebody may touch: their own, a colleague's for whom they stand in, and those of customers they see."""
    return todo.owned(user, today) | scope_filter(user, today, "customer__")


def visible_to(user: User, today: date) -> QuerySet[Promise]:
    return Promise.objects.filter(reach(user, today))


def promise_for(user: User, pk: int, today: date) -> Promise:
    """The promise, or Http404 if it is missing or out of reach."""
    promise = visible_to(user, today).filter(pk=pk).select_related("customer", "owner").first()
    if promise is None:
        raise Http404
    return promise


def keeper_of(customer: Customer, by: User) -> User:
    """Who keeps what this person promises: an assistant's manager, where the book is theirs; else who said it."""
    manager = customer.manager
    if manager and manager.is_active and rights_of(by).scopes == {Scope.DELEGATED}:
        return manager
    return by


def somebody(*candidates: User | None) -> User:
    """The first who works here, else a head of service, a team's lead or an administrator: a promise is never nobody's."""
    for person in candidates:
        if person and person.is_active:
            return person
    for role in (Role.SERVICE_LEAD, Role.TEAM_LEAD, Role.ADMINISTRATOR):
        if person := holders(role).order_by("pk").first():
            return person
    raise DomainError(_("Nobody works here yet who could keep a promise."), code="nobody_to_keep")


def _let_go(promise_id: int, state: str, how: str, *, by: User | None, at: datetime) -> Promise:
    task, promise = settling.hold(promise_id)
    _must_be_open(promise)
    if not how.strip():
        raise Invalid(_("Say why this need not be kept."), code="release_reason")
    settling.let_go(promise, state, by=by, at=at, how=how)
    _close(task, Todo.State.DROPPED, by=by, at=at)
    _record(promise, f"promise.{state}", by=by, at=at)
    return promise


def _must_be_open(promise: Promise) -> None:
    if promise.state != State.OPEN and promise.done_at:
        raise DomainError(_ended(promise), code="promise_ended")


def _ended(promise: Promise) -> str:
    return _("This promise is settled already: %(how)s, by %(who)s.") % {
        "how": promise.get_state_display(),
        "who": promise.done_by or _("the shop"),
    }


def _close(task: Todo, state: str, *, by: User | None, at: datetime) -> None:
    task.state, task.closed_at, task.closed_by = state, at, by
    task.save(update_fields=["state", "closed_at", "closed_by"])


def _record(promise: Promise, action: str, *, by: User | None, at: datetime, **detail: Any) -> None:
    if by:
        audit.record(by, action, promise, at=at, customer=promise.customer_id, **detail)
