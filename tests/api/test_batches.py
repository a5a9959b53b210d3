"""Many orders told together are stored together, and the record is as if they had come one after the other."""

import os
import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from core.outbox import posting, webhooks
from core.outbox.models import WebhookEvent
from crm.desk.today import today
from crm.flows.record import merging
from customers.intake import recording
from customers.models import (
    Customer,
    DirtyMark,
    GuestOrder,
    Order,
    OrderLine,
    Product,
    Refund,
    Standing,
    Summary,
    Todo,
    UnusualOrder,
)
from loyalty.campaigns import coupons, credit
from loyalty.models import (
    CampaignUsage,
    Coupon,
    CouponRedemption,
    CreditAccount,
    CreditAuthorisation,
    LotteryTicket,
    Membership,
    OrderPoints,
    PointAccount,
    PointLot,
    PointTxn,
    TierChange,
)
from loyalty.notices import Kind
from loyalty.points import rules as point_rules
from loyalty.tiers.membership import review_due
from segmentation import alerts
from segmentation.alerts import Due
from segmentation.models import Alert
from tests.conftest import ApiFor, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.campaigns.stories import DAY, a_coupon, basket, goods, published, running
from tests.loyalty.tiers.stories import content, levels, put_in_force

pytestmark = pytest.mark.django_db
BATCH = "/api/v1/sources/shop/orders/batch"
# Batches of a run; more of them: LAOKE_BATCHES=200.
BATCHES = int(os.environ.get("LAOKE_BATCHES", "3"))
ITEMS = 48
PEOPLE = 9

# model -> what is compared of it, by names that do not depend on the order in which rows were made
PICTURE: dict[Any, tuple[str, ...]] = {
    Customer: ("name", "region", "city", "registered_on", "merged_into__name"),
    Order: ("external_id", "version", "status", "ordered_at", "paid", "cost", "profit", "fully_refunded_on"),
    OrderLine: ("order__external_id", "product__external_id", "quantity", "amount"),
    Refund: ("order__external_id", "external_id", "purchased_on", "refunded_on", "amount", "profit_effect", "reason"),
    Product: ("external_id", "name", "category__name"),
    GuestOrder: ("external_id", "version", "status", "fact", "paid", "why"),
    UnusualOrder: ("order__external_id", "usual", "state"),
    Summary: ("purchase_days", "order_count", "first_on", "last_on", "paid_sum", "profit_sum", "log_gap_sum"),
    Standing: ("last_on",),
    Alert: ("kind", "state", "closed_on", "recovered_after_days"),
    Todo: ("reason", "state"),
    OrderPoints: ("order__external_id", "granted", "multiplier", "most", "order_version"),
    PointAccount: ("pending", "available", "held", "debt", "earned", "last_seq"),
    PointTxn: ("seq", "kind", "points", "order__external_id", "order_delta", "change", "balance"),
    PointLot: ("order__external_id", "original", "pending", "available", "expires_at"),
    Membership: ("rank", "since", "review_on", "earned_from", "earned_to", "earned_bar", "seq"),
    TierChange: ("seq", "on", "reason", "rank_before", "rank_after", "amount", "before"),
    Coupon: ("campaign__code", "status"),
    CouponRedemption: ("order_ref", "order__external_id", "status"),
    CampaignUsage: ("campaign__code", "used"),
    LotteryTicket: ("order__external_id", "status"),
    CreditAccount: ("exposure", "authorised"),
    CreditAuthorisation: ("order_ref", "order__external_id", "status", "returned"),
}
ACCOUNT = {PointTxn: "account__customer", PointLot: "account__customer", OrderPoints: "account__customer"}


def picture() -> dict[str, list[str]]:
    """Everything that the orders have done, with people by how they are known."""
    people = {
        customer.pk: (
            sorted(customer.identities.values_list("source", "external_id")),
            sorted(customer.contact_points.values_list("kind", "mask")),
        )
        for customer in Customer.objects.all()
    }
    seen: dict[str, list[str]] = {}
    for model, columns in PICTURE.items():
        names = {field.name for field in model._meta.get_fields()}
        owner = ACCOUNT.get(model, "pk" if model is Customer else "customer" if "customer" in names else "")
        rows = model.objects.values_list(*([owner] if owner else []), *columns)
        seen[model.__name__] = sorted(repr([people[row[0]], *row[1:]] if owner else list(row)) for row in rows)
    seen["breadth"] = sorted(repr((o.external_id, o.category_mask.bit_count())) for o in Order.objects.all())
    seen["marked"] = sorted({repr(people[pk]) for pk in DirtyMark.objects.values_list("customer_id", flat=True)})
    numbers = {customer.number: people[customer.pk] for customer in Customer.objects.all()}
    told = WebhookEvent.objects.values_list("kind", "data")
    seen["told"] = sorted(repr((kind, data | {"customer": numbers[data["customer"]]})) for kind, data in told)
    return seen


