"""The versions of orders in any order of arrival: level, points, coupons and figures are the same after the night."""

import os
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts.roles import ApiScope
from crm.desk.today import today
from customers.models import Customer, Order, Refund, Standing, Summary
from loyalty.campaigns import coupons
from loyalty.models import Coupon, CouponCampaign, CouponRedemption, Membership, OrderPoints, PointAccount
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from loyalty.tiers import membership
from loyalty.tiers.membership import review_due
from tests.conftest import ApiFor, MakeCustomer, MakeOrder
from tests.loyalty.campaigns.stories import DAY, a_coupon, basket, running
from tests.loyalty.tiers.stories import content, levels, put_in_force

pytestmark = pytest.mark.django_db
BATCH = "/api/v1/sources/shop/orders/batch"
# Histories of a run, each of one customer; more of them: LAOKE_HISTORIES=2000.
HISTORIES = int(os.environ.get("LAOKE_HISTORIES", "20"))
MOST = 500
PER_DAY = 1500

PICTURE: dict[Any, tuple[str, ...]] = {
    Order: ("external_id", "version", "status", "ordered_at", "paid", "customer__name", "fully_refunded_on"),
    Refund: ("order__external_id", "external_id", "customer__name", "amount"),
    Summary: ("customer__name", "purchase_days", "first_on", "last_on", "paid_sum", "profit_sum"),
    Standing: ("customer__name", "last_on"),
    OrderPoints: ("order__external_id", "account__customer__name", "granted", "multiplier", "most", "order_version"),
    PointAccount: ("customer__name", "pending", "available", "held", "debt"),
    Coupon: ("customer__name", "status"),
    CouponCampaign: ("used", "budget_used"),
    CouponRedemption: ("order_ref", "order__external_id"),
    Customer: ("name", "registered_on"),
}

# Rows that say of somebody or something that there is nothing: whether they are there depends on what there was.
NOTHING: dict[Any, dict[str, Any]] = {
    OrderPoints: {"granted": 0},
    PointAccount: {"pending": 0, "available": 0, "held": 0, "debt": 0},
    CouponRedemption: {"status__in": ("released", "rolled_back")},
}


def versions(rng: random.Random, person: int) -> list[dict[str, Any]]:
    """Two orders of one person, mostly of one day: paid, cancelled, unpaid, corrected, refunded, or somebody else's.

    Some days lie before the person rose to a level that doubles points, some after it.
    """
    told = []
    for number in (1, 2):
        for version in range(1, rng.randint(2, 4)):
            day = today() - timedelta(days=rng.choice((1, 1, 2, 6)))
            paid = rng.choice((10, 100, 700, 800, 1600, 5200))
            at = f"{day}T{rng.randint(8, 20):02d}:00:00+08:00"
            who = rng.choice((person, person, person, (person + 1) % HISTORIES))
            back = [{"external_id": "r", "amount": f"{paid}.00", "refunded_at": at}]
            told.append(
                {
                    "external_id": f"{person}-{number}",
                    "version": version,
                    "customer": {"external_id": f"c-{who}"},
                    "status": rng.choice(("paid", "paid", "paid", "cancelled", "pending")),
                    "ordered_at": at,
                    "paid": f"{paid}.00",
                    "refunds": back if rng.random() < 0.15 else [],
                }
            )
    return told


@pytest.fixture
def shop(make_customer: MakeCustomer, make_order: MakeOrder, api_for: ApiFor) -> APIClient:
    """Points with a cap of the day, levels that double them and rise at once, and a coupon held by each first order.

    Every third person has risen four days ago. Of the coupons some are used, some given back by the word of the shop.
    """
    at = timezone.now()
    rules = {"rate": Decimal(1), "most_per_day": PER_DAY}
    point_rules.save(rules, starts_at=at - 30 * DAY, by=None, reason="Tests", at=at - 30 * DAY)
    # Another rate since three days ago: which one an order earns by hangs on when it was made.
    point_rules.save(rules | {"rate": Decimal("1.5")}, starts_at=at - 3 * DAY, by=None, reason="Tests", at=at - 4 * DAY)
    terms = levels(silver=1000, gold=5000)
    for level, amount in zip(terms[1:], ("2", "3"), strict=True):
        level["benefits"] = [{"kind": "multiplier", "amount": amount, "cost": "0", "after_years": 0}]
    put_in_force(content(levels=terms), today() - timedelta(days=9))
    review_due(today() - timedelta(days=8), at=at - 8 * DAY)
    campaign = running(total_limit=HISTORIES, starts_at=at - DAY, ends_at=at + 9 * DAY)
    for n in range(HISTORIES):
        person = make_customer(f"客{n}", external_id=f"c-{n}")
        if n % 3 == 0:
            make_order(person, today() - timedelta(days=8), "1200.00", external_id=f"first-{n}", today=today())
            membership.after_orders([person.pk], at=at - 4 * DAY)
        code = a_coupon(campaign, person).code
        held = coupons.reserve(person, f"shop:{n}-1", basket("100.00"), at=at, code=code, hold=DAY)
        if n % 8 < 2:
            coupons.redeem(held.pk, at=at)
        if n % 8 == 1:
            coupons.roll_back(held.pk, at=at, reason="not wanted")
    return api_for(ApiScope.ORDERS_WRITE)


def after(shop: APIClient, told: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What there is when these have come in this order and the night has been; all of it is then taken back."""
    with transaction.atomic():
        for start in range(0, len(told), MOST):
            answer = shop.post(BATCH, {"orders": told[start : start + MOST]}, format="json")
            assert {result["status"] for result in answer.json()["results"]} <= {200, 201}, answer.json()
        at = timezone.now()
        review_due(today(), at=at)
        point_orders.sweep(at=at)
        coupons.follow_orders(at=at)
        seen = {}
        for model, columns in PICTURE.items():
            rows = model.objects.exclude(**NOTHING.get(model, {"pk": None}))
            seen[model.__name__] = sorted(map(repr, rows.values_list(*columns)))
        levels = Membership.objects.filter(rank__gt=0).values_list("customer__name", "rank")
        seen["levels"] = sorted(map(repr, levels))
        transaction.set_rollback(True)
    return seen


def test_in_whatever_order_the_versions_come_it_ends_the_same(shop: APIClient) -> None:
    rng = random.Random(8)
    told = [version for person in range(HISTORIES) for version in versions(rng, person)]
    shuffled = rng.sample(told, len(told))

    seen = [after(shop, told), after(shop, told[::-1]), after(shop, shuffled)]

    for other in seen[1:]:
        assert {name: (set(seen[0][name]) ^ set(other[name])) for name in other if seen[0][name] != other[name]} == {}
    assert seen[0]["levels"]
