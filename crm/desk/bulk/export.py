"""A list as a file: the columns that its reader sees, as they see them; sealed, fetched once, and gone within a day."""

import csv
import hashlib
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from django.db import transaction
from django.http import Http404
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts import audit
from core.accounts.models import User
from core.accounts.roles import Permission, rights_of
from core.jobs.bulk import FILE_KEPT_FOR, BulkKind, Result, Results, of_person
from core.jobs.models import BulkItem, BulkRun, ExportPart
from core.lib import csv_cells
from core.lib.conditions import tree
from core.lib.errors import DomainError
from core.lib.periods import mall_day, mall_time
from crm.desk.lists import page
from crm.desk.lists.asking import Asked
from crm.desk.lists.definition import Column, ListDef
from crm.flows.bulk import parts
from crm.flows.bulk.exports import EXPORT
from crm.flows.bulk.results import tell_end

CSV, XLSX = "csv", "xlsx"
PART_BYTES = 4 * 1024 * 1024
Cell = str | int | Decimal | date | None
Lists = Mapping[str, ListDef]


class Gone(DomainError):
    """The file was fetched already, or its day is over."""

    code = "file_gone"
    status = 410


def kind(lists: Lists) -> BulkKind:
    """Exporting any of these lists."""
    return BulkKind(
        EXPORT,
        Permission.LIST_CUSTOMERS,
        lambda user, ids, today: ids,  # what is not theirs is not among the rows that are read
        lambda run, ids, at: _read(lists[run.list], run, ids, at),
        finish=lambda run, beat: _written(lists[run.list], run, beat),
        told=tell_end,
        second=lambda user, count: count > most_of(user),
    )


def most_of(user: User) -> int:
    """How many rows somebody takes away without a second person. Raises DomainError for who takes none by name."""
    most = rights_of(user).takes
    if not most:
        raise DomainError(_("Your role takes no list with names away."), code="not_allowed")
    return most


# Rows ----------------------------------------------------------------------------------------------------------------


