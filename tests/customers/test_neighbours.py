"""Exports of shops and platforms that nobody had tried, each from the file to the record without one click.

The layouts are those of the platforms' own pages; people, numbers and amounts are invented. Each file changes what a
shop would: several items of an order with the total said in each row, one of them called off, money back said in a
column of its own, as an amount that is left, as a status of after-sales, numbers with a tab, borrowed and masked
phones, a report with a title, a date of export and a foot.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from core.lib.errors import Invalid
from crm.flows import arrival
from customers.imports import runs
from customers.models import Customer, GuestOrder, Import, Order, OrderLine
from tests.conftest import NOW, TODAY

pytestmark = pytest.mark.django_db

FILES = Path(__file__).parents[1] / "data" / "neighbours"


def load(name: str) -> Import:
    run = runs.upload(name, (FILES / name).read_bytes(), source="shop", by=None, at=NOW)
    assert not runs.findings(run).is_open
    return arrival.file(run, by=None, at=NOW, today=TODAY)


def told() -> list[tuple[str, str, str, str]]:
    """(the end of the number, status, paid, money back) of each order."""
    rows = Order.objects.order_by("external_id").prefetch_related("refunds")
    return [
        (row.external_id[-3:], row.status, str(row.paid), f"{sum((r.amount for r in row.refunds.all()), Decimal(0)):f}")
        for row in rows
    ]


def lines_of(end: str) -> list[tuple[str, int, str]]:
    rows = OrderLine.objects.filter(order__external_id__endswith=end).order_by("id").select_related("product")
    return [(row.product.name, row.quantity, str(row.amount)) for row in rows]


@pytest.mark.parametrize(
    ("name", "orders", "customers", "rejected", "guests"),
    [
        (
            "jd.csv",
            [
                ("001", "paid", "108.00", "0"),
                ("002", "pending", "100.00", "0"),
                ("003", "paid", "100.00", "0"),
                ("004", "paid", "100.00", "0"),
            ],
            3,
            [],
            0,
        ),
        (
            "pdd.csv",
            [
                ("001", "paid", "52.00", "0"),
                ("002", "paid", "52.00", "52.00"),
                ("003", "cancelled", "52.00", "0"),  # was never paid and says no time but in its number
                ("004", "paid", "60.00", "60.00"),
            ],
            3,
            [],
            1,
        ),
        (
            "douyin.csv",
            [
                ("101", "paid", "55.00", "0"),
                ("102", "paid", "80.00", "60.00"),
                ("104", "cancelled", "60.00", "0"),
                ("106", "paid", "10.00", "0"),
            ],
            3,
            [],
            1,
        ),
        (
            "wechat.csv",
            [
                ("001", "paid", "58.00", "0"),
                ("002", "paid", "120.00", "0"),
                ("003", "cancelled", "60.00", "0"),
                ("004", "paid", "60.00", "60.00"),
                ("005", "pending", "60.00", "0"),
            ],
            3,
            [],
            0,
        ),
        (
            "xhs.csv",
            [("001", "paid", "55.00", "0"), ("002", "cancelled", "0.00", "0"), ("003", "paid", "55.00", "55.00")],
            2,
            [],
            0,
        ),
        ("tmall-lines.csv", [("701", "paid", "75.00", "0"), ("704", "paid", "60.00", "0")], 2, [], 0),
        (
            "lazada.csv",
            [
                ("001", "paid", "90.00", "0"),
                ("002", "cancelled", "45.00", "0"),
                ("003", "paid", "45.00", "45.00"),
                ("004", "paid", "30.00", "0"),
            ],
            2,
            [],
            0,
        ),
        (
            "shopee.csv",
            [
                ("E01", "paid", "75.00", "0"),
                ("E02", "cancelled", "25.00", "0"),
                ("E03", "paid", "25.00", "25.00"),
                ("E04", "paid", "15.00", "0"),
            ],
            2,
            [],
            0,
        ),
        (
            "shopee-tw.csv",
            [("E01", "paid", "110.00", "0"), ("E02", "cancelled", "30.00", "0"), ("E03", "paid", "30.00", "0")],
            2,
            [],
            0,
        ),
        (
            "etsy.csv",
            [("001", "paid", "102.00", "0"), ("002", "paid", "55.00", "0"), ("003", "paid", "55.00", "55.00")],
            2,
            [],
            0,
        ),
        ("etsy-items.csv", [("001", "paid", "100.00", "0"), ("002", "paid", "20.00", "0")], 2, [], 0),
        (
            "bigcommerce.csv",
            [
                ("101", "paid", "110.00", "0"),
                ("102", "paid", "50.00", "50.00"),
                ("103", "paid", "50.00", "20.00"),
                ("104", "pending", "50.00", "0"),
                ("105", "cancelled", "50.00", "0"),
            ],
            3,
            [],
            0,
        ),
        (
            "magento.csv",
            [
                ("201", "paid", "1200.00", "0"),
                ("202", "paid", "50.00", "50.00"),
                ("203", "pending", "80.00", "0"),
                ("204", "cancelled", "80.00", "0"),
            ],
            3,
            [],
            0,
        ),
        ("squarespace.csv", [("001", "paid", "110.00", "0"), ("002", "paid", "30.00", "30.00")], 2, [], 0),
        ("wix.csv", [("001", "paid", "110.00", "0"), ("002", "paid", "30.00", "30.00")], 2, [], 0),
        ("utf16.txt", [("U-1", "paid", "1234.50", "0"), ("U-2", "pending", "20.00", "0")], 2, [], 0),
        (
            "excel.xlsx",
            [("001", "paid", "100.50", "0"), ("002", "pending", "20.00", "0"), ("003", "paid", "20.00", "20.00")],
            2,
            [],
            0,
        ),
        ("excel-hash.csv", [("E-1", "paid", "100.00", "0"), ("E-4", "paid", "100.00", "0")], 2, [3, 4, 6], 0),
        ("footer.csv", [("F-1", "paid", "100.00", "0"), ("F-2", "paid", "50.00", "0")], 2, [7], 0),
        ("german.csv", [], 0, [2, 3], 0),  # in euros
    ],
)
def test_what_a_shop_exports_goes_in_as_it_comes(
    name: str, orders: list[tuple[str, str, str, str]], customers: int, rejected: list[int], guests: int
) -> None:
    run = load(name)

    assert told() == orders
    assert Customer.objects.count() == customers
    assert list(run.rejected.order_by("line_number").values_list("line_number", flat=True)) == rejected
    assert GuestOrder.objects.count() == guests
    assert not run.questions.exists()


@pytest.mark.parametrize(
    ("name", "end", "lines"),
    [
        ("jd.csv", "001", [("茶壶", 1, "100.00"), ("茶杯", 2, "18.00")]),
        ("douyin.csv", "106", [("茶杯", 1, "10.00")]),
        ("lazada.csv", "004", [("Cup", 1, "30.00")]),
        ("shopee.csv", "E01", [("Teapot", 1, "50.00"), ("Cup", 2, "20.00")]),
        ("wix.csv", "001", [("T-1", 1, "60.00"), ("C-1", 2, "40.00")]),
    ],
)
def test_items_are_lines_of_their_order_and_what_was_called_off_is_none(
    name: str, end: str, lines: list[tuple[str, int, str]]
) -> None:
    load(name)

    assert lines_of(end) == lines


def test_what_people_are_called_is_no_number_of_a_customer() -> None:
    run = runs.upload("p.csv", (FILES / "prestashop.csv").read_bytes(), source="shop", by=None, at=NOW)

    assert (run.mapping["order_no"], run.mapping["name"]) == ("Reference", "Customer")
    assert runs.findings(run).missing == ["customer"]
    with pytest.raises(Invalid):
        runs.check(run, at=NOW)
