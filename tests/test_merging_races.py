"""An order that arrives while its customer is merged into another record is on the record that stays."""

import threading
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from core.accounts.models import Role, User
from crm.flows.record import merging
from customers import identity, locks
from customers.identity import CustomerRef
from customers.models import Customer, Order
from customers.orders import OrderFact
from tests import recording
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser
from tests.races import PATIENCE, at_once, let_pass

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(make_customer: MakeCustomer) -> tuple[Customer, Customer]:
    return make_customer("李雷", external_id="c-1"), make_customer("李雷", external_id="c-2")


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD)


def order_during_merge(
    loser: Customer, winner: Customer, lead: User, monkeypatch: pytest.MonkeyPatch
) -> tuple[Counter[str], Order]:
    """The order has found its customer; then the merge goes as far as it can; then the order is stored."""
    found, merged = threading.Event(), threading.Event()
    find = identity.found_or_created

    def find_and_dawdle(*args: Any, **named: Any) -> Customer:
        # Without the row, which would hold off the merge as well.
        customer = find(*args, **{**named, "hold": False})
        found.set()
        let_pass(merged)
        return customer

    def order() -> None:
        ref = CustomerRef(source="shop", external_id="c-1")
        fact = OrderFact(source="shop", external_id="o", version=1, customer=ref, ordered_at=NOW, paid=Decimal(10))
        recording.record_order(fact, at=NOW, today=TODAY)

    def merge() -> None:
        assert found.wait(PATIENCE)
        merging.merge(loser, winner, by=lead, at=NOW, reason="One person")
        merged.set()

    monkeypatch.setattr(identity, "found_or_created", find_and_dawdle)
    ends = at_once([order, merge])
    return ends, Order.objects.get()


def test_an_order_under_way_goes_with_its_customer(
    two: tuple[Customer, Customer], lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends, order = order_during_merge(*two, lead, monkeypatch)

    assert ends == {"done": 2}
    assert order.customer == two[1]


def test_without_the_lock_it_is_left_behind(
    two: tuple[Customer, Customer], lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "hold_off_everyone", lambda: None)

    _ends, order = order_during_merge(*two, lead, monkeypatch)

    assert order.customer == two[0]


def test_two_who_merge_both_ways_at_once_merge_once(two: tuple[Customer, Customer], lead: User) -> None:
    one, other = two
    ends = at_once(
        [
            lambda: merging.merge(one, other, by=lead, at=NOW, reason="One person"),
            lambda: merging.merge(other, one, by=lead, at=NOW, reason="One person"),
        ]
    )

    assert ends == {"done": 1, "merged_already": 1}
    assert Customer.objects.filter(merged_into__isnull=False).count() == 1