def _read(definition: ListDef, run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
    """The cells of these rows are stored, sealed, typed, as whoever asked sees them now."""
    today = mall_day(at)
    known = Asked(definition, run.by, tree.EVERYBODY, columns=_columns(definition, run))
    rows = list(definition.rows(run.by, today).filter(pk__in=ids).select_related(*definition.related).order_by("pk"))
    with translation.override(run.params["language"]):
        page.draw(known, rows, today)
        told = [[_typed(cell) for cell in _cells(row)] for row in rows]
    number = ExportPart.objects.filter(run=run, is_file=False).count()
    data = json.dumps(told, ensure_ascii=False).encode()
    ExportPart.objects.create(run=run, n=number, data=parts.seal(run.pk, data))
    read = {row.pk for row in rows}
    return {pk: Result(BulkItem.State.DONE) if pk in read else Result("skipped", "not_yours") for pk in ids}


def _columns(definition: ListDef, run: BulkRun) -> tuple[Column, ...]:
    """Those asked for which the reader may still see; the first names the row."""
    allowed = {column.key: column for column in definition.columns_for(run.by)}
    return tuple(allowed[key] for key in run.params["columns"] if key in allowed)


def head_of(definition: ListDef, columns: Iterable[Column]) -> list[str]:
    """The first column, which names the row, is two in a file: what it is called by, and its number."""
    first, *rest = columns
    named = [_("customer number"), _("name")] if definition.key == "customers" else [_("Number"), str(first.label)]
    return [*named, *(str(column.label) for column in rest)]


def _cells(row: Any) -> list[Any]:
    """The cells of a drawn row, its number before its name."""
    return [row.beside, row.called, *(page.in_words(cell) for cell in row.cells[1:])]


def _typed(value: Any) -> Any:
    """As JSON keeps it: `{"n": …}` a number, `{"d": …}` a day, else words."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, int | Decimal):
        return {"n": str(value)}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    return str(value)


def _untyped(value: Any) -> Cell:
    if isinstance(value, dict):
        return Decimal(value["n"]) if "n" in value else date.fromisoformat(value["d"])
    return str(value)


# The file ------------------------------------------------------------------------------------------------------------


def _written(definition: ListDef, run: BulkRun, beat: Callable[[], None]) -> dict[str, Any]:
    """The rows that were read are one file, in sealed parts; returns what the audit trail says of it."""
    digest, size = hashlib.sha256(), 0
    rows = BulkItem.objects.filter(run=run, state=BulkItem.State.DONE).count()
    with translation.override(run.params["language"]), tempfile.TemporaryFile() as file:
        head = head_of(definition, _columns(definition, run))
        write = _as_workbook if run.params["format"] == XLSX else _as_csv
        write(file, head, _rows(run, beat), _foot(run, rows))
        file.seek(0)
        with transaction.atomic():
            ExportPart.objects.filter(run=run, is_file=True).delete()
            number = 0
            while piece := file.read(PART_BYTES):
                digest.update(piece)
                ExportPart.objects.create(run=run, is_file=True, n=number, data=parts.seal(run.pk, piece))
                number, size = number + 1, size + len(piece)
            ExportPart.objects.filter(run=run, is_file=False).delete()
    return {"rows": rows, "bytes": size, "sha256": digest.hexdigest(), "columns": run.params["columns"]}


def _rows(run: BulkRun, beat: Callable[[], None]) -> Iterator[list[Cell]]:
    for place, part in enumerate(ExportPart.objects.filter(run=run, is_file=False).order_by("n").iterator(20)):
        if place % 20 == 19:
            beat()
        for row in json.loads(parts.opened(part)):
            yield [_untyped(value) for value in row]


def _foot(run: BulkRun, rows: int) -> str:
    """Who took it, when, why, under which number: the last row, which an import passes over."""
    counted = ngettext("%(n)s row", "%(n)s rows", rows) % {"n": rows}
    when = mall_time(run.asked_at).strftime("%Y-%m-%d %H:%M")
    return f"{csv_cells.FOOT} · #{run.pk} · {run.by} · {when} · {run.reason} · {counted}"


def _as_csv(file: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[Cell]], foot: str) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([csv_cells.as_text(cell) for cell in head])
    for row in rows:
        writer.writerow([csv_cells.as_text(cell) for cell in row])
    writer.writerow([foot])
    text.flush()
    text.detach()


def _as_workbook(file: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[Cell]], foot: str) -> None:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"title": "Laoke", "comments": foot})
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.freeze_panes(1, 0)
        for column, word in enumerate(head):
            sheet.set_column(column, column, 14)
            sheet.write_string(0, column, word, bold)
        line = 0
        for line, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, Decimal):
                    sheet.write_number(line, column, cell)
                elif isinstance(cell, date):
                    sheet.write_datetime(line, column, datetime(cell.year, cell.month, cell.day), day)
                elif cell:
                    sheet.write_string(line, column, str(cell))
        sheet.write_string(line + 1, 0, foot)


# Fetched -------------------------------------------------------------------------------------------------------------


def can_fetch(run: BulkRun, *, at: datetime) -> bool:
    return bool(
        run.kind == EXPORT
        and run.state == BulkRun.State.DONE
        and run.fetched_at is None
        and run.finished_at
        and at < run.finished_at + FILE_KEPT_FOR
    )


@transaction.atomic
def fetch(run_id: int, *, by: User, at: datetime) -> tuple[BulkRun, bytes]:
    """The file, for whoever asked for it, once: then it is nowhere any more. Raises Gone the second time."""
    run = of_person(by).select_for_update().filter(pk=run_id, kind=EXPORT).first()
    if run is None or run.state != BulkRun.State.DONE:
        raise Http404
    if not can_fetch(run, at=at):
        raise Gone(_("This file was fetched, or its 24 hours are over. Export the list anew."))
    pieces = ExportPart.objects.filter(run=run, is_file=True).order_by("n")
    data = b"".join(parts.opened(piece) for piece in pieces)
    run.fetched_at = at
    run.save(update_fields=["fetched_at"])
    pieces.delete()
    audit.record(by, "export.fetched", run, at=at, rows=run.outcome["rows"], sha256=run.outcome["sha256"])
    return run, data
