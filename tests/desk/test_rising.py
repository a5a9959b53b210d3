"""My day and the page of those who buy more often: adopted with a plan, or not now and taken back."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from care.models import CustomerPlan
from core.accounts.models import Role, User
from crm.desk.today import today
from customers.models import Customer, Standing, Todo
from segmentation.growing import rising
from segmentation.models import Rising
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
Class = Standing.Class


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "陈静")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, make_order: MakeOrder, chen: User) -> Customer:
    """Random, and asked about; beside an active one who paid less."""
    for name, days, kind in (("活跃", (3,), Class.ACTIVE), ("李雷", (3, 40), Class.RANDOM)):
        person = make_customer(name, manager=chen)
        for n in days:
            make_order(person, today() - timedelta(days=n), "200.00", today=today())
        Standing.objects.filter(pk=person.pk).update(customer_class=kind, potential=100)
    assert rising.find(as_of=today(), at=timezone.now()) == 1
    return person


def test_from_my_day_a_customer_is_adopted_with_a_plan(client: Client, chen: User, li_lei: Customer) -> None:
    client.force_login(chen)
    row = client.get(reverse("desk:my_day")).content.decode()
    assert "Bought on 2 days in 90, on 0 in the 90 before: adopt?" in row
    address = reverse("desk:rising_adopt", args=[li_lei.pk])
    assert address in row

    answer = client.post(address, headers={"HX-Request": "true"})

    assert "李雷 is adopted" in answer.headers["HX-Trigger"].encode().decode("unicode_escape")
    plan = CustomerPlan.objects.get()
    assert (plan.customer, plan.every_days) == (li_lei, 45)
    assert set(Todo.objects.filter(state="open").values_list("reason", flat=True)) >= {"contact"}
    again = client.post(address, follow=True).content.decode()
    assert "This was answered already: Adopted." in again


def test_not_now_takes_a_reason_and_can_be_taken_back(client: Client, chen: User, li_lei: Customer) -> None:
    client.force_login(chen)
    address = reverse("desk:rising_not_now", args=[li_lei.pk])
    assert client.post(address, {}).status_code == 422

    page = client.post(address, {"why": "once_only"}, follow=True).content.decode()
    assert "A gift or a single event" in page
    page = client.post(reverse("desk:rising_reopen", args=[li_lei.pk]), follow=True).content.decode()

    assert (Rising.objects.get().state, "Waits for an answer" in page) == ("open", True)
    assert "李雷" not in client.get(reverse("desk:rising"), {"state": "not_now"}).content.decode()


def test_somebody_elses_is_out_of_reach(client: Client, make_user: MakeUser, li_lei: Customer) -> None:
    client.force_login(make_user(Role.ACCOUNT_MANAGER, "赵磊"))
    assert client.post(reverse("desk:rising_adopt", args=[li_lei.pk])).status_code == 404
    assert "李雷" not in client.get(reverse("desk:rising")).content.decode()
