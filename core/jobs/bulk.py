"""What touches many rows: frozen when it is asked for, worked a batch at a time, stopped, and taken back for a week.

It knows no customers: a `BulkKind` says what is done with the ids of one batch, and how that is undone.
"""

import json
import logging
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.jobs import leases
from core.jobs.models import BulkItem, BulkRun, ExportPart
from core.jobs.runs import Superseded
from core.lib.errors import DomainError
from core.lib.periods import mall_day

log = logging.getLogger(__name__)
State, Item = BulkRun.State, BulkItem.State
BATCH = 500
UNDONE_WITHIN = timedelta(days=7)
# Items that a run may have, and by how many the frozen set may differ from what was seen without a question.
MOST = 1_000_000
TOLERATED = 20
IN_WORK = (State.RUNNING, State.UNDOING)
GOING = (State.WAITING, *IN_WORK)
# Why a row was left out, beside what the kinds say themselves.
NOT_YOURS = "not_yours"


class Result(NamedTuple):
    """What became of one row: a state of BulkItem, a word of why, and what undoing has to know."""

    state: str
    code: str = ""
    before: Any = None


Results = Mapping[int, Result]


@dataclass(frozen=True)
class BulkKind:
    """What may be done with many rows of a list, and by whom.

    `reached`: which of these ids somebody reaches on a day. `do` and `undo` work one batch in the transaction of the
    caller; `undo` gets what `do` kept of each row, and says KEPT for what was changed since. `finish` makes of a worked
    run what is asked for in the end, outside any transaction; it may be called again. `told` hears, in the last
    transaction, that the run has ended. `second` says whether a second person has to agree. A kind whose rows are held
    one by one, each with what hangs on it, has a smaller `batch`; up to `at_once` are worked while somebody waits.
    """

    name: str
    permission: Permission
    reached: Callable[[User, Sequence[int], date], Collection[int]]
    do: Callable[[BulkRun, Sequence[int], datetime], Results]
    undo: Callable[[BulkRun, Mapping[int, Any], datetime], Results] | None = None
    finish: Callable[[BulkRun, Callable[[], None]], Mapping[str, Any]] | None = None
    told: Callable[[BulkRun, datetime], None] | None = None
    second: Callable[[User, int], bool] | None = None
    batch: int = 0
    at_once: int = 0

    def is_small(self, total: int) -> bool:
        """Whether so many are worked while somebody waits."""
        return total <= (self.at_once or BATCH)


Kinds = Mapping[str, BulkKind]


class Asked(NamedTuple):
    """What is asked for: of which list, with which particulars, why; `expected` is how many whoever asks has seen."""

    list: str
    params: Mapping[str, Any]
    expected: int
    reason: str = ""
    tree: Any = None
    key: uuid.UUID | None = None


# Asked for -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def freeze(kind: BulkKind, rows: QuerySet[Any], asked: Asked, *, by: User, at: datetime) -> BulkRun:
    """A run over exactly these rows, as they are now, frozen in one statement. The same key once more is the same run.

    It waits to be confirmed where they are many more or fewer than were seen, for a second person where the kind wants
    one, else for a worker. Raises DomainError for none and for too many, and for who may not.
    """
    if not may(by, kind.permission):
        raise DomainError(_("Your role may not do this."), code="not_allowed")
    run = BulkRun(
        kind=kind.name,
        list=asked.list,
        tree=asked.tree,
        params=dict(asked.params),
        by=by,
        reason=asked.reason.strip()[:200],
        expected=asked.expected,
        asked_at=at,
        client_key=asked.key or uuid.uuid4(),
    )
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        return of_person(by).get(client_key=run.client_key)
    run.total = _frozen(run, rows)
    if not run.total:
        raise DomainError(_("Nobody is left of what was chosen. Look at the list again."), code="nobody")
    if run.total > MOST:
        raise DomainError(_("These are more than %(most)d. Narrow the list first.") % {"most": MOST}, code="too_many")
    differs = abs(run.total - run.expected) > max(TOLERATED, run.expected // 100)
    run.state = State.CONFIRM if differs else _next(kind, run)
    run.save(update_fields=["total", "state"])
    return run


def _frozen(run: BulkRun, rows: QuerySet[Any]) -> int:
    try:
        sql, values = rows.order_by().values_list("pk").query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_bulkitem (run_id, n, target, state, code)"  # noqa: S608 (the query is Django's own)
            f" SELECT %s, row_number() OVER (ORDER BY target), target, 'waiting', '' FROM ({sql}) AS frozen (target)",
            [run.pk, *values],
        )
        return int(cursor.rowcount)


