"""The kinds of bulk runs over customers: another manager, a task, a label put on or taken off."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from core.accounts.models import User
from core.accounts.roles import Permission
from core.jobs.bulk import BATCH, BulkKind, Result, Results
from core.jobs.models import BulkItem, BulkRun
from core.lib.periods import mall_day
from core.outbox import delivery
from crm.flows import notices
from customers import managers, todo
from customers.access import standings_of
from customers.models import Label, Todo
from customers.record import labels

Item = BulkItem.State
# Why nothing happened to a row, or why undoing left it alone.
HAD_IT, HAD_IT_NOT, CHANGED_SINCE, CLOSED_SINCE, PUT_AWAY = (
    "had_it",
    "had_it_not",
    "changed_since",
    "closed",
    "put_away",
)
ASSIGN, TASK, LABEL = "assign", "task", "label"


def reached(user: User, ids: Sequence[int], today: date) -> Collection[int]:
    """Which of these customers somebody sees; nobody sees whom a merge or an erasure has taken away."""
    return set(standings_of(user, today).filter(pk__in=ids).values_list("pk", flat=True))


def tell_end(run: BulkRun, at: datetime) -> None:
    """Whoever asked for it hears how it ended; of what was over at once they have seen it."""
    if run.total <= BATCH:
        return
    about = {"kind": run.kind, "changed": run.changed, "total": run.total}
    kind = notices.BULK_UNDONE if run.state == BulkRun.State.UNDONE else notices.BULK_DONE
    about |= {"undone": run.undone, "kept": run.kept}
    key = f"bulk:{run.pk}:{run.state}:{run.fence}"
    delivery.tell([run.by_id], kind, about, key=key, thread=f"bulk:{run.pk}", at=at, link=f"/bulk/{run.pk}/")


# Another manager ------------------------------------------------------------------------------------------------------


def _assign(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    before = managers.assign_many(ids, manager=_manager(run), by=run.by, on=mall_day(at), reason=run.reason, at=at)
    return {pk: _done([had.manager, had.since.isoformat() if had.since else None]) for pk, had in before.items()} | {
        pk: Result(Item.SKIPPED, HAD_IT) for pk in ids if pk not in before
    }


def _give_back(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    had = {
        pk: managers.Before(manager, date.fromisoformat(since) if since else None)
        for pk, (manager, since) in before.items()
    }
    manager = run.params["manager"]
    back = managers.give_back(had, manager=manager, by=run.by, on=mall_day(at), reason=run.reason, at=at)
    return _undone(before, back, CHANGED_SINCE)


def _manager(run: BulkRun) -> User | None:
    return User.objects.get(pk=run.params["manager"]) if run.params["manager"] else None


def _tell_manager(run: BulkRun, at: datetime) -> None:
    """The new manager hears how many, once; so does whoever asked for it."""
    manager = run.params["manager"]
    if run.state == BulkRun.State.DONE and run.changed and manager and manager != run.by_id:
        about = {"count": run.changed, "name": str(run.by), "reason": run.reason[:120]}
        link = f"/customers/?manager={manager}"
        key = thread = f"bulk-given:{run.pk}"
        delivery.tell([manager], notices.BULK_GIVEN, about, key=key, thread=thread, at=at, link=link)
    tell_end(run, at)


# A task ---------------------------------------------------------------------------------------------------------------


def _open_tasks(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    keys = {f"bulk:{run.pk}:{pk}": pk for pk in ids}
    todo.open_many(
        Todo(
            customer_id=pk,
            owner_id=run.params["owner"],
            reason=Todo.Reason.CONTACT,
            text={"words": run.params["words"]},
            due_on=date.fromisoformat(run.params["due_on"]),
            opened_at=at,
            dedupe_key=key,
        )
        for key, pk in keys.items()
    )
    opened = Todo.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", "pk")
    return {keys[key]: _done(task) for key, task in opened}


def _withdraw_tasks(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    gone = set(todo.withdraw_many(list(before.values()), by=run.by, at=at))
    return _undone(before, [pk for pk, task in before.items() if task in gone], CLOSED_SINCE)


# Labels ---------------------------------------------------------------------------------------------------------------


def _label(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    label = Label.objects.get(pk=run.params["label"])
    if run.params["off"]:
        changed, code = labels.take(label, ids, by=run.by, at=at, run=run), HAD_IT_NOT
    elif label.archived_at is not None:
        changed, code = [], PUT_AWAY
    else:
        changed, code = labels.give(label, ids, by=run.by, at=at, run=run), HAD_IT
    return {pk: Result(Item.SKIPPED, code) for pk in ids} | {pk: _done() for pk in changed}


def _unlabel(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    label = Label.objects.get(pk=run.params["label"])
    if not run.params["off"]:
        return _undone(before, labels.take_given(run, list(before)), CHANGED_SINCE)
    if label.archived_at is not None:
        return _undone(before, [], PUT_AWAY)
    return _undone(before, labels.give(label, labels.present(list(before)), by=run.by, at=at, run=run), CHANGED_SINCE)


def _done(before: Any = None) -> Result:
    return Result(Item.DONE, "", before)


def _undone(before: Mapping[int, Any], back: Collection[int], code: str) -> Results:
    """Those that are as they were, and the others, which somebody has changed since."""
    undone = set(back)
    return {pk: Result(Item.UNDONE) if pk in undone else Result(Item.KEPT, code) for pk in before}


KINDS = {
    kind.name: kind
    for kind in (
        BulkKind(ASSIGN, Permission.ASSIGN_MANAGER, reached, _assign, _give_back, told=_tell_manager),
        BulkKind(TASK, Permission.CHANGE_MANY, reached, _open_tasks, _withdraw_tasks, told=tell_end),
        BulkKind(LABEL, Permission.CHANGE_MANY, reached, _label, _unlabel, told=tell_end),
    )
}
