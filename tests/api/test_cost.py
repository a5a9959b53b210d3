"""What an order costs: how often the database is asked, in a shop that uses everything.

Each statement is a wait: a shop's throughput is what these numbers allow.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts.roles import ApiScope
from core.outbox import posting, webhooks
from core.outbox.models import WebhookEvent
from crm.desk.today import today
from customers.models import Order
from loyalty.models import Membership, PointTxn
from loyalty.notices import Kind
from loyalty.points import rules as point_rules
from loyalty.tiers.membership import review_due
from tests.conftest import ApiFor, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.campaigns.stories import DAY, goods, published, running
from tests.loyalty.tiers.stories import content, put_in_force

pytestmark = pytest.mark.django_db

MOST = {
    "a new order": 25,
    "the same again": 10,
    "a new version": 25,
    "a refund": 25,
    "of somebody with a level": 25,
    "by phone": 25,
    "of a new customer": 29,
    "that raises the level": 29,
}


@pytest.fixture
def shop(
    make_user: MakeUser,
    make_customer: MakeCustomer,
    make_order: MakeOrder,
    api_for: ApiFor,
    monkeypatch: pytest.MonkeyPatch,
) -> APIClient:
    """Points, levels, a webhook that is told of both, a draw and coupons that run, and Li Lei who has bought before."""
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    at = timezone.now()
    point_rules.save({"rate": Decimal(1)}, starts_at=at - 30 * DAY, by=None, reason="Tests", at=at - 30 * DAY)
    put_in_force(content(), today() - timedelta(days=2))
    review_due(today() - timedelta(days=1), at=at)
    told = [Kind.POINTS_EARNED, Kind.TIER_UPGRADED]
    webhooks.register("https://shop.example/hooks", events=told, by=make_user(), at=at)
    published(goods(total=1), code="W", name="转盘", starts_at=at - DAY, ends_at=at + 9 * DAY)
    running("C", name="满减", starts_at=at - DAY, ends_at=at + 9 * DAY)
    for name, number, paid in (("李雷", "c-1", "80.00"), ("王芳", "c-3", "1500.00")):
        person = make_customer(name, external_id=number, phone=f"1380013800{number[-1]}")
        make_order(person, today() - timedelta(days=3), paid, external_id=f"before-{number}", today=today())
    return api_for(ApiScope.ORDERS_WRITE)


def order(**told: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "customer": {"external_id": "c-1", "phone": "13800138001", "name": "李雷", "email": "li@lei.cn"},
        "ordered_at": f"{today() - timedelta(days=1)}T12:00:00+08:00",
        "paid": "80.00",
        "cost": "40.00",
        "lines": [
            {"product": "p-1", "quantity": 1, "amount": "30.00", "name": "茶", "category": "茶叶"},
            {"product": "p-2", "quantity": 2, "amount": "50.00", "name": "杯", "category": "杯子"},
        ],
    } | told


def asked(client: APIClient, number: str, **told: Any) -> list[str]:
    """The statements of one order; the savepoint that the test makes of its transaction stands for BEGIN and COMMIT."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.put(f"/api/v1/sources/shop/orders/{number}", order(**told), format="json")
    assert answer.status_code in (200, 201), answer.json()
    return [query["sql"] for query in queries]


def test_an_order_asks_so_often(shop: APIClient) -> None:
    back = {"external_id": "r", "amount": "40.00", "refunded_at": f"{today() - timedelta(days=1)}T13:00:00+08:00"}
    asked(shop, "o-0")  # products, the account and what is written once a day are there
    asked(shop, "o-9", customer={"external_id": "c-3"})

    told = {
        "a new order": asked(shop, "o-1"),
        "the same again": asked(shop, "o-1"),
        "a new version": asked(shop, "o-1", version=2, paid="90.00"),
        "a refund": asked(shop, "o-1", version=3, paid="90.00", refunds=[back]),
        "of somebody with a level": asked(shop, "o-2", customer={"external_id": "c-3"}),
        "by phone": asked(shop, "o-3", customer={"phone": "13800138001"}),
        "of a new customer": asked(
            shop, "o-4", customer={"external_id": "c-2", "phone": "13900139000", "name": "韩梅"}
        ),
        "that raises the level": asked(shop, "o-5", paid="1000.00"),
    }

    print(", ".join(f"{name} {len(statements)}" for name, statements in told.items()))
    assert {name: "\n".join(asked) for name, asked in told.items() if len(asked) > MOST[name]} == {}
    one = {"SAVEPOINT", "RELEASE SAVEPOINT"}
    for statements in told.values():  # one transaction, nothing within it
        assert len([sql for sql in statements if sql.startswith(tuple(one))]) == 2
    # Everything was done meanwhile.
    assert Order.objects.count() == 9
    assert PointTxn.objects.count() == WebhookEvent.objects.filter(kind=Kind.POINTS_EARNED).count() + 1 == 9
    assert Membership.objects.filter(rank=1).count() == 2
