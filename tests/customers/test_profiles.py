"""Rows as the platforms and their sellers' spreadsheets write them: what is recognised, and what a row comes to.

The headers are those that the platforms document or that their users quote in reports; every platform has at least one
export here that is not among tests/data/exports. The neighbours of each kind (continued orders, totals, refunds, units,
last month's columns) were chosen by changing one thing of a file there: the place of the blank cells, the word, the
sign, the language, the order of the rows.
"""

from pathlib import Path
from typing import Any

import pytest

from core.lib.errors import Invalid
from customers.imports import profiles, understanding
from customers.imports.choices import Choices
from customers.imports.reading.shape import Row
from customers.imports.row import Note, Parsed, Rejected, Staged, parse
from customers.imports.understanding import Findings

NOBODY = Choices()
FILES = Path(__file__).parents[1] / "data" / "profiles"


def rows_of(text: str) -> tuple[list[str], list[Row]]:
    lines = [line.split("|") for line in text.strip().splitlines()]
    return lines[0], [Row(number, "|".join(cells), cells) for number, cells in enumerate(lines[1:], 2)]


def understood(
    text: str, choices: Choices = NOBODY, before: Choices | None = None, columns: Any = ()
) -> tuple[Choices, Findings]:
    names, rows = rows_of(text)
    chosen, findings = understanding.columns(names, [row.cells for row in rows], choices, before, columns)
    return understanding.survey(rows, names, chosen, findings, is_guess=not choices.mapping), findings


def read(text: str, choices: Choices = NOBODY) -> list[Parsed]:
    names, rows = rows_of(text)
    return list(parse(iter(rows), names, understood(text, choices)[0]))


def told(text: str, choices: Choices = NOBODY) -> list[tuple[Any, ...]]:
    """(number, status, day, paid, of the line, money back) of each row that goes in."""
    return [
        (row.external_id, row.status, row.ordered_on, row.paid, row.line_paid, row.refunded)
        for row in read(text, choices)
        if isinstance(row, Staged)
    ]


JD = (FILES / "jd.txt").read_text()
A1688 = (FILES / "1688.txt").read_text()
PDD = (FILES / "pdd.txt").read_text()
MAGENTO = (FILES / "magento.txt").read_text()
EBAY = (FILES / "ebay.txt").read_text()
DOUYIN = (FILES / "douyin.txt").read_text()


@pytest.mark.parametrize(
    ("text", "profile", "rows"),
    [
        (
            JD,
            "jd",
            [
                ("2900000001", "paid", "2026-10-08", 9000, 10000, None),
                ("2900000002", "paid", "2026-10-08", 2000, 2000, None),
            ],
        ),
        (
            A1688,
            "1688",
            [
                ("1234567890123456789", "paid", "2026-10-08", 9800, None, None),
                ("1234567890123456790", "cancelled", "2026-10-09", 5000, None, None),
            ],
        ),
        (
            PDD,
            "pdd",
            [
                ("261008-123456789012345", "paid", "2026-10-08", 5190, None, None),
                ("261008-123456789012346", "paid", "2026-10-08", 990, None, 990),
            ],
        ),
        (
            MAGENTO,
            "magento",
            [
                ("000000123", "paid", "2026-10-08", 4000, None, None),
                ("000000124", "paid", "2026-10-08", 2500, None, 2500),
                ("000000125", "pending", "2026-10-08", 2500, None, None),
            ],
        ),
        (
            EBAY,
            "ebay",
            [
                ("08-12345-67890", "paid", "2026-10-08", None, 3000, None),
                ("08-12345-67891", "paid", "2026-10-09", None, 3000, None),
            ],
        ),
        (DOUYIN, "douyin", [("6900000000000000001", "paid", "2026-10-08", None, 9000, None)]),
    ],
)
def test_exports_of_the_platforms_are_recognised_by_their_headers(text: str, profile: str, rows: Any) -> None:
    choices, findings = understood(text)

    assert (choices.profile, findings.is_open) == (profile, False)
    assert told(text) == rows


def test_every_profile_recognises_its_own_marks_and_no_other() -> None:
    for profile in profiles.PROFILES.values():
        assert [found.key for found in profiles.recognised(profile.marks, profile.kind)] == [profile.key]


def test_a_table_of_ones_own_is_of_no_profile() -> None:
    assert profiles.recognised(["订单号", "客户编号", "手机", "下单时间", "实付金额", "状态"]) == []


LINES = "订单号|客户编号|手机|下单时间|商品名称|数量|商品金额|状态\n"


