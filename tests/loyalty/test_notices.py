"""What the mall's systems are told of loyalty: stored with the change, without personal data, and for nobody not at all."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.accounts.models import User
from core.outbox import webhooks
from core.outbox.models import WebhookEndpoint, WebhookEvent
from crm.flows import nightly
from customers.models import Customer
from loyalty.campaigns import coupon_campaigns, coupons, draws
from loyalty.maths.tiers import Validity
from loyalty.models import Coupon
from loyalty.notices import Kind
from loyalty.points import accounts as points
from loyalty.points import holds
from loyalty.points import orders as point_orders
from loyalty.tiers import explain as tier_explain
from loyalty.tiers import membership, simulation
from tests.conftest import MakeCustomer, MakeOrder
from tests.loyalty.campaigns.stories import NOON, basket, goods, lead, published, running
from tests.loyalty.points import stories as point_stories
from tests.loyalty.points.stories import DAY, order, rules
from tests.loyalty.points.stories import START as SPRING
from tests.loyalty.tiers.stories import START, content, night, noon, put_in_force


def listen(*kinds: Kind) -> WebhookEndpoint:
    by = User.objects.first() or User.objects.create_user(username="webhooks")
    url = f"https://shop.example/{WebhookEndpoint.objects.count()}"
    return WebhookEndpoint.objects.create(url=url, events=list(kinds), secret=b"", by=by, at=NOON)


def told() -> list[tuple[str, dict[str, Any]]]:
    """Everything stored since the last look, in order."""
    rows = list(WebhookEvent.objects.order_by("pk").values_list("kind", "data"))
    WebhookEvent.objects.all().delete()
    return rows


# Points -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def li_lei(db: None) -> Customer:
    rules(life_months=1, life_ends="day")
    return point_stories.person("李雷")


def test_every_way_of_points_is_told_with_what_is_left(li_lei: Customer) -> None:
    listen(Kind.POINTS_EARNED, Kind.POINTS_HELD, Kind.POINTS_REDEEMED, Kind.POINTS_EXPIRED)
    bought = order(li_lei, "300.00", at=SPRING)
    held = holds.hold(li_lei, 100, purpose="order", ref="till-7", at=SPRING + DAY)
    holds.capture(held.pk, at=SPRING + DAY)
    points.grant(li_lei, 50, source="goodwill", key="g", at=SPRING + DAY, reason="late for Li Lei")
    point_orders.sweep(at=SPRING + 60 * DAY)

    assert [(kind, row["points"], row["available"], row["order"], row["hold"]) for kind, row in told()] == [
        ("points.earned", 300, 300, f"shop:{bought.external_id}", None),
        ("points.held", 100, 200, None, "order:till-7"),
        ("points.redeemed", 100, 200, None, "order:till-7"),
        ("points.earned", 50, 250, None, None),
        ("points.expired", 200, 50, None, None),
        ("points.expired", 50, 0, None, None),
    ]


def test_an_event_carries_no_personal_data(li_lei: Customer) -> None:
    listen(*Kind)
    points.grant(li_lei, 50, source="goodwill", key="g", at=SPRING, reason="for 李雷, 13800138000")

    [(_kind, data)] = told()
    assert data == {"customer": li_lei.number, "points": 50, "available": 50, "line": 1, "order": None, "hold": None}


def test_a_refund_and_a_hold_that_lapses_are_not_earned_points(li_lei: Customer) -> None:
    listen(Kind.POINTS_EARNED)
    order(li_lei, "300.00", at=SPRING)
    holds.hold(li_lei, 100, purpose="order", ref="till-7", at=SPRING)
    told()

    order(li_lei, "300.00", at=SPRING, version=2, back="300.00", seen=SPRING + DAY)

    assert told() == []


def test_the_sweep_of_many_stores_its_events_in_one_statement(db: None) -> None:
    rules(life_months=1, life_ends="day")
    for n in range(20):
        points.grant(point_stories.person(f"客{n}"), 10, source="goodwill", key=f"g{n}", at=SPRING)
    listen(Kind.POINTS_EXPIRED)

    with CaptureQueriesContext(
        connection,
    ) as made:
        point_orders.sweep(at=SPRING + 60 * DAY)

    assert sum('INSERT INTO "outbox_webhookevent"' in one["sql"] for one in made.captured_queries) == 1
    assert len(told()) == 20


def test_while_nobody_listens_a_change_costs_one_small_query(li_lei: Customer) -> None:
    points.grant(li_lei, 50, source="goodwill", key="g", at=SPRING)
    with CaptureQueriesContext(connection) as made:
        points.grant(li_lei, 50, source="goodwill", key="h", at=SPRING)
    asked = [one["sql"] for one in made.captured_queries if "webhook" in one["sql"]]

    assert (len(asked), told()) == (1, [])
    with CaptureQueriesContext(connection) as made:
        points.grant(li_lei, 50, source="goodwill", key="h", at=SPRING)  # known: nothing is written
    assert not any("webhook" in one["sql"] for one in made.captured_queries)


def test_points_that_expire_soon_are_told_on_one_night_and_once(li_lei: Customer) -> None:
    listen(Kind.POINTS_EXPIRING_SOON)
    at = noon(START)
    points.grant(li_lei, 70, source="goodwill", key="g", at=at)  # good up to 1 April
    points.grant(li_lei, 30, source="goodwill", key="h", at=at)
    last = START + timedelta(days=31)
    due = last - timedelta(days=30)

    points.tell_expiring(due - timedelta(days=6), due - timedelta(days=1), at=at)
    assert told() == []
    for _again in range(2):
        points.tell_expiring(due, due, at=at)
    points.tell_expiring(due + timedelta(days=1), due + timedelta(days=7), at=at)

    assert told() == [("points.expiring_soon", {"customer": li_lei.number, "points": 100, "last_day": str(last)})]


@pytest.mark.parametrize("missed", [0, 1, 2])
def test_what_missed_nights_had_to_say_is_said_by_the_next(li_lei: Customer, missed: int) -> None:
    """Points good up to `last` are told on the night 30 days before, or on the first one after it."""
    at = timezone.now()
    points.grant(li_lei, 70, source="goodwill", key="g", at=at)
    [(last, _points)] = points.balance(li_lei, at=at).expiring
    due = last - timedelta(days=30)
    listen(Kind.POINTS_EXPIRING_SOON)
    for on in (due - timedelta(days=1), due + timedelta(days=missed), due + timedelta(days=missed + 1)):
        nightly.run(on)

    assert [data["points"] for _kind, data in told()] == [70]


# Levels -------------------------------------------------------------------------------------------------------------


def test_a_level_is_told_when_it_is_reached_at_risk_and_lost(
    make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    put_in_force(content(validity=Validity.MONTHS, validity_months=6, window_months=6, grace_days=10), START)
    night(START)
    customer = make_customer("李雷")
    listen(Kind.TIER_UPGRADED, Kind.TIER_WILL_DOWNGRADE, Kind.TIER_DOWNGRADED)
    make_order(customer, START, "1200.00", today=START)
    membership.after_orders([customer.pk], at=noon(START))
    [(kind, data)] = told()
    assert (kind, data["customer"], data["level_before"], data["level"], data["why"]) == (
        "tier.upgraded",
        customer.number,
        "member",
        "silver",
        "upgrade",
    )

    for days in range(1, 220):
        on = START + timedelta(days=days)
        night(on)
        tier_explain.tell_at_risk(on=on, at=noon(on))

    rows = told()
    assert [kind for kind, _data in rows] == ["tier.will_downgrade", "tier.will_downgrade", "tier.downgraded"]
    (first, second, fall) = (data for _kind, data in rows)
    assert (first["in_grace"], second["in_grace"], first["level"], first["missing"]) == (
        False,
        True,
        "silver",
        "800.00",
    )
    assert (fall["level_before"], fall["level"], fall["why"]) == ("silver", "member", "downgrade")


def test_the_mall_is_told_what_the_members_are_to_be_told_of_new_rules(db: None) -> None:
    at = noon(START - timedelta(days=1))
    draft = simulation.new_draft(by=lead("wang"), at=at)
    listen(Kind.TIER_RULES_PUBLISHED, Kind.TIER_RULES_WITHDRAWN)
    simulation.save_draft(
        draft.pk, content=content(), starts_on=START, reason="a", notice="金卡门槛降低", by=lead("wang"), at=at
    )
    outcome = simulation.simulate(draft.pk, by=lead("wang"), at=at)
    rules = simulation.publish(draft.pk, by=lead("zhao"), falls=outcome.figures["falls"], at=at)

    data = {"version": 1, "starts_on": START.isoformat(), "notice": "金卡门槛降低"}
    assert told() == [("tier.rules_published", data)]
    simulation.withdraw(rules.pk, reason="too soon", by=lead("zhao"), at=at)
    assert told() == [("tier.rules_withdrawn", data)]


def test_what_is_only_simulated_is_not_told(make_customer: MakeCustomer, make_order: MakeOrder) -> None:
    customer = make_customer("李雷")
    make_order(customer, START, "1200.00", today=START)
    put_in_force(content(), START + timedelta(days=1), on=START)
    listen(*Kind)
    wang = User.objects.get(username="wang")
    draft = simulation.new_draft(by=wang, at=noon(START))
    simulation.save_draft(draft.pk, by=wang, at=noon(START), starts_on=START + timedelta(days=2))
    simulation.simulate(draft.pk, by=wang, at=noon(START))

    assert told() == []


# Coupons and draws --------------------------------------------------------------------------------------------------


def test_a_coupon_is_told_from_hand_to_hand(make_customer: MakeCustomer) -> None:
    listen(Kind.COUPON_ISSUED, Kind.COUPON_REDEEMED, Kind.COUPON_EXPIRED)
    campaign = running()
    people = [make_customer(name) for name in ("李雷", "韩梅梅")]
    everybody = Customer.objects.order_by("pk")
    coupon_campaigns.issue(campaign.pk, everybody, client_key="k", by=lead(), at=NOON)
    coupon_campaigns.issue_bearer(campaign.pk, 5, client_key="l", by=lead(), at=NOON)
    first, second = Coupon.objects.filter(customer__isnull=False).order_by("pk")

    assert [(kind, data["customer"], data["coupon"]) for kind, data in told()] == [
        ("coupon.issued", people[0].number, first.pk),
        ("coupon.issued", people[1].number, second.pk),
    ]
    reserved = coupons.reserve(people[0], "shop:o-1", basket(), at=NOON, code=first.code)
    assert told() == []
    coupons.redeem(reserved.pk, at=NOON)
    coupons.redeem(reserved.pk, at=NOON)
    [(kind, data)] = told()
    assert (kind, data["order"], data["coupon"], Decimal(data["worth"])) == (
        "coupon.redeemed",
        "shop:o-1",
        first.pk,
        reserved.worth,
    )
    assert first.code not in str(data)

    for _night in range(2):
        coupons.expire_due(at=campaign.ends_at)
    assert [(kind, data["customer"]) for kind, data in told()] == [("coupon.expired", people[1].number)]
    coupons.roll_back(reserved.pk, at=campaign.ends_at, reason="refund")
    assert [(kind, data["customer"]) for kind, data in told()] == [("coupon.expired", people[0].number)]


def test_a_prize_is_told_and_thanks_are_not(make_customer: MakeCustomer) -> None:
    listen(Kind.LOTTERY_WON)
    wheel = published(goods(total=1))
    people = [make_customer(name) for name in ("李雷", "韩梅梅")]
    made = [draws.draw(wheel.pk, one, idem_key="k" + one.number, at=NOON) for one in people]

    [(kind, data)] = told()
    assert (kind, data["customer"], data["draw"], data["prize"]) == (
        "lottery.won",
        people[0].number,
        made[0].pk,
        "手机",
    )


def test_a_given_coupon_is_told_too(make_customer: MakeCustomer) -> None:
    listen(Kind.COUPON_ISSUED)
    coupon = coupon_campaigns.give(running().pk, make_customer("李雷"), by=lead(), at=NOON)

    assert [(kind, data["coupon"]) for kind, data in told()] == [("coupon.issued", coupon.pk)]


def test_every_event_has_words_for_the_page(db: None) -> None:
    assert all(kind.label and kind.label != kind.value for kind in Kind)
    assert webhooks.wanted(*Kind) == {}
