"""What one client may take: a budget for each token, and turns for what takes long, so that the desk keeps its threads."""

from typing import Any

import pytest
import redis
from rest_framework.test import APIClient

from core.accounts.roles import ApiScope
from crm import turns
from crm.api import limits
from customers.models import Order
from tests.conftest import ApiFor

pytestmark = pytest.mark.django_db
BATCH = "/api/v1/sources/shop/orders/batch"


def order(**told: Any) -> dict[str, Any]:
    customer = {"external_id": "c-1"}
    return {"version": 1, "customer": customer, "ordered_at": "2026-11-01T12:00:00+08:00", "paid": "80.00"} | told


def put(shop: APIClient, number: str) -> Any:
    return shop.put(f"/api/v1/sources/shop/orders/{number}", order(), format="json")


def batch(shop: APIClient, *numbers: str) -> Any:
    items = [order(external_id=number) for number in numbers]
    return shop.post(BATCH, {"orders": items}, format="json")


@pytest.fixture
def small(settings: Any) -> int:
    """A budget of five items a minute."""
    settings.API_BUDGET = 5
    return 5


def test_every_answer_says_what_is_left(api_for: ApiFor, small: int) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)

    first, several = put(shop, "o-1"), batch(shop, "o-2", "o-3", "o-4")

    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("5", "4")
    assert (several.status_code, several["RateLimit-Remaining"]) == (200, "1")
    assert 1 <= int(several["RateLimit-Reset"]) <= 60


def test_what_is_too_much_is_told_to_come_again_and_costs_nothing(api_for: ApiFor, small: int) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)
    batch(shop, "o-1", "o-2", "o-3")

    refused = batch(shop, "o-4", "o-5", "o-6")

    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert refused["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["RateLimit-Remaining"] == "2"
    assert Order.objects.count() == 3
    assert batch(shop, "o-4", "o-5").status_code == 200
    assert put(shop, "o-6").status_code == 429


def test_one_client_is_not_refused_for_another(api_for: ApiFor, small: int) -> None:
    flood, other = api_for(ApiScope.ORDERS_WRITE), api_for(ApiScope.ORDERS_WRITE)
    batch(flood, *"abcde")

    assert put(flood, "o-1").status_code == 429
    assert put(other, "o-1").status_code == 201


def test_more_than_a_whole_budget_goes_when_nothing_is_spent(api_for: ApiFor, small: int) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)

    assert batch(shop, *"abcdefgh").status_code == 200
    assert put(shop, "o-1").status_code == 429


def test_while_redis_is_away_nobody_is_refused(api_for: ApiFor, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away() -> Any:
        asked.append(1)
        raise redis.ConnectionError

    monkeypatch.setattr(limits, "_redis", away)
    monkeypatch.setattr(limits, "COUNTS", limits._Counts())
    shop = api_for(ApiScope.ORDERS_WRITE)

    answers = [batch(shop, *"abcde") for _n in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert "RateLimit-Limit" not in answers[0]
    assert len(asked) == 1  # and then not for a while


def test_a_budget_may_be_without_limit(api_for: ApiFor, settings: Any) -> None:
    settings.API_BUDGET = 0
    assert "RateLimit-Limit" not in put(api_for(ApiScope.ORDERS_WRITE), "o-1")


def test_a_batch_waits_for_no_turn_and_takes_nobody_elses(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)

    with turns.LONG.one() as turn:
        refused, single = batch(shop, "o-1"), put(shop, "o-2")

    assert turn == 0
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "busy", "5")
    assert single.status_code == 201
    assert batch(shop, "o-1").status_code == 200
    assert batch(shop, "o-3").status_code == 200  # the turn was given back


def test_the_turn_is_given_back_after_a_refusal_too(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)

    assert [shop.post(BATCH, {"orders": []}, format="json").status_code for _n in range(3)] == [400] * 3
    assert batch(shop, "o-1").status_code == 200


def test_when_the_process_for_long_requests_gives_no_answer_it_is_to_be_sent_again(
    api_for: ApiFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(turns.PLACE, "elsewhere")  # where nobody listens
    shop = api_for(ApiScope.ORDERS_WRITE)

    shop.raise_request_exception = False  # a 503 is on record as a fault, as every one is
    lost = batch(shop, "o-1")

    assert (lost.status_code, lost.json()["code"], lost["Retry-After"]) == (503, "busy", "5")
    assert "Send the same again" in lost.json()["detail"]
    assert put(shop, "o-1").status_code == 201  # short ones are answered where they come
