"""Whom nobody is to reach any more: what is dropped, what goes on, and how it is taken back."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.accounts.models import Role, User
from core.lib.errors import DomainError, Invalid
from crm.flows import arrival
from customers import contacts, todo
from customers.identity import CustomerRef
from customers.models import ContactStop, Customer, CustomerChange, Promise, Todo
from customers.orders import OrderFact
from customers.record import stops
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser, RecordOrder

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
TALK = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "neutral"}


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing")


@pytest.fixture
def customer(chen: User, make_customer: MakeCustomer) -> Customer:
    """With a planned contact, an alert to work on, an overdue payment and a promise."""
    customer = make_customer("李雷", manager=chen)
    contacts.log_contact(
        customer,
        by=chen,
        at=NOW,
        note="",
        next_contact_on=TODAY + DAY,
        promise="尺码表",
        promise_due_on=TODAY + DAY,
        **TALK,
    )
    for reason in ("alert", "credit"):
        todo.open_task(customer, reason=reason, text={}, due_on=TODAY, at=NOW, dedupe_key=f"a {reason}")
    return customer


def say(customer: Customer, kind: str, by: User) -> ContactStop:
    return stops.say(customer, kind, since=TODAY, said_by="女儿", note="", by=by, at=NOW)


def open_work(customer: Customer) -> set[str]:
    return set(Todo.objects.filter(customer=customer, state="open").values_list("reason", flat=True))


@pytest.mark.parametrize(
    ("kind", "left", "promise"),
    [
        ("deceased", set(), "void"),
        ("no_contact", {"promise"}, "open"),
        ("wrong_person", {"promise"}, "open"),
    ],
)
def test_what_we_planned_is_dropped_and_a_lead_brings_it_back(
    customer: Customer, chen: User, kind: str, left: set[str], promise: str
) -> None:
    say(customer, kind, chen)

    customer.refresh_from_db()
    assert (open_work(customer), customer.next_contact_on) == (left, None)
    assert Promise.objects.get().state == promise
    with pytest.raises(DomainError):
        say(customer, "no_contact", chen)
    # Nothing that is planned is opened while it holds, by one or by many.
    key = {"due_on": TODAY, "opened_at": NOW}
    assert todo.open_task(customer, reason="tier", text={}, due_on=TODAY, at=NOW, dedupe_key="t").state == "dropped"
    todo.open_many([Todo(customer=customer, reason=reason, dedupe_key=reason, **key) for reason in ("tier", "credit")])
    assert set(Todo.objects.filter(dedupe_key__in=["tier", "credit"]).values_list("reason", "state")) == {
        ("tier", "dropped"),
        ("credit", "dropped"),
    }
    with pytest.raises(Invalid, match="not to be reached"):
        contacts.log_contact(customer, by=chen, at=NOW, note="", next_contact_on=TODAY + DAY, **TALK)
    contacts.log_contact(customer, by=chen, at=NOW, note="家人来电", **TALK)

    with pytest.raises(Invalid):
        stops.undo(customer, reason=" ", by=chen, at=NOW)
    stops.undo(customer, reason="认错人了", by=chen, at=NOW)

    customer.refresh_from_db()
    assert open_work(customer) == left | {"alert", "contact", "credit"}
    assert customer.next_contact_on == TODAY + DAY
    assert list(CustomerChange.objects.filter(field="stop").order_by("pk").values_list("before", "after")) == [
        ("", kind),
        (kind, ""),
    ]


def test_an_order_of_somebody_who_died_is_to_be_checked_once(
    customer: Customer, chen: User, record_order: RecordOrder
) -> None:
    record_order(customer, external_id="o-before", ordered_at=NOW - DAY)
    stops.say(customer, "deceased", since=TODAY - DAY, said_by="", note="", by=chen, at=NOW)
    record_order(customer, external_id="o-1", ordered_at=NOW)
    fact = OrderFact(
        source="shop",
        external_id="o-2",
        version=1,
        customer=CustomerRef(number=customer.number),
        ordered_at=NOW,
        paid=Decimal(100),
        cost=Decimal(60),
    )

    arrival.order(fact, at=NOW, today=TODAY)
    arrival.order(fact, at=NOW, today=TODAY)
    asked = stops.ask_to_check(list(stops.orders_to_check()), at=NOW)

    rows = Todo.objects.filter(reason="check").order_by("text__order")
    assert [row.text["order"] for row in rows] == ["o-1", "o-2"]  # one that came in with a file is found at night
    assert asked == 1
    assert list(stops.orders_to_check()) == []
