"""Columns that nobody listed, and words beside the status: what is known by its name, asked, and never guessed.

The neighbours were made by rule: each field of an order that a wrong guess would falsify without a word (its number,
its amount, what went back, its state, its currency), named as five and more programs of shops name it that have no profile.
"""

import pytest

from tests.customers.neighbours.made import told, understood


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("订单金额|优惠金额|实收款", "541.59|42.59|499.00"),
        ("总价|折扣|实际付款", "541.59|42.59|499.00"),
        ("商品总价|运费|优惠|买家实付", "541.59|0|42.59|499.00"),
        ("应付金额|实付金额", "541.59|499.00"),
        ("Subtotal|Discount|Total", "541.59|42.59|499.00"),
        ("Total|Discount|Amount Paid", "541.59|42.59|499.00"),
        ("Order Amount|Net Paid", "541.59|499.00"),
        ("Item Total|Shipping|Order Total", "490.00|9.00|499.00"),
        ("订单金额|红包抵扣|客户支付金额", "541.59|42.59|499.00"),
        ("商品金额|订单实际金额", "541.59|499.00"),
        ("订单应付|用户实际支付(元)", "541.59|499.00"),
        ("總金額|折扣|實付總額", "541.59|42.59|499.00"),
        ("订单总额|应收|实收", "541.59|500|499.00"),
        ("订单金额（含优惠）|付款额", "541.59|499.00"),
        ("商品单价|商品数量|商品实际成交金额", "300.00|2|499.00"),
        ("Net amount|Refunded amount|Total", "399.00|100.00|499.00"),
    ],
)
def test_what_was_paid_goes_before_what_it_was_to_be(header: str, row: str) -> None:
    [(_number, _state, paid, _back)] = told(f"订单号|客户编号|下单时间|{header}\nZ1|m1|2026-09-01 10:00|{row}")

    assert paid == 49900


@pytest.mark.parametrize(
    "beside", ["实际重量|2.5", "实付方式|微信", "实付积分|20", "实付运费|9.00", "付款金额说明|无", "实际发货|1"]
)
def test_what_only_sounds_like_what_was_paid_is_no_amount(beside: str) -> None:
    name, cell = beside.split("|")

    assert told(f"订单号|客户编号|下单时间|订单金额|{name}\nZ1|m1|2026-09-01|541.59|{cell}") == [
        ("Z1", "paid", 54159, None)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "退款金额合计",
        "商品已退款金额",
        "累计退款金额",
        "实际退款总额",
        "Refund Total (CNY)",
        "Total amount refunded",
        "返金額",
        "환불금액",
    ],
)
def test_money_back_is_known_by_what_its_column_says(name: str) -> None:
    text = f"订单号|客户编号|下单时间|实付金额|{name}\nZ1|m1|2026-09-01|100.00|40.00\nZ2|m1|2026-09-01|100.00|0"

    assert told(text) == [("Z1", "paid", 10000, 4000), ("Z2", "paid", 10000, None)]


@pytest.mark.parametrize("name", ["退款手续费", "退款原因", "申请退款时间", "退款单号", "Refund fee", "退货数量"])
def test_what_only_sounds_like_money_back_is_none(name: str) -> None:
    assert told(f"订单号|客户编号|下单时间|实付金额|{name}\nZ1|m1|2026-09-01|100.00|3") == [("Z1", "paid", 10000, None)]


@pytest.mark.parametrize(
    "name",
    [
        "订单当前状态",
        "交易状态",
        "单据状态",
        "ステータス",
        "주문상태",
        "Order state status",
        "訂單目前狀態",
        "Bestellstatus",
    ],
)
def test_a_state_is_known_by_what_its_column_says(name: str) -> None:
    assert told(f"订单号|客户编号|下单时间|实付金额|{name}\nZ1|m1|2026-09-01|100.00|已取消") == [
        ("Z1", "cancelled", 10000, None)
    ]


@pytest.mark.parametrize("name", ["物流状态", "发票状态", "Shipping status", "打印状态", "客户状态"])
def test_the_state_of_something_else_is_not_that_of_the_order(name: str) -> None:
    assert told(f"订单号|客户编号|下单时间|实付金额|{name}\nZ1|m1|2026-09-01|100.00|未发") == [
        ("Z1", "paid", 10000, None)
    ]


@pytest.mark.parametrize(
    "name",
    ["线上订单号", "平台单号", "主單編號", "流水号", "小票号", "单据编号", "Receipt No", "交易流水号", "销售订单编号"],
)
def test_numbers_are_not_made_up_where_the_file_has_its_own(name: str) -> None:
    assert told(f"{name}|客户编号|下单时间|实付金额\nZ1|m1|2026-09-01|100.00") == [("Z1", "paid", 10000, None)]


@pytest.mark.parametrize("name", ["快递单号", "支付单号", "退款单号", "发票号", "Tracking number", "父订单号"])
def test_the_number_of_something_else_is_not_that_of_the_order(name: str) -> None:
    [(number, *_rest)] = told(f"{name}|客户编号|下单时间|实付金额\nZ1|m1|2026-09-01|100.00")

    assert number == "m1/2026-09-01/1"


