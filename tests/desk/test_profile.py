"""Editing a customer's page: what is refused stays on it, what is saved is on record."""

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import AuditEntry, Role, User
from customers.models import Customer
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.forms import opened


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
    assert refused.context["assign_form"].errors["manager"]
    assert f'value="{elsewhere.pk}"' not in refused.content.decode()
    assert 'value="Chen is away"' in refused.content.decode()


def test_a_book_over_its_capacity_is_warned_about(client: Client, li_lei: Customer, make_user: MakeUser) -> None:
    full = make_user(Role.ACCOUNT_MANAGER, "Zhao", team="East", capacity=0)
    client.force_login(make_user(Role.TEAM_LEAD, "Zhou Lan", team="East"))

    address, told = reverse("desk:assign", args=[li_lei.pk]), {"manager": full.pk, "reason": "Chen is away"}

    refused = client.post(address, told, follow=True).content.decode()
    li_lei.refresh_from_db()
    assert "Also where a book is fuller than agreed" in refused
    assert li_lei.manager != full
    page = client.post(address, told | {"over": "on"}, follow=True).content.decode()

    assert "the agreed most is 0" in page


def test_notes_written_meanwhile_are_not_written_over(client: Client, li_lei: Customer) -> None:
    page = client.get(reverse("desk:customer", args=[li_lei.pk]))
    typed = opened(page.context["profile_form"]) | {"mindset": "status"}
    Customer.objects.update(notes="女儿在杭州上学\n周末打电话")

    client.post(reverse("desk:edit_profile", args=[li_lei.pk]), typed)

    li_lei.refresh_from_db()
    assert (li_lei.mindset, li_lei.notes) == ("status", "女儿在杭州上学\n周末打电话")
    assert AuditEntry.objects.get(action="customer.profile_edited").detail["fields"] == ["mindset"]


def test_notes_that_two_people_write_are_kept_and_shown_to_the_second(client: Client, li_lei: Customer) -> None:
    page = client.get(reverse("desk:customer", args=[li_lei.pk]))
    typed = opened(page.context["profile_form"]) | {"notes": "喜欢绿茶"}
    Customer.objects.update(notes="女儿在杭州上学")

    refused = client.post(reverse("desk:edit_profile", args=[li_lei.pk]), typed)

    assert refused.status_code == 422
    assert "it says “女儿在杭州上学” now" in refused.content.decode()
    assert "喜欢绿茶" in refused.content.decode()
    li_lei.refresh_from_db()
    assert li_lei.notes == "女儿在杭州上学"
