"""Random histories through the REST door: in whatever order, however often and by whichever call, one record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.accounts.roles import ApiScope
from tests.conftest import ApiFor
from tests.customers.test_orders import picture

pytestmark = pytest.mark.django_db
Event = dict[str, Any]


def told(at: datetime) -> str:
    return f"{at:%FT%TZ}"


def event(number: int, version: int, customer: int, day: int, paid: int, status: str, refunds: list[int]) -> Event:
    """One version of one order; its refunds are shares, in per cent, of what was paid."""
    at = datetime(2025, 1, 1, 4, tzinfo=UTC) + timedelta(days=day)
    back = [
        {"external_id": f"r-{index}", "amount": f"{paid * share / 100:.2f}", "refunded_at": told(at + timedelta(share))}
        for index, share in enumerate(refunds)
    ]
    return {
        "external_id": f"o-{number}",
        "version": version,
        "status": status,
        "ordered_at": told(at),
        "customer": {"external_id": f"c-{customer}", "name": f"客户{customer}"},
        "paid": f"{paid}.00",
        "cost": f"{paid // 2}.00",
        "refunds": back,
        "lines": [{"product": f"p-{number}", "quantity": 1 + day % 3, "amount": f"{paid}.00", "category": "茶"}],
    }


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[list[Event]]]:
    """Up to nine versions of three orders, and another way of telling them: shuffled, repeated, in packets."""
    keys = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=2, max_size=9, unique=True))
    events = [
        event(
            number,
            version,
            draw(st.integers(0, 2)),
            draw(st.integers(0, 300)),
            draw(st.integers(1, 900)),
            draw(st.sampled_from(["paid", "paid", "paid", "pending", "cancelled"])),
            draw(st.lists(st.integers(1, 50), max_size=2)),
        )
        for number, version in keys
    ]
    again = draw(st.permutations(events + draw(st.lists(st.sampled_from(events), max_size=3))))
    packets: list[list[Event]] = [[]]
    for item in again:
        if packets[-1] and draw(st.booleans()):
            packets.append([])
        packets[-1].append(item)
    return sorted(events, key=lambda item: item["version"]), packets


def send(shop: APIClient, packet: list[Event]) -> None:
    if len(packet) > 1:
        answer = shop.post("/api/v1/sources/shop/orders/batch", {"orders": packet}, format="json")
        assert {result["status"] for result in answer.json()["results"]} <= {200, 201}, answer.json()
        return
    [item] = packet
    body = {name: value for name, value in item.items() if name != "external_id"}
    answer = shop.put(f"/api/v1/sources/shop/orders/{item['external_id']}", body, format="json")
    assert answer.status_code in (200, 201), answer.json()


def after(shop: APIClient, packets: list[list[Event]]) -> list[Any]:
    """The record after these calls, which are then taken back."""
    with transaction.atomic():
        for packet in packets:
            send(shop, packet)
        seen = [sorted(map(repr, rows)) for rows in picture()]
        transaction.set_rollback(True)
    return seen


@given(history=histories())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_way_of_telling_a_history_ends_in_the_same_record(
    api_for: ApiFor, history: tuple[list[Event], list[list[Event]]]
) -> None:
    in_order, packets = history
    with transaction.atomic():
        shop = api_for(ApiScope.ORDERS_WRITE)
        seen = after(shop, packets), after(shop, [[item] for item in in_order])
        transaction.set_rollback(True)

    assert seen[0] == seen[1]
