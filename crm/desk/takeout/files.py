"""Tables as files that a spreadsheet opens: no cell is a formula, figures are numbers, all else is text."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import NamedTuple

import xlsxwriter

from core.lib import csv_cells
from crm.desk.takeout.tables import Cell, Table

BOM = "\ufeff"
# Of a sheet's name: what Excel does not take, and how long it may be.
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\']")
_NAME = 31
_WIDEST = 60


class Sheets(NamedTuple):
    """What is taken away: the heading of its page, the tables, and lines that say whose and of when it is."""

    title: str
    tables: Sequence[Table]
    foot: Sequence[str]


def as_csv(sheets: Sheets) -> bytes:
    """UTF-8 with its mark, so that Excel reads Chinese; several tables stand under each other with their names."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in _lines(sheets):
        writer.writerow([csv_cells.as_text(cell) for cell in row])
    return (BOM + text.getvalue()).encode()


def _lines(sheets: Sheets) -> Iterator[Sequence[Cell]]:
    for place, table in enumerate(sheets.tables):
        if len(sheets.tables) > 1:
            yield from ([[], [table.title]] if place else [[table.title]])
        if table.head:
            yield table.head
        yield from table.rows
    yield []
    yield from ([line] for line in sheets.foot)


def as_workbook(sheets: Sheets) -> bytes:
    """An .xlsx with a sheet for each table, its head frozen, and a last sheet that says whose and of when it is."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"title": sheets.title, "comments": "\n".join(sheets.foot)})
        bold, taken = book.add_format({"bold": True}), set[str]()
        for table in sheets.tables:
            _sheet(book, _name(table.title or sheets.title, taken), table, bold)
        about = book.add_worksheet(_name("Laoke", taken))
        about.set_column(0, 0, _WIDEST)
        for line, text in enumerate([sheets.title, *sheets.foot]):
            about.write_string(line, 0, text)
    return file.getvalue()


def _sheet(book: xlsxwriter.Workbook, name: str, table: Table, bold: object) -> None:
    sheet = book.add_worksheet(name)
    first = 1 if table.head else 0
    for column, word in enumerate(table.head):
        sheet.write_string(0, column, word, bold)
    if table.head:
        sheet.freeze_panes(1, 0)
    for line, row in enumerate(table.rows, start=first):
        for column, cell in enumerate(row):
            if isinstance(cell, Decimal):
                sheet.write_number(line, column, cell)
            elif cell:
                sheet.write_string(line, column, cell)
    for column, width in enumerate(_widths(table)):
        sheet.set_column(column, column, width)


def _widths(table: Table) -> Iterator[int]:
    """Room for what stands in each column; a Chinese sign takes two places."""
    rows: list[Sequence[Cell]] = [table.head, *table.rows[:200]]
    for cells in zip_longest(*rows, fillvalue=""):
        yield min(_WIDEST, 2 + max(_room(cell) for cell in cells))


def _room(cell: Cell) -> int:
    return sum(2 if ord(sign) > 0x2E80 else 1 for sign in str(cell))


def _name(title: str, taken: set[str]) -> str:
    """A name that Excel takes and no other sheet has, whatever the case of its letters."""
    plain = _NOT_IN_A_NAME.sub(" ", title).strip()[:_NAME] or "Laoke"
    name, number = plain, 1
    while name.lower() in taken:
        number += 1
        name = f"{plain[: _NAME - 4]} {number}"
    taken.add(name.lower())
    return name
