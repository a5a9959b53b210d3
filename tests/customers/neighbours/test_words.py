"""Words of states as the platforms' pages, their calls and other languages say them: five and more for each meaning."""

import pytest

from customers.imports.spellings import statuses

PAID = (
    "买家已签收 已付款待发货 拣货中 换货完成 等待收货 拼团成功 處理中 部分出貨 已到貨 TRADE_FINISHED WAIT_SELLER_SEND_GOODS"
    " WAIT_BUYER_CONFIRM_GOODS"
)
PENDING = "未确认 草稿 尾款待付 WAIT_BUYER_PAY 支払手続き中 미결제 Wartend"
CANCELLED = "订单已取消 超时未付款 系统自动关闭 交易已取消 付款失敗 拼团失败 TRADE_CLOSED_BY_TAOBAO キャンセル確定"
REFUNDED = "仅退款成功 已退货退款 维权成功 整单退款 已退費 退货退款，退款成功 已发货，仅退款，退款成功"
ASKED = "退款申请 买家申请退款 退货退款，待买家退货 仅退款，退款中 已发货，退款中 退款审核中"
GIVEN_UP = "退款关闭 退款取消 已发货，售后关闭"


@pytest.mark.parametrize(
    ("meaning", "words"),
    [("paid", PAID), ("pending", PENDING), ("cancelled", CANCELLED), ("refunded", REFUNDED)],
)
def test_what_a_word_means(meaning: str, words: str) -> None:
    assert {word: statuses.meaning(word) for word in words.split()} == dict.fromkeys(words.split(), meaning)


@pytest.mark.parametrize(("state", "words"), [(statuses.ASKED_BACK, ASKED), (statuses.NOT_GIVEN_BACK, GIVEN_UP)])
def test_money_that_is_asked_back_has_not_gone_back(state: str, words: str) -> None:
    told = [word for word in words.split() if word != "退货退款，待买家退货"]

    assert {word: statuses.asks_back(word) for word in told} == dict.fromkeys(told, state)
    assert {statuses.meaning_of_after_sales(word) for word in words.split()} <= {"pending", "cancelled"}
