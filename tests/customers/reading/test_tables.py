"""Where the table of a text is. Neighbours of each kind were taken from what spreadsheets, platforms and people are
known to write: the separators Excel uses by country, titles above and remarks below as in the exports of payment
services, totals in the words of five languages, rows cut by Excel, quotation marks as older exporters write them.
"""

import pytest

from core.lib.errors import Invalid
from tests.customers.reading.files import HEADER, ROW, csv, look, read

SECOND = ["A2", "m2", "13801100015", "庚二", "2026-09-02 10:00", "100.00", "已付款"]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_and_the_ends_of_lines_are_seen(separator: str, end: str) -> None:
    found = read(csv(HEADER, ROW, SECOND, separator=separator, end=end).encode())

    assert (found.seen.separator, found.names, found.cells) == (separator, HEADER, [ROW, SECOND])


def test_a_comma_within_amounts_does_not_part_cells() -> None:
    row = [*ROW[:5], "1,00", ROW[6]]

    assert read(csv(HEADER, row, row, separator=";").encode()).cells == [row, row]


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;;;", "\ufeffsep=;"])
def test_a_line_that_says_the_separator_is_obeyed(said: str) -> None:
    found = read(f"{said}\r\n{csv(HEADER, ROW, separator=';')}".encode())

    assert (found.seen.separator, found.seen.header_line, found.cells) == (";", 2, [ROW])


@pytest.mark.parametrize(
    "above",
    [
        "2026年9月订单明细\n",
        "2026年9月订单明细,,,,,,\n\n",
        "#支付宝账务明细查询\n#账号：[2088]\n#起始日期：[2026-09-01]\n",
        '"店铺：青禾","导出时间：2026-10-01 09:00"\n',
        "Orders,September 2026\n,\n",
        "订单信息,,客户信息,,付款,,\n",
        "\n\n\n",
    ],
)
def test_the_header_is_found_below_what_stands_above_it(above: str) -> None:
    found = read((above + csv(HEADER, ROW, SECOND)).encode())

    assert (found.names, found.cells) == (HEADER, [ROW, SECOND])


def test_a_header_nobody_knows_is_found_by_its_shape_and_can_be_chosen() -> None:
    text = "Report of the shop\n\nwho,when,money\nc,2026-11-01,5\nd,2026-11-02,6\n"

    assert read(text.encode()).names == ["who", "when", "money"]
    assert read(text.encode(), header_line=4).names == ["c", "2026-11-01", "5"]
    assert look(text.encode(), header_line=4).notes[-1].endswith("Is the header missing?")


@pytest.mark.parametrize(
    "line",
    [
        ",,,,合计,200.00,",
        "合计,,,,,200.00,",
        "总计：2单,,,,,200.00,",
        "Total,,,,,200.00,",
        "Grand Total:,,,,,200.00,",
        ",,,,小計,200.00,",
        "합계,,,,,200.00,",
        ",,,,,200.00,",
        "合计,,,200.00",
        "共2条记录",
        "#导出时间：[2026-10-01 09:00:00]",
        "-----------------",
        "导出人：小李,,,,,,",
    ],
)
def test_totals_and_remarks_below_are_left_out(line: str) -> None:
    found = read((csv(HEADER, ROW, SECOND) + line + "\n").encode())

    assert (found.cells, found.broken, found.left_out) == ([ROW, SECOND], [], [4])


@pytest.mark.parametrize(
    "row",
    [
        ["A3", "m3", "", "总计", "2026-09-03", "5", ""],
        ["Total-1", "m3", "", "Total", "2026-09-03", "5", ""],
        ["", "", "", "碟", "", "20.00", ""],
    ],
)
def test_a_row_that_only_looks_like_totals_stays(row: list[str]) -> None:
    found = read(csv(HEADER, ROW, row, SECOND).encode())

    assert (found.cells, found.left_out) == ([ROW, row, SECOND], [])


def test_a_header_that_comes_again_is_left_out() -> None:
    found = read(csv(HEADER, ROW, HEADER, SECOND).encode())

    assert (found.cells, found.left_out) == ([ROW, SECOND], [3])


@pytest.mark.parametrize(
    ("extra", "short"), [(["备注"], 1), (["备注", "标签"], 2), (["邮箱"], 1), (["城市", "备注", "旗"], 3)]
)
def test_cells_dropped_at_the_end_are_blank(extra: list[str], short: int) -> None:
    full = [*ROW, *["x"] * short]

    found = read(csv([*HEADER, *extra], full, SECOND).encode())

    assert (found.cells, found.broken) == ([full, SECOND + [""] * short], [])


def test_a_line_that_is_torn_is_given_back() -> None:
    found = read((csv(HEADER, ROW) + "A9,m9,138\n" + csv(SECOND, [*SECOND, "too much"], [*SECOND, "", " "])).encode())

    assert (found.cells, found.broken) == ([ROW, SECOND, SECOND], [3, 5])


def test_names_are_all_there_and_all_different() -> None:
    header = [*HEADER, "商品名", "商品名", "", "备注", "备注", "商品名", ""]

    found = read(csv(header, [*ROW, "p1", "p2", "?", "", "", "p3", ""]).encode())

    assert found.names == [*HEADER, "商品名", "商品名 (2)", "Column 10", "备注", "备注 (2)", "商品名 (3)"]


def test_names_are_read_without_what_nobody_sees() -> None:
    assert read(
        'order\n no,"customer\nid",\u200bdate,paid\u00a0\n1,c,2026-11-01,5\n'.replace("order\n no", "order no").encode()
    ).names == [
        "order no",
        "customer id",
        "date",
        "paid",
    ]


@pytest.mark.parametrize(
    ("line", "cell"),
    [
        ('A1,m1,138,"="2026-10-08"",2026-09-01,1,', '="2026-10-08"'),
        ('A1,m1,138,"5" screen",2026-09-01,1,', '5" screen'),
        ('A1,m1,138,"a ""b"" c",2026-09-01,1,', 'a "b" c'),
        ('A1,m1,138,5" screen,2026-09-01,1,', '5" screen'),
        ('A1,m1,138,"say "yes", he",2026-09-01,1,', None),
        ('A1,m1,138,"open,2026-09-01,1,', None),
    ],
)
def test_quotation_marks_are_mended_where_they_have_one_meaning(line: str, cell: str | None) -> None:
    found = read((csv(HEADER, ROW) + line + "\n" + csv(SECOND)).encode())

    assert [row[3] for row in found.cells] == ["庚一", *([cell] if cell else []), "庚二"]
    assert found.broken == ([] if cell else [3])


def test_zeros_between_signs_are_nothing() -> None:
    assert read(csv(HEADER, [*ROW[:6], "\0"], SECOND).encode()).cells == [[*ROW[:6], ""], SECOND]


@pytest.mark.parametrize(
    "content",
    [
        b"a" * 140_000 + b",b\n1,2\n",
        ("a," * 9_999 + "b\n").encode() + b"1,2\n",
        b"a,b\n1," + b"x" * (9 * 1024 * 1024),
        bytes(range(256)) * 100,
        b'{"orders": []}',
        b"%PDF-1.7",
        b"\x89PNG\r\n",
        b"one\ntwo\n",
        b"\xef\xbb\xbf",
        b"a,b\n" + b'1,"x\n' * 60_000,
    ],
)
def test_what_is_no_table_is_said_in_words(content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        read(content)
    assert len(str(refusal.value)) > 15
