"""Files of orders: uploaded, checked without storing, run, and what did not go in given back."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain
from time import monotonic

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.jobs import leases
from core.lib import csv_cells
from core.lib.errors import DomainError, Invalid
from customers import locks, orders
from customers.imports import contents, fields, saved, staging, understanding
from customers.imports.choices import Choices
from customers.imports.notes import TEXTS, of_lines
from customers.imports.reading.look import look
from customers.imports.reading.shape import Bytes, Content, How, Look
from customers.imports.row import Note, Rejected, Staged, parse
from customers.imports.understanding import Findings
from customers.models import GuestOrder, Import, ImportNote, ImportPlan, RejectedRow

State, Task, Step = Import.State, Import.Task, Import.Step

HOW = How()
UNDECIDED = Choices()
# So many notes of rows are kept one by one; all are counted.
MOST_NOTES = 10_000
# Rows of a transaction at most; fewer where they take longer than that: single orders wait for a chunk. Less of a second
# while somebody does wait.
CHUNK = 20_000
# Fewer take no less time: what a chunk costs whatever is in it would be all that it costs.
SMALLEST_CHUNK = 100
CHUNK_SECONDS, CROWDED_SECONDS = 1.0, 0.1
# No statement of an import may take longer than this many milliseconds.
LONGEST_STATEMENT = 600_000
# Its people are put together in memory.
SORTED_IN = "64MB"
UNDO_FOR = timedelta(days=7)
# More customers than this get their new figures with the next night, which recomputes whoever has changed orders.
REFRESHED_AT_ONCE = 20_000
TOLD_EVERY = 5_000
# At how many per cent of the work each step begins and ends.
SPANS = {
    Step.READING: (0, 40),
    Step.PEOPLE: (40, 50),
    Step.ORDERS: (50, 95),
    Step.FIGURES: (95, 100),
    Step.RECORD: (0, 95),
    Step.UNDOING: (0, 95),
}


def upload(
    file_name: str,
    content: bytes | Content,
    *,
    source: str,
    by: User | None,
    at: datetime,
    how: How = HOW,
    choices: Choices = UNDECIDED,
) -> Import:
    """The file is kept, sealed, and understood: as it says itself, and as files of this source were before.

    `how` and `choices` are what somebody has said already; a kind of "" is decided by the names of the columns, or
    asked. Refused, and not kept, when it is no table.
    """
    content = Bytes(content) if isinstance(content, bytes) else content
    before = saved.of_source(source, choices.kind or UNDECIDED.kind)
    seen = _look(content, how, before.choices if before else None)
    kinds = [choices.kind] if choices.kind else understanding.kinds(seen.names, source)
    if not choices.kind and (choices := replace(choices, kind=(*kinds, UNDECIDED.kind)[0])).kind != UNDECIDED.kind:
        before = saved.of_source(source, choices.kind)
    with transaction.atomic():
        run_ = Import.objects.create(by=by, at=at, file_name=file_name[:200], source=source)
        contents.keep(run_, content)
        contents.note(run_, seen)
        _understand(run_, replace(choices, how=seen.how), before, kinds)
        if by:
            audit.record(by, "import.uploaded", run_, at=at, size=run_.size)
    return run_


def _look(content: Content, how: How, before: Choices | None) -> Look:
    """What is open of how the file is read is as it was with the source's files before, if it can be."""
    seen = look(content, how, fields.field_of)
    if before is None:
        return seen
    if before.how.encoding in [encoding for encoding, _lines in seen.doubts]:
        how = replace(how, encoding=before.how.encoding)
    if not how.sheet and before.how.sheet in seen.sheets:
        how = replace(how, sheet=before.how.sheet)
    return look(content, how, fields.field_of) if how != seen.how and (seen.doubts or how.sheet) else seen


def _understand(run_: Import, choices: Choices, before: saved.Before | None = None, kinds: Sequence[str] = ()) -> None:
    """The choices and what is open are those of the file as it is read now; `kinds` are what it can be a file of."""
    seen = contents.seen(run_)
    was, columns_before = before or (None, [])
    decided, findings = understanding.columns(seen.names, seen.sample, choices, was, columns_before)
    findings.kinds = list(kinds) if len(kinds) > 1 else []
    findings.doubts = [encoding for encoding, _lines in seen.doubts]
    if not findings.missing:
        names, rows = contents.rows(run_)
        is_guess = not choices.mapping and not (was and was.mapping == decided.mapping)
        decided = understanding.survey(rows, names, decided, findings, is_guess=is_guess)
    if decided.as_json() != run_.choices:
        _change(run_, choices=decided.as_json(), findings=findings.as_json(), planned={})
        ImportPlan.objects.filter(run=run_).delete()
    else:
        _change(run_, findings=findings.as_json())
    run_.choices, run_.findings = decided.as_json(), findings.as_json()