@pytest.fixture
def shop(
    make_user: MakeUser,
    make_customer: MakeCustomer,
    make_order: MakeOrder,
    api_for: ApiFor,
    monkeypatch: pytest.MonkeyPatch,
) -> APIClient:
    """A shop that uses everything: a level that doubles points, a daily cap, a coupon, a draw, an order on account."""
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    at, last = timezone.now(), today() - timedelta(days=60)
    point_rules.save(
        {"rate": Decimal(1), "most_per_day": 1500}, starts_at=at - 90 * DAY, by=None, reason="Tests", at=at - 90 * DAY
    )
    terms = levels(silver=1000, gold=2500)
    terms[1]["benefits"] = [{"kind": "multiplier", "amount": "2", "cost": "0", "after_years": 0}]
    put_in_force(content(levels=terms), today() - timedelta(days=2))
    review_due(today() - timedelta(days=1), at=at)
    told = [Kind.POINTS_EARNED, Kind.TIER_UPGRADED, Kind.COUPON_REDEEMED]
    webhooks.register("https://shop.example/hooks", events=told, by=make_user(), at=at)
    published(goods(total=1), code="W", name="转盘", entry="order", starts_at=at - 20 * DAY, ends_at=at + 9 * DAY)
    campaign = running("C", name="满减", starts_at=at - DAY, ends_at=at + 9 * DAY)
    people = [
        make_customer(f"老客{n}", external_id=f"c-{n}", phone=f"1380013800{n}", registered_on=last) for n in range(4)
    ]
    for n in range(40):  # enough to know what is usual
        make_order(people[n % 4], last - timedelta(days=n), "40.00", external_id=f"before-{n}", today=today())
    quiet = Due(people[0].pk, Alert.Kind.QUIET, last, today() + timedelta(days=30), 5000, 9000, {})  # type: ignore[typeddict-item]
    alerts.open_due([quiet], as_of=today(), at=at, silent=False)
    coupons.reserve(people[1], "shop:o-1", basket("100.00"), at=at, code=a_coupon(campaign, people[1]).code)
    terms_of = {"limit": "1000.00", "term_days": 30, "reason": "good customer", "by": make_user(Role.TEAM_LEAD)}
    credit.propose_limit(people[2], **terms_of, at=at)
    held = credit.authorise(people[2], "shop:o-2", "30.00", idem_key="a", at=at)
    credit.capture(held.pk, at=at)
    double = make_customer("老客三", external_id="double", source="till", registered_on=last)
    merging.merge(double, people[3], by=make_user(Role.SERVICE_LEAD), at=at, reason="One person")
    return api_for(ApiScope.ORDERS_WRITE)


def somebody(rng: random.Random) -> dict[str, Any] | None:
    """By id, phone, e-mail or several of them, some of which meet in one person; a known one, a new one, or nobody."""
    n = rng.randrange(PEOPLE)
    ways = {
        "external_id": f"c-{n}",
        "phone": f"1380013800{rng.choice((n, n, (n + 1) % PEOPLE))}",
        "email": f"p{n}@shop.cn",
        "name": f"客{n}",
        "city": rng.choice(("上海", "")),
    }
    chosen = rng.sample(list(ways), rng.randint(1, 4))
    merged = Customer.objects.filter(name="老客三").values_list("number", flat=True)
    return rng.choice([{k: ways[k] for k in chosen}] * 9 + [{"number": merged[0]}, None, {"external_id": "guest"}])


def item(rng: random.Random) -> dict[str, Any]:
    day = today() - timedelta(days=rng.randint(1, 6))
    paid = rng.choice((20, 80, 300, 900, 1200, 2600))
    status = rng.choice(("paid", "paid", "paid", "pending", "cancelled"))
    back = rng.choice((0, 0, 0, 50, 100))
    at = f"{day}T{rng.randint(0, 23):02d}:00:00+08:00"
    product = rng.randrange(4)
    told: dict[str, Any] = {
        "external_id": f"o-{rng.randrange(30)}",
        "version": rng.randint(1, 4),
        "customer": somebody(rng),
        "status": status,
        "ordered_at": at,
        "paid": f"{paid}.00",
        "lines": [
            {"product": f"p-{product}", "quantity": 1, "amount": f"{paid}.00", "name": f"茶{product}"}
            | ({"category": "茶"} if rng.random() < 0.5 else {})
        ],
    }
    if back:
        told["refunds"] = [{"external_id": "r", "amount": f"{paid * back // 100}.00", "refunded_at": at}]
    odd = rng.random()
    if odd < 0.04:
        told["paid"] = rng.choice(("NaN", "-1", "9999999.99"))
    elif odd < 0.07:
        told["colour"] = "red"
    elif odd < 0.10:
        told["ordered_at"] = "2099-01-01T00:00:00+08:00"
    return told


