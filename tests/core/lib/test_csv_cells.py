"""CSV for a spreadsheet: nothing of it is calculated."""

import csv
import io
from decimal import Decimal

import pytest

from core.lib import csv_cells

SIGNS = "=+-@＝＋－＠"
HOSTILE = [
    *(f"{sign}HYPERLINK(1)" for sign in SIGNS),
    *(f"{before}=1+1" for before in ("\t", "\r", "\n", " ", "\u00a0", "\u3000", "\ufeff", "\u200b", " \t ", "\x00")),
    "\tplain",
    "-1+cmd|' /C calc'!A0",
    "+8613900001111",
    "--5",
    "-",
]


@pytest.mark.parametrize("cell", HOSTILE)
def test_a_formula_becomes_text(cell: str) -> None:
    line = "".join(csv_cells.lines([["a", cell]]))

    assert next(csv.reader(io.StringIO(line, newline=""))) == ["a", f"'{cell}"]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        (-5, "-5"),
        (Decimal("-30.00"), "-30.00"),
        (-1.5, "-1.5"),
        ("-30.00", "-30.00"),
        ("12", "12"),
        (None, ""),
        ("", ""),
        ("春季满减 = 30", "春季满减 = 30"),
        ("tom@example.com", "tom@example.com"),
    ],
)
def test_numbers_and_ordinary_words_stay_as_they_are(cell: object, written: str) -> None:
    assert list(csv_cells.lines([[1, cell, "x"]])) == [f"1,{written},x\r\n"]
