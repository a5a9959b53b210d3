"""Lines of text or rows of a sheet to the rows of a table: where it begins, what its columns are called."""

import csv
import io
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from django.utils.translation import gettext as _

from core.lib import csv_cells
from core.lib.errors import Invalid
from customers.imports.reading.shape import Broken, FieldOf, LeftOut, Row
from customers.imports.reading.stream import UNREADABLE

SEPARATORS = (",", "\t", ";", "|")
MOST_COLUMNS = 500
# How far down a header is looked for, and how many rows say what the columns hold.
HEADER_WITHIN = 40
SAMPLE = 200
MOST_TOLD = 1_000
# More torn lines than this, and than rows, and the file is no such table.
MOST_BROKEN = 20_000
# Lines that may be read again after quotation marks that do not match, in all.
MOST_REREAD = 1_000_000
# Without a value in one of these a row says something else: a line that ends before them is torn.
DECISIVE = frozenset(("order_no", "customer", "date", "paid", "line_paid", "cost", "units", "status", "version"))
_TOTALS = re.compile(
    r"(以上|本页|本頁|全部|页面|頁面|当前页|grand|sub|page|order)?[\s-]*"
    r"(合计|合計|总计|總計|共计|共計|小计|小計|汇总|彙總|总数|總數|总额|總額|累计|累計"
    r"|平均|均值|平均值|total|totals|average|avg|sum|summary|summe|gesamt|итого|합계|총계|소계|計)"
    r"([\s(（\[:：].*)?",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"#.*|[-=*_—]{3,}.*|(共|总共|總共|合计|本次|以上)\s*\d+.*|(导出|匯出|制表|製表|打印|列印|备注|備註|说明|說明|注|註|查询|查詢|生成|统计|統計)\w*\s*[:：].*"
    r"|第\s*\d+\s*[页頁].*|seller\s*id\s*[:：].*"
    r"|(exported|generated|printed|created|report|page|note|notes|source|end of)\b.*",
    re.IGNORECASE,
)
_COUNT = re.compile(r"\d+ records?\b.*", re.IGNORECASE)
_NUMBER = re.compile(r"[-+¥￥$€£]?\s*[\d,.]+%?")
_VALUE = re.compile(r"[-+¥￥$€£]?\s*\d[\d,.\s:/T+Z年月日-]*%?")


class Fit(NamedTuple):
    """What makes the cells of a row as many as there are names; width 0 takes every row as it is."""

    width: int = 0
    optional: frozenset[int] = frozenset()

    def cells(self, cells: list[str]) -> list[str] | None:
        """The cells, filled up or cut where nothing is lost by it; None for a torn row."""
        if len(cells) > self.width:
            return None if any(cell.strip() for cell in cells[self.width :]) else cells[: self.width]
        lacking = range(len(cells), self.width)
        return cells + [""] * len(lacking) if self.optional.issuperset(lacking) else None


class Table(NamedTuple):
    """Where the table of a file begins and what its columns are called."""

    separator: str
    header_line: int
    names: list[str]
    header: list[str]  # as the cells are written
    optional: frozenset[int]  # columns that a short row may lack
    order_no: int  # its column, -1 if none is known as such
    notes: list[str]

    @property
    def fit(self) -> Fit:
        return Fit(len(self.names), self.optional)


# Lines to rows ----------------------------------------------------------------------------------------------------


