"""Whom a row is of, and who is nobody: one spelling changed of the given files 05, 08, 12, 28 and 32."""

import pytest

from customers import keys
from customers.imports.spellings import contacts
from customers.imports.spellings.texts import Noted
from tests.customers.neighbours.made import load, table


@pytest.mark.parametrize(
    "text", ["张*", "t**t", "*", "q＊＊", "现金客户", "零售客户", "门店散客", "Cash customer", "Retail-Customer"]
)
def test_a_mask_or_a_word_for_anybody_is_nobody(text: str) -> None:
    read = contacts.customer(text)

    assert (read.value if isinstance(read, Noted) else read) == ""


@pytest.mark.parametrize(
    "text", ["17100000001[1234]", "17100000001_1234", "17100000001（1234）", "17100000001 分机1234", "17100000001转12"]
)
def test_a_number_that_the_platform_lends_recognises_nobody(text: str) -> None:
    assert contacts.phone(text) == Noted(None, "phone_masked")


@pytest.mark.parametrize("text", ["13333333333", "18888888888", "+86 19999999999"])
def test_a_number_that_people_type_to_get_on_is_nobodys(text: str) -> None:
    assert contacts.phone(text) == Noted(None, "phone_invalid")


@pytest.mark.parametrize("text", ["=35190000000000215", "'=35190000000000215", '="35190000000000215"'])
def test_a_formula_of_digits_is_the_number(text: str) -> None:
    assert keys.order_key(text) == "35190000000000215"


@pytest.mark.django_db
def test_an_id_that_is_an_email_or_an_account_that_is_a_phone_is_known_by_it() -> None:
    _run, told = load(table("Order ID|Customer|Email|Order Date|Total|Status\nE1|same@ex.com||2026-09-01|10|paid"), "a")
    assert (told.orders, told.people) == (["E1 paid 10.00 0 "], 1)

    _run, again = load(table("订单号|邮箱|下单时间|实付金额|状态\nE2|SAME@ex.com|2026-09-02|20|已付款"), "b")
    assert again.people == 1

    _run, account = load(table("订单编号|下单账号|下单时间|实付金额|状态\nW1|13900330001|2026-09-01|10|已完成"), "c")
    _run, phone = load(table("订单号|手机|下单时间|实付金额|状态\nW2|139 0033 0001|2026-09-02|20|已付款"), "d")
    assert (account.people, phone.people) == (2, 2)
