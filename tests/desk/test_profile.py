"""Editing a customer's page: what is refused stays on it, what is saved is on record."""

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import AuditEntry, Role, User
from customers.models import Customer
from tests.conftest import MakeCustomer, MakeUser


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="East")
    client.force_login(user)
    return user


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


def test_who_changed_a_profile_is_on_record_but_not_what_the_notes_say(
    client: Client, li_lei: Customer, chen: User
) -> None:
    data = {"mindset": "status", "preferred_channel": "unknown", "notes": "女儿在杭州上学"}

    for _twice in range(2):
        client.post(reverse("desk:edit_profile", args=[li_lei.pk]), data)

    li_lei.refresh_from_db()
    assert (li_lei.mindset, li_lei.notes) == ("status", "女儿在杭州上学")
    entry = AuditEntry.objects.get(action="customer.profile_edited")
    assert (entry.actor, entry.subject_id) == (chen, li_lei.pk)
    assert entry.detail == {"fields": ["mindset", "notes"], "mindset": ["unknown", "status"]}


def test_a_refused_profile_keeps_what_was_typed(client: Client, li_lei: Customer) -> None:
    data = {"mindset": "greedy", "preferred_channel": "unknown", "notes": "女儿在杭州上学"}

    refused = client.post(reverse("desk:edit_profile", args=[li_lei.pk]), data)

    assert refused.status_code == 422
    assert "女儿在杭州上学" in refused.content.decode()
    assert not AuditEntry.objects.exists()


def test_a_refused_hand_over_keeps_what_was_typed(client: Client, li_lei: Customer, make_user: MakeUser) -> None:
    elsewhere = make_user(Role.ACCOUNT_MANAGER, "Wu", team="West")
    client.force_login(make_user(Role.TEAM_LEAD, "Zhou Lan", team="East"))
    address = reverse("desk:assign", args=[li_lei.pk])

    refused = client.post(address, {"manager": elsewhere.pk, "reason": "Chen is away"})

    assert refused.status_code == 422
    assert "Wu belongs to another team." in refused.content.decode()
    assert 'value="Chen is away"' in refused.content.decode()


def test_a_book_over_its_capacity_is_warned_about(client: Client, li_lei: Customer, make_user: MakeUser) -> None:
    full = make_user(Role.ACCOUNT_MANAGER, "Zhao", team="East", capacity=0)
    client.force_login(make_user(Role.TEAM_LEAD, "Zhou Lan", team="East"))

    page = client.post(
        reverse("desk:assign", args=[li_lei.pk]), {"manager": full.pk, "reason": "Chen is away"}, follow=True
    ).content.decode()

    assert "the agreed most is 0" in page
