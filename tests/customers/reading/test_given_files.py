"""The given exports, as far as they are about reading: rows in, what is no row out, nothing torn, no doubt open."""

from pathlib import Path

import pytest

from tests.customers.reading.files import read

FILES = Path(__file__).resolve().parents[2] / "data" / "exports"
# Start of the name -> (encoding, separator, line of the header, rows, lines left out)
RIGHT = {
    "01": ("gb18030", ",", 1, 5, 0),
    "02": ("utf-8", ",", 1, 4, 0),
    "03": ("utf-8", ",", 1, 5, 0),
    "04": ("utf-8", ",", 1, 5, 0),
    "05": ("utf-8", ",", 1, 3, 0),
    "06a": ("utf-8", ",", 1, 1, 0),
    "06b": ("utf-8", ",", 1, 1, 0),
    "07": ("", "", 1, 3, 0),
    "08": ("utf-8", ",", 1, 5, 0),
    "09a": ("utf-8", ",", 1, 2, 0),
    "09b": ("utf-8", ",", 1, 2, 0),
    "10": ("utf-8", ",", 1, 3, 0),
    "11": ("utf-8", ",", 1, 2, 0),
    "12": ("utf-8", ",", 1, 5, 0),
    "13": ("utf-8", ",", 1, 6, 0),
    "14": ("utf-8", ",", 1, 2, 0),
    "15": ("utf-8", ",", 1, 36, 0),
    "16": ("utf-8", ",", 1, 59, 0),
    "17": ("big5hkscs", ",", 1, 2, 0),
    "18": ("cp1252", ",", 1, 3, 0),
    "19": ("utf-8", ",", 1, 3, 1),
    "20": ("", "", 2, 1, 0),
    "21": ("utf-8", ",", 1, 3, 0),
    "22": ("utf-8", ",", 1, 1, 0),
    "23-shop-of-400-with-": ("utf-8", ",", 1, 1219, 0),
    "23-shop-of-400-without": ("utf-8", ",", 1, 1218, 0),
    "24": ("utf-8", ",", 1, 5, 0),
    "25": ("utf-8", ",", 1, 2, 0),
    "26": ("utf-8", ",", 1, 3, 0),
    "27a": ("utf-8", ",", 1, 3, 0),
    "27b": ("utf-8", ",", 1, 3, 0),
    "28": ("utf-8", ",", 1, 1, 0),
    "29": ("utf-8", ",", 1, 26, 0),
    "30": ("utf-8", "\t", 1, 4, 0),
    "31": ("", "", 1, 3, 0),
    "32": ("utf-8", ",", 1, 29, 0),
    "33": ("utf-8", ",", 1, 5, 0),
    "34": ("utf-8", ";", 2, 1, 0),
    "35": ("utf-8", ",", 1, 2, 0),
}


def given(start: str) -> bytes:
    [path] = [path for path in FILES.iterdir() if path.name.startswith(start)]
    return path.read_bytes()


def test_none_is_missing() -> None:
    names = [path.name for path in FILES.iterdir() if path.suffix in (".csv", ".xlsx", ".txt")]

    assert len(names) == len(RIGHT)


@pytest.mark.parametrize("start", RIGHT)
def test_a_given_file_is_read(start: str) -> None:
    encoding, separator, header_line, rows, left_out = RIGHT[start]

    found = read(given(start))

    assert (found.seen.encoding, found.seen.separator, found.seen.header_line) == (encoding, separator, header_line)
    assert (len(found.cells), len(found.left_out), found.broken, found.seen.doubts) == (rows, left_out, [], [])


@pytest.mark.parametrize(
    ("start", "column", "cells"),
    [
        ("07", "订单号", ["3.51900000000001E+17"] * 3),
        ("15", "下单时间", None),
        ("17", "name", ["陳怡君", "許淑惠"]),
        ("17", "city", ["臺北市", "高雄市"]),
        ("22", "商品名 (2)", ["p2"]),
        ("31", "订单号", ["L1", "L1", "L2"]),
        ("31", "商品金额", ["30", "20", "50"]),
        ("34", "姓名", ["辛一"]),
    ],
)
def test_its_cells_are_those_of_the_shop(start: str, column: str, cells: list[str] | None) -> None:
    found = read(given(start))
    seen = [row[found.names.index(column)] for row in found.cells]

    assert seen == (cells or [*seen[:27], '="2026-10-08 09:30"', *seen[28:]])