@pytest.mark.parametrize("name", ["币种", "貨幣", "结算货币", "Währung", "Cur.", "ISO"])
def test_a_column_of_currencies_is_known_by_its_cells(name: str) -> None:
    text = f"订单号|客户编号|下单时间|实付金额|{name}\nZ1|m1|2026-09-01|100.00|CNY\nZ2|m1|2026-09-01|100.00|USD"

    assert [number for number, *_rest in told(text)] == ["Z1"]


BUYER = "13900000001"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("收货人手机|买家手机号", f"13900000002|{BUYER}"),
        ("收货人手机|客户手机号", f"13900000002|{BUYER}"),
        ("客户电话|收货人电话", f"{BUYER}|13900000002"),
        ("下单人手机|收件人手机", f"{BUYER}|13900000002"),
        ("手机|手机", f"|{BUYER}"),
        ("会员手机号|收货电话", f"{BUYER}|13900000002"),
    ],
)
def test_who_bought_goes_before_who_was_sent_it(header: str, row: str) -> None:
    names = f"订单号|下单时间|实付金额|{header}".split("|")
    names = [name if name not in names[:place] else f"{name} (2)" for place, name in enumerate(names)]

    choices, _findings, rows = understood(f"{'|'.join(names)}\nZ1|2026-09-01|100|{row}")

    assert rows[0].cells[names.index(choices.mapping["phone"])] == BUYER


@pytest.mark.parametrize(
    ("status", "after_sales", "state", "back"),
    [
        ("已完成", "退款成功", "paid", 30000),
        ("已完成", "无售后", "paid", None),
        ("已完成", "退货退款，待买家退货", "paid", None),
        ("已完成", "仅退款，退款中", "paid", None),
        ("已完成", "换货成功", "paid", None),
        ("已发货", "部分退款", "paid", None),
        ("已发货，退款中", "-", "paid", None),
        ("退货退款", "", "paid", 30000),
        ("已取消", "退款成功", "cancelled", None),
    ],
)
def test_after_sales_says_what_went_back(status: str, after_sales: str, state: str, back: int | None) -> None:
    text = f"订单号|客户编号|下单时间|实付金额|订单状态|售后状态\nZ1|m1|2026-09-01|300|{status}|{after_sales}"

    assert (told(text), understood(text)[1].unknown) == ([("Z1", state, 30000, back)], {})


@pytest.mark.parametrize("word", ["已完成", "处理完成", "神秘", "Approved", "是"])
def test_a_word_of_after_sales_that_may_mean_money_back_is_asked_about(word: str) -> None:
    head = "订单号|客户编号|下单时间|实付金额|订单状态|售后状态"
    text = f"{head}\nZ1|m1|2026-09-01|300|已完成|{word}\nZ2|m1|2026-09-01|300|已完成|"

    assert understood(text)[1].unknown == {f"售后状态: {word}": 1}
    assert [number for number, *_rest in told(text)] == ["Z2"]


@pytest.mark.parametrize(
    ("status", "payment", "state", "back"),
    [
        ("已完成", "已支付", "paid", None),
        ("处理中", "未支付", "pending", None),
        ("已取消", "已支付", "cancelled", None),
        ("处理中", "已退款", "paid", 30000),
        ("待确认", "已支付", "paid", None),
        ("处理中", "支付失败", "cancelled", None),
        ("处理中", "", "paid", None),
        ("退款成功", "已支付", "paid", 30000),
    ],
)
def test_whether_it_was_paid_counts_beside_what_became_of_it(
    status: str, payment: str, state: str, back: int | None
) -> None:
    text = f"订单号|客户编号|下单时间|订单金额|订单状态|支付状态\nZ1|m1|2026-09-01|300|{status}|{payment}"

    assert told(text) == [("Z1", state, 30000, back)]


@pytest.mark.parametrize(
    ("status", "header", "back"),
    [
        ("退款中", "退款金额", None),
        ("退款关闭", "退款金额", None),
        ("申请退款", "Refund amount", None),
        ("退款中", "已退款金额", 4000),
        ("已发货", "退款金额", 4000),
        ("交易关闭", "退款金额", 4000),
    ],
)
def test_money_that_was_only_asked_back_has_not_gone_back(status: str, header: str, back: int | None) -> None:
    [(_number, _state, _paid, came)] = told(
        f"订单号|客户编号|下单时间|实付金额|{header}|状态\nZ1|m1|2026-09-01|300|40|{status}"
    )

    assert came == back


@pytest.mark.parametrize("blank", ["-", "N/A", "无", "--", "null", ""])
def test_an_amount_that_says_nothing_costs_no_order_that_was_never_paid(blank: str) -> None:
    rows = [f"Z{n}|m1|2026-09-01|{blank}|{state}" for n, state in enumerate(("待付款", "已取消", "已付款"), 1)]
    text = "\n".join(["订单号|客户编号|下单时间|实付金额|状态", *rows])

    assert [row[:2] for row in told(text)] == [("Z1", "pending"), ("Z2", "cancelled")]
