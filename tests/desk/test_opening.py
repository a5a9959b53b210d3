"""A customer's pages: who had them open is on record, and a record that was merged leads on."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.cases import intake
from complaints.models import Category
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.outbox.models import Message
from crm.desk.today import now
from crm.flows.notices import text_of
from crm.flows.record import merging, unmerging
from customers.models import Customer, Merge, NotTheSame, Opened
from tests.conftest import MakeCustomer, MakeUser


@pytest.fixture
def lead(client: Client, make_user: MakeUser) -> User:
    user = make_user(Role.TEAM_LEAD, "Qian", team="east")
    client.force_login(user)
    return user


@pytest.fixture
def pair(make_customer: MakeCustomer) -> tuple[Customer, Customer]:
    return make_customer("李雷"), make_customer("李磊")


@pytest.mark.parametrize("page", ["customer", "points", "customer_orders", "tiers_why"])
def test_every_page_of_a_customer_counts_as_opened(
    client: Client, lead: User, pair: tuple[Customer, Customer], page: str
) -> None:
    client.get(reverse(f"desk:{page}", args=[pair[0].pk]))

    assert [(row.customer, row.user) for row in Opened.objects.all()] == [(pair[0], lead)]


def test_the_page_of_a_case_and_of_a_call_count_as_opened(
    client: Client, make_user: MakeUser, pair: tuple[Customer, Customer]
) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))
    agent = make_user(Role.SERVICE_LEAD, "Wang")
    client.force_login(agent)
    category = Category.objects.get(code="delivery-late")
    case = intake.log(
        pair[0], category=category, channel="phone", by=agent, at=timezone.now(), description="包裹没到"
    ).case
    assert client.get(reverse("desk:complaint", args=[case.pk])).status_code == 200
    assert [row.customer for row in Opened.objects.all()] == [pair[0]]

    client.post(reverse("desk:complaint_find"), {"q": pair[1].number})
    client.get(reverse("desk:complaint_new"), {"customer": pair[1].pk})

    assert {row.customer for row in Opened.objects.all()} == set(pair)


def test_what_is_sent_about_a_merged_record_is_shown_beside_the_way_to_the_other(
    client: Client, lead: User, pair: tuple[Customer, Customer]
) -> None:
    old, winner = pair
    merging.merge(old, winner, by=lead, at=now(), reason="One person")

    answer = client.post(reverse("desk:customer_edit", args=[old.pk]), {"name": "李雷", "notes": "喜欢绿茶"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert f"{old.number} was merged into {winner.number}" in page
    assert "喜欢绿茶" in page
    assert reverse("desk:customer", args=[winner.pk]) in page

    again = client.post(reverse("desk:merge_other", args=[winner.pk, old.pk]), {"reason": "x", "once": uuid4().hex})
    assert (again.status_code, again.context["winner"]) == (409, winner)


def test_a_record_cannot_be_compared_with_itself(client: Client, lead: User, pair: tuple[Customer, Customer]) -> None:
    address = reverse("desk:merge", args=[pair[0].pk])

    page = client.get(address, {"other": pair[0].pk}, follow=True)

    assert "cannot be merged with themselves" in page.content.decode()
    assert page.redirect_chain == [(address, 302)]


def test_a_pair_taken_apart_stands_under_two_people(lead: User, pair: tuple[Customer, Customer]) -> None:
    merging.merge(*pair, by=lead, at=now(), reason="One person")
    unmerging.undo(Merge.objects.get().pk, by=lead, at=now(), reason="Two people after all")

    assert [(row.first, row.second, row.by) for row in NotTheSame.objects.all()] == [(*pair, lead)]


def test_who_is_handed_a_customer_is_told_and_the_history_says_why(
    client: Client, lead: User, make_user: MakeUser, pair: tuple[Customer, Customer]
) -> None:
    chen, elsewhere = make_user(name="Chen", team="east"), make_user(name="Zhao", team="south")
    page = client.get(reverse("desk:customer", args=[pair[0].pk]))
    offered = page.context["assign_form"].fields["manager"].queryset
    assert (chen in offered, elsewhere in offered) == (True, False)

    client.post(reverse("desk:assign", args=[pair[0].pk]), {"manager": chen.pk, "reason": "Speaks Cantonese"})

    message = Message.objects.get(recipient=chen)
    assert text_of(message) == f"Customer {pair[0].number} is yours now: Speaks Cantonese"
    history = client.get(reverse("desk:customer", args=[pair[0].pk])).context["timeline"].rows
    assert ("Handed over to Chen", "Speaks Cantonese", "Qian") in [(row.title, row.text, row.by) for row in history]


def test_the_list_says_how_it_is_sorted_and_the_day_whose_customers_it_counts(
    client: Client, lead: User, pair: tuple[Customer, Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = reverse("desk:customers")
    assert "2 customers, the most valuable first" in client.get(address).content.decode()
    monkeypatch.setattr("crm.desk.lists.definition.sees", lambda user, field: False)
    assert "2 customers, by number" in client.get(address).content.decode()

    assert "Customers of the team" in client.get(reverse("desk:my_day")).content.decode()
