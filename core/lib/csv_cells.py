"""CSV for people: a cell that a spreadsheet would calculate is made text.

`defusedcsv` was weighed first: it lets a tab and the full-width signs through, and rewrites every “|” of a cell.
What a program reads (COPY, a workbook turned into CSV) is written with plain `csv`: there an apostrophe would be data.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

# The full-width forms are these after NFKC.
_SIGNS = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")
# What the last row of a file that Laoke wrote begins with: an import passes over it.
FOOT = "# Laoke"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def as_text(cell: Any) -> Any:
    """The cell as it may stand in a file for a spreadsheet: behind an apostrophe if it would be taken for a formula.

    Numbers stay numbers, negative ones too, whether they come as such or as text.
    """
    text = "" if cell is None else str(cell)
    if isinstance(cell, (int, float, Decimal)) or _NUMBER.fullmatch(text):
        return cell
    return f"'{text}" if _is_calculated(text.lstrip("'")) else text


def read_back(text: str) -> str:
    """The cell as it was before `as_text`: a file that was taken away and comes back says what it said."""
    return text[1:] if text.startswith("'") and _is_calculated(text.lstrip("'")) else text


def _is_calculated(text: str) -> bool:
    if _NUMBER.fullmatch(text):
        return False
    return text.startswith(_BREAKS) or _first_sign(text) in _SIGNS


def _first_sign(text: str) -> str:
    """The first character that is seen, in its usual width: spreadsheets pass over blanks and invisible signs."""
    seen = (sign for sign in text if unicodedata.category(sign)[0] not in "CZ")
    return unicodedata.normalize("NFKC", next(seen, ""))


def lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The lines of a CSV for a spreadsheet, one at a time."""
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([as_text(cell) for cell in row])
        yield line.getvalue()
