"""Files to be read: small makers, and how a test reads them."""

import io
from typing import Any, NamedTuple

import xlsxwriter

from customers.imports import fields
from customers.imports.reading import look as reading
from customers.imports.reading.shape import Broken, Bytes, How, Look, Row

HEADER = ["订单号", "客户编号", "手机", "姓名", "下单时间", "实付金额", "状态"]
ROW = ["A1", "m1", "13801100014", "庚一", "2026-09-01 10:00", "100.00", "已付款"]


class Read(NamedTuple):
    seen: Look
    names: list[str]
    cells: list[list[str]]
    broken: list[int]
    left_out: list[int]


def look(content: bytes, **how: Any) -> Look:
    return reading.look(Bytes(content), How(**how), fields.field_of)


def read(content: bytes, **how: Any) -> Read:
    """The whole file, as it was seen at its beginning."""
    seen = look(content, **how)
    names, rows = reading.rows(Bytes(content), seen.how, fields.field_of, seen.names)
    taken = list(rows)
    return Read(
        seen,
        names,
        [row.cells for row in taken if isinstance(row, Row)],
        [row.line_number for row in taken if isinstance(row, Broken)],
        [row.line_number for row in rows.left_out],
    )


def csv(*rows: list[str], separator: str = ",", end: str = "\r\n") -> str:
    return "".join(separator.join(row) + end for row in rows)


def workbook(*sheets: tuple[str, list[list[Any]]], merged: tuple[str, ...] = ()) -> bytes:
    """An xlsx of these sheets; `merged` are ranges of the first one that show the value of their first cell."""
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as book:
        for place, (name, rows) in enumerate(sheets):
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            for area in merged if place == 0 else ():
                first = area.split(":")[0]
                column, line = ord(first[0]) - ord("A"), int(first[1:]) - 1
                sheet.merge_range(area, rows[line][column])
    return held.getvalue()
