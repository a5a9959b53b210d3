"""The record is written on pages: a new customer, a correction, how somebody is reached."""

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from core.lib.almanac.days import LifeDay
from customers.models import Customer, CustomerChange, CustomField, LifeDate, Lookup
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.forms import opened

pytestmark = pytest.mark.django_db
NEW = {"name": "韩梅梅", "phone": "138 0013 8000", "mindset": "unknown", "preferred_channel": "wechat"}


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="East")
    client.force_login(user)
    return user


def test_a_manager_puts_somebody_into_her_own_book(client: Client, chen: User) -> None:
    done = client.post(reverse("desk:customer_new"), NEW | {"birth_month": 8, "birth_day": 15, "interests": "茶、瓷器"})

    customer = Customer.objects.get()
    assert done.headers["Location"] == reverse("desk:customer", args=[customer.pk])
    assert (customer.manager, customer.birthday, customer.interests) == (chen, LifeDay(8, 15), ["茶", "瓷器"])
    assert "Put on record" in client.get(done.headers["Location"]).content.decode()


def test_an_agent_may_open_whom_she_puts_on_record(client: Client, make_user: MakeUser) -> None:
    agent = make_user(Role.SERVICE_AGENT)
    client.force_login(agent)

    done = client.post(reverse("desk:customer_new"), NEW)

    assert Lookup.objects.get().user == agent
    assert client.get(done.headers["Location"]).status_code == 200


def test_who_has_the_phone_already_is_linked_and_nothing_typed_is_lost(
    client: Client, chen: User, make_customer: MakeCustomer
) -> None:
    known = make_customer("李雷", manager=chen, phone="13800138000")

    asked = client.post(reverse("desk:customer_new"), NEW)

    assert asked.status_code == 422
    page = asked.content.decode()
    assert reverse("desk:customer", args=[known.pk]) in page
    assert 'value="韩梅梅"' in page
    client.post(reverse("desk:customer_new"), NEW | {"anyway": "on"})
    assert Customer.objects.count() == 2


