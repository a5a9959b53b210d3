"""How the rows of one order lie in a file: totals once or in each row, blank cells, states of lines, a refused row.

The neighbours were made by moving one thing of the given files 09, 19, 26, 31 and 35: where the number stands again,
where the total stands, what is blank, which row is bad.
"""

import pytest

from customers.imports import runs
from tests.conftest import NOW
from tests.customers.neighbours.made import lines_of, load, table, told, understood

STATES = "订单号|客户编号|下单时间|商品名称|数量|金额|状态\n"
HEAD = "订单号|客户编号|姓名|下单时间|商品名称|数量|商品金额|状态\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "orders", "refused"),
    [
        pytest.param(
            HEAD + "L1|m1|甲|2026-09-01|碗|1|30|已付款\nL2|m2|乙|2026-09-01|碗|1|abc|已付款\n"
            "||||碟|2|20|\nL3|m3|丙|2026-09-01|碗|1|5|已付款",
            ["L1 paid 30.00 0 甲", "L3 paid 5.00 0 丙"],
            [3, 4],
            id="the-first-row-is-refused",
        ),
        pytest.param(
            HEAD + "L1|m1|甲|2026-09-01|碗|1|30|已付款\nL2|m2|乙|2026-09-01|碗|1|7|怪\n||||碟|2|20|",
            ["L1 paid 30.00 0 甲"],
            [3, 4],
            id="the-first-row-has-a-word-nobody-knows",
        ),
        pytest.param(
            HEAD
            + "L1|m1|甲|2026-09-01|碗|1|30|已付款\n||||碟|2|20|\n小计||||||50|\nL2|m2|乙|2026-09-01|碗|1|7|已付款\n||||碟|2|20|\n"
            "小计||||||27|\n总计||||||77|",
            ["L1 paid 50.00 0 甲", "L2 paid 27.00 0 乙"],
            [],
            id="totals-between",
        ),
        pytest.param(
            "订单号|客户编号|姓名|下单时间|实付金额|商品名称|数量|状态\nT1|m1|甲|2026-09-01|100|碗|1|已付款\n|||||碟|2|\n"
            "T2|m2|乙|2026-09-02|50|杯|1|已付款\n"
            "T3|m2|乙|2026-09-02||杯|1|已付款",
            ["T1 paid 100.00 0 甲", "T2 paid 50.00 0 乙"],
            [5],
            id="the-total-stands-once",
        ),
        pytest.param(
            "订单号|客户编号|姓名|下单时间|实付金额|商品名称|数量|单价|状态\nT1|m1|甲|2026-09-01|95|碗|1|60|已付款\nT1|m1|甲|2026-09-01||碟|2|20|已付款\n"
            "T2|m2|乙|2026-09-02|50|杯|1|50|已付款",
            ["T1 paid 95.00 0 甲", "T2 paid 50.00 0 乙"],
            [],
            id="the-total-stands-once-the-number-in-each-row",
        ),
        pytest.param(
            "订单号|客户编号|姓名|下单时间|商品名称|数量|商品金额|实付金额|状态\nT1|m1|甲|2026-09-01|碗|1|60||已付款\nT1|m1|甲|2026-09-01|碟|2|40|95|已付款",
            ["T1 paid 95.00 0 甲"],
            [],
            id="the-total-stands-in-the-last-row",
        ),
        pytest.param(
            HEAD + "D1|m1|甲|2026-08-01|锅|1|200|已付款\n"
            "D1|m1|甲|2026-08-01|运费|1|10|已付款\nD1|m1|甲|2026-08-01|优惠券|1|-30|已付款\n"
            "D1|m1|甲|2026-08-01|赠品|1|0|已付款",
            ["D1 paid 180.00 0 甲"],
            [],
            id="postage-a-coupon-and-a-gift-are-lines",
        ),
        pytest.param(
            HEAD + "D1|m1|甲|2026-08-01|锅|1|200|已付款\n||||满减||-30|",
            ["D1 paid 170.00 0 甲"],
            [],
            id="a-discount-goes-on",
        ),
        pytest.param(
            "订单号|客户编号|姓名|下单时间|商品名称|数量|金额|状态\nC1|m1|甲|2026-08-01|茶壶|1|90|已付款\nC1|m1|甲|2026-08-01|茶杯|2|60|已取消",
            ["C1 paid 90.00 0 甲"],
            [],
            id="one-line-was-called-off",
        ),
    ],
)
def test_the_rows_of_an_order_are_put_together(text: str, orders: list[str], refused: list[int]) -> None:
    _run, came = load(table(text))

    assert (came.orders, came.refused) == (orders, refused)