def read_as(run_: Import, how: How) -> Look:
    """The file is read so, its columns guessed anew where their names are others. Refused while it is being worked."""
    before = contents.seen(run_).names
    _change(run_)
    seen = contents.look_at(run_, how)
    choices = Choices.of_json(run_.choices)
    if seen.names != before:
        choices = Choices(kind=choices.kind)
    _understand(run_, replace(choices, how=seen.how), saved.of_source(run_.source, choices.kind))
    run_.refresh_from_db()
    return seen


def choose(run_: Import, choices: Choices) -> None:
    """The file is understood so; what that leaves open is found out. Refused while it is being worked.

    A column that is needed must have been chosen.
    """
    choices.check()
    fields.check_mapping(choices.mapping, columns(run_), choices.kind)
    _understand(run_, choices)


def treat_as(run_: Import, kind: str) -> None:
    """The file is one of this kind; its columns are looked at anew. Refused while it is being worked."""
    choices = replace(UNDECIDED, kind=kind, how=Choices.of_json(run_.choices).how)
    choices.check()
    _understand(run_, choices, saved.of_source(run_.source, kind))


def use_profile(run_: Import, name: str) -> None:
    """The file is understood as this profile says, whatever was chosen for it before."""
    said, names = saved.named(name), columns(run_)
    how = Choices.of_json(run_.choices).how
    mapping = {field: column for field, column in said.mapping.items() if column in names}
    _understand(run_, replace(said, how=how, mapping=mapping))


def columns(run_: Import) -> list[str]:
    """Names of the columns; none once the file itself was deleted."""
    return contents.seen(run_).names if run_.forgotten_at is None else []


def preview(run_: Import, rows: int = 20) -> list[list[str]]:
    """The first rows as they were read, to be looked at before anything is stored."""
    return contents.seen(run_).sample[:rows] if run_.forgotten_at is None else []


def notes(run_: Import) -> list[str]:
    """What was passed over or renamed in reading, in sentences."""
    return contents.seen(run_).notes if run_.forgotten_at is None else []


def map_columns(run_: Import, mapping: dict[str, str]) -> None:
    """Field -> column name. Refused when a needed field has no column, and while the file is being worked."""
    choose(run_, understanding.remapped(Choices.of_json(run_.choices), mapping))


def findings(run_: Import) -> Findings:
    """What is open about the file."""
    return Findings.of_json(run_.findings)


def check(run_: Import, *, at: datetime) -> Import:
    """What `run` will do, row by row, with nothing stored but the plan: counts, questions, refused rows."""
    with alone(run_, Task.CHECK) as progress:
        refused, notes_ = _stage(run_, progress, at)
        progress.tell(Step.PEOPLE, 0)
        where = _where(run_, at)
        staging.resolve(where)
        new_people = staging.unknown_people()
        for share, first, last in _chunks(progress):
            staging.classify(where, first, last)
            progress.tell(Step.ORDERS, share)
        staging.settle(run_.pk, is_check=True, resumed=run_.parts.exists())
        ImportPlan.objects.update_or_create(run=run_, defaults={"seen": staging.seen()})
        _finish(run_, refused, notes_, new_people, state=State.CHECKED, at=at)
    return run_


