"""The kinds of bulk runs over customers: another manager, a task, a label put on or taken off."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from core.accounts.models import User
from core.accounts.roles import Permission
from core.jobs.bulk import BulkKind, Result, Results
from core.jobs.models import BulkRun
from core.lib.periods import mall_day
from core.outbox import delivery
from crm.flows import notices
from crm.flows.bulk.labelling import labelling
from crm.flows.bulk.results import CHANGED_SINCE, CLOSED_SINCE, HAD_IT, Item, done, tell_end, undone
from customers import managers, todo
from customers.access import standings_of
from customers.models import Todo

ASSIGN, TASK, LABEL = "assign", "task", "label"


def reached(user: User, ids: Sequence[int], today: date) -> Collection[int]:
    """Which of these customers somebody sees; nobody sees whom a merge or an erasure has taken away."""
    return set(standings_of(user, today).filter(pk__in=ids).values_list("pk", flat=True))


# Another manager ------------------------------------------------------------------------------------------------------


def _assign(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    before = managers.assign_many(ids, manager=_manager(run), by=run.by, on=mall_day(at), reason=run.reason, at=at)
    return {pk: done([had.manager, had.since.isoformat() if had.since else None]) for pk, had in before.items()} | {
        pk: Result(Item.SKIPPED, HAD_IT) for pk in ids if pk not in before
    }


def _give_back(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    had = {
        pk: managers.Before(manager, date.fromisoformat(since) if since else None)
        for pk, (manager, since) in before.items()
    }
    manager = run.params["manager"]
    back = managers.give_back(had, manager=manager, by=run.by, on=mall_day(at), reason=run.reason, at=at)
    return undone(before, back, CHANGED_SINCE)


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
    return {keys[key]: done(task) for key, task in opened}


def _withdraw_tasks(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    gone = set(todo.withdraw_many(list(before.values()), by=run.by, at=at))
    return undone(before, [pk for pk, task in before.items() if task in gone], CLOSED_SINCE)


KINDS = {
    kind.name: kind
    for kind in (
        BulkKind(ASSIGN, Permission.ASSIGN_MANAGER, reached, _assign, _give_back, told=_tell_manager),
        BulkKind(TASK, Permission.CHANGE_MANY, reached, _open_tasks, _withdraw_tasks, told=tell_end),
        labelling(LABEL, Permission.CHANGE_MANY, reached, lambda ids: {pk: pk for pk in ids}),
    )
}
