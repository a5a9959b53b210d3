"""Long lists: narrowed by what stands in the address, a page at a time."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role, User
from core.jobs import runs
from crm.desk.customers import customer_page
from crm.desk.numbers import nights
from crm.desk.today import today
from crm.flows import nightly
from customers.models import Contact
from tests.conftest import MakeCustomer, MakeUser


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    client.force_login(user)
    return user


@pytest.fixture
def people(make_customer: MakeCustomer, chen: User) -> None:
    make_customer("李雷", manager=chen, region="浙江", city="杭州")
    make_customer("韩梅梅", manager=chen, region="浙江", city="宁波")
    make_customer("Tom Green", manager=chen, region="广东", city="深圳")


def names(client: Client, **asked: str) -> list[str]:
    context = client.get(reverse("desk:customers"), asked).context
    rows = context["page"].rows
    assert context["count"] == len(rows)
    return sorted(row.customer.name for row in rows)


@pytest.mark.usefixtures("people")
def test_customers_of_a_province_and_with_a_word(client: Client) -> None:
    assert names(client, region="浙江") == ["李雷", "韩梅梅"]
    assert names(client, region="浙江", text="梅") == ["韩梅梅"]
    assert names(client, text="green") == ["Tom Green"]
    assert names(client, text="深圳") == ["Tom Green"]
    assert names(client, region="西藏") == []


@pytest.mark.usefixtures("people")
def test_a_phone_does_not_belong_in_an_address(client: Client) -> None:
    for text in ("138 0013 8000", "lilei@example.com"):
        page = client.get(reverse("desk:customers"), {"text": text, "region": "浙江"})
        assert "it does not belong in an address" in page.content.decode()
        assert len(page.context["page"].rows) == 2


@pytest.mark.usefixtures("people")
def test_the_filters_stand_in_the_form_as_in_the_address(client: Client) -> None:
    page = client.get(reverse("desk:customers"), {"text": "梅", "region": "浙江"}).content.decode()

    assert 'value="梅"' in page
    assert '<option value="浙江" selected>' in page
    assert '<option value="广东">' in page


def test_the_nights_go_back_page_by_page(client: Client, chen: User) -> None:
    first = today() - timedelta(days=nights.SHOWN)
    for day in range(nights.SHOWN + 1):
        runs.plan(nightly.JOB, first + timedelta(days=day), at=timezone.now())

    latest = client.get(reverse("desk:nights")).context["page"]
    oldest = client.get(reverse("desk:nights") + latest.next).context["page"]

    assert (len(latest.rows), latest.prev, latest.text) == (30, "", "1–30")
    assert [run.business_date for run in oldest.rows] == [first]
    assert (oldest.prev, oldest.next, oldest.text) == ("?page=1", "", "31–31")


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999", "²"])
def test_a_page_that_cannot_be_is_answered_all_the_same(client: Client, chen: User, page: str) -> None:
    assert client.get(reverse("desk:nights"), {"page": page}).status_code == 200


def test_the_history_of_a_customer_goes_back_page_by_page(
    client: Client, chen: User, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_page, "EVENTS_SHOWN", 2)
    person = make_customer("李雷", manager=chen)
    for days in range(3):
        at = timezone.now() - timedelta(days=days)
        Contact.objects.create(customer=person, by=chen, at=at, channel="phone", outcome="reached", note=f"day {days}")
    address = reverse("desk:customer", args=[person.pk])

    newest = client.get(address).context["timeline"]
    oldest = client.get(address + newest.next).context["timeline"]

    assert [event.text for event in newest.rows] == ["day 0", "day 1"]
    assert [event.text for event in oldest.rows] == ["day 2"]
    assert oldest.next == ""
