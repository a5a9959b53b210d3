"""The kinds of bulk runs over cases: another owner, another queue, another priority, a label on whose case it is.

Each case is held alone, with what hangs on it, and let go before the next: who works on one waits for one.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from complaints.cases import lifecycle, transitions
from complaints.models import Case, Queue
from core.accounts.models import User
from core.accounts.roles import Permission
from core.jobs.bulk import BulkKind, Result, Results
from core.jobs.models import BulkRun
from crm.flows.bulk.labelling import labelling
from crm.flows.bulk.results import CHANGED_SINCE, HAD_IT, Item, done, each, kept, skipped, tell_end
from crm.flows.catalogue import rows

ASSIGN, QUEUE, PRIORITY, LABEL = "case_assign", "case_queue", "case_priority", "case_label"
AT_ONCE = 30


def reached(user: User, ids: Sequence[int], today: date) -> Collection[int]:
    return set(rows.cases_of(user, today).filter(pk__in=ids).values_list("pk", flat=True))


def _customers(ids: Sequence[int]) -> Mapping[int, int | None]:
    return dict(Case.objects.filter(pk__in=ids).values_list("pk", "customer"))


def _assign(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    owner = User.objects.get(pk=run.params["owner"])

    def verb(pk: int) -> Result:
        before = transitions.hold(pk).owner_id
        if before == owner.pk:
            return skipped(HAD_IT)
        lifecycle.assign(pk, owner, by=run.by, at=at, reason=run.reason)
        return done({"owner": before})

    return each(ids, verb, skipped)


def _give_back(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    def verb(pk: int) -> Result:
        if transitions.hold(pk).owner_id != run.params["owner"]:
            return kept(CHANGED_SINCE)
        _owned(pk, before[pk]["owner"], run, at)
        return Result(Item.UNDONE)

    return each(before, verb, kept)


def _owned(pk: int, owner: int | None, run: BulkRun, at: datetime) -> None:
    """The case is theirs again, or nobody's."""
    if owner is None:
        if transitions.hold(pk).owner_id is not None:
            lifecycle.release(pk, by=run.by, at=at, reason=run.reason)
    else:
        lifecycle.assign(pk, User.objects.get(pk=owner), by=run.by, at=at, reason=run.reason)


def _move(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    queue = Queue.objects.get(pk=run.params["queue"])

    def verb(pk: int) -> Result:
        case = transitions.hold(pk)
        before = {"queue": case.queue_id, "owner": case.owner_id}
        if case.queue_id == queue.pk:
            return skipped(HAD_IT)
        after = lifecycle.transfer(pk, queue, by=run.by, at=at, reason=run.reason)
        return done(before | {"now": after.owner_id})

    return each(ids, verb, skipped)


def _move_back(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    def verb(pk: int) -> Result:
        case, had = transitions.hold(pk), before[pk]
        if (case.queue_id, case.owner_id) != (run.params["queue"], had["now"]):
            return kept(CHANGED_SINCE)
        lifecycle.transfer(pk, Queue.objects.get(pk=had["queue"]), by=run.by, at=at, reason=run.reason)
        _owned(pk, had["owner"], run, at)
        return Result(Item.UNDONE)

    return each(before, verb, kept)


def _prioritise(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    def verb(pk: int) -> Result:
        case = transitions.hold(pk)
        before = {"to": case.priority, "source": case.priority_source, "why": case.priority_reason.get("why", "")}
        if case.priority == run.params["to"]:
            return skipped(HAD_IT)
        lifecycle.prioritise(pk, run.params["to"], by=run.by, at=at, reason=run.reason)
        return done(before)

    return each(ids, verb, skipped)


def _prioritise_back(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
    def verb(pk: int) -> Result:
        case = transitions.hold(pk)
        if (case.priority, case.priority_source) != (run.params["to"], Case.PrioritySource.MANUAL):
            return kept(CHANGED_SINCE)
        lifecycle.prioritise_back(pk, **before[pk], by=run.by, at=at, reason=run.reason)
        return Result(Item.UNDONE)

    return each(before, verb, kept)


def _told(run: BulkRun, at: datetime) -> None:
    tell_end(run, at, at_once=AT_ONCE)


LEAD = Permission.LEAD_COMPLAINTS
KINDS = {
    kind.name: kind
    for kind in (
        BulkKind(ASSIGN, LEAD, reached, _assign, _give_back, told=_told, batch=1, at_once=AT_ONCE),
        BulkKind(QUEUE, LEAD, reached, _move, _move_back, told=_told, batch=1, at_once=AT_ONCE),
        BulkKind(PRIORITY, LEAD, reached, _prioritise, _prioritise_back, told=_told, batch=1, at_once=AT_ONCE),
        labelling(LABEL, LEAD, reached, _customers),
    )
}
