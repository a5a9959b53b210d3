"""The page of a customer: its history a part at a time, what its header warns of, and what it says when it refuses."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role, User
from crm.desk.today import today
from customers import contacts, managers
from customers.models import Customer
from customers.promises import ledger
from tests.conftest import MakeCustomer, MakeOrder, MakeUser


@pytest.fixture
def lead(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.TEAM_LEAD, "Xu", team="East")
    client.force_login(user)
    return user


def read(client: Client, person: Customer, **query: Any) -> str:
    return client.get(reverse("desk:customer", args=[person.pk]), query).content.decode()


def test_the_history_goes_on_and_is_narrowed_to_one_topic(
    client: Client, lead: User, make_customer: MakeCustomer, make_order: MakeOrder, django_assert_max_num_queries: Any
) -> None:
    person = make_customer("李雷")
    for days in range(62):
        make_order(person, today() - timedelta(days=days), external_id=f"n{days}")
    said: dict[str, Any] = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good"}
    managers.assign(person, manager=lead, by=lead, on=today(), reason="x", at=timezone.now())
    contacts.log_contact(person, by=lead, at=timezone.now() - timedelta(days=400), note="long ago", **said)

    everything, older = read(client, person), read(client, person, page=2)
    assert ("Order n1:" in everything, "long ago" in everything) == (True, False)
    assert ("Order n61:" in older, "long ago" in older) == (True, True)
    talks = read(client, person, history="talks")
    assert ("long ago" in talks, "Order n" in talks, "Handed over" in talks) == (True, False, False)
    assert "page=2" in read(client, person, history="orders")
    assert "Nothing of this kind" in read(client, person, history="alerts")
    assert "Handed over" in read(client, person, history="record")
    assert "Order n1:" in read(client, person, history="anything else")


def test_the_header_warns_of_a_late_promise(client: Client, lead: User, make_customer: MakeCustomer) -> None:
    person, at = make_customer("李雷"), timezone.now()
    ledger.make(
        person,
        words="call",
        due=ledger.to_the_hour(at - timedelta(hours=1)),
        owner=lead,
        by=lead,
        at=at - timedelta(days=1),
        source="other",
        source_id=1,
    )
    assert "Promise overdue" in read(client, person)
    ledger.keep(person.promises.get().pk, by=lead, at=at)
    assert "Promise overdue" not in read(client, person)


def test_what_is_refused_far_below_is_said_at_the_top(
    client: Client, lead: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    person, other = make_customer("李雷"), make_user(Role.ACCOUNT_MANAGER, "Wu", team="South")
    assert f'<option value="{other.pk}"' not in read(client, person)

    told = {"manager": other.pk, "reason": "holiday"}
    answer = client.post(reverse("desk:assign", args=[person.pk]), told)
    assert answer.status_code == 422
    assert "Not saved: " in " ".join(str(message) for message in answer.context["messages"])
    answer = client.post(reverse("desk:reach_add", args=[person.pk]), {"kind": "phone", "value": "12"})
    assert "Not saved: " in " ".join(str(message) for message in answer.context["messages"])
