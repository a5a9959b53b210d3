"""Exports of shops that are not among the given files, each from the file to the record. KINDS.md says which.

The headers are those that sellers' pages write, as far as they are public; people, numbers and amounts are invented.
What is right was worked out by hand from what the shop means, never from what the product says.
"""

import pytest

from customers.imports import runs
from tests.conftest import NOW
from tests.customers.neighbours.made import book, given, lines_of, load, minute_of, table

pytestmark = pytest.mark.django_db

TAOBAO = given("taobao")
TAOBAO_RIGHT = [
    "101 paid 128.00 0 林一",
    "102 cancelled 0.00 0 林二",
    "103 cancelled 50.00 -50.00 林三",
    "104 paid 60.00 0 林一",
    "105 paid 80.00 -30.00 林四",
    "106 pending 0.00 0 林五",
]
SHEET_OF_WORDS = "字段|说明\n订单编号|订单的编号\n订单状态|订单的状态\n订单创建时间|时间"
TAOBAO_MASKED = given("taobao-masked")
TAOBAO_ITEMS = given("taobao-items")
ALIBABA = given("alibaba")
ALIBABA_REPEATED = ALIBABA.replace(
    "||||||||||||||碟",
    "1234567890123456701|甲公司|jia|我|wo|300.00|10.00|-10.00|300.00|等待买家确认收货|2026-10-01 09:00:00"
    "|2026-10-01 09:10:00|甲一|13900020001|碟",
)
ALIBABA_RIGHT = [
    "701 paid 300.00 0 甲公司",
    "702 paid 50.00 0 乙公司",
    "703 cancelled 50.00 0 乙公司",
    "704 paid 50.00 0 丙公司",
]
PDD = given("pdd")
PDD_RIGHT = [
    "101 paid 52.00 0 赵一",
    "102 paid 52.00 0 钱二",
    "103 paid 52.00 -52.00 孙三",
    "104 pending 0.00 0 李四",
    "105 paid 52.00 0 赵一",
    "107 cancelled 52.00 0 赵一",
]
DOUYIN = given("douyin")
YOUZAN_ITEMS = given("youzan-items")
WEIMOB = given("weimob")
JD = given("jd")
JUSHUITAN = given("jushuitan")
SHOPIFY = given("shopify")
SHOPIFY_RIGHT = [
    "001 paid 250.00 0 Ann Lee",
    "002 paid 80.00 -80.00 Bob Roy",
    "003 cancelled 80.00 0 Cy Fox",
    "004 pending 80.00 0 Cy Fox",
    "005 paid 80.00 -15.00 Cy Fox",
    "006 paid 30.00 0 nobody",
]
SHOPLAZZA = given("shoplazza")
SHOPLINE = given("shopline")
WOO_LINES = given("woo-lines")
WOO_API = given("woo-api")
WOO_GERMAN = given("woo-german")
WIX = given("wix")
EBAY = given("ebay")
CAFE24 = """
주문번호|주문일시|주문상태|주문자명|주문자 이메일|주문자 휴대전화|상품명|수량|판매가|총 결제금액|총 주문금액
20261008-0000011|2026-10-08 09:30:00|배송완료|김민수|k@ex.kr|+82 10-1234-5678|찻잔|2|5000|9000|10000
20261008-0000012|2026-10-08 09:30:00|취소완료|이서연|l@ex.kr|+82 10-2234-5678|찻잔|2|5000|9000|10000
"""
RAKUTEN = given("rakuten")
TILL = given("till")
AMAZON = given("amazon")


