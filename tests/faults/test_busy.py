"""The database is away, or somebody holds what is wanted: 503 and when to come back, at every door."""

import json
from functools import partial

import pytest

from customers.models import Customer
from tests.faults.processes import Lock, Processes
from tests.faults.serving import Served, answer, client_token, port_of_nobody, serve

ORDER = {"version": 1, "customer": {"external_id": "c-1"}, "ordered_at": "2026-11-17T12:00:00+08:00", "paid": "80"}


@pytest.fixture
def served(processes: Processes) -> Served:
    return partial(serve, processes)


def test_with_the_database_away_every_door_says_when_to_come_back(mall: None, served: Served) -> None:
    address = served(DATABASE_URL=f"postgres://laoke@127.0.0.1:{port_of_nobody()}/laoke")

    for path in ("/", "/accounts/login/", "/customers/"):
        status, wait, page = answer(address + path, Cookie=f"sessionid={'a' * 32}", **{"Accept-Language": "zh-hans"})
        assert (status, wait) == (503, "5"), path
        assert "请稍等" in page
    for path in ("/api/v1/customers/C0000001", "/api/v1/sources/shop/orders/1"):
        status, wait, body = answer(address + path, Authorization="Token lk_whatever")
        assert (status, wait, json.loads(body)["code"]) == (503, "5", "busy"), path


def test_a_request_that_waits_too_long_for_a_lock_is_answered_and_can_be_sent_again(mall: None, served: Served) -> None:
    address = served(DATABASE_LOCK_TIMEOUT="0.5") + "/api/v1/sources/shop/orders/busy-1"
    authorization = f"Token {client_token()}"
    customer = Customer.objects.get(identities__external_id="c-1", identities__source="shop")

    with Lock(f"SELECT 1 FROM customers_customer WHERE id = {customer.pk} FOR UPDATE"):
        refused = answer(address, ORDER, Authorization=authorization)
    stored = answer(address, ORDER, Authorization=authorization)

    assert (refused[0], refused[1], json.loads(refused[2])["code"]) == (503, "5", "busy")
    assert stored[0] == 201


def test_without_a_limit_it_waits_as_long_as_the_lock_lasts(mall: None, served: Served) -> None:
    address = served(DATABASE_LOCK_TIMEOUT="0") + "/api/v1/sources/shop/orders/busy-2"
    authorization = f"Token {client_token()}"
    customer = Customer.objects.get(identities__external_id="c-1", identities__source="shop")

    with (
        Lock(f"SELECT 1 FROM customers_customer WHERE id = {customer.pk} FOR UPDATE"),
        pytest.raises(TimeoutError),
    ):
        answer(address, ORDER, seconds=3, Authorization=authorization)