def records(lines: Iterable[str], separator: str, number: int, fit: Fit, encoding: str) -> Iterator[Row | Broken]:
    """Every row from the line of this number on; after a line that cannot be read, reading goes on with the next."""
    source, again = iter(lines), deque[str]()
    reread = 0
    width = fit.width
    while True:
        taken: list[str] = []
        reader = csv.reader(_noting(source, again, taken), delimiter=separator, strict=True)
        reason = ""
        try:
            for cells in reader:
                line = taken[0] if len(taken) == 1 else "".join(taken)
                if UNREADABLE in line:
                    reason = _("The line has signs that are not %(encoding)s.") % {"encoding": encoding}
                    break
                if width and len(cells) != width and any(cells):
                    fitted = fit.cells(cells)
                    if fitted is None:
                        reason = _("The line has %(cells)d cells, the header %(names)d.") % {
                            "cells": len(cells),
                            "names": width,
                        }
                        break
                    cells = fitted
                if "'" in line:
                    cells = [csv_cells.read_back(cell) for cell in cells]
                if any(cells):
                    yield Row(number, line.rstrip("\r\n"), cells)
                number += len(taken)
                taken.clear()
        except csv.Error:
            reason = _("The quotation marks of this line do not match.")
        if not reason:
            return
        if mended := _mended(taken[0], separator, fit):
            yield Row(number, taken[0].rstrip("\r\n"), mended)
        else:
            yield Broken(number, taken[0].rstrip("\r\n").replace(UNREADABLE, "\ufffd"), reason)
        number += 1
        again.extendleft(reversed(taken[1:]))
        reread += len(taken)
        if reread > MOST_REREAD:
            raise Invalid(
                _("The quotation marks of the file do not match from line %(line)d on.") % {"line": number},
                code="not_csv",
            )


def _mended(line: str, separator: str, fit: Fit) -> list[str]:
    """The cells of a line whose cells were quoted without doubling those in them, [] if it is none."""
    if UNREADABLE in line or '"' not in line:
        return []
    edge = re.escape(separator)
    cells = re.findall(rf'(?:^|{edge})(?:"(.*?)"(?={edge}|$)|([^"{edge}][^{edge}]*|))(?={edge}|$)', line.rstrip("\r\n"))
    joined = separator.join(f'"{quoted}"' if quoted else plain for quoted, plain in cells)
    if joined.replace('""', "") != line.rstrip("\r\n").replace('""', ""):
        return []
    values = [
        (quoted.replace('""', '"') if quoted.count('""') * 2 == quoted.count('"') else quoted) or plain
        for quoted, plain in cells
    ]
    return values if fit.width in (0, len(values)) else []