@pytest.mark.parametrize(
    ("content", "right", "people", "refused", "notes"),
    [
        pytest.param(table(TAOBAO, "gb18030"), TAOBAO_RIGHT, 5, [], {}, id="taobao-gbk"),
        pytest.param(
            table(TAOBAO.replace('="', "\\t").replace('"', ""), "utf-8-sig"), TAOBAO_RIGHT, 5, [], {}, id="taobao-tabs"
        ),
        pytest.param(
            book(SHEET_OF_WORDS, TAOBAO.replace('="', "").replace('"', "")), TAOBAO_RIGHT, 5, [], {}, id="taobao-book"
        ),
        pytest.param(
            table(TAOBAO.replace('="3519000000000000101"', "3.519E+18"), "gb18030"),
            TAOBAO_RIGHT[1:],
            5,
            [2],
            {},
            id="taobao-damaged",
        ),
        pytest.param(
            book(TAOBAO_MASKED),
            ["201 paid 128.00 0 nobody", "202 paid 50.00 0 nobody", "203 paid 50.00 0 nobody"],
            0,
            [],
            {"customer_masked": 3, "phone_masked": 2, "phone_invalid": 1},
            id="taobao-masked",
        ),
        pytest.param(
            table(TAOBAO_ITEMS, "utf-8-sig"),
            [
                "301 paid 128.00 -18.00 甲一",
                "304 pending 0.00 0 乙一",
                "305 paid 60.00 0 乙一",
                "306 paid 60.00 0 乙一",
            ],
            2,
            [],
            {"refund_open": 1, "refund_closed": 1},
            id="taobao-items",
        ),
        pytest.param(book(ALIBABA), ALIBABA_RIGHT, 3, [], {}, id="1688-blank"),
        pytest.param(table(ALIBABA_REPEATED, "gb18030"), ALIBABA_RIGHT, 3, [], {}, id="1688-repeated"),
        pytest.param(table(PDD, "utf-8-sig"), PDD_RIGHT, 4, [], {"masked": 2, "day_of_number": 2}, id="pinduoduo"),
        pytest.param(
            table(DOUYIN, "gb18030"),
            [
                "201 paid 120.00 0 周六",
                "203 pending 60.00 0 吴七",
                "204 paid 60.00 -60.00 吴七",
                "205 paid 60.00 0 吴七",
                "206 paid 60.00 0 nobody",
            ],
            2,
            [],
            {"phone_masked": 1},
            id="douyin",
        ),
        pytest.param(
            table(YOUZAN_ITEMS),
            ["201 paid 150.00 -40.00 安然", "202 paid 40.00 0 白一", "203 cancelled 40.00 0 白一"],
            2,
            [],
            {},
            id="youzan-items",
        ),
        pytest.param(
            table(WEIMOB, "gb18030"),
            [
                "001 paid 100.00 0 友人",
                "002 paid 60.00 0 李一",
                "003 cancelled 0.00 0 李一",
                "004 paid 60.00 -60.00 友人",
            ],
            2,
            [],
            {"refund_open": 1},
            id="weimob",
        ),
        pytest.param(
            table(JD, "gb18030"),
            [
                "101 paid 100.00 0 张*",
                "102 pending 60.00 0 李*",
                "103 paid 60.00 0 李*",
                "104 paid 60.00 0 李*",
                "105 cancelled 60.00 0 李*",
            ],
            2,
            [],
            {"phone_masked": 5},
            id="jd",
        ),
        pytest.param(
            table(JUSHUITAN),
            ["902 paid 45.00 0 林一", "903 pending 0.00 0 森一", "904 cancelled 45.00 0 森一"],
            2,
            [],
            {},
            id="jushuitan",
        ),
        pytest.param(table(SHOPIFY), SHOPIFY_RIGHT, 3, [], {}, id="shopify-us"),
        pytest.param(table(SHOPIFY, "utf-16", "\t"), SHOPIFY_RIGHT, 3, [], {}, id="shopify-unicode-text"),
        pytest.param(table(SHOPIFY.replace("|CNY|", "|USD|")), [], 0, [2, 3, 4, 5, 6, 7, 8], {}, id="shopify-dollars"),
        pytest.param(
            table(SHOPLAZZA),
            [
                "001 paid 150.00 0 安一",
                "002 cancelled 40.00 0 白一",
                "003 paid 40.00 -15.00 白一",
                "004 pending 40.00 0 白一",
            ],
            2,
            [],
            {},
            id="shoplazza",
        ),
        pytest.param(
            table(SHOPLINE),
            ["001 paid 220.00 0 陳怡君", "002 cancelled 90.00 0 林志明", "003 pending 90.00 0 林志明"],
            2,
            [],
            {},
            id="shopline",
        ),
        pytest.param(table(SHOPLINE.replace("CNY", "TWD")), [], 0, [2, 3, 4, 5], {}, id="shopline-taiwan-dollars"),
        pytest.param(
            table(WOO_LINES),
            [
                "601 paid 105.00 0 Gwen Park",
                "602 paid 30.00 -12.00 Hal Oak",
                "603 pending 30.00 0 Hal Oak",
                "604 pending 30.00 0 Hal Oak",
            ],
            2,
            [],
            {},
            id="woocommerce-lines",
        ),
        pytest.param(
            table(WOO_API),
            ["801 paid 59.99 0 Gwen Park", "802 paid 20.00 -20.00 Hal Oak", "803 pending 20.00 0 Ida Voss"],
            3,
            [],
            {},
            id="woocommerce-api",
        ),
        pytest.param(
            table(WOO_GERMAN, "cp1252", ";"),
            ["901 paid 1234.50 0 ", "902 pending 50.00 0 ", "903 cancelled 50.00 0 "],
            2,
            [],
            {},
            id="woocommerce-german",
        ),
        pytest.param(
            table(WIX),
            ["011 pending 130.00 0 Nora Quist", "012 paid 130.00 -60.00 Nora Quist", "013 paid 70.00 0 Ida Voss"],
            2,
            [],
            {},
            id="wix",
        ),
        pytest.param(
            table(EBAY), ["111 paid 60.00 0 Al One", "112 paid 1234.00 0 Bo Two"], 2, [], {"remark": 2}, id="ebay"
        ),
        pytest.param(
            table(CAFE24, "cp949"),
            ["011 paid 9000.00 0 김민수", "012 cancelled 9000.00 0 이서연"],
            2,
            [],
            {},
            id="cafe24",
        ),
        pytest.param(
            table(RAKUTEN, "cp932"),
            ["001 paid 1000.00 0 田中太郎", "002 cancelled 700.00 0 鈴木花子"],
            2,
            [],
            {},
            id="rakuten",
        ),
        pytest.param(
            table(TILL),
            ["001 paid 91.00 0 张三", "003 paid 30.00 -30.00 李四", "002 paid 50.00 0 nobody"],
            2,
            [],
            {},
            id="till",
        ),
        pytest.param(
            table(AMAZON, separator="\t"),
            [
                "031 pending 0.00 0 Ka",
                "032 paid 100.00 -100.00 Kb",
                "033 paid 300.00 0 Kc",
                "034 paid 70.00 0 Kd",
            ],
            4,
            [],
            {},
            id="amazon-pending-returned-partly-called-off",
        ),
    ],
)
def test_what_a_shop_exports_goes_in_as_it_comes(
    content: bytes, right: list[str], people: int, refused: list[int], notes: dict[str, int]
) -> None:
    run, came = load(content)

    assert came == (right, people, refused, notes, {})
    assert not runs.findings(run).is_open