@pytest.mark.parametrize(
    "rows",
    [
        "L1|m1|13801109011|2026-09-01|碗|1|30|已付款\n||||碟|2|20|",  # merged cells
        "L1|m1|13801109011|2026-09-01|碗|1|30|已付款\nL1||||碟|2|20|",  # only the number repeated
        "L1|m1|13801109011|2026-09-01|碗|1|30|已付款\n|m1||2026-09-01|碟|2|20|已付款",  # only the number blank
        "L1|m1|13801109011|2026-09-01|碗|1|30|已付款\n |  ||　|碟|2|20| ",  # blanks in the cells
        "L1|m1|13801109011|2026-09-01|碗|1|30|已付款\nL1|m1|13801109011|2026-09-01|碟|2|20|已付款",
    ],
)
def test_what_a_line_leaves_blank_of_its_order_is_as_above(rows: str) -> None:
    assert told(LINES + rows) == [
        ("L1", "paid", "2026-09-01", None, 3000, None),
        ("L1", "paid", "2026-09-01", None, 2000, None),
    ]


def test_a_line_without_number_that_is_of_somebody_else_is_not_as_above() -> None:
    read_ = read(LINES + "L1|m1||2026-09-01|碗|1|30|已付款\n|m2||2026-09-01|碟|2|20|已付款")

    assert [type(row) for row in read_] == [Staged, Rejected]


@pytest.mark.parametrize(
    "totals",
    [
        "||||合计|3|50|",
        "合计||||||50|",
        "Total||||||50|",
        "||||||50|",
        "小计：||||||50|",
        "|||||3|50|",
        "总计|||||3|50.00|",
    ],
)
def test_a_line_of_totals_is_left_out_and_noted(totals: str) -> None:
    read_ = read(LINES + "L1|m1||2026-09-01|碗|1|30|已付款\nL2|m1||2026-09-01|碟|2|20|已付款\n" + totals)

    notes = [row for row in read_ if isinstance(row, Note)]
    assert ([type(row) for row in read_ if not isinstance(row, Note)], [note.code for note in notes]) == (
        [Staged, Staged],
        ["totals"],
    )


HEAD = "订单号|客户编号|下单时间|实付金额|退款金额|状态\n"


@pytest.mark.parametrize(
    ("row", "paid", "refunded"),
    [
        ("1|a|2026-09-01|100|30|交易成功", 10000, 3000),
        ("1|a|2026-09-01|100|-30|交易成功", 10000, 3000),
        ("1|a|2026-09-01|100|¥30.00|交易成功", 10000, 3000),
        ("1|a|2026-09-01|100|-|交易成功", 10000, None),
        ("1|a|2026-09-01|100|0.00|退款成功", 10000, 10000),
        ("1|a|2026-09-01|100|30|部分退款", 10000, 3000),
        ("1|a|2026-09-01|100||部分退款", 10000, None),
        ("1|a|2026-09-01|-100||已付款", None, 10000),
        ("1|a|2026-09-01|(100.00)||已付款", None, 10000),
        ("1|a|2026-09-01|100|退款中|已付款", 10000, None),
        ("1|a|2026-09-01|100|100|交易关闭", 10000, 10000),
    ],
)
def test_money_back_as_a_column_as_a_status_and_as_a_negative_row(row: str, paid: Any, refunded: Any) -> None:
    assert [row[3::2] for row in told(HEAD + row)] == [(paid, refunded)]


def test_lines_that_came_back_one_by_one_add_up() -> None:
    rows = told(
        LINES + "1|a||2026-09-01|碗|1|30|退款成功\n1|a||2026-09-01|碟|1|20|已付款\n1|a||2026-09-01|杯|1|10|退款成功"
    )

    assert [row[5] for row in rows] == [3000, None, 4000]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("订单号|客户编号|下单时间|单价|数量\n1|a|2026-09-01|2.555|3", 767),
        ("InvoiceNo|CustomerID|InvoiceDate|UnitPrice|Quantity\n1|a|2026-09-01|2.55|6", 1530),
        ("订单号|客户编号|下单时间|商品单价（元）|数量\n1|a|2026-09-01|￥10.00|2件", 2000),
        ("订单号|客户编号|下单时间|商品金额|数量\n1|a|2026-09-01|10.00|2", 1000),
        ("订单号|客户编号|下单时间|小计|数量\n1|a|2026-09-01|10.00|-1", -1000),
    ],
)
def test_the_price_of_a_piece_is_told_by_its_header(text: str, amount: int) -> None:
    assert [row[4] for row in told(text)] == [amount]


def test_a_price_that_may_be_either_is_asked_about_when_it_matters() -> None:
    one = "订单号|客户编号|下单时间|价格|数量\n1|a|2026-09-01|10|1"

    assert understood(one)[1].price_column == ""
    assert understood(f"{one}\n2|a|2026-09-01|10|3")[1].price_column == "价格"