@pytest.mark.django_db
def test_of_a_total_that_stands_once_each_row_is_a_line() -> None:
    load(table("订单号|客户编号|下单时间|实付金额|商品名称|数量|状态\nT1|m1|2026-09-01|100|碗|1|已付款\n||||碟|2|"))

    assert lines_of("T1") == [("碗", 1, "100.00"), ("碟", 2, "0.00")]


def test_lines_in_different_states_that_say_the_same_amount_are_asked_about() -> None:
    text = STATES + "C1|m1|2026-08-01|茶壶|1|60|已付款\nC1|m1|2026-08-01|茶杯|2|60|已取消"

    assert understood(text)[1].repeated == ["C1"]


def test_an_order_in_a_later_state_is_the_same_order() -> None:
    text = STATES + "C1|m1|2026-08-01|茶壶|1|60|已付款\nC1|m1|2026-08-01|茶壶|1|60|已取消"

    assert (understood(text)[1].repeated, [row[1] for row in told(text)]) == ([], ["paid", "cancelled"])


@pytest.mark.parametrize(
    "foot",
    [
        "合计：|||||3|100|",
        "|||以上合计||3|100|",
        "Grand Total||||||100.00|",
        "平均||||||50|",
        '2,"record(s) downloaded,"," from ",Oct-01-26',
        "Seller ID : myshop",
        "导出人：张三",
    ],
)
@pytest.mark.django_db
def test_a_foot_takes_no_order_with_it(foot: str) -> None:
    body = table(HEAD + "L1|m1|甲|2026-09-01|碗|1|50|已付款\nL2|m2|乙|2026-09-01|碟|2|50|已付款").decode()
    line = foot if "|" not in foot else foot.replace("|", ",")

    run = runs.upload("x.csv", f"{body}{line}\r\n".encode(), source="shop", by=None, at=NOW)

    _run, came = load(f"{body}{line}\r\n".encode(), source="other")
    assert (came.orders, runs.findings(run).is_open) == (["L1 paid 50.00 0 甲", "L2 paid 50.00 0 乙"], False)


@pytest.mark.parametrize(
    ("header", "rows", "back"),
    [
        ("商品金额|退款金额", ["30|10", "20|10"], [1000, 2000]),
        ("商品金额|退款金额", ["30|30", "20|20"], [3000, 5000]),
        ("商品金额|订单已退款金额", ["30|10", "20|10"], [1000, 1000]),
        ("商品金额|退款金额", ["30|40", "20|40"], [4000, 4000]),
        ("商品金额|实付金额|退款金额", ["30|50|10", "20|50|10"], [1000, 1000]),
        ("商品金额|退款金额", ["30|0", "20|10"], [None, 1000]),
    ],
)
def test_money_back_is_of_each_line_or_of_the_order(header: str, rows: list[str], back: list[int | None]) -> None:
    text = "\n".join(
        [f"订单号|客户编号|下单时间|商品|数量|{header}|状态"]
        + [f"O1|m1|2026-09-01|{goods}|1|{row}|已完成" for goods, row in zip(("碗", "碟"), rows, strict=True)]
    )

    assert [row[3] for row in told(text)] == back