def after(shop: APIClient, packets: list[list[dict[str, Any]]]) -> tuple[list[Any], dict[str, list[str]]]:
    """The answers to these batches and the record after them, which are then taken back."""
    with transaction.atomic():
        before = Customer.objects.order_by("-pk").values_list("pk", flat=True)[0]
        answers: list[Any] = []
        for packet in packets:
            results = shop.post(BATCH, {"orders": packet}, format="json").json()["results"]
            answers += [{k: v for k, v in result.items() if k != "index"} for result in results]
        who = dict(Customer.objects.filter(pk__gt=before).values_list("number", "name"))
        for answer in answers:  # numbers go on when a transaction is taken back
            answer["customer"] = who.get(answer["customer"], answer["customer"])
        seen = picture()
        transaction.set_rollback(True)
    return answers, seen


def differing(shop: APIClient, items: list[dict[str, Any]]) -> dict[str, Any]:
    """What is not the same after a batch as after its items one by one."""
    answers, seen = after(shop, [items])
    alone, then = after(shop, [[told] for told in items])
    found = {name: (set(seen[name]) - set(then[name]), set(then[name]) - set(seen[name])) for name in seen}
    found |= {f"answer {n}": pair for n, pair in enumerate(zip(answers, alone, strict=True))}
    return {name: (one, other) for name, (one, other) in found.items() if one != other}


@pytest.mark.parametrize("seed", range(BATCHES))
def test_a_batch_is_its_orders_one_after_the_other(shop: APIClient, seed: int) -> None:
    rng = random.Random(seed)
    assert differing(shop, [item(rng) for _n in range(ITEMS)]) == {}


def test_without_waiting_for_one_another_they_are_not(shop: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(items: list[Any], *_: Any) -> list[Any]:
        return list({told.fact.external_id: told for told in reversed(items)}.values())[::-1]

    monkeypatch.setattr(recording, "_apart", hasty)
    twice = [item(random.Random(n)) | {"external_id": f"o-{n}"} for n in (3, 4)]
    twice = [told | {"customer": {"external_id": "c-1"}, "paid": "1200.00", "status": "paid"} for told in twice]
    for told in twice:
        told.pop("refunds", None)

    assert differing(shop, [told | {"ordered_at": f"{today()}T00:00:00+08:00"} for told in twice]) != {}


def test_many_ask_the_database_little_more_often_than_one(shop: APIClient) -> None:
    def asked(count: int, who: Callable[[int], str]) -> int:
        told = item(random.Random(1)) | {"version": 1, "status": "paid", "paid": "20.00"}
        told.pop("refunds", None)
        items = [told | {"external_id": f"n-{who(n)}-{n}", "customer": {"external_id": who(n)}} for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            answer = shop.post(BATCH, {"orders": items}, format="json")
        assert {result["status"] for result in answer.json()["results"]} == {201}
        return len(queries)

    asked(1, lambda n: "warm")
    assert asked(30, lambda n: f"many-{n}") <= asked(1, lambda n: "one") + 3


def test_one_that_the_database_refuses_is_answered_alone(shop: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else may go wrong with one item: the others are stored."""
    items = [item(random.Random(n)) | {"external_id": f"x-{n}", "customer": {"external_id": "c-1"}} for n in range(3)]
    for told in items:
        told.update(paid="20.00", ordered_at=f"{today()}T00:00:00+08:00", refunds=[])
        told.pop("colour", None)
    understood = recording._understood

    def refused(place: int, fact: Any, at: Any) -> Any:
        if fact.external_id == "x-1":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return understood(place, fact, at)

    monkeypatch.setattr(recording, "_understood", refused)
    answer = shop.post(BATCH, {"orders": items}, format="json").json()["results"]

    assert [(result["status"], result["code"]) for result in answer] == [(201, None), (500, "error"), (201, None)]
    assert Order.objects.filter(external_id__startswith="x-").count() == 2
