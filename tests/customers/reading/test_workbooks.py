"""Workbooks, and pages that call themselves one, taken apart by the child.

Neighbours were chosen by who writes such files: spreadsheets with a sheet of instructions, shops that merge the cells of
an order, back ends that send HTML or the XML of 2003 as `.xls`. The hostile ones ask for memory, time or entities
without end.
"""

import gzip
import io
import subprocess
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
import xlsxwriter

from core.lib.errors import Invalid
from customers.imports.reading import packed, sandbox, workbook
from customers.imports.reading.book import Refused
from tests.customers.reading.files import HEADER, ROW, csv, look, read
from tests.customers.reading.files import workbook as xlsx

SECOND = ["A2", "m2", "13801100015", "庚二", "2026-09-02 10:00", "100.00", "已付款"]
THIRD = ["A3", "m3", "13801100016", "庚三", "2026-09-03 10:00", "100.00", "已付款"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (20261008.0, "20261008"),
        (2.0, "2"),
        (0.1 + 0.2, "0.3"),
        (1200.5, "1200.5"),
        (-35.0, "-35"),
        (0.0000001, "0.0000001"),
        (202611010001234, "202611010001234"),
        (999999999999999.0, "999999999999999"),
        (351900000000001014.0, "3.51900000000001E+17"),
        (35190000000000000, "3.519E+16"),
        (1e15, "1E+15"),
        (True, "TRUE"),
        (date(2026, 10, 8), "2026-10-08"),
        (datetime(2026, 10, 8, 9, 29, 59, 999_900), "2026-10-08 09:30:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        (" \u00a0 ", ""),
        ("007", "007"),
    ],
)
def test_a_cell_is_read_as_people_see_it(cell: Any, text: str) -> None:
    assert workbook.as_text(cell) == text


@pytest.mark.parametrize("above", [[["2026年9月订单"]], [["店铺", "青禾"], [], ["导出", "2026-10-01"]], []])
def test_the_header_of_a_sheet_is_found(above: list[list[str]]) -> None:
    found = read(xlsx(("Sheet1", [*above, HEADER, ROW, SECOND])))

    assert (found.names, found.cells, found.seen.header_line) == (HEADER, [ROW, SECOND], len(above) + 1)


def test_the_sheet_with_the_known_header_is_read_and_the_others_are_offered() -> None:
    book = xlsx(
        ("说明", [["使用说明"], ["第一步", "下载"]]), ("空", []), ("订单", [HEADER, ROW]), ("更多", [HEADER, SECOND])
    )

    found = read(book)

    assert (found.seen.sheet, found.seen.sheets, found.cells) == ("订单", ["说明", "订单", "更多"], [ROW])
    assert read(book, sheet="更多").cells == [SECOND]
    with pytest.raises(Invalid):
        look(book, sheet="空")


def test_merged_cells_are_filled_downwards_only() -> None:
    rows = [["九月", "", ""], ["订单号", "商品", "实付金额"], ["L1", "碗", "30"], ["", "碟", "20"], ["L2", "杯", "50"]]

    found = read(xlsx(("S", rows), merged=("A1:C1", "A3:A4")))

    assert found.cells == [["L1", "碗", "30"], ["L1", "碟", "20"], ["L2", "杯", "50"]]


def test_totals_and_blank_rows_of_a_sheet_are_left_out() -> None:
    found = read(xlsx(("S", [HEADER, ROW, [], SECOND, ["合计", "", "", "", "", 200], ["制表：小李"]])))

    assert (found.cells, found.left_out) == ([ROW, SECOND], [5, 6])


def html(rows: list[list[str]], encoding: str = "utf-8", head: str = "") -> bytes:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<html><head>{head}</head><body><table>{body}</table></body></html>".encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8", ""),
        ("gb18030", '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">'),
        ("gb18030", ""),
        ("utf-8-sig", "<style>td {mso-number-format: '@'}</style>"),
        ("utf-16", ""),
        ("big5", '<meta charset="big5">'),
    ],
)
def test_a_page_called_xls_is_read(encoding: str, head: str) -> None:
    name = "陳怡君" if encoding == "big5" else "庚一"
    header = ["order_no", "customer", "phone", "name", "date", "paid", "status"] if encoding == "big5" else HEADER
    row = ["A1", "m1", "13801100014", name, "2026-09-01 10:00", "100.00", "paid"]

    found = read(html([header, row, row], encoding, head))

    assert (found.seen.kind, found.names, found.cells) == ("html", header, [row, row])