@pytest.mark.parametrize(
    ("content", "end", "lines"),
    [
        (table(TAOBAO_ITEMS), "301", [("碗", 2, "110.00"), ("碟", 1, "18.00")]),
        (table(ALIBABA), "701", [("碗", 20, "200.00"), ("碟", 5, "100.00")]),
        (table(ALIBABA_REPEATED), "701", [("碗", 20, "200.00"), ("碟", 5, "100.00")]),
        (table(DOUYIN), "201", [("茶壶", 2, "110.00"), ("茶杯", 1, "10.00")]),
        (table(YOUZAN_ITEMS), "201", [("面膜", 2, "110.00"), ("乳液", 1, "40.00")]),
        (table(SHOPIFY), "001", [("Tea", 2, "200.00"), ("Cup", 1, "60.00")]),
        (table(SHOPLINE), "001", [("茶壺", 1, "100.00"), ("茶杯", 2, "60.00")]),
        (table(WOO_LINES), "601", [("Tea", 1, "80.00"), ("Cup", 2, "60.00")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_items_are_lines_of_their_order(content: bytes, end: str, lines: list[tuple[str, int, str]]) -> None:
    load(content)

    assert lines_of(end) == lines


def test_a_row_without_time_is_of_the_day_in_its_number_where_the_platform_writes_it_there() -> None:
    load(table(PDD))

    assert [minute_of(end) for end in ("101", "104", "105")] == [
        "2026-10-08 09:30",
        "2026-10-08 00:00",
        "2026-10-09 00:00",
    ]


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        pytest.param(
            table(
                "订单编号|标题|价格|购买数量|外部系统编号|商品属性|套餐信息|订单状态|商家编码\n1|碗|64.00|1||||交易成功|A"
            ),
            ["date", "customer"],
            id="items-of-orders-that-another-file-names",
        ),
        pytest.param(
            table("\n".join(line.rsplit("|", 4)[0] for line in PDD.strip().split("\n"))), ["customer"], id="nobody"
        ),
        pytest.param(
            table("ID|Reference|New client|Customer|Total|Payment|Status|Date\n1|XKB|1|J. DOE|5|x|Paid|2026-10-08"),
            ["customer"],
            id="people-by-name-alone",
        ),
        pytest.param(
            table("No. Pesanan|Status Pesanan|Total Pembayaran\n261008ABCDE01|Selesai|105.000"),
            ["date", "paid", "customer"],
            id="a-language-nobody-knows",
        ),
        pytest.param(
            table("订单号|客户编号|下单时间|原价|状态\n1|m1|2026-10-08|500|已付款"),
            ["paid"],
            id="an-amount-nobody-paid",
        ),
    ],
)
def test_what_a_file_does_not_say_is_asked_for(content: bytes, missing: list[str]) -> None:
    run = runs.upload("x.csv", content, source="shop", by=None, at=NOW)

    assert runs.findings(run).missing == missing