def run(run_: Import, *, by: User | None, at: datetime, today: date) -> Import:
    """Every good row is in the record, every bad one in the list, and every question waits or has had its answer.

    Killed or cancelled half-way, run it again: nothing is doubled. After a check, exactly its plan is done; what the
    record no longer allows as it was planned is asked about.
    """
    with alone(run_, Task.RUN) as progress:
        refused, notes_ = _stage(run_, progress, at)
        progress.tell(Step.PEOPLE, 0)
        where = _where(run_, at)
        resumed = run_.parts.exists() or run_.changes.exists()
        planned = ImportPlan.objects.filter(run=run_).first()
        if planned:
            staging.plan(planned.seen)
        run_.undo_until = at + UNDO_FOR
        run_.save(update_fields=["undo_until"])
        new_people = _people(run_, where)
        for share, first, last in _chunks(progress):
            with transaction.atomic():
                _commit_without_waiting()
                locks.hold_off_everyone()
                staging.classify(where, first, last, planned=planned is not None)
                staging.store(where, first, last)
                progress.is_crowded = locks.somebody_waits()
            progress.tell(Step.ORDERS, share)
        staging.settle(run_.pk, is_check=False, resumed=resumed)
        concerned = staging.touched(where, resumed=resumed)
        if len(concerned) <= REFRESHED_AT_ONCE:
            progress.tell(Step.FIGURES, 0)
            with transaction.atomic():
                orders.refresh(concerned, today=today)
        _finish(run_, refused, notes_, new_people, state=State.DONE, at=progress.by_now(at))
    if run_.state == State.DONE:
        saved.keep(run_.source, Choices.of_json(run_.choices), columns(run_), by=by, at=at)
    if by and run_.state == State.DONE:
        audit.record(by, "import.run", run_, at=at, **run_.counts)
    return run_


def rejected_csv(run_: Import) -> bytes:
    """The refused rows for a spreadsheet: with BOM, and no cell that it would calculate.

    The lines themselves are read from the file, and are no more once that was deleted.
    """
    rows = list(run_.rejected.order_by("line_number", "id").values_list("line_number", "column", "reason"))
    return _csv(run_, _("Reason"), rows)


def notes_csv(run_: Import) -> bytes:
    """What was left out or changed of the rows that go in, and the lines that are no rows, in the same form."""
    rows = run_.notes.order_by("line_number", "id").values_list("line_number", "column", "code")
    return _csv(run_, _("Note"), [(line, column, str(TEXTS.get(code, code))) for line, column, code in rows])


def _csv(run_: Import, what: str, rows: Sequence[tuple[int, str, str]]) -> bytes:
    lines: dict[int, str] = {}
    if rows and run_.forgotten_at is None:
        numbers = {number for number, _column, _what in rows}
        reading = contents.rows(run_)[1]
        lines = {row.line_number: row.line for row in reading if row.line_number in numbers}
        lines |= {line.line_number: line.line for line in reading.left_out}
    head = (_("Line"), _("Column"), what, _("Original line"))
    told = ((*row, lines.get(row[0], "")) for row in rows)
    return "".join(csv_cells.lines(chain([head], told))).encode("utf-8-sig")


# By a worker ---------------------------------------------------------------------------------------------------------


def _change(run_: Import, **fields: object) -> None:
    """Refused while somebody is at work on it."""
    mine = Import.objects.filter(~Q(state=State.RUNNING) | leases.to_be_had(Now()), pk=run_.pk)
    if not (mine.update(**fields) if fields else mine.exists()):
        raise _running()


@transaction.atomic
def ask_for(run_: Import, task: str, *, by: User, at: datetime) -> None:
    """A worker will check or run the file. Refused while it is being worked."""
    _change(
        run_, state=State.WAITING, task=task, language=get_language() or "", step="", percent=0, attempts=0, error=""
    )
    audit.record(by, "import.asked", run_, at=at, task=str(task))


@transaction.atomic
def claim(pk: int) -> Import | None:
    """Take an import that waits or whose worker fell silent; None if it is not to be had, or killed three workers.

    Whoever is silent over a long step but lives still has the lock of `alone`.
    """
    run_ = Import.objects.select_for_update(skip_locked=True).filter(leases.to_be_had(Now()), pk=pk).first()
    if run_ is None or not _lock("pg_try_advisory_xact_lock", pk):
        return None
    if leases.is_worn_out(run_.attempts):
        fail(run_, error=_("Its worker died %(times)d times. Split the file.") % {"times": run_.attempts})
        return None
    run_.attempts += 1
    Import.objects.filter(pk=pk).update(state=State.RUNNING, attempts=run_.attempts, heartbeat_at=Now())
    run_.refresh_from_db()
    return run_


def fail(run_: Import, *, error: str) -> None:
    """It stopped for this reason. Rows that are in stay; running it again brings in the rest."""
    Import.objects.filter(pk=run_.pk).update(state=State.FAILED, error=error)


