"""xlsx, xlsm, xlsb, xls and ods to rows of text, as people see their cells. Runs in the child. No Django here."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

import python_calamine

from customers.imports.reading.book import Cells, Refused

# A number has so many digits in a spreadsheet; whatever is longer has lost its end.
DIGITS = 15
Merged = dict[int, list[tuple[int, int]]]  # first row -> (column, last row)


class Workbook:
    encoding, evidence = "", ""

    def __init__(self, book: python_calamine.CalamineWorkbook) -> None:
        self._book = book
        self.plausible: list[str] = []
        visible = [sheet.name for sheet in book.sheets_metadata if "Visible" in str(sheet.visible)]
        tables = [sheet.name for sheet in book.sheets_metadata if "WorkSheet" in str(sheet.typ)]
        seen = [name for name in visible if name in tables]
        self.sheets = seen + [name for name in tables if name not in seen]

    def height(self, sheet: str) -> int:
        return self._book.get_sheet_by_name(sheet).total_height

    def rows(self, sheet: str) -> Iterator[Cells]:
        try:
            table = self._book.get_sheet_by_name(sheet)
        except python_calamine.WorksheetNotFound:
            raise Refused("no_sheet") from None
        except python_calamine.CalamineError:
            raise Refused("not_csv") from None
        if table.start is None:
            return
        first_row, first_column = table.start
        filled = _Merged(table.merged_cell_ranges or [], first_column)
        for number, cells in enumerate(table.iter_rows(), start=first_row):
            yield number + 1, filled.row(number, [as_text(cell) for cell in cells])


class _Merged:
    """Gives the cells that are merged downwards the value of their first one."""

    def __init__(self, ranges: list[tuple[tuple[int, int], tuple[int, int]]], first_column: int) -> None:
        self._from: Merged = {}
        for (top, left), (bottom, _right) in ranges:
            if bottom > top and left >= first_column:
                self._from.setdefault(top, []).append((left - first_column, bottom))
        self._open: dict[int, tuple[int, str]] = {}  # column -> (last row, value)

    def row(self, number: int, cells: list[str]) -> list[str]:
        for column, (last, value) in list(self._open.items()):
            if number > last:
                del self._open[column]
            elif column < len(cells) and not cells[column]:
                cells[column] = value
        for column, last in self._from.get(number, ()):
            if column < len(cells):
                self._open[column] = (last, cells[column])
        return cells


def opened(file: IO[bytes]) -> Workbook:
    try:
        return Workbook(python_calamine.load_workbook(file))
    except python_calamine.PasswordError:
        raise Refused("password") from None
    except python_calamine.CalamineError:
        raise Refused("not_csv") from None


def as_text(cell: Any) -> str:
    """A cell as a person sees it: 2 for 2.0, days in ISO; a number longer than a spreadsheet can hold as 3.519E+17."""
    if isinstance(cell, str):
        return cell.strip() if cell.isspace() else cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return number(cell)
    if isinstance(cell, datetime):
        return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")  # Excel keeps parts of a day
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, time):
        return cell.replace(microsecond=0).isoformat()
    return str(cell)


def number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    shortest = Decimal(format(value, f".{DIGITS}g"))  # as many digits as Excel has
    if abs(shortest) >= 10**DIGITS:
        mantissa, _e, exponent = format(shortest, f".{DIGITS - 1}E").partition("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E+{int(exponent)}"
    if shortest == shortest.to_integral_value():
        return str(int(shortest))
    return format(shortest, "f").rstrip("0")
