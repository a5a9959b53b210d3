"""A promise and its task are one: whatever ends or opens the task ends or opens the promise, and is written down."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from core.accounts.models import User
from customers.models import Promise, PromiseEvent, Todo

Kind = PromiseEvent.Kind
State = Promise.State


def note(
    promise: Promise,
    kind: str,
    *,
    by: User | None,
    at: datetime,
    reason: str = "",
    before: datetime | None = None,
    owner_before: int | None = None,
) -> None:
    """What happened is the last event of the promise; `after` is its hour as it now is."""
    PromiseEvent.objects.create(
        promise=promise,
        kind=kind,
        at=at,
        by=by,
        before=before,
        after=promise.due_at,
        owner_before_id=owner_before,
        reason=reason.strip()[:200],
    )


def hold(promise_id: int) -> tuple[Todo, Promise]:
    """The promise and its task, held in this order until the transaction ends."""
    todo = Todo.objects.select_for_update(of=("self",)).get(promise=promise_id)
    return todo, Promise.objects.select_for_update(of=("self",)).get(pk=promise_id)


def end(promise: Promise, *, by: User | None, at: datetime, how: str = "") -> None:
    """The held promise is done: kept if its hour has not passed, late otherwise."""
    state = State.LATE if at > promise.counts_at else State.KEPT
    _end(promise, state, by=by, at=at, how=how)


def let_go(promise: Promise, state: str, *, by: User | None, at: datetime, how: str) -> None:
    """The held promise is released (the customer agreed that it need not be kept) or void (it was none)."""
    _end(promise, state, by=by, at=at, how=how)


def _end(promise: Promise, state: str, *, by: User | None, at: datetime, how: str) -> None:
    promise.state, promise.done_at, promise.done_by, promise.how = state, at, by, how.strip()[:200]
    promise.save(update_fields=["state", "done_at", "done_by", "how"])
    note(promise, state, by=by, at=at, reason=how)


def reopen(promise: Promise, *, by: User | None, at: datetime) -> None:
    """The held promise waits again, at the hour it had."""
    promise.state, promise.done_at, promise.done_by, promise.how = State.OPEN, None, None, ""
    promise.save(update_fields=["state", "done_at", "done_by", "how"])
    note(promise, Kind.REOPENED, by=by, at=at)


def lent(todo_ids: Collection[int], owner_id: int) -> None:
    """The promises of these tasks are this person's again when they are back, and somebody else's until then."""
    Promise.objects.filter(todo__in=todo_ids, state=State.OPEN).update(kept_for=owner_id)


def follow(todos: QuerySet[Todo], *, by: User | None, at: datetime) -> None:
    """Open promises are kept by who has their tasks now; of each that changed hands this is written down."""
    keeper = Todo.objects.filter(promise=OuterRef("pk")).values("owner")[:1]
    moved = Promise.objects.filter(state=State.OPEN, todo__in=todos, todo__owner__isnull=False)
    rows = list(moved.annotate(keeper=Subquery(keeper)).order_by("pk").select_for_update(of=("self",)))
    for promise in rows:
        before, keeper_id = promise.owner_id, promise.keeper
        if before != keeper_id:
            # Whoever is away gets back what a colleague kept for them, not what was given to somebody for good.
            promise.owner_id, promise.kept_for_id = keeper_id, None
            promise.save(update_fields=["owner", "kept_for"])
            note(promise, Kind.HANDED_OVER, by=by, at=at, owner_before=before)