def _next(kind: BulkKind, run: BulkRun) -> str:
    return State.APPROVAL if kind.second and kind.second(run.by, run.total) else State.WAITING


@transaction.atomic
def confirm(run_id: int, kinds: Kinds, *, by: User) -> BulkRun:
    """The run goes on with as many as there are."""
    run = _own(run_id, by)
    if run.state != State.CONFIRM:
        raise DomainError(_("This is confirmed already."), code="confirmed_already")
    run.state = _next(kinds[run.kind], run)
    run.save(update_fields=["state"])
    return run


@transaction.atomic
def approve(run_id: int, *, by: User, permission: Permission, because: str, at: datetime) -> BulkRun:
    """A second person agrees, or the only one who may does so alone, with a typed reason; a worker may take it."""
    run = _waiting_for_approval(run_id)
    refusal = _("You asked for this yourself: somebody else has to agree.")
    run.alone_because = second_person(by, run.by_id, who_may(permission), refusal=refusal, because=because)
    run.approved_by, run.state = by, State.WAITING
    run.save(update_fields=["alone_because", "approved_by", "state"])
    audit.record(by, "bulk.approved", run, at=at, kind=run.kind, rows=run.total, asked_by=run.by_id)
    return run


@transaction.atomic
def refuse(run_id: int, *, by: User, reason: str, at: datetime) -> BulkRun:
    """Nothing of it happens."""
    run = _waiting_for_approval(run_id)
    run.error = reason.strip()[:200]
    _ended(run, State.STOPPED, at)
    audit.record(by, "bulk.refused", run, at=at, kind=run.kind, rows=run.total, asked_by=run.by_id)
    return run


def _waiting_for_approval(run_id: int) -> BulkRun:
    run = BulkRun.objects.select_for_update(of=("self",)).select_related("by").get(pk=run_id)
    if run.state != State.APPROVAL:
        raise DomainError(_("This is decided already."), code="decided")
    return run


def of_person(user: User) -> QuerySet[BulkRun]:
    """The runs that somebody asked for, the newest first: nobody else opens, stops or undoes them."""
    return BulkRun.objects.filter(by=user).order_by("-asked_at", "-pk")


def of_key(user: User, key: uuid.UUID) -> BulkRun | None:
    """The run that somebody has asked for already under this key."""
    return of_person(user).filter(client_key=key).first()


@transaction.atomic
def stop(run_id: int, *, by: User, at: datetime) -> BulkRun:
    """It ends with the batch that is being worked; what is done stays, and can be undone."""
    run = _own(run_id, by)
    if run.state in (State.CONFIRM, State.APPROVAL, State.WAITING):
        _ended(run, State.STOPPED, at)
    elif run.state == State.RUNNING:
        run.stop_asked_at = run.stop_asked_at or at
        run.save(update_fields=["stop_asked_at"])
    else:
        raise DomainError(_("This has ended already."), code="ended_already")
    return run


@transaction.atomic
def undo(run_id: int, kinds: Kinds, *, by: User, at: datetime) -> BulkRun:
    """A worker takes back what the run did, but for what was changed since. Raises DomainError after a week."""
    run = _own(run_id, by)
    if not can_undo(run, kinds, at=at):
        raise DomainError(_("This cannot be taken back any more."), code="bulk_settled")
    run.state, run.attempts, run.heartbeat_at, run.finished_at, run.error = State.UNDOING, 0, None, None, ""
    run.save(update_fields=["state", "attempts", "heartbeat_at", "finished_at", "error"])
    return run


