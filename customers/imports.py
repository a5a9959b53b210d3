"""Files of orders: uploaded, checked without storing, run, and what did not go in given back."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm.accounts import audit
from crm.accounts.models import User
from crm.lib.errors import DomainError
from customers import import_file, import_staging, locks, orders
from customers.import_row import Rejected, Staged, parse
from customers.models import Import, RejectedRow

CHUNK = 20_000
# More customers than this get their new figures with the next night, which recomputes whoever has changed orders.
REFRESHED_AT_ONCE = 20_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def upload(file_name: str, content: bytes, *, source: str, by: User | None, at: datetime) -> Import:
    """The file is kept, its encoding known and its columns guessed from the header; nothing else has happened."""
    text, encoding = import_file.decode(content)
    names, _separator = import_file.header(text)
    run_ = Import.objects.create(
        by=by, at=at, file_name=file_name[:200], content=content, encoding=encoding, source=source,
        mapping=import_file.guess(names),
    )  # fmt: skip
    if by:
        audit.record(by, "import.uploaded", run_, at=at, size=len(content))
    return run_


def columns(run_: Import) -> list[str]:
    return import_file.header(_text(run_))[0]


def preview(run_: Import, rows: int = 20) -> list[list[str]]:
    """The first rows as they were read, to be looked at before anything is stored."""
    found: list[list[str]] = []
    for row in import_file.rows(_text(run_)):
        if isinstance(row, import_file.Row):
            found.append(row.cells)
        if len(found) == rows:
            break
    return found


def map_columns(run_: Import, mapping: dict[str, str]) -> None:
    """Field -> column name. Refused when a needed field has no column."""
    import_file.check_mapping(mapping, columns(run_))
    Import.objects.filter(pk=run_.pk).update(mapping=mapping)
    run_.mapping = mapping


def check(run_: Import, *, at: datetime) -> Import:
    """What `run` would do, row by row, with nothing stored but the counts and the refused rows."""
    with _alone(run_):
        refused = _stage(run_)
        import_staging.resolve(run_.source)
        new_people = import_staging.unknown_people()
        for first, last in _chunks():
            import_staging.classify(run_.source, first, last)
        return _finish(run_, refused, new_people, state=Import.State.CHECKED, at=at)


def run(run_: Import, *, by: User | None, at: datetime, today: date) -> Import:
    """Every good row is in the record, every bad one in the list. Killed half-way, run it again: nothing is doubled."""
    with _alone(run_):
        Import.objects.filter(pk=run_.pk).update(state=Import.State.RUNNING)
        refused = _stage(run_)
        new_people = _people(run_)
        has_lines = bool(run_.mapping.keys() & {"product", "category"})
        for first, last in _chunks():
            with transaction.atomic():
                _commit_without_waiting()
                locks.hold_off_everyone()
                import_staging.classify(run_.source, first, last)
                import_staging.store(run_.source, first, last, lines=has_lines, at=at)
        concerned = import_staging.touched()
        if len(concerned) <= REFRESHED_AT_ONCE:
            with transaction.atomic():
                orders.refresh(concerned, today=today)
        done = _finish(run_, refused, new_people, state=Import.State.DONE, at=at)
    if by:
        audit.record(by, "import.run", done, at=at, **done.counts)
    return done


def rejected_csv(run_: Import) -> bytes:
    """The refused rows for a spreadsheet: with BOM, and no cell that it would calculate."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_("Line"), _("Column"), _("Reason"), _("Original line")])
    for row in run_.rejected.order_by("line_number", "id").iterator():
        writer.writerow([row.line_number, *(_safe(text) for text in (row.column, row.reason, row.line))])
    return out.getvalue().encode("utf-8-sig")


# Steps --------------------------------------------------------------------------------------------------------------


@contextmanager
def _alone(run_: Import) -> Iterator[None]:
    """One worker at a time on one file; the staging tables are gone afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('laoke.import.run'), %s)", [run_.pk % 2**31])
        if not cursor.fetchone()[0]:
            raise DomainError(_("This import is running already."), code="import_running")
        try:
            yield
            import_staging.drop()
        finally:
            if connection.connection and not connection.needs_rollback:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('laoke.import.run'), %s)", [run_.pk % 2**31])


def _text(run_: Import) -> str:
    return bytes(run_.content).decode(run_.encoding)


def _stage(run_: Import) -> list[Rejected]:
    text = _text(run_)
    names, _separator = import_file.header(text)
    import_file.check_mapping(run_.mapping, names)
    refused: list[Rejected] = []
    incomplete: set[str] = set()

    def good() -> Iterator[Staged]:
        above, suspect = "", False
        for row in parse(import_file.rows(text), names, run_.mapping):
            if isinstance(row, Staged):
                yield row
            else:
                refused.append(row)
            if suspect or isinstance(row, Rejected):
                # A refused row that does not say its order may be a line of the order above or of the one below it.
                incomplete.add(row.external_id or above)
            suspect = not row.external_id
            above = row.external_id or above

    import_staging.fill(good(), of_lines="line_paid" in run_.mapping, incomplete=incomplete)
    return refused


def _people(run_: Import) -> int:
    made = 0
    while True:
        with transaction.atomic():
            locks.hold_off_everyone()
            import_staging.resolve(run_.source)
            new = import_staging.create_people(CHUNK)
            import_staging.attach_people(run_.source)
            if new < CHUNK:
                import_staging.register_people()
        made += new
        if new < CHUNK:
            return made


def _chunks() -> Iterator[tuple[int, int]]:
    for first in range(1, import_staging.last_line() + 1, CHUNK):
        yield first, first + CHUNK - 1


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
    }[code]


@transaction.atomic
def _finish(run_: Import, refused: list[Rejected], new_people: int, *, state: str, at: datetime) -> Import:
    """Counts and refused rows of this pass replace those of an earlier one.

    `rows` and `rejected` count rows of the file, the other outcomes orders.
    """
    rows = import_staging.rows() + len(refused)
    found = Counter(import_staging.outcomes())
    reasons = import_staging.refused()
    if reasons:
        column = run_.mapping.get("order_no", "")
        refused.extend(
            Rejected(row.line_number, column, _why(reasons[row.line_number]), row.line)
            for row in import_file.rows(_text(run_))
            if row.line_number in reasons
        )
    found["rejected"] = len(refused)
    names = ("created", "updated", "unchanged", "stale", "rejected")
    run_.counts = {"rows": rows, **{name: found[name] for name in names}, "new_customers": new_people}
    run_.state = state
    run_.finished_at = at if state == Import.State.DONE else None
    run_.save(update_fields=["counts", "state", "finished_at"])
    run_.rejected.all().delete()
    RejectedRow.objects.bulk_create(
        (
            RejectedRow(run=run_, line_number=row.line_number, column=row.column[:80], reason=row.reason[:300],
                        line=row.line.replace("\x00", ""))
            for row in sorted(refused)
        ),
        batch_size=1000,
    )  # fmt: skip
    return run_


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
