"""Exports as they come from the platforms and from spreadsheets, each from the file to the record.

The files are rebuilt from the layouts of real exports and from public bug reports; their people are invented. Each
stands for a kind: the neighbours of each kind are in test_spellings.py and test_profiles.py.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from core.lib.periods import mall_zone
from crm.flows import arrival
from customers.identity import CustomerRef
from customers.imports import plan, runs
from customers.imports.choices import Choices
from customers.imports.reading.shape import How
from customers.models import ContactPoint, Customer, ExternalIdentity, GuestOrder, Import, Order, OrderLine
from customers.orders import OrderFact
from loyalty.models import OrderPoints
from loyalty.points import orders as point_orders
from tests.conftest import NOW, TODAY
from tests.loyalty.points.stories import rules as point_rules

pytestmark = pytest.mark.django_db

FILES = Path(__file__).parents[1] / "data" / "exports"


def upload(number: str, *, source: str = "", how: How = runs.HOW, name: str = "") -> Import:
    (path,) = FILES.glob(name or f"{number}-*")
    return runs.upload(path.name, path.read_bytes(), source=source or f"t-{number}", by=None, at=NOW, how=how)


def load(
    number: str,
    *,
    source: str = "",
    how: How = runs.HOW,
    mapping: dict[str, str] | None = None,
    **said: Any,
) -> Import:
    run = upload(number, source=source, how=how)
    if mapping:
        runs.map_columns(run, run.mapping | mapping)
    if said:
        runs.choose(run, Choices.of_json(run.choices | said))
    return arrival.file(run, by=None, at=NOW, today=TODAY)


def orders() -> dict[str, tuple[str, str, str]]:
    """Number without what every number of the file begins with -> (status, paid, money back)."""
    return {
        row.external_id: (row.status, str(row.paid), str(sum((r.amount for r in row.refunds.all()), Decimal(0))))
        for row in Order.objects.order_by("external_id").prefetch_related("refunds")
    }


def phones() -> list[tuple[str, str]]:
    return sorted(ContactPoint.objects.filter(kind="phone").values_list("customer__name", "mask"))


def lines_of(number: str) -> list[tuple[str, int, str]]:
    rows = OrderLine.objects.filter(order__external_id=number).order_by("id").select_related("product")
    return [(row.product.name, row.quantity, str(row.amount)) for row in rows]


def test_01_taobao_goes_in_as_it_comes() -> None:
    run = load("01")

    assert run.choices["profile"] == "taobao"
    assert not runs.findings(run).is_open
    assert orders() == {
        "35190000000000101": ("paid", "128.00", "0"),
        "35190000000000102": ("paid", "86.50", "0"),
        "35190000000000103": ("paid", "45.00", "0"),
        "35190000000000104": ("cancelled", "0.00", "0"),
        "35190000000000105": ("pending", "0.00", "0"),
    }
    assert Customer.objects.get(identities__external_id="qinghe_a").orders.count() == 2
    assert phones() == [
        ("何平", "139****0003"),
        ("周默", "139****0004"),
        ("林知远", "139****0002"),
        ("苏小禾", "139****0001"),
    ]


def test_01_taobao_goes_in_with_its_columns_named_by_hand() -> None:
    by_hand = {"customer": "买家会员名", "paid": "买家实际支付金额", "date": "订单创建时间", "phone": "联系手机"}

    load("01", mapping=by_hand)

    assert [row[0] for row in orders().values()] == ["paid", "paid", "paid", "cancelled", "pending"]


@pytest.mark.parametrize(
    ("number", "by_hand"),
    [
        (
            "02",
            {
                "order_no": "订单号",
                "phone": "买家手机号",
                "date": "订单创建时间",
                "paid": "订单实付金额",
                "status": "订单状态",
                "refunded": "订单已退款金额",
            },
        ),
        (
            "03",
            {
                "order_no": "Name",
                "email": "Email",
                "date": "Created at",
                "paid": "Total",
                "line_paid": "Lineitem price",
            },
        ),
        ("04", {"order_no": "order_id", "customer": "customer_id", "date": "date", "paid": "order_total"}),
        (
            "30",
            {"order_no": "amazon-order-id", "email": "buyer-email", "date": "purchase-date", "line_paid": "item-price"},
        ),
        ("33", {"order_no": "InvoiceNo", "customer": "CustomerID", "date": "InvoiceDate", "line_paid": "UnitPrice"}),
    ],
)
def test_columns_named_by_hand_say_the_same(number: str, by_hand: dict[str, str]) -> None:
    load(number, source="by-itself")
    alone = orders()
    Order.objects.all().delete()

    load(number, source="by-hand", mapping=by_hand)

    assert orders() == alone


def test_02_youzan() -> None:
    run = load("02")

    assert (run.choices["profile"], runs.findings(run).is_open) == ("youzan", False)
    assert list(orders().values()) == [
        ("paid", "99.00", "0"),
        ("paid", "539.10", "539.10"),
        ("cancelled", "0.00", "0"),
        ("paid", "268.00", "0"),
    ]
    refunded = Order.objects.get(external_id="E20261002220543065306102")
    assert refunded.fully_refunded_on is not None
    assert Customer.objects.get(name="安然").orders.count() == 2


def test_03_shopify_one_order_in_several_rows_and_customers_by_email() -> None:
    run = load("03")

    assert (run.choices["profile"], runs.findings(run).is_open) == ("shopify", False)
    assert orders() == {
        "#71733": ("paid", "1500.00", "0"),
        "#71734": ("paid", "2100.00", "300.00"),
        "#71735": ("cancelled", "600.00", "0"),
        "#71736": ("pending", "700.00", "0"),
    }
    assert lines_of("#71734") == [("Perfume", 2, "600.00"), ("Cider", 1, "1400.00")]
    assert not run.notes.exists()
    assert Customer.objects.get(name="Nora Quist").orders.count() == 2
    assert Customer.objects.count() == 3


def test_04_woocommerce_guests_are_three_people() -> None:
    run = load("04")

    assert (run.choices["profile"], runs.findings(run).is_open) == ("woocommerce", False)
    assert orders() == {
        "4415": ("paid", "59.99", "0"),
        "4416": ("pending", "20.00", "0"),
        "4417": ("paid", "40.00", "10.00"),
        "4418": ("paid", "25.00", "25.00"),
        "4419": ("cancelled", "33.00", "0"),
    }
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["Gwen Park", "Hal Oak", "Ida Voss"]


def test_05_customer_0_is_nobody() -> None:
    load("05")

    assert sorted(Customer.objects.values_list("name", flat=True)) == ["Gwen Park", "Hal Oak", "Ida Voss"]
    assert orders() == {n: ("paid", f"{n[1]}00.00", "0") for n in ("G1", "G2", "G3")}
    assert ContactPoint.objects.filter(kind="email").count() == 3
    assert not ExternalIdentity.objects.exists()


def test_06_and_07_numbers_a_spreadsheet_has_rounded_are_refused() -> None:
    for number, rows in (("06a", 1), ("06b", 1), ("07", 3)):
        run = load(number, source="t-06")
        assert (run.counts["rejected"], run.counts["created"]) == (rows, 0)
        assert "damaged this number" in run.rejected.all()[0].reason
    assert [model.objects.count() for model in (Order, GuestOrder, Customer)] == [0, 0, 0]


def test_08_armour_is_taken_off() -> None:
    load("08")

    assert list(Order.objects.order_by("external_id").values_list("external_id", "paid", "customer__name")) == [
        (f"3519000000000020{n}", Decimal(100), f"未{name}") for n, name in enumerate("一二三四五", 1)
    ]
    assert sorted(Customer.objects.values_list("identities__external_id", flat=True)) == ["m1", "m2", "m3", "m4", "m5"]
    assert [mask for _name, mask in phones()] == [f"138****910{n}" for n in (1, 3, 2, 5, 4)]

    who = CustomerRef(source="t-08", external_id="m1")
    clean = OrderFact("t-08", "35190000000000201", 1, who, datetime(2026, 9, 1, 2, tzinfo=UTC), Decimal(100))
    arrival.order(clean, at=NOW, today=TODAY)
    assert (Order.objects.count(), Customer.objects.count()) == (5, 5)


def test_09_the_second_page_does_not_take_the_first_away() -> None:
    load("09a", source="t-09")
    run = load("09b", source="t-09")

    assert orders()["P1"] == ("paid", "50.00", "0")
    assert (run.counts["asked"], run.counts["created"], len(lines_of("P1"))) == (1, 1, 2)


def test_10_an_old_file_does_not_undo_the_shops_word() -> None:
    fact = OrderFact(
        "t", "R1", 1796000000, CustomerRef(source="t", external_id="a"), NOW, Decimal(100), status="cancelled"
    )
    arrival.order(fact, at=NOW, today=TODAY)

    run = load("10", source="t")

    assert (run.counts["stale"], run.counts["created"], run.counts["asked"]) == (1, 2, 0)
    assert {number: row[0] for number, row in orders().items()} == {"R1": "cancelled", "R2": "paid", "R3": "paid"}


def test_11_a_column_of_refunds() -> None:
    point_rules()
    load("11")
    point_orders.sweep(at=NOW)

    assert {row.order.external_id: row.granted for row in OrderPoints.objects.select_related("order")} == {
        "Y1": 0,
        "Y2": 200,
    }
    assert orders() == {"Y1": ("paid", "300.00", "300.00"), "Y2": ("paid", "300.00", "100.00")}
    assert Order.objects.get(external_id="Y1").fully_refunded_on is not None


def test_12_a_masked_or_borrowed_phone_costs_no_order() -> None:
    run = load("12")

    assert {row[0] for row in orders().values()} == {"paid"}
    assert sorted(Customer.objects.values_list("identities__external_id", flat=True)) == ["m1", "m2", "m3", "m4", "m5"]
    assert phones() == [("巳五", "138****9031")]
    assert list(run.notes.order_by("line_number").values_list("line_number", "code")) == [
        (2, "phone_masked"),
        (3, "phone_masked"),
        (4, "phone_masked"),
        (5, "phone_masked"),
    ]


def test_13_a_bad_email_costs_no_order() -> None:
    run = load("13")

    assert (len(orders()), Customer.objects.count(), len(phones())) == (6, 6, 6)
    assert ContactPoint.objects.filter(kind="email").get().mask == "o***@example.com"
    assert run.notes.filter(code="email_invalid").count() == 5


def test_14_long_texts_are_cut() -> None:
    run = load("14")

    assert len(orders()) == 2
    assert [len(name) for name, _units, _amount in lines_of("W1")] == [80]
    assert sorted(run.notes.values_list("column", "code")) == [("商品名称", "cut"), ("城市", "cut")]


def test_15_dates() -> None:
    run = load("15")

    said = runs.findings(run)
    assert said.date_orders == ["ymd", "dmy", "mdy"]
    assert said.date_samples == ["10/8/2026 9:30", "08/10/2026", "26/10/8"]
    assert sorted(run.rejected.values_list("line_number", flat=True)) == [22, 23, 32, 34]
    moments = {
        row.external_id: f"{timezone.localtime(row.ordered_at, mall_zone()):%d %H:%M:%S}" for row in Order.objects.all()
    }
    special = {
        "D01": "08 00:42:00",
        "D04": "08 09:30:05",
        "D11": "08 21:30:00",
        "D13": "08 17:30:00",
        "D14": "08 17:30:00",
        "D16": "08 00:00:00",
        "D23": "08 00:00:00",
        "D25": "09 00:00:00",
        "D36": "08 00:00:00",
    }
    read = [f"D{n:02}" for n in range(1, 37) if n not in (21, 22, 31, 33)]
    assert moments == dict.fromkeys(read, "08 09:30:00") | special


@pytest.mark.parametrize(("order", "day"), [("mdy", "2026-10-08"), ("dmy", "2026-08-10")])
def test_15_the_order_of_the_parts_can_be_said(order: str, day: str) -> None:
    load("15", date_order=order)

    assert str(Order.objects.get(external_id="D21").ordered_on) == day
    assert not Order.objects.filter(external_id="D31").exists()


def test_16_the_words_of_the_platforms_are_known_and_the_rest_is_asked_once() -> None:
    run = load("16")

    assert runs.findings(run).unknown == {"1": 1}
    assert run.counts["rejected"] == 1
    told = {int(number[1:]): row for number, row in orders().items()}
    pending, cancelled = {18, 19, 20, 21, 33, 37, 42, 43, 50}, {25, 26, 27, 28, 29, 30, 38, 39, 49, 51}
    assert {n for n, row in told.items() if row[0] == "pending"} == pending
    assert {n for n, row in told.items() if row[0] == "cancelled"} == cancelled
    assert {n for n, row in told.items() if row[0] == "paid"} == set(range(1, 60)) - pending - cancelled - {55}
    assert {n for n, row in told.items() if row[2] == "10.00"} == {13, 14, 16, 17, 34, 53}
    assert Order.objects.filter(fully_refunded_on__isnull=False).count() == 6
    assert {note.line_number - 1 for note in run.notes.filter(code="refund_unknown")} == {12, 35, 36}

    again = upload("16", source="t-16")
    runs.choose(again, Choices.of_json(again.choices | {"statuses": {"1": "paid"}}))
    assert arrival.file(again, by=None, at=NOW, today=TODAY).counts["created"] == 1
    assert not runs.findings(upload("16", source="t-16")).is_open  # the source remembers


def test_17_big5_is_read_as_it_is() -> None:
    run = load("17")

    assert (runs.findings(run).doubts, run.choices["how"]["encoding"]) == ([], "big5hkscs")
    assert sorted(Customer.objects.values_list("name", "city")) == [("許淑惠", "高雄市"), ("陳怡君", "臺北市")]
    assert orders() == {"T1": ("paid", "100.00", "0"), "T2": ("paid", "100.00", "0")}


def test_18_western_letters_open_dates_and_three_decimals() -> None:
    run = upload("18")
    assert (runs.findings(run).doubts, run.choices["how"]["encoding"]) == ([], "cp1252")
    assert runs.findings(run).date_orders == ["ymd", "dmy"]
    runs.choose(run, Choices.of_json(run.choices | {"date_order": "dmy"}))
    run = arrival.file(run, by=None, at=NOW, today=TODAY)

    assert sorted(Customer.objects.values_list("name", flat=True)) == ["Léo Currie", "Vera Fröhlich"]
    assert list(Order.objects.order_by("external_id").values_list("external_id", "ordered_on", "paid")) == [
        ("US-2026-107342", date(2025, 12, 17), Decimal("52.98")),
        ("US-2026-133431", date(2026, 4, 3), Decimal("119.83")),
    ]
    assert [amount for _name, _units, amount in lines_of("US-2026-107342")] == ["24.82", "28.16"]
    assert list(run.notes.filter(code="rounded").order_by("line_number").values_list("line_number", flat=True)) == [
        2,
        4,
    ]


def test_19_a_line_of_totals_takes_no_order_with_it() -> None:
    load("19")

    assert orders() == {"L1": ("paid", "50.00", "0"), "L2": ("paid", "50.00", "0")}


@pytest.mark.parametrize(("number", "count"), [("20", 1), ("21", 3), ("22", 1), ("34", 1)])
def test_20_21_22_34_the_table_is_found(number: str, count: int) -> None:
    run = load(number)

    assert (len(orders()), run.counts["rejected"]) == (count, 0)


def test_23_an_absurd_amount_is_asked_about() -> None:
    later = datetime(2026, 12, 1, tzinfo=UTC)
    run = runs.run(upload("23", name="23-*with-one*"), by=None, at=later, today=later.date())

    asked = run.questions.get()
    assert (asked.asks, asked.after["paid"], run.counts["rejected"]) == (["unusual"], 99999999900, 0)
    with_it = orders()
    assert not Order.objects.filter(external_id=asked.external_id).exists()
    Order.objects.all().delete()

    runs.run(upload("23", source="t-without", name="23-*without*"), by=None, at=later, today=later.date())

    assert orders() == with_it


def test_24_absurd_times_are_asked_about() -> None:
    run = load("24")

    assert sorted(orders()) == ["F3"]
    assert {question.external_id: question.asks for question in run.questions.all()} == {
        "F1": ["future"],
        "F2": ["future"],
        "F4": ["long_ago"],
    }
    assert run.rejected.get().line_number == 6


def test_25_net_goes_before_gross() -> None:
    load("25")

    assert [row[1] for row in orders().values()] == ["499.00", "150.00"]


def test_26_amounts_that_differ_within_an_order_are_of_its_lines() -> None:
    load("26")

    assert orders() == {"O1": ("paid", "150.00", "0"), "O2": ("paid", "70.00", "0")}
    assert lines_of("O1") == [("碗", 1, "100.00"), ("碟", 1, "50.00")]


def test_27_a_later_file_closes_and_refunds() -> None:
    load("27a", source="t-27")
    load("27b", source="t-27")

    assert {number: row[0] for number, row in orders().items()} == {"K1": "cancelled", "K2": "cancelled", "K3": "paid"}
    assert Order.objects.get(external_id="K3").fully_refunded_on is not None


def test_28_an_email_recognises_whom_the_shop_has_told() -> None:
    known = CustomerRef(source="r1", external_id="x", email="same.person@example.com")
    arrival.order(OrderFact("r1", "E1", 1, known, datetime(2026, 8, 1, tzinfo=UTC), Decimal(10)), at=NOW, today=TODAY)

    load("28")

    third = CustomerRef(source="r3", external_id="y", email="same.person@example.com")
    arrival.order(OrderFact("r3", "E3", 1, third, datetime(2026, 8, 3, tzinfo=UTC), Decimal(30)), at=NOW, today=TODAY)
    assert Customer.objects.get().orders.count() == 3


def test_29_amounts() -> None:
    run = load("29")

    assert sorted(run.rejected.values_list("line_number", flat=True)) == [7, 8, 9, 12, 20, 21, 24, 25]
    told = {number: row[1] for number, row in orders().items() if row[2] == "0"}
    assert told == {
        "A1": "1234.00",
        "A2": "12.00",
        "A3": "12.00",
        "A4": "12.00",
        "A5": "12.00",
        "A12": "12.50",
        "A13": "12.50",
        "A14": "1234.00",
        "A15": "12.00",
        "A16": "12.00",
        "A17": "12.35",
        "A18": "12.34",
        "A21": "12.00",
        "A22": "12.00",
        "A26": "13.00",
    }
    assert [orders()[number][2] for number in ("A9", "A10")] == ["12.00", "12.00"]
    assert {note.line_number - 1 for note in run.notes.filter(code="rounded")} == {17, 26}
    reasons = run.rejected.filter(line_number__in=[7, 8, 9]).values_list("reason", flat=True)
    assert all("another currency" in reason for reason in reasons)

    # A hundred thousand times what the others paid: read to the cent, and stored once somebody says that it is so.
    assert (run.questions.get().external_id, run.questions.get().after["paid"]) == ("A25", 123456789)
    plan.answer(run, yes=True, by=None, at=NOW, kind="unusual")
    arrival.file(run, by=None, at=NOW, today=TODAY)
    assert orders()["A25"] == ("paid", "1234567.89", "0")


def test_30_amazon() -> None:
    run = load("30")

    assert (run.choices["profile"], runs.findings(run).is_open) == ("amazon", False)
    assert orders() == {
        "405-0000001-0000001": ("paid", "1700.00", "0"),
        "405-0000002-0000002": ("cancelled", "0.00", "0"),
        "405-0000003-0000003": ("paid", "574.00", "0"),
    }
    assert str(Order.objects.get(external_id="405-0000001-0000001").ordered_on) == "2026-10-01"


def test_31_merged_cells_mean_as_above() -> None:
    load("31")

    assert orders() == {"L1": ("paid", "50.00", "0"), "L2": ("paid", "50.00", "0")}
    assert lines_of("L1") == [("碗", 1, "30.00"), ("碟", 2, "20.00")]


def test_32_phones() -> None:
    run = load("32")

    assert set(orders()) == {f"P{n:02}" for n in range(1, 30)}
    masks = dict(Order.objects.values_list("external_id", "customer__contact_points__mask"))
    tails = dict(enumerate((9051, 9052, 9053, 9054, 9055, 9056, 9057), 1)) | {9: 9058, 10: 9060, 11: 9062, 12: 9064}
    tails |= {13: 9065, 14: 9066, 15: 9067, 26: 9070, 27: 9071, 28: 9072, 29: 9073}
    abroad = {19: "+852 ****4567", 20: "+852 ****4568"}
    left_out = {8, 17, 21, 22, 23, 24, 25}
    assert {n: masks[f"P{n:02}"] for n in tails} == {n: f"138****{tail}" for n, tail in tails.items()}
    assert {n: masks[f"P{n:02}"] for n in abroad} == abroad
    assert [masks[f"P{n}"] for n in (16, 18)] == ["571****0068", "40****1234"]
    assert {n for n in range(1, 30) if masks[f"P{n:02}"] is None} == left_out
    assert {note.line_number - 1 for note in run.notes.exclude(code="phone_several")} == left_out
    assert set(run.notes.filter(code="phone_several").values_list("line_number", flat=True)) == {10, 11, 12}


def test_33_price_of_a_piece_and_cancelled_invoices() -> None:
    run = load("33")

    assert (run.choices["price"], run.choices["date_order"]) == ("piece", "mdy")
    assert orders() == {
        "536365": ("paid", "35.64", "0"),
        "C536379": ("paid", "27.50", "27.50"),
        "536370": ("paid", "90.00", "0"),
    }
    assert GuestOrder.objects.get().external_id == "536414"
    assert sorted(Customer.objects.values_list("identities__external_id", flat=True)) == ["12583", "14527", "17850"]


def test_35_a_discount_is_a_line() -> None:
    load("35")

    assert orders() == {"D1": ("paid", "170.00", "0")}