def can_undo(run: BulkRun, kinds: Kinds, *, at: datetime) -> bool:
    is_over = run.state in (State.DONE, State.STOPPED, State.FAILED)
    kind = kinds.get(run.kind)
    return bool(is_over and run.changed and kind and kind.undo and run.undo_until is not None and at < run.undo_until)


def _own(run_id: int, by: User) -> BulkRun:
    run = BulkRun.objects.select_for_update(of=("self",)).select_related("by").filter(pk=run_id, by=by).first()
    if run is None:
        raise Http404
    return run


# Worked --------------------------------------------------------------------------------------------------------------


def to_issue(*, at: datetime) -> list[int]:
    """The runs that a worker should look at now, the oldest first."""
    silent = Q(heartbeat_at__isnull=True) | Q(heartbeat_at__lt=at - leases.SILENT_AFTER)
    due = BulkRun.objects.filter(Q(state=State.WAITING) | Q(state__in=IN_WORK) & silent)
    return list(due.order_by("pk").values_list("pk", flat=True))


def work(run_id: int, kinds: Kinds, *, now: Callable[[], datetime]) -> BulkRun | None:
    """The run is done, undone or stopped, as far as nobody else holds it; None where it was not to be had.

    A worker that is killed leaves whole batches: whoever comes next goes on behind them.
    """
    run = _claim(run_id, at=now())
    if run is None:
        return None
    kind = kinds[run.kind]
    try:
        while _batch(run, kind, now):
            pass
        run.refresh_from_db()
        if run.state in IN_WORK:
            outcome = kind.finish(run, lambda: _beat(run, now())) if kind.finish and run.state == State.RUNNING else {}
            _finish(run, kind, outcome, now())
    except Superseded:
        return None
    except Exception as error:
        _drop(run, error, now())
        raise
    run.refresh_from_db()
    return run


@transaction.atomic
def _claim(run_id: int, *, at: datetime) -> BulkRun | None:
    run = BulkRun.objects.select_for_update(skip_locked=True).filter(pk=run_id).first()
    if run is None:
        return None
    if run.state in IN_WORK and leases.is_silent(run.heartbeat_at, at=at):
        if leases.is_worn_out(run.attempts):
            run.error = _("Its worker died %(times)d times in the same place.") % {"times": run.attempts}
            _ended(run, State.FAILED, at)
            return None
    elif run.state == State.WAITING:
        run.state = State.RUNNING
    else:
        return None
    run.fence += 1
    run.attempts += 1
    run.started_at = run.started_at or at
    run.heartbeat_at = at
    run.save()
    return run


def _held(run: BulkRun) -> BulkRun:
    """The row of the run, locked; raises Superseded where another worker has taken it, or somebody has ended it."""
    held = (
        BulkRun.objects.select_for_update(of=("self",))
        .select_related("by")
        .filter(pk=run.pk, fence=run.fence, state__in=IN_WORK)
        .first()
    )
    if held is None:
        raise Superseded(f"{run} is held by another worker")
    return held


@transaction.atomic
def _beat(run: BulkRun, at: datetime) -> None:
    BulkRun.objects.filter(pk=_held(run).pk).update(heartbeat_at=at)


