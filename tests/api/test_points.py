"""The till's side of points: told twice, each thing happens once; refusals name the numbers."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from crm.desk.today import today
from customers.models import Customer
from loyalty.models import PointAdjustment, Redemption, Reward
from loyalty.points import accounts as points
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from tests.conftest import ApiFor, MakeCustomer, MakeOrder, MakeUser


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    start = timezone.now() - timedelta(days=10)
    point_rules.save({"rate": Decimal(1)}, starts_at=start, by=None, reason="Tests", at=start)
    customer = make_customer("李雷")
    points.grant(customer, 500, source="goodwill", key="g", at=timezone.now(), reason="late delivery")
    return customer


@pytest.fixture
def till(api_for: ApiFor) -> APIClient:
    return api_for(ApiScope.POINTS_READ, ApiScope.POINTS_WRITE)


def test_the_balance_and_its_lines(till: APIClient, li_lei: Customer) -> None:
    told = till.get(f"/api/v1/customers/{li_lei.number}/points").json()

    assert (told["available"], told["pending"], told["held"], told["debt"]) == (500, 0, 0, 0)
    assert sum(one["points"] for one in told["expiring"]) == 500
    assert [(line["kind"], line["change"], line["balance"]) for line in told["lines"]] == [("grant", 500, 500)]


def test_the_whole_ledger_is_read_page_by_page(till: APIClient, li_lei: Customer) -> None:
    for n in range(5):
        points.take(li_lei, n + 1, key=f"t{n}", at=timezone.now(), by=None, reason="")
    address: str | None = f"/api/v1/customers/{li_lei.number}/points/lines?limit=2"
    seen = []
    while address:
        page = till.get(address).json()
        seen += [line["seq"] for line in page["lines"]]
        points.take(li_lei, 1, key=address, at=timezone.now(), by=None, reason="")  # neither repeats nor hides a line
        address = page["next"]

    assert seen == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("wrong", ["cursor=0", "cursor=x", "limit=0", "limit=201", "page=2"])
def test_an_address_that_makes_no_sense_is_refused(till: APIClient, li_lei: Customer, wrong: str) -> None:
    assert till.get(f"/api/v1/customers/{li_lei.number}/points/lines?{wrong}").status_code == 400


def test_a_line_names_the_order_behind_it(till: APIClient, li_lei: Customer, make_order: MakeOrder) -> None:
    order = make_order(li_lei, today(), "80.00", external_id="o-7", today=today())
    point_orders.reconcile([order.pk], at=timezone.now())

    [bought, given] = till.get(f"/api/v1/customers/{li_lei.number}/points/lines").json()["lines"]

    assert (bought["order"], given["order"]) == ("shop:o-7", None)


def test_a_hold_told_twice_is_one_and_ends_once(till: APIClient, li_lei: Customer) -> None:
    body = {"points": 200, "purpose": "order", "ref": "till-7"}
    first, again = (till.post(f"/api/v1/customers/{li_lei.number}/holds", body, format="json") for _ in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    other = till.post(f"/api/v1/customers/{li_lei.number}/holds", {**body, "points": 1}, format="json")
    assert (other.status_code, other.json()["code"]) == (422, "key_used")

    hold = first.json()["id"]
    assert till.post(f"/api/v1/holds/{hold}/capture").json()["state"] == "captured"
    assert till.post(f"/api/v1/holds/{hold}/capture").json()["state"] == "captured"
    assert till.post(f"/api/v1/holds/{hold}/release").status_code == 409
    assert till.post(f"/api/v1/holds/{hold}/melt").status_code == 404
    assert till.get(f"/api/v1/customers/{li_lei.number}/points").json()["available"] == 300


def test_too_many_points_are_refused_with_the_numbers(till: APIClient, li_lei: Customer) -> None:
    body = {"points": 501, "purpose": "order", "ref": "till-7"}
    answer = till.post(f"/api/v1/customers/{li_lei.number}/holds", body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "points_insufficient")
    assert "Only 500 points can be used, 501 are asked for." in answer.json()["detail"]


@pytest.mark.parametrize("wrong", [0, -5, "many", 10**9, 1.5])
def test_points_that_make_no_sense_are_refused(till: APIClient, li_lei: Customer, wrong: object) -> None:
    body = {"points": wrong, "purpose": "order", "ref": "till-7"}

    assert till.post(f"/api/v1/customers/{li_lei.number}/holds", body, format="json").status_code == 400


def test_a_reward_is_set_aside_and_handed_over(till: APIClient, li_lei: Customer) -> None:
    cup = Reward.objects.create(name="杯子", points=200, stock=3)
    assert till.get("/api/v1/rewards").json()["rewards"][0]["name"] == "杯子"
    address, body = f"/api/v1/customers/{li_lei.number}/redemptions", {"reward": cup.pk}
    assert till.post(address, body, format="json").json()["code"] == "idempotency_key"
    made = [till.post(address, body, format="json", HTTP_IDEMPOTENCY_KEY="k1").json() for _ in range(2)]
    assert made[0] == made[1]
    assert till.post(f"/api/v1/redemptions/{made[0]['id']}/hand-over").json()["state"] == "done"

    cup.refresh_from_db()
    assert (cup.stock, Redemption.objects.count()) == (2, 1)


def test_an_adjustment_by_program_waits_for_people(till: APIClient, li_lei: Customer) -> None:
    address = f"/api/v1/customers/{li_lei.number}/adjustments"
    body = {"points": 50, "reason": "late delivery"}
    made = [till.post(address, body, format="json", HTTP_IDEMPOTENCY_KEY="k1").json() for _ in range(2)]

    assert made[0] == made[1]
    other = till.post(address, {**body, "points": 51}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert (other.status_code, other.json()["code"]) == (422, "key_used")
    assert made[0]["state"] == PointAdjustment.State.WAITING
    assert points.balance(li_lei, at=timezone.now()).available == 500


def test_keys_of_two_clients_and_keys_that_differ_at_their_end_never_meet(
    api_for: ApiFor, make_user: MakeUser, till: APIClient, li_lei: Customer
) -> None:
    other = api_for(ApiScope.POINTS_WRITE, user=make_user(Role.CLIENT, "Another shop"))
    address, body = f"/api/v1/customers/{li_lei.number}/adjustments", {"points": 50, "reason": "late delivery"}
    long = "k" * 119

    for client, key in ((till, "k1"), (other, "k1"), (till, long + "a"), (till, long + "b"), (till, long + "b")):
        assert client.post(address, body, format="json", HTTP_IDEMPOTENCY_KEY=key).status_code == 201

    assert PointAdjustment.objects.count() == 4


def test_reading_needs_its_scope_and_so_does_writing(api_for: ApiFor, li_lei: Customer) -> None:
    reader = api_for(ApiScope.POINTS_READ)
    body = {"points": 1, "purpose": "order", "ref": "x"}

    assert reader.post(f"/api/v1/customers/{li_lei.number}/holds", body, format="json").status_code == 403
    assert reader.get("/api/v1/customers/C999/points").status_code == 404
    assert reader.get("/api/v1/customers/C999/points/lines").json()["code"] == "customer_unknown"
    assert api_for(ApiScope.POINTS_WRITE).get(f"/api/v1/customers/{li_lei.number}/points/lines").status_code == 403


def test_an_account_is_frozen_and_thawed_by_who_may_approve_points(
    api_for: ApiFor, make_user: MakeUser, till: APIClient, li_lei: Customer
) -> None:
    desk = api_for(ApiScope.POINTS_WRITE, user=make_user(Role.SERVICE_LEAD))
    address = f"/api/v1/customers/{li_lei.number}/points"
    assert till.post(f"{address}/freeze", {"reason": "fraud"}, format="json").status_code == 403
    assert desk.post(f"{address}/freeze", {}, format="json").status_code == 400

    frozen = desk.post(f"{address}/freeze", {"reason": "three refunds a day"}, format="json")
    assert frozen.json() == {"customer": li_lei.number, "frozen": True}
    assert till.get(address).json()["frozen"] is True
    held = till.post(
        f"/api/v1/customers/{li_lei.number}/holds", {"points": 1, "purpose": "order", "ref": "1"}, format="json"
    )
    assert (held.status_code, held.json()["errors"][0]["code"]) == (409, "points_frozen")

    assert desk.post(f"{address}/thaw", {"reason": "a gift shop"}, format="json").json()["frozen"] is False
    assert till.get(address).json()["frozen"] is False
