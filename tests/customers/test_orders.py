"""Orders arrive late, twice, in any order and at once; the record is the same."""

import itertools
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from core.lib.errors import DomainError, Invalid
from customers import orders
from customers.identity import CustomerRef
from customers.models import Customer, DirtyMark, Order, OrderLine, Product, Refund, Standing, Summary
from customers.orders import LineFact, Outcome
from customers.refunds import RefundFact
from tests.conftest import LI_LEI, RecordOrder
from tests.races import PATIENCE, at_once

HAN_MEIMEI = CustomerRef(source="shop", external_id="c-2", name="韩梅梅")
TEA = LineFact("tea", 2, Decimal("80.00"), name="龙井", category="茶")
CUP = LineFact("cup", 1, Decimal("20.00"), category="器")


def refund(amount: str = "30.00", day: int = 5, cost: str = "0.00", external_id: str = "r-1") -> RefundFact:
    return RefundFact(external_id, Decimal(amount), datetime(2026, 11, day, 4, tzinfo=UTC), Decimal(cost))


def picture() -> list[Any]:
    """Everything that later reads depend on, without ids and arrival times."""
    return [
        list(
            Order.objects.order_by("external_id").values_list(
                "external_id",
                "version",
                "customer__identities__external_id",
                "status",
                "ordered_on",
                "paid",
                "profit",
                "fully_refunded_on",
            )
        ),
        list(
            OrderLine.objects.order_by("product__external_id").values_list("product__external_id", "quantity", "amount")
        ),
        list(
            Refund.objects.order_by("external_id").values_list(
                "customer__identities__external_id", "external_id", "purchased_on", "amount", "profit_effect"
            )
        ),
        list(
            Summary.objects.order_by("customer__identities__external_id").values_list(
                "customer__identities__external_id", "purchase_days", "first_on", "last_on", "paid_sum", "profit_sum"
            )
        ),
        list(
            Standing.objects.order_by("customer__identities__external_id").values_list(
                "customer__identities__external_id", "last_on"
            )
        ),
        list(Customer.objects.order_by("identities__external_id").values_list("name", "registered_on")),
    ]


def test_the_first_order_makes_the_customer_and_the_summary(record_order: RecordOrder) -> None:
    outcome, order, customer, _left = record_order(lines=(TEA, CUP))

    assert outcome == Outcome.CREATED
    assert (order.paid, order.cost, order.profit) == (Decimal("100.00"), Decimal("60.00"), Decimal("40.00"))
    assert order.category_mask == orders.mask_of(Product.objects.values_list("category", flat=True))
    assert order.category_mask.bit_count() == 2
    assert (customer.name, customer.registered_on) == ("李雷", date(2026, 11, 1))
    assert customer.standing.customer_class == Standing.Class.PROSPECT
    assert (customer.summary.purchase_days, customer.summary.profit_sum) == (1, Decimal("40.00"))
    assert Standing.objects.get().last_on == date(2026, 11, 1)


def test_the_mall_day_counts_not_the_day_in_greenwich(record_order: RecordOrder) -> None:
    order = record_order(ordered_at=datetime(2026, 11, 1, 20, tzinfo=UTC)).order

    assert order.ordered_on == date(2026, 11, 2)


def test_the_same_order_again_changes_nothing(record_order: RecordOrder) -> None:
    told = {"external_id": "o-1", "lines": (TEA, CUP), "refunds": (refund(),)}
    record_order(**told)
    DirtyMark.objects.all().delete()
    before = picture()

    assert record_order(**told).outcome == Outcome.UNCHANGED
    assert picture() == before
    assert DirtyMark.objects.count() == 0


def test_an_older_version_is_stale_and_a_newer_one_replaces_lines_and_refunds(record_order: RecordOrder) -> None:
    record_order(external_id="o-1", version=5, lines=(TEA,), refunds=(refund(),))

    assert record_order(external_id="o-1", version=4, paid=Decimal("1.00"), cost=Decimal(0)).outcome == Outcome.STALE
    assert Order.objects.get().paid == Decimal("100.00")

    assert record_order(external_id="o-1", version=6, lines=(CUP,)).outcome == Outcome.UPDATED
    assert [line.product.external_id for line in OrderLine.objects.all()] == ["cup"]
    assert Refund.objects.count() == 0


@pytest.mark.parametrize(
    "other",
    [
        {"paid": Decimal("99.00")},
        {"status": "pending"},
        {"lines": (TEA,)},
        {"refunds": (refund(),)},
        {"customer": HAN_MEIMEI},
    ],
)
def test_the_same_version_with_other_content_is_refused(record_order: RecordOrder, other: dict[str, Any]) -> None:
    record_order(external_id="o-1")
    before = picture()

    with pytest.raises(DomainError) as refusal:
        record_order(**{"external_id": "o-1"} | other)

    assert refusal.value.code == "version_conflict"
    assert picture() == before