def test_cells_of_a_page_that_span_rows_are_filled_and_unclosed_tags_do_no_harm() -> None:
    page = "<table><tr><th>订单号<th>商品<th>实付金额<tr><td rowspan=2>L1<td>碗&amp;碟<td>30<tr><td>杯<br>大<td>20"

    assert read(page.encode()).cells == [["L1", "碗&碟", "30"], ["L1", "杯 大", "20"]]


XML = """<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Worksheet ss:Name="订单"><Table>
<Row><Cell><Data ss:Type="String">订单号</Data></Cell><Cell><Data ss:Type="String">日期</Data></Cell>
<Cell><Data ss:Type="String">实付</Data></Cell></Row>
<Row ss:Index="3"><Cell ss:MergeDown="1"><Data ss:Type="String">L1</Data></Cell>
<Cell><Data ss:Type="DateTime">2026-10-08T09:30:00.000</Data></Cell><Cell><Data ss:Type="Number">30</Data></Cell></Row>
<Row><Cell ss:Index="3"><Data ss:Type="Number">351900000000001014</Data></Cell></Row>
</Table></Worksheet></Workbook>"""


def test_a_spreadsheet_of_2003_is_read() -> None:
    found = read(XML.encode())

    assert (found.seen.kind, found.seen.sheet) == ("xml", "订单")
    assert found.cells == [["L1", "2026-10-08 09:30:00", "30"], ["L1", "", "3.51900000000001E+17"]]


def zipped(*names: str, text: bytes = csv(HEADER, ROW).encode()) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, text)
    return held.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(csv(HEADER, ROW).encode(), mtime=0),
        zipped("orders.csv"),
        zipped("orders.csv", "__MACOSX/._orders.csv", "readme.md"),
        zipped("a/b/ORDERS.TXT"),
        zipped("orders.csv", text=csv(HEADER, ROW).encode("gb18030")),
    ],
)
def test_a_packed_text_is_unpacked_as_it_is_read(content: bytes) -> None:
    assert read(content).cells == [ROW]


def far_apart() -> bytes:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(1048575, 16383, "b")
    return held.getvalue()


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b']><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet><Table><Row><Cell><Data>&m;</Data>'
    b"</Cell></Row></Table></Worksheet></Workbook>"
)


@pytest.mark.parametrize(
    "content",
    [
        far_apart(),
        LAUGHS,
        xlsx(("S", [[f"c{n}" for n in range(10_000)], list(range(10_000))])),
        xlsx(("S", [])),
        zipped("xl/workbook.xml", text=b"x" * 1_000_000),
        zipped("a.csv", "b.csv"),
        zipped("a.exe"),
        gzip.compress(b"a,b\n" * 1000, mtime=0)[:-20],
        b"\x1f\x8bnonsense",
        b"PK\x03\x04rest",
        b"\xd0\xcf\x11\xe0rest",
        b"<table><tr><td>" * 5_000,
        b"<html><p>no table",
        b"<?xml version='1.0'?><orders><order/></orders>",
    ],
)
def test_what_the_child_cannot_read_is_said_in_words(content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        read(content)
    assert len(str(refusal.value)) > 15


def test_a_packed_text_is_refused_as_soon_as_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(packed, "LARGEST", 10 * packed.STEP)

    with pytest.raises(Refused, match="file_too_large"):
        packed.unpack(io.BytesIO(gzip.compress(b"a,b\n" * 10 * packed.STEP)), held)
    assert len(held.getvalue()) <= packed.LARGEST


def test_a_child_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    popen = subprocess.Popen

    def idle(_command: list[str], **named: Any) -> Any:
        started.append(popen(["sleep", "60"], **named))
        return started[0]

    monkeypatch.setattr(sandbox, "SILENT", 0.2)
    monkeypatch.setattr(subprocess, "Popen", idle)
    with pytest.raises(Invalid):
        look(xlsx(("S", [HEADER, ROW])))
    assert started[0].returncode is not None


def test_the_child_knows_nothing_of_the_house(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}
    popen = subprocess.Popen

    def noting(command: list[str], **named: Any) -> Any:
        seen.update(named["env"])
        return popen(command, **named)

    monkeypatch.setenv("SECRET_KEY", "of the house")
    monkeypatch.setattr(subprocess, "Popen", noting)

    assert read(xlsx(("S", [HEADER, ROW]))).cells == [ROW]
    assert set(seen) == {"PATH", "PYTHONPATH", "PYTHONIOENCODING", "MALLOC_ARENA_MAX"}