class _Progress:
    """Tells, at most once a second, how far an import is: a page shows it, and a worker that died is found out."""

    def __init__(self, run_: Import, task: str) -> None:
        self.run_, self.step, self.told_at, self.began = run_, "", 0.0, monotonic()
        self.is_crowded = False  # somebody has waited for the last chunk
        Import.objects.filter(pk=run_.pk).update(state=State.RUNNING, task=task, error="", is_cancel_asked=False)
        self.tell(Step.READING, 0)

    def tell(self, step: Import.Step, share: float) -> None:
        if step == self.step and monotonic() < self.told_at + 1:
            return
        first, last = SPANS[step]
        Import.objects.filter(pk=self.run_.pk).update(
            step=step, percent=first + round((last - first) * min(share, 1)), heartbeat_at=Now()
        )
        self.step, self.told_at = step, monotonic()

    def by_now(self, at: datetime) -> datetime:
        """The moment it has become in a pass that began at `at`."""
        return at + timedelta(seconds=monotonic() - self.began)

    def stop_if_asked(self) -> None:
        if Import.objects.filter(pk=self.run_.pk, is_cancel_asked=True).exists():
            raise Cancelled


class Cancelled(Exception):
    """Somebody asked to stop; what is in stays in."""


# Steps --------------------------------------------------------------------------------------------------------------


@contextmanager
def alone(run_: Import, task: Import.Task) -> Iterator[_Progress]:
    """One worker at a time on one file; the staging tables are gone afterwards."""
    if task != Task.UNDO:
        _check_reading(contents.seen(run_))
        fields.check_mapping(run_.mapping, columns(run_), run_.kind)
    if not _lock("pg_try_advisory_lock", run_.pk):
        raise _running()
    try:
        _configure(f"SET statement_timeout = {LONGEST_STATEMENT}; SET jit = off; SET work_mem = '{SORTED_IN}'")
        yield _Progress(run_, task)
        staging.drop()
    except Cancelled:
        cancelled(run_)
        staging.drop()
    except Exception as error:
        if _usable():
            text = _("An error stopped it (%(error)s). What is in stays in: start it again.")
            fail(run_, error=text % {"error": type(error).__name__})
        raise
    finally:
        if _usable():
            _configure("RESET statement_timeout; RESET jit; RESET work_mem")
            _lock("pg_advisory_unlock", run_.pk)


def cancelled(run_: Import) -> None:
    """It stopped because somebody asked; what is in stays in, and running it again brings in the rest."""
    run_.state = State.CANCELLED
    run_.save(update_fields=["state"])


def _configure(settings: str) -> None:
    """Of this session. To compile the statements of a chunk costs more than it saves, as often as there are chunks."""
    with connection.cursor() as cursor:
        cursor.execute(settings)


def _check_reading(seen: Look) -> None:
    if seen.doubts:
        raise Invalid(
            _("The signs of the file can be read in several ways: %(encodings)s. Choose the right one.")
            % {"encodings": ", ".join(encoding for encoding, _lines in seen.doubts)},
            code="encoding_open",
        )


def _running() -> DomainError:
    return DomainError(_("This import is running already."), code="import_running")


def _lock(function: str, pk: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtext('laoke.import.run'), %s)", [pk % 2**31])
        return bool(cursor.fetchone()[0])


def _usable() -> bool:
    return bool(connection.connection) and not connection.connection.closed and not connection.needs_rollback


def _stage(run_: Import, progress: _Progress, at: datetime) -> tuple[list[Rejected], list[Note]]:
    names, reading = contents.rows(run_)
    refused: list[Rejected] = []
    noted: list[Note] = []
    incomplete: set[str] = set()

    def good() -> Iterator[Staged]:
        above, suspect = "", False
        for row in parse(iter(reading), names, Choices.of_json(run_.choices)):
            if isinstance(row, Note):
                noted.append(row)
                continue
            if isinstance(row, Staged):
                yield row
                if row.line % TOLD_EVERY == 0:
                    progress.tell(Step.READING, reading.share)
            else:
                refused.append(row)
            if suspect or isinstance(row, Rejected):
                # A refused row that does not say its order may be a line of the order above or of the one below it.
                incomplete.add(row.external_id or above)
            suspect = not row.external_id
            above = row.external_id or above

    staging.fill(good(), source=run_.source, of_lines="line_paid" in run_.mapping, incomplete=incomplete, at=at)
    noted.extend(of_lines(reading.left_out))
    return refused, noted


