"""What shops really send, word for word as it stands in tests/data/exports/R*.json."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.accounts.roles import ApiScope
from crm.desk.today import today
from customers.models import ContactPoint, Customer, ExternalIdentity, Order
from tests.conftest import ApiFor
from tests.loyalty.tiers.stories import content, levels, night, put_in_force

pytestmark = pytest.mark.django_db

FILES = Path(__file__).parents[1] / "data" / "exports"


def send(api_for: ApiFor, number: str) -> list[Any]:
    """The answers to all that the file sends."""
    (path,) = FILES.glob(f"{number}-*.json")
    shop = api_for(ApiScope.ORDERS_WRITE, ApiScope.CUSTOMERS_READ)
    steps = [step for step in json.loads(path.read_text()) if str(step.get("do")).startswith("PUT ")]
    return [shop.put(step["do"].removeprefix("PUT "), step["body"], format="json") for step in steps]


def test_r1_a_level_does_not_outlive_the_order_that_earned_it(api_for: ApiFor) -> None:
    put_in_force(content(levels=levels(silver=1000, gold=5000)), today() - timedelta(days=3))
    night(today())

    answers = send(api_for, "R1")
    night(today() + timedelta(days=1))

    assert [answer.status_code for answer in answers] == [201, 200]
    tier = api_for(ApiScope.CUSTOMERS_READ).get(f"/api/v1/customers/{answers[0].json()['customer']}/tier").json()
    assert tier["level"]["code"] == "member"


def test_r2_two_guests_are_two_customers(api_for: ApiFor) -> None:
    assert [answer.status_code for answer in send(api_for, "R2")] == [201, 201]

    assert sorted(Customer.objects.values_list("name", flat=True)) == ["Gwen", "Hal"]
    assert ContactPoint.objects.filter(kind="email").count() == 2
    assert not ExternalIdentity.objects.exists()


def test_r3_a_borrowed_phone_and_empty_texts_cost_no_order(api_for: ApiFor) -> None:
    borrowed, empty = send(api_for, "R3")

    assert (borrowed.status_code, empty.status_code) == (201, 201)
    assert [(left["field"], left["code"]) for left in borrowed.json()["left_out"]] == [("phone", "phone_invalid")]
    assert sorted(Order.objects.values_list("external_id", "customer__identities__external_id")) == [
        ("V1", "v1"),
        ("V2", "v2"),
    ]
    assert not ContactPoint.objects.exists()


def test_r4_a_slash_is_of_the_number(api_for: ApiFor) -> None:
    (answer,) = send(api_for, "R4")

    assert (answer.status_code, Order.objects.get().external_id) == (201, "Shop/0001")
    unknown = api_for(ApiScope.ORDERS_WRITE).get("/api/v1/nothing/here")
    assert (unknown.status_code, unknown["Content-Type"]) == (404, "application/problem+json")


def test_r5_decimals_that_say_nothing(api_for: ApiFor) -> None:
    (answer,) = send(api_for, "R5")

    assert (answer.status_code, str(Order.objects.get().paid)) == (201, "219.40")


def test_r6_a_refund_of_nothing(api_for: ApiFor) -> None:
    (answer,) = send(api_for, "R6")

    order = Order.objects.get()
    assert (answer.status_code, str(order.paid), order.refunds.count()) == (201, "100.00", 0)