def sheet_row(number: int, cells: list[str], fit: Fit) -> Row | Broken:
    """A row of a sheet; its line is what a CSV would have there."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    fitted = cells if len(cells) == fit.width else Fit(fit.width, frozenset(range(fit.width))).cells(cells)
    if fitted is None:
        reason = _("The line has %(cells)d cells, the header %(names)d.") % {"cells": len(cells), "names": fit.width}
        return Broken(number, line.getvalue(), reason)
    return Row(number, line.getvalue(), fitted)


def _noting(source: Iterator[str], again: deque[str], taken: list[str]) -> Iterator[str]:
    while again:
        line = again.popleft()
        taken.append(line)
        yield line
    for line in source:
        taken.append(line)
        yield line


# Where the table begins ---------------------------------------------------------------------------------------------


def separator_said(line: str) -> str:
    """What a first line `sep=;` says, "" for any other line."""
    said = re.fullmatch(r'"?sep=(.|\\t|tab)"?[,;\t|"]*', line.strip("\r\n \ufeff"), re.IGNORECASE)
    if not said:
        return ""
    return "\t" if said[1] in ("\\t", "tab") else said[1]


def likely_separator(lines: list[str], field_of: FieldOf) -> str:
    """The one that parts the most known names, else the one that parts most lines into equally many cells."""

    def shown(separator: str) -> tuple[int, float, int]:
        rows = [row.cells for row in records(lines, separator, 1, Fit(), "") if isinstance(row, Row)]
        widths = Counter(len(cells) for cells in rows)
        width, times = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]), default=(1, 0))
        known = max((_known(cells, field_of) for cells in rows[:HEADER_WITHIN]), default=0)
        return (known if known > 1 else 0, times / len(rows) if width > 1 else 0.0, width)

    return max(SEPARATORS, key=shown)


def _known(cells: list[str], field_of: FieldOf) -> int:
    return len({field for cell in cells if (field := field_of(clean(cell)))})


def clean(name: str) -> str:
    """A header cell on one line, without signs that nobody sees."""
    seen = "".join(char for char in name if unicodedata.category(char) not in ("Cf", "Cc") or char.isspace())
    return " ".join(seen.split())


def likely_header(rows: list[tuple[int, list[str]]], field_of: FieldOf) -> int:
    """Place among the rows of the one that names the columns: by known names, else by its shape; -1 if none does."""
    first = rows[:HEADER_WITHIN]
    known = [_known(cells, field_of) for _number, cells in first]
    if max(known, default=0) >= 2:
        return known.index(max(known))
    widths = Counter(len(_filled(cells)) for _number, cells in rows if len(_filled(cells)) > 1)
    if not widths:
        return -1
    usual = max(widths.items(), key=lambda item: (item[1], item[0]))[0]
    wide = [place for place, (_number, cells) in enumerate(first) if len(_filled(cells)) * 5 >= usual * 3]
    named = [place for place in wide if not any(map(_VALUE.fullmatch, _filled(first[place][1])))]
    return (named or wide or [-1])[0]


def header_strength(rows: list[tuple[int, list[str]]], field_of: FieldOf) -> tuple[int, int]:
    """How surely these first rows of a sheet are a table of orders: known names, then rows of several cells."""
    known = max((_known(cells, field_of) for _number, cells in rows[:HEADER_WITHIN]), default=0)
    return known if known > 1 else 0, min(sum(len(_filled(cells)) > 1 for _number, cells in rows), 2)


def _filled(cells: list[str]) -> list[str]:
    return [cell for cell in map(str.strip, cells) if cell]


def tabled(rows: list[tuple[int, list[str]]], place: int, separator: str, field_of: FieldOf) -> Table:
    """The table whose header is the row at this place; `rows` are the first of the file. Refused when it is none."""
    number, header = rows[place]
    below = [cells for _number, cells in rows[place + 1 :]]
    width = len(header)
    while width and not header[width - 1].strip() and not any("".join(cells[width - 1 : width]) for cells in below):
        width -= 1
    header = header[:width]
    if len(_filled(header)) < 2:
        raise no_header()
    if width > MOST_COLUMNS:
        raise Invalid(
            _("The file has %(columns)d columns, at most %(most)d can be read. Leave out what is no order.")
            % {"columns": width, "most": MOST_COLUMNS},
            code="bad_header",
        )
    names = named(header)
    fields = [field_of(clean(name)) for name in header]
    full = [cells for cells in below if len(cells) >= width and len(_filled(cells)) * 2 > width]
    optional = frozenset(
        column
        for column in range(width)
        if fields[column] not in DECISIVE or any(not cells[column].strip() for cells in full)
    )
    order_no = fields.index("order_no") if "order_no" in fields else -1
    return Table(separator, number, names, header, optional, order_no, _notes(rows[:place], header, names))


def no_header() -> Invalid:
    return Invalid(
        _("No line of the file names its columns. Its first line must name them, separated by commas."),
        code="bad_header",
    )


def named(header: list[str]) -> list[str]:
    """Names that are all there and all different: “商品名 (2)” for the second of a name, “Column 7” for none."""
    names: list[str] = []
    for place, cell in enumerate(header, start=1):
        name = clean(cell)[:200] or _("Column %(number)d") % {"number": place}
        name = name.replace(UNREADABLE, "\ufffd")
        chosen, times = name, 1
        while chosen in names:
            times += 1
            chosen = f"{name} ({times})"
        names.append(chosen)
    return names


def _notes(above: list[tuple[int, list[str]]], header: list[str], names: list[str]) -> list[str]:
    notes = []
    if above:
        notes.append(_("Lines above the header are left out: %(count)d.") % {"count": len(above)})
    cleaned = [clean(cell) for cell in header]
    doubled = [name for name, cell in zip(names, cleaned, strict=True) if cell and name != cell]
    if doubled:
        notes.append(_("Columns of the same name are numbered: %(names)s.") % {"names": ", ".join(doubled[:20])})
    if any(map(_VALUE.fullmatch, cleaned)):
        notes.append(_("The first line looks like an order, not like names of columns. Is the header missing?"))
    return notes


# What is no row ---------------------------------------------------------------------------------------------------


class Body:
    """The rows below the header. `left_out`, complete when all rows are taken, are lines that are meant to be none."""

    def __init__(self, table: Table, rows: Iterable[Row | Broken]) -> None:
        self.left_out: list[LeftOut] = []
        self._rows, self._table = rows, table
        self._header = [clean(cell) for cell in table.header]

    def __iter__(self) -> Iterator[Row | Broken]:
        order_no, header = self._table.order_no, self._table.header
        waiting: Row | None = None
        good = broken = 0
        for row in self._rows:
            if waiting is not None:
                yield waiting
                waiting = None
            if isinstance(row, Row):
                good += 1
                # Nearly every number of an order ends with a digit: that row needs no second look.
                if order_no < 0 or not row.cells[order_no][-1:].isdigit() or row.cells == header:
                    if reason := self._reason(row.cells):
                        self._leave_out(row, reason)
                        continue
                    if self._only_sums(row.cells):
                        waiting = row
                        continue
            elif reason := self._remark(row.line):
                self._leave_out(row, reason)
                continue
            else:
                broken += 1
                if broken > MOST_BROKEN and broken > good:
                    raise Invalid(
                        _("Most lines of the file are no rows of this table: see line %(line)d, for example.")
                        % {"line": row.line_number},
                        code="not_csv",
                    )
            yield row
        if waiting is not None:
            self._leave_out(waiting, _("totals"))

    def _leave_out(self, row: Row | Broken, reason: str) -> None:
        if len(self.left_out) < MOST_TOLD:
            self.left_out.append(LeftOut(row.line_number, row.line, reason))

    def _reason(self, cells: list[str]) -> str:
        """Why this is no row, though it has the shape of one; "" if it is one."""
        if [clean(cell) for cell in cells] == self._header:
            return _("the header once more")
        filled, order_no = _filled(cells), self._table.order_no
        number = cells[order_no].strip() if order_no >= 0 else ""
        words = [number] if number else filled if order_no >= 0 else filled[:1]
        if len(filled) < len(cells) and any(map(_TOTALS.fullmatch, words)):
            return _("totals")
        if len(filled) == 1 and len(cells) > 2 and _REMARK.fullmatch(filled[0]):
            return _("a remark")
        return ""

    def _remark(self, line: str) -> str:
        """A line of too few cells that is a remark or the totals."""
        cells = _filled([cell.strip(' "') for cell in line.split(self._table.separator or ",")])
        if cells and _TOTALS.fullmatch(cells[0]):
            return _("totals")
        if len(cells) == 1 and _REMARK.fullmatch(cells[0]):
            return _("a remark")
        return _("a remark") if _COUNT.fullmatch(" ".join(cells[:2])) else ""

    def _only_sums(self, cells: list[str]) -> bool:
        """Whether the row has no order number and nothing but amounts: at the end of a file these are its totals."""
        filled = _filled(cells)
        order_no = self._table.order_no
        return (
            order_no >= 0
            and not cells[order_no].strip()
            and 0 < len(filled) <= 3
            and all(map(_NUMBER.fullmatch, filled))
        )


def first_rows(rows: Iterable[Row | Broken], most: int = SAMPLE) -> list[tuple[int, list[str]]]:
    return [(row.line_number, row.cells) for row in islice(rows, most) if isinstance(row, Row)]