def _where(run_: Import, at: datetime) -> staging.Where:
    lines = bool(run_.mapping.keys() & {"product", "category"})
    of_lines = "line_paid" in run_.mapping
    guests = GuestOrder.objects.filter(source=run_.source).exists()
    return staging.Where(run_.source, run_.pk, at, lines, of_lines, guests, run_.accepted)


def _people(run_: Import, where: staging.Where) -> int:
    staging.resolve(where)  # most of it while others go on: then only who was not known is looked for again
    made = 0
    while True:
        with transaction.atomic():
            locks.hold_off_everyone()
            staging.resolve(where)
            new = staging.create_people(CHUNK, run=run_.pk)
            staging.attach_people(where)
            if new < CHUNK:
                staging.register_people(where)
        made += new
        if new < CHUNK:
            return made


def _chunks(progress: _Progress) -> Iterator[tuple[float, int, int]]:
    """(share of the file that is done with this one, first line, last line), until somebody cancels.

    The first is small; each takes about as long as others may have to wait.
    """
    end, first, rows = staging.last_line(), 1, max(1, CHUNK // 4)
    while first <= end:
        progress.stop_if_asked()
        began = monotonic()
        yield (first + rows) / end, first, first + rows - 1
        first += rows
        took = max(monotonic() - began, 0.001)
        most = CROWDED_SECONDS if progress.is_crowded else CHUNK_SECONDS
        rows = min(CHUNK, max(SMALLEST_CHUNK, min(2 * rows, round(rows * most / took))))


def _commit_without_waiting() -> None:
    """A chunk lost with the server is imported again by whoever runs the file again; the last commit waits for all."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _why(code: str) -> str:
    return {
        "version_conflict": _("This order is stored, or stands in this file, with other content in the same version."),
        "ambiguous_customer": _("Several customers share this phone. Give the customer's id."),
        "refund_exceeds_paid": _("More has been refunded than this row says was paid or cost."),
        "line_refused": _(
            "Another line of this order was refused, or may have been: the order goes in whole or not at all."
        ),
        "lines_disagree": _("The lines of this order differ in customer, time, status or total."),
        "several_rows": _(
            "This order stands in several rows that differ. If each row is a piece of it, say which column is the "
            "line amount."
        ),
    }[code]


@transaction.atomic
def _finish(
    run_: Import, refused: list[Rejected], notes_: list[Note], new_people: int, *, state: str, at: datetime
) -> None:
    """Counts, refused rows and notes of this pass replace those of an earlier one.

    `rows` and `rejected` count rows of the file, the other outcomes orders.
    """
    rows = staging.rows() + len(refused)
    outcomes = Counter(staging.outcomes())
    reasons = staging.refused()
    if reasons:
        column = run_.mapping.get("order_no", "")
        refused.extend(
            Rejected(row.line_number, column, _why(reasons[row.line_number]), row.line)
            for row in contents.rows(run_)[1]
            if row.line_number in reasons
        )
    outcomes["rejected"] = len(refused)
    names = ("created", "updated", "unchanged", "stale", "asked", "guest", "rejected")
    run_.counts = {"rows": rows, **{name: outcomes[name] for name in names}, "new_customers": new_people}
    if notes_:
        run_.counts["notes"] = len(notes_)
    run_.state = state
    run_.finished_at = at if state == State.DONE else None
    if state == State.CHECKED:
        run_.planned = run_.counts
    run_.percent = 100
    run_.save(update_fields=["counts", "state", "finished_at", "percent", "planned"])
    keep_lists(run_, refused, notes_)


@transaction.atomic
def keep_lists(run_: Import, refused: list[Rejected], notes_: list[Note]) -> None:
    """These are the refused rows and the notes of the import, in place of those of an earlier pass."""
    run_.notes.all().delete()
    ImportNote.objects.bulk_create(
        (
            ImportNote(run=run_, line_number=line, column=column[:80], code=code)
            for line, column, code in notes_[:MOST_NOTES]
        ),
        batch_size=1000,
    )
    run_.rejected.all().delete()
    RejectedRow.objects.bulk_create(
        (
            RejectedRow(
                run=run_,
                line_number=row.line_number,
                column=row.column[:80],
                reason=row.reason[:300],
            )
            for row in sorted(refused)
        ),
        batch_size=1000,
    )