def test_refunds_may_reach_what_was_paid_but_not_exceed_it(record_order: RecordOrder) -> None:
    with pytest.raises(DomainError) as refusal:
        record_order(refunds=(refund("60.00", external_id="r-1"), refund("40.01", external_id="r-2")))
    assert refusal.value.code == "refund_exceeds_paid"
    assert Order.objects.count() == 0

    whole = (refund("60.00", day=5, external_id="r-1"), refund("40.00", day=9, external_id="r-2", cost="60.00"))
    order = record_order(refunds=whole).order
    assert order.fully_refunded_on == date(2026, 11, 9)
    assert list(order.refunds.order_by("id").values_list("profit_effect", flat=True)) == [Decimal("-60"), Decimal("20")]
    assert not Summary.objects.exists()
    assert Standing.objects.get().last_on is None


def test_an_order_that_moves_to_another_customer_leaves_the_first(record_order: RecordOrder) -> None:
    record_order(external_id="o-1", version=1, customer=LI_LEI, refunds=(refund(),))
    record_order(external_id="o-1", version=2, customer=HAN_MEIMEI, refunds=(refund(),))

    assert Summary.objects.get().customer.name == "韩梅梅"
    assert Refund.objects.get().customer.name == "韩梅梅"
    assert Standing.objects.get(customer__name="李雷").last_on is None


VERSIONS: list[dict[str, Any]] = [
    {"version": 1, "status": "pending", "customer": LI_LEI},
    {"version": 2, "status": "paid", "customer": LI_LEI, "lines": (TEA, CUP)},
    {
        "version": 3,
        "customer": LI_LEI,
        "lines": (TEA, CUP),
        "refunds": (refund(),),
        "ordered_at": datetime(2026, 10, 9, tzinfo=UTC),
    },
    {
        "version": 4,
        "customer": HAN_MEIMEI,
        "lines": (TEA,),
        "refunds": (refund(), refund("70.00", 8, external_id="r-2")),
    },
]
SEEN: list[Any] = []


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))), ids=str)
def test_every_order_of_arrival_ends_the_same(record_order: RecordOrder, arrival: tuple[int, ...]) -> None:
    record_order(external_id="other", customer=HAN_MEIMEI)
    for index in arrival:
        record_order(external_id="o-1", **VERSIONS[index])

    SEEN.append(picture())
    assert SEEN[-1] == SEEN[0]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"paid": Decimal("-0.01")}, "negative_amount"),
        ({"cost": Decimal("-1")}, "negative_amount"),
        ({"version": -1}, "invalid"),
        ({"lines": (LineFact("tea", 0, Decimal(1)),)}, "invalid"),
        ({"refunds": (refund("0.00"),)}, "negative_amount"),
        ({"refunds": (refund("1.00"), refund("2.00"))}, "duplicate_refund"),
        ({"customer": CustomerRef(source="shop")}, "customer_missing"),
    ],
)
def test_what_cannot_be_is_refused(record_order: RecordOrder, told: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        record_order(**told)

    assert refusal.value.code == code
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_threads_that_tell_the_same_order_make_one(record_order: RecordOrder) -> None:
    outcomes: list[str] = []

    def tell() -> None:
        outcomes.append(record_order(external_id="o-1", lines=(TEA,), refunds=(refund(),)).outcome)

    at_once([tell] * 8)

    assert sorted(outcomes) == ["created", *["unchanged"] * 7]
    assert (Order.objects.count(), Customer.objects.count(), OrderLine.objects.count()) == (1, 1, 1)
    assert Summary.objects.get().purchase_days == 1


def test_an_order_of_the_future_is_kept_and_not_counted(record_order: RecordOrder) -> None:
    record_order(ordered_at=datetime(2027, 1, 1, tzinfo=UTC))

    assert not Summary.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_orders_that_cross_between_two_people_do_not_wait_for_each_other(record_order: RecordOrder) -> None:
    """Two orders change places, each time at the same moment, and each time the people are known for longer."""
    wrong: list[Exception] = []
    together = threading.Barrier(2)

    def swap(number: str, *people: CustomerRef) -> None:
        try:
            for version in range(12):
                together.wait(PATIENCE)
                try:
                    at = datetime(2020 - version, 1, 1, tzinfo=UTC)
                    record_order(people[version % 2], external_id=number, version=version, ordered_at=at)
                except Exception as error:
                    wrong.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=swap, args=told) for told in (("o-1", LI_LEI, HAN_MEIMEI), ("o-2", HAN_MEIMEI, LI_LEI))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert list(Order.objects.values_list("version", flat=True)) == [11, 11]
