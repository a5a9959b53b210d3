"""Cells as shops write them, before and after.

The first rows of each table are the files of tests/data/exports (15, 29, 16 and 32). The others are neighbours: for
each kind of spelling, what the same programs write in another language, locale or version of theirs (Excel in German
and French, Java's and JavaScript's own dates, Taiwan's and Japan's years, eBay's month names), and what comes closest
to a spelling that is read but must not be.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.lib import mall
from core.lib.errors import Invalid
from customers.imports.spellings import amounts, contacts, dates, statuses, texts
from customers.imports.spellings.texts import Noted

EIGHT = "2026-10-08T09:30:00+08:00"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026/10/8 0:42", "2026-10-08T00:42:00+08:00"),
        ("2026/10/8 9:30", EIGHT),
        ("2026-10-8 9:30", EIGHT),
        ("2026年10月8日 9:30", EIGHT),
        ("2026年10月8日 9时30分", EIGHT),
        ("2026.10.8 9:30", EIGHT),
        ("2026-10-08 上午9:30", EIGHT),
        ("2026-10-08 09:30 PM", "2026-10-08T21:30:00+08:00"),
        ("2026-10-08T09:30:00.000Z", "2026-10-08T09:30:00+00:00"),
        ("2026-10-08 09:30:00 UTC", "2026-10-08T09:30:00+00:00"),
        ("2026-10-08 09:30:00 +0800", EIGHT),
        ("20261008093000", EIGHT),
        ("20261008 09:30", EIGHT),
        ("1791423000", "2026-10-08T01:30:00+00:00"),
        ("1791423000000", "2026-10-08T01:30:00+00:00"),
        ("8-Oct-2026", "2026-10-08T00:00:00+08:00"),
        ("Oct 8, 2026 9:30 AM", EIGHT),
        ("2026-10-08 24:00:00", "2026-10-09T00:00:00+08:00"),
        ("2026-10-08  09:30", EIGHT),
        ("2026-10-08 09:30 (北京时间)", EIGHT),
        ('="2026-10-08 09:30"', EIGHT),
        ("2026-10-08\t09:30", EIGHT),
        ("2026-10-08 09：30：00", EIGHT),
        ("2026-10-08T09:30+08", EIGHT),
        ("２０２６-10-08 09:30", EIGHT),
        ("2026-10-08,09:30", EIGHT),
        # Neighbours
        ("Thu Oct 08 09:30:00 CST 2026", EIGHT),
        ("Thu Oct 08 2026 09:30:00 GMT+0800 (中国标准时间)", EIGHT),
        ("Thursday, October 8, 2026 at 9:30 AM", EIGHT),
        ("星期四 2026-10-08 9:30", EIGHT),
        ("8. Oktober 2026 09:30", EIGHT),
        ("8 octobre 2026 09:30", EIGHT),
        ("08.10.2026 9:30", EIGHT),
        ("8-Oct-26", "2026-10-08T00:00:00+08:00"),
        ("Oct-08-26 09:30:00 PDT", "2026-10-08T09:30:00-07:00"),
        ("46303", "2026-10-08T00:00:00+08:00"),
        ("46303.39583", EIGHT),
        ("民國115年10月8日 9:30", EIGHT),
        ("115/10/08 09:30", EIGHT),
        ("令和8年10月8日 9:30", EIGHT),
        ("2026. 10. 8. 오전 9:30", EIGHT),
        ("2026-10-08 下午12:30", "2026-10-08T12:30:00+08:00"),
        ("2026-10-08 12:30 上午", "2026-10-08T00:30:00+08:00"),
        ("20261008T093000Z", "2026-10-08T09:30:00+00:00"),
        ("08/08/2026 9:30", "2026-08-08T09:30:00+08:00"),  # the same day in either order
    ],
)
def test_dates(text: str, at: str) -> None:
    assert dates.moment(text)[0] == at


@pytest.mark.parametrize(
    "text",
    [
        "10/8/2026 9:30",
        "08/10/2026",
        "26/10/8",
        "2026-2-29",
        # Neighbours
        "8.10.26",
        "2026-W41",
        "10-08 09:30",
        "2026-10-08 25:00",
        "2026-10-08 09:30 IST",  # India's, Ireland's or Israel's
        "0000-00-00 00:00:00",
        "yesterday",
        "261008",
        "9:30",
        "2026-10-08 晚上12:00",  # the night before or after
    ],
)
def test_what_has_several_meanings_or_none_is_no_date(text: str) -> None:
    with pytest.raises(Invalid):
        dates.moment(text)


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("10/8/2026 9:30", "mdy", "2026-10-08"),
        ("10/8/2026 9:30", "dmy", "2026-08-10"),
        ("17/12/25", "dmy", "2025-12-17"),
        ("26/10/8", "ymd", "2026-10-08"),
        ("8.10.26", "dmy", "2026-10-08"),
        ("08-10-2026", "mdy", "2026-08-10"),
        ("2026/10/8", "dmy", "2026-10-08"),
    ],
)
def test_the_order_of_the_parts_decides_where_it_is_open(text: str, order: str, day: str) -> None:
    assert dates.moment(text, order)[1] == day


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("10/8/2026", ["dmy", "mdy"]),
        ("13/10/2026", ["dmy"]),
        ("10/13/2026", ["mdy"]),
        ("17/12/25", ["ymd", "dmy"]),
        ("26/10/8", ["ymd"]),
        ("08/08/2026", []),
        ("2026/10/8", []),
        ("Oct 8, 2026", []),
    ],
)
def test_what_a_date_proves_about_the_order(text: str, orders: list[str]) -> None:
    assert list(dates.readings(text) or []) == orders


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("￥1,234.00", 123400),
        ("CNY 12.00", 1200),
        ("RMB12", 1200),
        ("12.00 元", 1200),
        ("人民币12元", 1200),
        ("(12.00)", -1200),
        ("12.00-", -1200),
        ("１２．５０", 1250),
        ("12．5", 1250),
        ("1 234.00", 123400),
        ("¥ 12", 1200),
        ("12.00CNY", 1200),
        ("12.345", Noted(1235, "rounded")),
        ("12.3400", 1234),
        ("'12.00", 1200),
        ('="12.00"', 1200),
        ("1,234,567.89", 123456789),
        ("12.999999", Noted(1300, "rounded")),
        # Neighbours
        ("1.234,50", 123450),
        ("1 234,50", 123450),
        ("1'234.50", 123450),
        ("12,34,567.89", 123456789),
        ("12,50", 1250),
        ("1.234.567", 123456700),
        ("-¥12", -1200),
        ("¥-12.00", -1200),
        ("−12", -1200),
        ("1.2万", 1200000),
        ("3千元", 300000),
        ("RMB ¥12", 1200),
        ("12块", 1200),
        ("0.125", Noted(13, "rounded")),
        (".5", 50),
    ],
)
def test_amounts(text: str, minor: Any) -> None:
    assert amounts.minor(text) == minor


@pytest.mark.parametrize(
    "text", ["1,2345.00", "1e3", "", "--", "免费", "12.00.00", "NaN", "12 34", "1 2345.00", "12元5角", "12/件"]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(Invalid):
        amounts.minor(text)


@pytest.mark.parametrize(
    "text", ["HK$12", "NT$1,200", "US$12", "$12", "€12", "12 EUR", "Kč 12", "12港币", "1200円", "£3"]
)
def test_another_currency_is_refused_as_such(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        amounts.minor(text)
    assert refusal.value.code == "other_currency"


@pytest.mark.parametrize(
    ("text", "sign"),
    [("1.234,50", ","), ("12,50", ","), ("12.50", "."), ("1,234,567", "."), ("1.234", "?"), ("1,234", "")],
)
def test_what_an_amount_proves_about_the_decimal_sign(text: str, sign: str) -> None:
    assert amounts.decimal_of(text) == sign


@pytest.mark.parametrize(("decimal", "minor"), [(".", Noted(123, "rounded")), (",", 123400)])
def test_the_decimal_sign_decides_where_it_is_open(decimal: str, minor: Any) -> None:
    assert amounts.minor("1.234", decimal) == minor


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("实付金额(元)", "1"),
        ("实付金额（万元）", "10000"),
        ("金额(分)", "0.01"),
        ("金额（单位：元）", "1"),
        ("实付(含运费)", "1"),
    ],
)
def test_the_unit_in_the_header(header: str, factor: str) -> None:
    assert amounts.header_unit(header) == Decimal(factor)


def test_a_header_in_another_currency_is_refused() -> None:
    with pytest.raises(Invalid):
        amounts.header_unit("Total (USD)")


@pytest.mark.parametrize(
    ("text", "quantity"),
    [("2.0", "2"), ("2件", "2"), ("x2", "2"), ("-1", "-1"), ("1,000", "1000"), ("2 pcs", "2"), ("0.5", "0.5")],
)
def test_quantities(text: str, quantity: str) -> None:
    assert amounts.quantity(text) == Decimal(quantity)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("待发货", "paid"),
        ("(锁定)等待出库", "paid"),
        ("买家已付款，等待卖家发货", "paid"),
        ("买家已付款,等待卖家发货", "paid"),
        ("Shipped - Delivered to Buyer", "paid"),
        ("wc-completed", "paid"),
        ("已取貨", "paid"),
        ("退款中", "paid"),
        ("Pending Payment", "pending"),
        ("on-hold", "pending"),
        ("holded", "pending"),
        ("authorized", "pending"),
        ("已作废", "cancelled"),
        ("voided", "cancelled"),
        ("退货退款", "refunded"),
        ("returned", "refunded"),
        ("partially_refunded", "partially_refunded"),
        ("部分退款", "partially_refunded"),
        ("1", ""),
        # Neighbours
        ("wc-on-hold", "pending"),
        ("PARTIALLY_REFUNDED", "partially_refunded"),
        ("已发货，待签收", "paid"),
        ("未发货，退款成功", "refunded"),
        ("定金已付，尾款未付", "pending"),
        ("Shipped - Returned to Seller", "refunded"),
        ("Partially Shipped", "paid"),
        ("未成团，已退款", "cancelled"),
        ("已妥投", "paid"),
        ("吉祥如意", ""),
    ],
)
def test_statuses(text: str, meaning: str) -> None:
    assert statuses.meaning(text) == meaning


def test_a_word_has_one_meaning() -> None:
    told = [word for words in statuses.WORDS.values() for word in words.split("|")]

    assert sorted(told) == sorted(set(told))
    assert all(statuses.word(word) == word for word in told)


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("+86 138-0110-9051", "138****9051"),
        ("86-13801109052", "138****9052"),
        ("0086 13801109053", "138****9053"),
        ("8613801109054", "138****9054"),
        ("13801109057.0", "138****9057"),
        ("　13801109064", "138****9064"),
        ("(86)13801109065", "138****9065"),
        ("13801109067 张先生", "138****9067"),
        ("13801109070\t", "138****9070"),
        ("\u202d13801109071\u202c", "138****9071"),
        ("+86+8613801109072", "138****9072"),
        ("1380110907３", "138****9073"),
        # Neighbours
        ("'13801109074", "138****9074"),
        ('="13801109075"', "138****9075"),
        ("手机:13801109076", "138****9076"),
        ("13801109077（微信同号）", "138****9077"),
        ("138－0110－9078", "138****9078"),
    ],
)
def test_phones(text: str, mask: str) -> None:
    assert getattr(contacts.phone(text), "mask", None) == mask


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.3801E+10", "phone_damaged"),
        ("18473461900-7804", "phone_masked"),
        ("18473461900转7805", "phone_masked"),
        ("1******6198", "phone_masked"),
        ("138****1234", "phone_masked"),
        ("无", "phone_invalid"),
        ("0", "phone_invalid"),
        ("00000000000", "phone_invalid"),
        ("12345678901", "phone_invalid"),
        ("null", "phone_invalid"),
        # Neighbours
        ("138＊＊＊＊1234", "phone_masked"),
        ("18473461900,7806", "phone_masked"),
        ("18473461900 ext. 7807", "phone_masked"),
        ("1.38011E10", "phone_damaged"),
        ("不方便", "phone_invalid"),
        ("138011090", "phone_invalid"),
    ],
)
def test_phones_that_recognise_nobody(text: str, code: str) -> None:
    assert contacts.phone(text) == Noted(None, code)


def test_of_several_phones_the_first_one_is_taken() -> None:
    for text in (
        "13801109058/13801109059",
        "13801109058,13801109059",
        "13801109058 13801109059",
        "13801109058、13801109059",
    ):
        read = contacts.phone(text)
        assert isinstance(read, Noted)
        assert (read.value.mask, read.code) == ("138****9058", "phone_several")


@pytest.mark.parametrize(
    ("text", "key"),
    [("0", ""), ("guest", ""), ("匿名", ""), ("c**8", Noted("", "customer_masked")), ("12583.0", "12583")],
)
def test_customer_ids(text: str, key: Any) -> None:
    assert contacts.customer(text) == key


def test_long_titles_stay_apart_when_they_are_cut() -> None:
    one, other = (texts.title("杯" * 100 + end, 80) for end in "甲乙")

    assert isinstance(one, Noted)
    assert isinstance(other, Noted)
    assert (len(one.value), one.value == other.value) == (80, False)


def test_the_currency_is_that_of_the_malls_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert amounts.minor("¥12.50") == 1250
    facts = mall.facts()
    monkeypatch.setattr(mall, "facts", lambda: replace(facts, currency="USD"))

    assert amounts.minor("$12.50") == 1250
    with pytest.raises(Invalid):
        amounts.minor("RMB 12.50")
