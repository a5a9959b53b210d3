"""What was only a test goes: out of every figure, or altogether, unless a book that is never rewritten knows of it."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import DomainError, Invalid
from crm.flows import arrival
from crm.flows.record import removal
from customers import contacts, todo
from customers.identity import CustomerRef
from customers.models import Customer, Order, Standing, Summary, Todo
from customers.orders import OrderFact, Outcome, Recorded
from loyalty import clubs
from loyalty.points import accounts as points
from loyalty.points import laws as point_laws
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.campaigns import stories

pytestmark = pytest.mark.django_db
TALK: dict[str, Any] = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good", "note": "x"}


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Zhou", team="East")


def told(version: int, paid: str = "100.00") -> OrderFact:
    ref = CustomerRef(source="shop", external_id="c-1", name="李雷")
    return OrderFact(
        source="shop", external_id="o-1", version=version, customer=ref, ordered_at=NOW, paid=Decimal(paid)
    )


def arrive(version: int) -> Recorded:
    recorded = arrival.order(told(version), at=NOW, today=TODAY)
    assert isinstance(recorded, Recorded)
    return recorded


def declare(order: Order, by: User, number: str = "o-1") -> Order:
    return removal.declare_order_a_test(order.pk, by=by, number=number, reason="我们自己试的", at=NOW)


def test_an_order_that_was_a_test_leaves_every_figure(lead: User) -> None:
    point_rules.save({"rate": Decimal(1)}, starts_at=NOW, by=None, reason="x", at=NOW)
    recorded = arrive(1)
    point_orders.reconcile([recorded.order.pk], at=NOW)
    assert points.balance(recorded.customer, at=NOW).pending == 100

    for _twice in range(2):
        declare(recorded.order, lead)

    assert not Summary.objects.exists()
    assert Standing.objects.get().last_on is None
    assert points.balance(recorded.customer, at=NOW).pending == 0
    assert not point_laws.broken()
    assert AuditEntry.objects.get(action="order.test").detail["reason"] == "我们自己试的"


def test_its_source_cannot_revive_it(lead: User) -> None:
    recorded = arrive(1)
    declare(recorded.order, lead)

    same, newer = (arrive(version) for version in (1, 2))

    assert (same.outcome, newer.outcome) == (Outcome.UNCHANGED, Outcome.UPDATED)
    order = Order.objects.get()
    assert (order.status, order.is_test, order.version) == ("cancelled", True, 2)
    assert not Summary.objects.exists()


@pytest.mark.parametrize(("number", "reason"), [("o-2", "test"), ("", "test"), ("o-1", " ")])
def test_a_slip_is_no_confirmation(lead: User, number: str, reason: str) -> None:
    order = arrive(1).order

    with pytest.raises(Invalid):
        removal.declare_order_a_test(order.pk, by=lead, number=number, reason=reason, at=NOW)
    assert not Order.objects.get().is_test


def test_a_customer_who_was_a_test_goes_with_all_they_have(
    lead: User, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    test = make_customer("测试", phone="13800138000")
    make_order(test)
    contacts.log_contact(test, by=lead, at=NOW, **TALK)
    todo.open_task(test, reason=Todo.Reason.PROMISE, text={}, due_on=TODAY, at=NOW, dedupe_key="t")
    kept = make_order(make_customer("李雷"))
    stories.a_coupon(stories.running(), test)
    club = clubs.found("茶友会", by=lead, at=NOW)
    clubs.join(club, test, by=lead, at=NOW)
    event = clubs.plan(club, "品茶", kind="meeting", on=TODAY, seats=5, by=lead, at=NOW)
    clubs.take_seat(event, test, at=NOW)

    count = removal.delete_customer(test.pk, by=lead, number=test.number.lower(), reason="试一下", at=NOW)

    assert count == 1
    assert Customer.objects.get().name == "李雷"
    assert Order.objects.get() == kept
    event.refresh_from_db()
    assert event.taken == 0
    entry = AuditEntry.objects.get(action="customer.deleted")
    assert (entry.detail["number"], entry.detail["orders"]) == (test.number, 1)


def test_what_is_in_the_books_forbids_it_and_is_named(
    lead: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    point_rules.save({"rate": Decimal(1)}, starts_at=NOW, by=None, reason="x", at=NOW)
    customer = make_customer("李雷")
    points.grant(customer, 10, source="goodwill", key="g", by=make_user(Role.ADMINISTRATOR), reason="goodwill", at=NOW)

    with pytest.raises(DomainError) as refusal:
        removal.delete_customer(customer.pk, by=lead, number=customer.number, reason="试一下", at=NOW)

    assert refusal.value.code == "in_the_books"
    assert "lines in the points account" in str(refusal.value)
    assert Customer.objects.exists()


def test_on_pages_a_lead_removes_within_reach_and_an_administrator_by_number(
    client: Client, lead: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    foreign = make_customer("测试", manager=make_user(name="Wu", team="West"))
    address = reverse("desk:remove_test")
    typed = {"number": foreign.number, "again": foreign.number, "reason": "试一下"}
    client.force_login(lead)
    refused = client.post(address, typed)
    assert refused.status_code == 422
    assert "There is no customer of this number." in refused.content.decode()

    client.force_login(make_user(Role.ADMINISTRATOR))
    slip = client.post(address, typed | {"again": "C1"})
    assert (slip.status_code, Customer.objects.count()) == (422, 1)
    client.post(address, typed)
    assert not Customer.objects.exists()


def test_the_order_page_takes_it_out_of_the_figures(
    client: Client, lead: User, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    order = make_order(make_customer("李雷"), external_id="o-1")
    client.force_login(lead)
    page = reverse("desk:order", args=[order.pk])
    assert "It was a test" in client.get(page).content.decode()

    slip = client.post(reverse("desk:order_test", args=[order.pk]), {"number": "o-2", "reason": "试"})
    assert slip.status_code == 422
    client.post(reverse("desk:order_test", args=[order.pk]), {"number": "o-1", "reason": "试"})

    order.refresh_from_db()
    assert order.is_test
    assert "It was a test" not in client.get(page).content.decode()
