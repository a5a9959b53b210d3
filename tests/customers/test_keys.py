import random

import pytest

from customers.keys import customer_key, damaged, is_nobody, order_key


@pytest.mark.parametrize(
    "text",
    [
        "\t35190000000000201\t",
        "'35190000000000201",
        "`35190000000000201",
        "’35190000000000201",
        '="35190000000000201"',
        '="\'35190000000000201"',
        "= “35190000000000201”",
        '"35190000000000201"',
        "'\"35190000000000201\"'",
        "35190000000000201\u200b",
        "\ufeff35190000000000201",
        "351900000\u206000000201",
        "\u202d35190000000000201\u202c",
        "\xa035190000000000201\u3000",
        "\u280035190000000000201\ufe0f",
        "３５１９００００００００００２０１",
        " 35190000000000201\r\n",
    ],
)
def test_what_is_put_around_a_number_is_not_part_of_it(text: str) -> None:
    assert order_key(text) == customer_key(text) == "35190000000000201"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("88.0", "88"),
        ("0088.00", "0088"),
        ("８８．０", "88"),
        ("88.5", "88.5"),
        ("A.0", "A.0"),
        ("Shop/0001", "Shop/0001"),
        ("ab-C", "ab-C"),
        ("0-0", "0-0"),
        ("=_=", "=_="),
        ("小 明", "小 明"),
        ("1e5", "1e5"),
    ],
)
def test_the_rest_is_kept_as_the_shop_writes_it(text: str, key: str) -> None:
    assert order_key(text) == key
    assert customer_key(text) == ("" if key == "=_=" else key)


@pytest.mark.parametrize(
    "text",
    [
        *"""0 00 0000 0.0 -1 null NULL nan NaN none None N/A n/a NA #N/A - -- — – _ . / ? * *** 无 無 guest Guest GUEST
    ＧＵＥＳＴ 匿名 匿名用户 游客 访客 訪客 散客 未知 暂无 非会员 (null) [none] <NULL> 【匿名】 'guest ="0" \\N undefined
    00000000-0000-0000-0000-000000000000 비회원 ゲスト Invité Gast Guest_Checkout not-logged-in""".split(),  # noqa: SIM905
        *("", " ", "\u200b", "Guest customer", "NOT LOGGED IN", "guest  user", "walk-in customer", "０"),
    ],
)
def test_a_placeholder_is_nobody(text: str) -> None:
    assert is_nobody(text)
    assert customer_key(text) == ""


@pytest.mark.parametrize(
    "text", ["10", "guest-17", "nan_hai", "无忧", "匿名的猫", "a", "0a", "0012", "nullius", "Na Li"]
)
def test_somebody_whose_name_begins_like_that_is_somebody(text: str) -> None:
    assert customer_key(text) == text


@pytest.mark.parametrize("text", ["", "-", "—", "null", "NaN", "None", "n/a", "0", "000", "无"])
def test_a_placeholder_is_no_order_number(text: str) -> None:
    assert order_key(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        *("3.519E+17", "3.519e17", "3.51900000000001e+17", "3,519E+17", "'3.519E+16", '="3.5E+10"', "3E+17", "-1.5E+3"),
        *("35190000000000200.0", "３．５１９Ｅ＋１７", "########", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!"),
    ],
)
def test_a_number_that_a_spreadsheet_rounded_is_damaged(text: str) -> None:
    assert damaged(text)


@pytest.mark.parametrize(
    "text",
    [
        "351900000000000000",
        "35190000000000201",
        "123456789012345.0",
        "1e5",
        "12E34",
        "3E17",
        "#1001",
        "A.5E+1",
        "",
        "guest",
    ],
)
def test_a_long_number_or_one_with_an_e_is_not(text: str) -> None:
    assert not damaged(text)


def test_a_normal_form_has_the_normal_form_of_itself() -> None:
    dice = random.Random(11)
    signs = [*"0019aZ'\"`=.,/-+eE#() \t\n\xa0\u200b\ufeff\u3000０９．＝＇“”‘无guest中é\u0301ﬁ\U000e0100\x00"]
    for _ in range(20_000):
        text = "".join(dice.choices(signs, k=dice.randint(0, 9)))
        for form in (order_key, customer_key):
            key = form(text)
            assert form(key) == key, repr(text)
            assert key.isprintable()
            assert key == key.strip()