@pytest.mark.parametrize(
    ("days", "order", "asked"),
    [
        (["13/10/2026", "08/10/2026"], "dmy", []),
        (["10/13/2026", "08/10/2026"], "mdy", []),
        (["08/10/2026", "09/10/2026"], "", ["dmy", "mdy"]),
        (["17/12/25", "03/04/26"], "", ["ymd", "dmy"]),
        (["13/10/2026", "10/13/2026"], "", ["dmy", "mdy"]),
        (["08.10.2026", "09.10.2026"], "dmy", []),
        (["26/10/8", "26/11/12"], "ymd", []),
        (["2026-10-08", "2026/10/9"], "", []),
    ],
)
def test_the_whole_column_decides_the_order_of_the_parts(days: list[str], order: str, asked: list[str]) -> None:
    text = "订单号|客户编号|下单时间|实付金额\n" + "\n".join(f"{n}|a|{day}|10" for n, day in enumerate(days))

    choices, findings = understood(text)

    assert (choices.date_order, findings.date_orders) == (order, asked)


@pytest.mark.parametrize(
    ("amounts", "decimal", "asked"),
    [
        (["1.234", "12,50"], ",", False),
        (["1.234", "12.50"], ".", False),
        (["1.234", "800"], "", True),
        (["1,234", "800"], "", False),
        (["12,50", "12.50", "1.234"], "", True),
        (["1.234,50"], ",", False),
    ],
)
def test_the_whole_column_decides_the_decimal_sign(amounts: list[str], decimal: str, asked: bool) -> None:
    text = "订单号|客户编号|下单时间|实付金额\n" + "\n".join(f"{n}|a|2026-09-01|{m}" for n, m in enumerate(amounts))

    choices, findings = understood(text)

    assert (choices.decimal, bool(findings.decimals)) == (decimal, asked)


def test_amounts_of_rows_that_differ_within_an_order_are_of_its_lines_and_equal_ones_are_asked_about() -> None:
    head = "订单号|客户编号|下单时间|商品名称|金额\n"
    differ, equal = "1|a|2026-09-01|碗|100\n1|a|2026-09-01|碟|50", "1|a|2026-09-01|碗|50\n1|a|2026-09-01|碟|50"

    assert understood(head + differ)[0].mapping["line_paid"] == "金额"
    assert understood(head + equal)[1].repeated == ["1"]
    assert understood(head + "1|a|2026-09-01|碗|50\n1|a|2026-09-01|碗|50")[1].repeated == []  # the same row twice


BEFORE = Choices(
    mapping={"order_no": "单号", "customer": "谁", "date": "哪天", "paid": "多少"},
    date_order="dmy",
    statuses={"好": "paid"},
)
COLUMNS = ["单号", "谁", "哪天", "多少", "备注"]


def test_the_next_file_of_a_source_asks_nothing() -> None:
    choices, findings = understood("单号|谁|哪天|多少|备注\n1|a|08/10/2026|10|", before=BEFORE, columns=COLUMNS)

    assert (dict(choices.mapping), choices.date_order, findings.is_open) == (dict(BEFORE.mapping), "dmy", False)


def test_of_changed_headers_only_what_changed_is_asked() -> None:
    choices, findings = understood("单号|谁|下单时间|多少|退款金额\n1|a|2026-10-08|10|", before=BEFORE, columns=COLUMNS)

    assert findings.lost == {"date": "哪天"}
    assert choices.mapping["date"] == "下单时间"
    assert choices.mapping["refunded"] == "退款金额"  # came with this file
    assert choices.statuses == {"好": "paid"}


def test_a_file_of_another_shape_is_understood_anew() -> None:
    assert understood(JD, before=BEFORE, columns=COLUMNS)[0].profile == "jd"


@pytest.mark.parametrize(
    "said",
    [
        [],
        "x",
        {"mapping": ["a"]},
        {"date_order": "ydm"},
        {"statuses": {"a": "b"}},
        {"kind": "things"},
        {"price": 1},
        {"how": 1},
    ],
)
def test_what_cannot_be_chosen_is_refused(said: Any) -> None:
    with pytest.raises(Invalid):
        Choices.of_json(said)


def test_choices_come_back_as_they_were_kept() -> None:
    assert Choices.of_json(BEFORE.as_json()) == BEFORE


@pytest.mark.parametrize("currency", ["USD", "HKD", "XYZ"])
def test_a_column_of_currencies_refuses_rows_in_another(currency: str) -> None:
    rows = read(f"订单号|客户编号|下单时间|实付金额|币种\n1|a|2026-09-01|10|CNY\n2|a|2026-09-01|10|{currency}")

    assert [type(row) for row in rows] == [Staged, Rejected]


@pytest.mark.parametrize(
    ("header", "amount"),
    [("实付金额(元)", 1000), ("实付金额（万元）", 10_000_000), ("实付金额_元", 1000), ("实付金额(分)", 10)],
)
def test_a_unit_in_the_header_counts(header: str, amount: int) -> None:
    assert [row[3] for row in told(f"订单号|客户编号|下单时间|{header}\n1|a|2026-09-01|10")] == [amount]
