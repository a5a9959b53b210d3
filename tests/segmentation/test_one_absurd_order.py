"""One order that cannot be: nobody else's value, class or bar moves by more than a few per cent, and then it is gone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from django.db import transaction

from crm.flows import nightly
from customers.identity import CustomerRef, number_of
from customers.models import Customer, Order, Standing
from customers.orders import OrderFact
from segmentation.maths import classes, profit
from segmentation.maths.histories import Histories
from segmentation.models import Fit, Night
from tests import recording

FIRST = date(2026, 11, 17)
HUGE = 999_999_999


class Shop(NamedTuple):
    customers: int
    most_orders: Callable[[np.random.Generator], int]
    amount: Callable[[np.random.Generator], float]


SHOPS = {
    # Like the shop of 400 that was tried: everybody is worth about the same.
    "even": Shop(400, lambda dice: int(dice.integers(2, 5)), lambda dice: float(dice.integers(40, 566))),
    # Like the demo: few bring most, and there are too few repeat buyers for a model of purchases.
    "steep": Shop(106, lambda dice: 1 + int(dice.pareto(1.2) * 2), lambda dice: float(np.exp(dice.normal(5, 1.1)))),
}


def build(shop: Shop) -> None:
    dice = np.random.default_rng(23)
    people = [
        Customer(name=f"c{n}", number=number_of(900_000 + n), registered_on=date(2026, 1, 1))
        for n in range(shop.customers)
    ]
    Customer.objects.bulk_create(people)
    Standing.objects.bulk_create(Standing(customer=person) for person in people)
    told = []
    for person in people:
        for number in range(min(shop.most_orders(dice), 40)):
            on = FIRST - timedelta(days=int(dice.integers(1, 200)))
            paid = Decimal(f"{shop.amount(dice):.2f}")
            told.append(order_of(person, f"{person.number}/{number}", on, paid))
    Order.objects.bulk_create(told)


def order_of(person: Customer, number: str, on: date, paid: Decimal) -> Order:
    at = datetime(on.year, on.month, on.day, 4, tzinfo=UTC)
    return Order(
        source="shop",
        external_id=number,
        version=1,
        customer=person,
        status=Order.Status.PAID,
        ordered_at=at,
        ordered_on=on,
        paid=paid,
        cost=0,
        profit=paid,
        received_at=at,
    )


def tell(paid: int, *, version: int = 1, status: str = Order.Status.PAID) -> None:
    """As a file that somebody said yes to: the amount is on record."""
    whose = Customer.objects.order_by("pk")[1]
    at = datetime(2026, 11, 2, 2, tzinfo=UTC)
    fact = OrderFact("shop", "huge", version, CustomerRef(number=whose.number), at, Decimal(paid), status)
    recording.record_order(fact, at=at, today=FIRST)


class Picture(NamedTuple):
    value: np.ndarray
    customer_class: np.ndarray
    bar: float
    potential_bar: float


def nights(*days: int) -> Picture:
    """What the others stand at after these nights."""
    for day in days:
        nightly.run(FIRST + timedelta(days=day))
    others = Standing.objects.exclude(customer=Customer.objects.order_by("pk")[1]).order_by("pk")
    value, customer_class = zip(*others.values_list("value", "customer_class"), strict=True)
    night = Night.objects.order_by("-as_of").first()
    assert night is not None
    return Picture(np.array(value, float), np.array(customer_class), float(night.value_bar), float(night.potential_bar))


def without_it(*days: int) -> Picture:
    """The same nights in a shop where it never was."""
    with transaction.atomic():
        picture = nights(*days)
        transaction.set_rollback(True)
    return picture


def assert_alike(picture: Picture, other: Picture, share: float, movers: int) -> None:
    assert np.abs(picture.value - other.value).max() <= share * np.abs(other.value).max()
    np.testing.assert_allclose(picture.value, other.value, rtol=share, atol=1.0)
    np.testing.assert_allclose([picture.bar, picture.potential_bar], [other.bar, other.potential_bar], rtol=share)
    assert (picture.customer_class != other.customer_class).sum() <= movers


@pytest.mark.django_db
@pytest.mark.parametrize("paid", [3_000, 50_000, HUGE])
def test_nobody_else_of_an_even_shop_moves(paid: int) -> None:
    build(SHOPS["even"])
    never = without_it(0)
    tell(paid)

    assert_alike(nights(0), never, 0.03, movers=4)


@pytest.mark.django_db
def test_nobody_else_of_a_steep_shop_moves_and_once_cancelled_nothing_is_left() -> None:
    build(SHOPS["steep"])
    never, later = without_it(0), without_it(0, 1, 2, 3)
    tell(HUGE)

    assert_alike(nights(0), never, 0.05, movers=2)
    tell(HUGE, version=2, status=Order.Status.CANCELLED)
    assert_alike(nights(1, 2, 3), later, 0.03, movers=1)


@pytest.mark.django_db
def test_once_cancelled_the_fit_that_saw_it_says_the_same() -> None:
    build(SHOPS["even"])
    never = without_it(0, 1)
    tell(HUGE)
    nights(0)
    tell(HUGE, version=2, status=Order.Status.CANCELLED)

    assert_alike(nights(1), never, 0.005, movers=2)
    assert Fit.objects.count() == 1


# The limits alone ---------------------------------------------------------------------------------------------------


def test_what_a_shop_sells_is_within_its_reach() -> None:
    sold = np.exp(np.random.default_rng(1).normal(5, 1, 20_000))

    limits = profit.reach(sold)

    assert ((sold >= limits.low) & (sold <= limits.high)).mean() > 0.999
    assert limits.highest > sold.max()


@pytest.mark.parametrize("amount", [1e4, 1e6, 1e11, -1e11])
def test_one_day_does_not_move_the_reach(amount: float) -> None:
    sold = np.random.default_rng(2).uniform(40, 560, 1_200)

    before, after = profit.reach(sold), profit.reach(np.append(sold, amount))

    assert after.high == pytest.approx(before.high, rel=0.02)
    assert not after.lowest <= amount <= after.highest


def test_a_shop_of_one_price_may_sell_three_of_it() -> None:
    limits = profit.reach(np.full(500, 99.0))

    assert limits.high > 3 * 99.0


def test_of_few_days_everything_counts() -> None:
    assert profit.reach(np.array([5.0, HUGE])).high == np.inf


def test_a_day_beyond_belief_is_none_for_the_fit_and_a_large_one_counts_up_to_the_reach() -> None:
    count = 100
    days = np.full(count, 100.0)
    days[-2:] = [1_500.0, float(HUGE)]
    numbers = np.arange(count)

    fitted = Histories(numbers, numbers, days, np.ones(count, dtype=np.int64), count).within_reach()

    assert len(fitted.day) == count - 1
    assert fitted.profit[-1] == profit.reach(days).high < 1_500


def test_a_value_that_stands_alone_is_above_the_bar_and_does_not_set_it() -> None:
    values = np.random.default_rng(3).uniform(100, 300, 50)
    alone = np.append(values, 1e9)

    before, after = classes.big_bar(values, cap=1.0), classes.big_bar(alone, cap=1.0)

    assert (after.bar, after.count) == (before.bar, before.count + 1)
    assert not after.one_dominates


def test_the_largest_of_a_row_does_not_stand_alone() -> None:
    values = np.array([2.0**n for n in range(40)])

    assert classes.big_bar(values, cap=1.0).count == 3