def test_who_is_out_of_reach_is_not_named(
    client: Client, chen: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    foreign = make_customer("李雷", manager=make_user(name="Zhao"), phone="13800138000")

    page = client.post(reverse("desk:customer_new"), NEW).content.decode()

    assert "Somebody outside your customers" in page
    assert "李雷" not in page
    assert foreign.number not in page


@pytest.mark.parametrize(
    ("field", "value"),
    [("phone", "12"), ("email", "x@"), ("birth_month", "2"), ("birth_year", "1980"), ("mindset", "greedy")],
)
def test_what_cannot_be_stored_stands_beside_its_field(client: Client, chen: User, field: str, value: str) -> None:
    refused = client.post(reverse("desk:customer_new"), NEW | {field: value})

    assert refused.status_code == 422
    assert "韩梅梅" in refused.content.decode()
    assert not Customer.objects.exists()


def test_two_who_correct_different_fields_both_win(client: Client, chen: User, make_customer: MakeCustomer) -> None:
    customer = make_customer("李磊", manager=chen)
    address = reverse("desk:customer_edit", args=[customer.pk])
    typed = opened(client.get(address).context["form"]) | {"name": "李雷"}
    Customer.objects.update(city="杭州")
    LifeDate.objects.create(customer=Customer.objects.get(), kind="birthday", month=2, day=3)

    assert client.post(address, typed).status_code == 302

    customer.refresh_from_db()
    assert (customer.name, customer.city, customer.birthday) == ("李雷", "杭州", LifeDay(2, 3))
    assert [row.field for row in CustomerChange.objects.all()] == ["name"]


def test_two_who_correct_the_same_field_read_both_texts(
    client: Client, chen: User, make_customer: MakeCustomer
) -> None:
    CustomField.objects.create(key="shoes", name="鞋码", kind="text")
    customer = make_customer("李雷", manager=chen, custom={"shoes": "41"})
    address = reverse("desk:customer_edit", args=[customer.pk])
    typed = opened(client.get(address).context["form"]) | {"custom-shoes": "42", "notes": "喜欢红茶"}
    Customer.objects.update(custom={"shoes": "43"})

    refused = client.post(address, typed)

    page = refused.content.decode()
    assert refused.status_code == 422
    assert "it says “43” now" in page
    assert 'value="42"' in page
    assert "喜欢红茶" in page
    again = opened(refused.context["form"])
    assert client.post(address, again).status_code == 302
    customer.refresh_from_db()
    assert (customer.custom, customer.notes) == ({"shoes": "42"}, "喜欢红茶")


def test_who_may_not_see_birthdays_neither_reads_nor_clears_one(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    lead = make_user(Role.SERVICE_LEAD)
    customer = make_customer("李雷", birthday=LifeDay(2, 3))
    CustomerChange.objects.create(
        customer=customer, at="2026-11-01T00:00Z", by=lead, door="page", field="birthday", after="02-03"
    )
    client.force_login(lead)
    address = reverse("desk:customer_edit", args=[customer.pk])
    page = client.get(address)

    client.post(address, opened(page.context["form"]) | {"name": "李蕾", "birth_month": "9", "birth_day": "9"})

    customer.refresh_from_db()
    assert (customer.name, customer.birthday) == ("李蕾", LifeDay(2, 3))
    assert "birth_month" not in page.content.decode()
    assert "02-03" not in client.get(reverse("desk:customer", args=[customer.pk])).content.decode()


def test_a_number_is_added_preferred_and_retired_on_the_page(
    client: Client, chen: User, make_customer: MakeCustomer
) -> None:
    customer = make_customer("李雷", manager=chen)
    page = reverse("desk:customer", args=[customer.pk])

    refused = client.post(reverse("desk:reach_add", args=[customer.pk]), {"kind": "phone", "value": "12"})
    assert refused.status_code == 422
    assert 'value="12"' in refused.content.decode()
    client.post(reverse("desk:reach_add", args=[customer.pk]), {"kind": "phone", "value": "13800138000"})
    point = customer.contact_points.get()
    for deed in ("confirm", "prefer"):
        client.post(reverse(f"desk:reach_{deed}", args=[customer.pk, point.pk]))
    assert "138****8000" in client.get(page).content.decode()
    client.post(reverse("desk:reach_retire", args=[customer.pk, point.pk]), {"why": "wrong"})

    point.refresh_from_db()
    assert (point.retired, point.is_preferred) == ("wrong", False)
    client.post(reverse("desk:reach_restore", args=[customer.pk, point.pk]))
    point.refresh_from_db()
    assert point.retired == ""
    history = client.get(page).content.decode()
    assert "13800138000" not in history
    assert "138****8000 (confirmed) → 138****8000 (preferred, confirmed)" in history


def test_a_point_of_somebody_else_is_out_of_reach(
    client: Client, chen: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    mine = make_customer("李雷", manager=chen)
    foreign = make_customer("韩梅梅", manager=make_user(name="Zhao"), phone="13800138000")
    point = foreign.contact_points.get()

    answer = client.post(reverse("desk:reach_retire", args=[mine.pk, point.pk]), {"why": "wrong"})

    assert answer.status_code == 404
    point.refresh_from_db()
    assert point.retired == ""


def test_an_administrator_asks_a_question_of_the_mall(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR))
    address = reverse("desk:custom_fields")

    client.post(address, {"name": "常去的店", "kind": "choice", "choices": "西湖\n滨江", "position": 1})
    twice = client.post(address, {"name": "常去的店", "kind": "text", "position": 1})

    field = CustomField.objects.get()
    assert (field.choices, twice.status_code) == (["西湖", "滨江"], 422)
    page = client.get(reverse("desk:custom_field", args=[field.pk]))
    client.post(reverse("desk:custom_field", args=[field.pk]), opened(page.context["form"]) | {"choices": "西湖"})
    field.refresh_from_db()
    assert (field.choices, field.active) == (["西湖"], True)