@transaction.atomic
def _batch(run: BulkRun, kind: BulkKind, now: Callable[[], datetime]) -> bool:
    """One batch is worked, or undone; False when there is no other, or when it shall not go on."""
    leases.let_go_after(leases.SILENT_AFTER)
    held, at = _held(run), now()
    is_undo = held.state == State.UNDOING
    if held.stop_asked_at and not is_undo:
        _ended(held, State.STOPPED, at)
        return False
    if not held.by.is_active or not may(held.by, kind.permission):
        held.error = _("Whoever asked for it may not do this any more.")
        _ended(held, State.STOPPED, at)
        return False
    wanted = Item.DONE if is_undo else Item.WAITING
    items = list(BulkItem.objects.filter(run=held, state=wanted).order_by("n")[: kind.batch or BATCH])
    if not items:
        return False
    if is_undo and kind.undo:
        results = dict(kind.undo(held, {item.target: item.before for item in items}, at))
    else:
        ids = [item.target for item in items]
        reached = set(kind.reached(held.by, ids, mall_day(at)))
        results = {pk: Result(Item.SKIPPED, NOT_YOURS) for pk in ids if pk not in reached}
        results |= kind.do(held, [pk for pk in ids if pk in reached], at)
    _noted(held, results)
    held.attempts, held.heartbeat_at = 1, at
    held.save()
    return True


def _noted(run: BulkRun, results: Results) -> None:
    """What became of each is stored and counted."""
    told = [
        {"target": pk, "state": result.state, "code": result.code, "before": result.before}
        for pk, result in results.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_bulkitem i SET state = r.state, code = r.code, before = coalesce(r.before, i.before)"
            " FROM jsonb_to_recordset(%s::jsonb) AS r (target bigint, state text, code text, before jsonb)"
            " WHERE i.run_id = %s AND i.target = r.target",
            [json.dumps(told), run.pk],
        )
    states = [result.state for result in results.values()]
    run.changed += states.count(Item.DONE)
    run.skipped += states.count(Item.SKIPPED)
    run.failed += states.count(Item.FAILED)
    run.undone += states.count(Item.UNDONE)
    run.kept += states.count(Item.KEPT)


@transaction.atomic
def _finish(run: BulkRun, kind: BulkKind, outcome: Mapping[str, Any], at: datetime) -> None:
    held = _held(run)
    held.outcome = {**held.outcome, **outcome}
    is_undo = held.state == State.UNDOING
    _ended(held, State.UNDONE if is_undo else State.DONE, at)
    action = "bulk.undone" if is_undo else "bulk.done"
    counts = {name: getattr(held, name) for name in ("changed", "skipped", "failed", "undone", "kept")}
    audit.record(held.by, action, held, at=at, kind=held.kind, list=held.list, reason=held.reason, **counts, **outcome)
    if kind.told:
        kind.told(held, at)


def _ended(run: BulkRun, state: str, at: datetime) -> None:
    run.state, run.finished_at, run.heartbeat_at = state, at, at
    run.stop_asked_at = None
    run.undo_until = run.undo_until or at + UNDONE_WITHIN
    run.save()


def _drop(run: BulkRun, error: Exception, at: datetime) -> None:
    """Somebody else may try at once; what failed three times in the same place is given up."""
    log.exception("bulk run %s", run.pk)
    with transaction.atomic():
        held = BulkRun.objects.select_for_update(of=("self",)).filter(pk=run.pk, fence=run.fence).first()
        if held is None or held.state not in IN_WORK:
            return
        if leases.is_worn_out(held.attempts):
            held.error = type(error).__name__
            _ended(held, State.FAILED, at)
        else:
            BulkRun.objects.filter(pk=held.pk).update(heartbeat_at=None)


# What goes with time -------------------------------------------------------------------------------------------------

FILE_KEPT_FOR = timedelta(hours=24)
ITEMS_KEPT_FOR = timedelta(days=30)


def forget_files(*, at: datetime) -> int:
    """What was taken away and fetched, or not fetched within a day, or not finished, is nowhere any more."""
    over = BulkRun.objects.filter(
        Q(fetched_at__isnull=False) | Q(finished_at__lt=at - FILE_KEPT_FOR) | Q(state__in=(State.STOPPED, State.FAILED))
    )
    return ExportPart.objects.filter(run__in=over.values("pk")).delete()[0]


def forgotten_items(before: datetime) -> QuerySet[BulkItem]:
    """The items of runs that could not be undone any more at that moment."""
    return BulkItem.objects.filter(run__undo_until__lt=before)
