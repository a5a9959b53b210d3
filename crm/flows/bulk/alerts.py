"""The kinds of bulk runs over alerts: decided by whom and until when, put off, a label on who is silent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from core.accounts.models import User
from core.accounts.roles import Permission
from core.jobs.bulk import BulkKind, Result, Results
from core.jobs.models import BulkRun
from core.lib.periods import mall_day
from crm.flows.bulk.labelling import labelling
from crm.flows.bulk.results import CHANGED_SINCE, CLOSED_SINCE, Item, done, each, kept, skipped, tell_end
from crm.flows.catalogue import rows
from customers import todo
from customers.models import Todo
from segmentation import alerts
from segmentation.models import Alert

DECIDE, PUT_OFF, LABEL = "alert_decide", "alert_put_off", "alert_label"
AT_ONCE = 30
NO_TASK = "no_task"


def reached(user: User, ids: Sequence[int], today: date) -> Collection[int]:
    return set(rows.alerts_of(user, today).filter(pk__in=ids).values_list("pk", flat=True))


def _customers(ids: Sequence[int]) -> Mapping[int, int | None]:
    return dict(Alert.objects.filter(pk__in=ids).values_list("pk", "customer"))


def _decide(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    params = run.params
    owner = User.objects.get(pk=params["owner"]) if params["owner"] else None
    due_on = date.fromisoformat(params["due_on"]) if params["due_on"] else None

    def verb(pk: int) -> Result:
        before = alerts.decided_before(pk)
        alerts.decide(pk, by=run.by, decision=params["decision"], due_on=due_on, owner=owner, at=at)
        return done({"had": before, "at": at.isoformat()})

    return each(ids, verb, skipped)


def _undecide(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    def verb(pk: int) -> Result:
        since = datetime.fromisoformat(before[pk]["at"])
        if alerts.take_back(pk, before[pk]["had"], decided_at=since, by=run.by, at=at):
            return Result(Item.UNDONE)
        return kept(CHANGED_SINCE)

    return each(before, verb, kept)


def _put_off(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    until = date.fromisoformat(run.params["until"])

    def verb(pk: int) -> Result:
        work = alerts.work_of(alerts.held_open(pk)).filter(state=Todo.State.OPEN).order_by("pk").last()
        if work is None:
            return skipped(NO_TASK)
        before = [work.pk, work.snoozed_until.isoformat() if work.snoozed_until else None, work.snooze_reason]
        todo.snooze(work.pk, by=run.by, until=until, reason=run.reason, at=at)
        return done(before)

    return each(ids, verb, skipped)


def _put_on(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    """What was put off waits again; what had been put off before is so until the day of then, if that is to come."""
    until = date.fromisoformat(run.params["until"])

    def verb(pk: int) -> Result:
        work, had, why = before[pk]
        row = Todo.objects.get(pk=work)
        if row.state != Todo.State.OPEN:
            return kept(CLOSED_SINCE)
        if row.snoozed_until != until or until <= mall_day(at):
            return kept(CHANGED_SINCE)
        todo.reopen(work, by=run.by, at=at)
        if had and date.fromisoformat(had) > mall_day(at):
            todo.snooze(work, by=run.by, until=date.fromisoformat(had), reason=why, at=at)
        return Result(Item.UNDONE)

    return each(before, verb, kept)


def _told(run: BulkRun, at: datetime) -> None:
    tell_end(run, at, at_once=AT_ONCE)


KINDS = {
    kind.name: kind
    for kind in (
        BulkKind(DECIDE, Permission.WORK_ALERTS, reached, _decide, _undecide, told=_told, batch=1, at_once=AT_ONCE),
        BulkKind(PUT_OFF, Permission.WORK_ALERTS, reached, _put_off, _put_on, told=_told, batch=1, at_once=AT_ONCE),
        labelling(LABEL, Permission.CHANGE_MANY, reached, _customers),
    )
}
