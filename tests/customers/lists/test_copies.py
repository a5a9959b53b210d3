"""What lists read of a customer is what the record, the orders and their lines say, whoever changed them."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pgtrigger
import pytest
from django.db import connection

from core.lib.almanac.days import LifeDay
from customers import contacts, merging, summary
from customers.lists import laws
from customers.models import Bought, Customer, LifeDate, Order, Product, Standing
from customers.orders import LineFact
from customers.refunds import RefundFact
from tests.conftest import LI_LEI, NOW, TODAY, MakeCustomer, MakeOrder, MakeUser, RecordOrder

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TEA, SHOES = LineFact("tea", 2, Decimal(30), "Tea", "drinks"), LineFact("shoes", 1, Decimal(70), "Shoes", "wear")


@pytest.fixture(autouse=True)
def _the_laws_hold_afterwards(db: None) -> Iterator[None]:
    """9: after every verb the copies equal their sources."""
    yield
    assert laws.BOOK.broken() == {}


def standing(customer: Customer) -> Standing:
    return Standing.objects.get(pk=customer.pk)


def test_orders_refunds_and_their_undoing_are_followed(record_order: RecordOrder) -> None:
    first = record_order(LI_LEI, external_id="o-1", lines=(TEA, SHOES))
    customer = first.customer
    record_order(LI_LEI, external_id="o-2", lines=(TEA,), ordered_at=NOW - 200 * DAY, paid=Decimal(50), cost=Decimal(1))

    row = standing(customer)
    assert (row.purchase_days, row.order_count, row.paid_sum) == (2, 2, Decimal(150))
    assert (row.paid_90, row.paid_365, row.days_365) == (Decimal(100), Decimal(150), 2)
    assert (row.first_on, row.last_on) == (date(2026, 5, 1), date(2026, 11, 1))
    assert sorted(Bought.objects.values_list("product__name", "days", "paid", "first_on", "last_on")) == [
        ("Shoes", 1, Decimal(70), date(2026, 11, 1), date(2026, 11, 1)),
        ("Tea", 2, Decimal(60), date(2026, 5, 1), date(2026, 11, 1)),
    ]

    back = RefundFact("r", Decimal(100), NOW)
    record_order(LI_LEI, external_id="o-1", version=2, lines=(TEA, SHOES), refunds=(back,))
    assert list(Bought.objects.values_list("product__name", "days")) == [("Tea", 1)]
    record_order(LI_LEI, external_id="o-2", version=2, status=Order.Status.CANCELLED, ordered_at=NOW - 200 * DAY)
    row = standing(customer)
    assert (row.first_on, row.last_on, row.purchase_days, row.paid_sum, row.paid_365) == (None, None, 0, 0, 0)
    assert not Bought.objects.exists()


def test_an_order_that_changes_hands_leaves_nothing_behind(
    record_order: RecordOrder, make_customer: MakeCustomer
) -> None:
    li_lei, han = make_customer("李雷"), make_customer("韩梅梅")
    record_order(li_lei, external_id="o-1", lines=(TEA,))
    record_order(han, external_id="o-1", version=2, lines=(TEA,))

    assert (standing(li_lei).purchase_days, standing(han).purchase_days) == (0, 1)
    assert Bought.objects.get().customer == han


def test_the_record_is_followed_whoever_writes_it(make_customer: MakeCustomer, make_user: MakeUser) -> None:
    chen = make_user()
    customer = make_customer("李雷", manager=chen, region="浙江", city="杭州", birthday=LifeDay(2, 29))
    row = standing(customer)
    assert (row.region, row.city, row.birthday, row.registered_on) == ("浙江", "杭州", 229, date(2024, 1, 1))

    # In bulk, in the cell of a table, by a talk: by whatever door.
    Customer.objects.filter(pk=customer.pk).update(region="", registered_on=date(2020, 1, 1))
    LifeDate.objects.filter(customer=customer).update(calendar="lunar")
    row = standing(customer)
    assert (row.region, row.birthday, row.registered_on) == ("", 2229, date(2020, 1, 1))
    contacts.log_contact(
        customer,
        by=chen,
        at=NOW,
        channel="phone",
        direction="out",
        outcome="reached",
        mood="good",
        note="",
        next_contact_on=TODAY + DAY,
    )
    assert standing(customer).next_contact_on == TODAY + DAY
    LifeDate.objects.filter(customer=customer).delete()
    assert standing(customer).birthday is None


def test_a_merged_record_is_on_no_list_and_the_winner_has_bought_what_both_have(
    record_order: RecordOrder, make_customer: MakeCustomer
) -> None:
    li_lei, again = make_customer("李雷", region="浙江"), make_customer("李 雷", external_id="2")
    record_order(li_lei, lines=(TEA,))
    record_order(again, lines=(TEA, SHOES), ordered_at=NOW)

    loser, winner = merging.hold(li_lei, again)
    merging.move(loser, winner, today=TODAY)

    assert not Standing.objects.filter(pk=li_lei.pk).exists()
    assert (standing(again).purchase_days, standing(again).region) == (2, "浙江")
    assert sorted(Bought.objects.values_list("customer", "product__name", "days")) == [
        (again.pk, "Shoes", 1),
        (again.pk, "Tea", 2),
    ]


def test_windows_move_with_the_night_and_a_rebuild_says_the_same(
    make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    li_lei, han = make_customer("李雷"), make_customer("韩梅梅")
    make_order(li_lei, TODAY - 89 * DAY)
    make_order(han, TODAY - 364 * DAY)
    summary.rebuild(as_of=TODAY, half_life_days=180)
    assert (standing(li_lei).paid_90, standing(han).days_365) == (Decimal(100), 1)

    assert summary.update(as_of=TODAY + DAY, half_life_days=180) == 2

    assert (standing(li_lei).paid_90, standing(li_lei).paid_365) == (0, Decimal(100))
    assert (standing(han).paid_365, standing(han).days_365, standing(han).purchase_days) == (0, 0, 1)
    rows = list(Standing.objects.order_by("pk").values())
    summary.rebuild(as_of=TODAY + DAY, half_life_days=180)
    assert list(Standing.objects.order_by("pk").values()) == rows


def test_drift_is_found_and_named(record_order: RecordOrder, make_customer: MakeCustomer) -> None:
    """9: planted, column by column, and mended by a rebuild."""
    customer = record_order(make_customer("李雷"), lines=(TEA,)).customer
    summary.rebuild(as_of=TODAY, half_life_days=180)
    planted: list[tuple[str, str, object]] = [
        *(("copies_of_the_record", name, "x") for name in ("region", "city")),
        *(("copies_of_the_record", name, TODAY) for name in ("registered_on", "next_contact_on")),
        ("copies_of_the_record", "birthday", 101),
        *(("copies_of_the_purchases", name, TODAY) for name in ("first_on", "last_on")),
        *(("copies_of_the_purchases", name, 9) for name in ("purchase_days", "order_count", "paid_sum")),
        *(("windows", name, 9) for name in ("paid_90", "paid_365", "days_365")),
    ]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE law_owner AS SELECT 1 AS kind, id FROM customers_customer")
    for law, column, value in planted:
        before = Standing.objects.filter(pk=customer.pk).values_list(column, flat=True).get()
        Standing.objects.filter(pk=customer.pk).update(**{column: value})
        assert laws.BOOK.broken() == {law: [(customer.pk, column)]}
        assert laws.BOOK.broken(narrowed=True) == {law: [(customer.pk, column)]}  # as a night asks of what has changed
        Standing.objects.filter(pk=customer.pk).update(**{column: before})

    Standing.objects.filter(pk=customer.pk).update(paid_sum=9, days_365=7, last_on=None)
    Bought.objects.update(days=5)
    Bought.objects.create(
        customer=customer,
        product=Product.objects.create(source="shop", external_id="x", name="x"),
        first_on=TODAY,
        last_on=TODAY,
        days=1,
        paid=0,
    )
    assert set(laws.BOOK.broken()) == {"copies_of_the_purchases", "windows", "bought"}
    assert len(laws.BOOK.broken()["bought"]) == 2
    summary.rebuild(as_of=TODAY, half_life_days=180)
    summary.rebuild_bought(customer.pk, customer.pk)
    assert laws.BOOK.broken() == {}

    # Without the trigger, the control: the law says which customer and what.
    with pgtrigger.ignore("customers.Customer:copied_to_standing"):
        Customer.objects.filter(pk=customer.pk).update(city="宁波")
    assert laws.BOOK.broken() == {"copies_of_the_record": [(customer.pk, "city")]}
    Customer.objects.filter(pk=customer.pk).update(city="")
