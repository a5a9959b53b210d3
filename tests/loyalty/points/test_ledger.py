"""Points as customers live them: earned, waited for, redeemed, refunded, owed, expired, merged."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from core.accounts.models import AuditEntry, Role
from core.lib.errors import DomainError, Invalid
from core.outbox.models import Message
from crm.flows import arrival, nightly
from customers.identity import CustomerRef
from customers.models import Category, Customer, Order
from customers.orders import LineFact, OrderFact
from loyalty.models import (
    OrderPoints,
    PointAccount,
    PointAdjustment,
    PointHold,
    PointLot,
    PointTxn,
    Posting,
    Redemption,
    Reward,
)
from loyalty.points import accounts as points
from loyalty.points import adjustments, holds, rewards
from loyalty.points import laws as point_laws
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from tests.conftest import MakeUser
from tests.loyalty.points.stories import DAY, HOUR, START, account, available, order, person, rules

SPRING = START + 30 * DAY


@pytest.fixture
def li_lei(db: None) -> Customer:
    return person()


@pytest.fixture
def usual(db: None) -> None:
    rules()


def give(customer: Customer, amount: int, *, at: datetime = SPRING, key: str = "gift") -> PointTxn:
    return points.grant(customer, amount, source=PointLot.Source.GOODWILL, key=key, at=at, reason="late delivery")


# Earning ------------------------------------------------------------------------------------------------------------


def test_an_order_earns_its_total_rounded_down(usual: None, li_lei: Customer) -> None:
    order(li_lei, "99.99", at=SPRING)

    assert available(li_lei, SPRING) == 99


def test_points_wait_until_the_goods_can_no_longer_be_sent_back(li_lei: Customer) -> None:
    rules(pending_days=15)
    order(li_lei, "100", at=SPRING)

    assert account(li_lei) == (100, 0, 0, 0)
    assert available(li_lei, SPRING + 15 * DAY - timedelta(seconds=1)) == 0
    assert available(li_lei, SPRING + 15 * DAY) == 100
    assert point_orders.sweep(at=SPRING + 15 * DAY)["accounts"] == 1
    assert account(li_lei) == (0, 100, 0, 0)


def test_told_again_late_or_in_any_order_it_is_granted_once(usual: None, li_lei: Customer) -> None:
    order(li_lei, "100", at=SPRING, version=3, back="40")
    order(li_lei, "100", at=SPRING, version=1)
    order(li_lei, "100", at=SPRING, version=3, back="40")

    assert available(li_lei, SPRING) == 60
    assert PointTxn.objects.filter(kind="earn").count() == 1


def test_partial_refunds_do_not_drift_and_the_last_one_leaves_nothing(usual: None, li_lei: Customer) -> None:
    for version, back in enumerate(("", "33.33", "66.66", "99.99"), 1):
        order(li_lei, "99.99", at=SPRING, version=version, back=back)

    assert available(li_lei, SPRING) == 0
    assert OrderPoints.objects.get().granted == 0


def test_an_unpaid_or_cancelled_order_earns_nothing(usual: None, li_lei: Customer) -> None:
    order(li_lei, "100", at=SPRING, status="pending")
    assert not OrderPoints.objects.exists()
    order(li_lei, "100", at=SPRING, version=2)
    order(li_lei, "100", at=SPRING, version=3, status="cancelled")

    assert available(li_lei, SPRING) == 0


def test_orders_before_the_programme_earn_nothing(usual: None, li_lei: Customer) -> None:
    order(li_lei, "100", at=START - DAY, seen=SPRING)

    assert available(li_lei, SPRING) == 0


def test_new_rules_leave_the_rate_of_old_orders(usual: None, li_lei: Customer) -> None:
    order(li_lei, "100", at=SPRING)
    point_rules.save({"rate": Decimal(3)}, starts_at=SPRING + DAY, by=None, reason="Festival", at=SPRING + HOUR)
    order(li_lei, "100", at=SPRING, version=2, back="50", seen=SPRING + 2 * DAY)
    order(li_lei, "10", at=SPRING + 2 * DAY, number="o-2")

    assert list(OrderPoints.objects.order_by("pk").values_list("granted", flat=True)) == [50, 30]
    assert account(li_lei)[0] + account(li_lei)[1] == 50 + 30


def test_small_orders_earn_nothing_and_large_ones_only_so_much(li_lei: Customer) -> None:
    rules(least_order=Decimal(50), most_per_order=200)
    for number, paid in (("o-1", "49.99"), ("o-2", "50"), ("o-3", "300")):
        order(li_lei, paid, at=SPRING, number=number)

    assert available(li_lei, SPRING) == 50 + 200


def test_many_orders_of_a_day_earn_what_one_may(li_lei: Customer) -> None:
    """The cap is of the business day, found once: a refund of one order does not move what another has earned."""
    rules(most_per_day=100)
    for number in range(3):
        order(li_lei, "45", at=SPRING + number * HOUR, number=f"o-{number}")
    order(li_lei, "45", at=SPRING + DAY, number="o-9")
    assert list(OrderPoints.objects.order_by("pk").values_list("granted", flat=True)) == [45, 45, 10, 45]

    order(li_lei, "45", at=SPRING, number="o-0", version=2, back="45", seen=SPRING + DAY)
    order(li_lei, "40", at=SPRING + 2 * HOUR, number="o-2", version=2, seen=SPRING + DAY)
    assert list(OrderPoints.objects.order_by("pk").values_list("granted", flat=True)) == [0, 45, 10, 45]
    assert available(li_lei, SPRING + DAY) == 100


def test_the_cap_of_a_day_holds_within_one_chunk(li_lei: Customer) -> None:
    rules(most_per_day=100)
    made = [order(li_lei, "45", at=SPRING, number=f"o-{number}", status="pending").pk for number in range(3)]
    Order.objects.filter(pk__in=made).update(status="paid", version=2)
    point_orders.reconcile(made, at=SPRING)

    assert list(OrderPoints.objects.order_by("pk").values_list("granted", flat=True)) == [45, 45, 10]


def test_excluded_goods_do_not_count_nor_their_share_of_a_refund(li_lei: Customer) -> None:
    gold = Category.objects.create(name="Gold")
    rules(excluded_categories=[gold.pk])
    basket = (LineFact("ring", 1, Decimal(300), category="Gold"), LineFact("tea", 2, Decimal(100), category="Food"))
    order(li_lei, "360", at=SPRING, lines=basket)
    assert available(li_lei, SPRING) == 90

    order(li_lei, "360", at=SPRING, version=2, back="36", lines=basket, seen=SPRING + DAY)
    assert available(li_lei, SPRING + DAY) == 81
    order(li_lei, "100", at=SPRING, number="o-2")
    assert available(li_lei, SPRING + DAY) == 181


def test_an_order_that_moves_takes_its_points_along(usual: None, li_lei: Customer) -> None:
    han = person("韩梅梅")
    order(li_lei, "100", at=SPRING)
    order(han, "100", at=SPRING, version=2)

    assert available(li_lei, SPRING) == 0
    assert available(han, SPRING) == 100


def test_the_night_catches_up_with_what_an_import_brought(usual: None, li_lei: Customer) -> None:
    made = order(li_lei, "100", at=SPRING)
    type(made).objects.filter(pk=made.pk).update(paid=Decimal(70), profit=Decimal(70), version=2)

    assert point_orders.sweep(at=SPRING + HOUR)["orders"] == 1
    assert available(li_lei, SPRING + HOUR) == 70
    assert point_orders.sweep(at=SPRING + 2 * HOUR) == {"orders": 0, "accounts": 0}


# Expiring -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("earned", "life_ends", "last_day"),
    [
        (date(2026, 3, 31), "month", date(2027, 3, 31)),
        (date(2026, 3, 31), "day", date(2027, 3, 31)),
        (date(2028, 2, 29), "day", date(2029, 2, 28)),
        (date(2026, 4, 2), "quarter", date(2027, 6, 30)),
        (date(2026, 4, 2), "year", date(2027, 12, 31)),
    ],
)
def test_points_are_good_to_the_last_second_of_their_day(
    db: None, earned: date, life_ends: str, last_day: date
) -> None:
    version = rules(life_ends=life_ends)
    ends = point_rules.expiry(version, datetime(earned.year, earned.month, earned.day, 4, tzinfo=UTC))

    assert ends is not None
    assert ends.isoformat() == f"{last_day + timedelta(days=1)}T00:00:00+08:00"


def test_what_is_past_its_expiry_is_gone_swept_or_not(usual: None, li_lei: Customer) -> None:
    give(li_lei, 100)
    ends = PointLot.objects.get().expires_at
    assert ends is not None

    assert available(li_lei, ends - timedelta(seconds=1)) == 100
    assert available(li_lei, ends) == 0
    with pytest.raises(DomainError, match="Only 0 points"):
        holds.hold(li_lei, 1, purpose="order", ref="x", at=ends)
    assert points.liability(at=ends - HOUR) == [(date(2027, 3, 1), 100)]
    assert points.liability(at=ends) == []


def test_points_that_expired_unused_are_not_taken_a_second_time(usual: None, li_lei: Customer) -> None:
    order(li_lei, "100", at=SPRING)
    late = SPRING + 400 * DAY
    give(li_lei, 30, at=late)
    order(li_lei, "100", at=SPRING, version=2, back="100", seen=late)

    assert available(li_lei, late) == 30
    assert account(li_lei)[3] == 0


# Redeeming ----------------------------------------------------------------------------------------------------------


def test_what_expires_first_is_used_first(usual: None, li_lei: Customer) -> None:
    give(li_lei, 50, at=SPRING, key="early")
    give(li_lei, 50, at=SPRING + 60 * DAY, key="late")
    held = holds.hold(li_lei, 70, purpose="order", ref="x", at=SPRING + 60 * DAY)

    assert list(held.allocations.order_by("lot__expires_at").values_list("points", flat=True)) == [50, 20]
    assert available(li_lei, SPRING + 60 * DAY) == 30


@pytest.mark.parametrize(("late", "code"), [(-1, ""), (0, "hold_ended"), (1, "hold_ended")])
def test_a_hold_is_good_until_its_last_second(usual: None, li_lei: Customer, late: int, code: str) -> None:
    give(li_lei, 100)
    held = holds.hold(li_lei, 60, purpose="order", ref="x", at=SPRING)
    at = held.expires_at + timedelta(seconds=late)

    if code:
        with pytest.raises(DomainError) as refusal:
            holds.capture(held.pk, at=at)
        assert refusal.value.code == code
        assert available(li_lei, at) == 100
    else:
        holds.capture(held.pk, at=at)
        assert available(li_lei, at) == 40


def test_the_same_purpose_finds_the_first_hold_and_another_amount_is_refused(usual: None, li_lei: Customer) -> None:
    give(li_lei, 100)
    first = holds.hold(li_lei, 60, purpose="order", ref="x", at=SPRING)

    assert holds.hold(li_lei, 60, purpose="order", ref="x", at=SPRING) == first
    with pytest.raises(points.SameKey):
        holds.hold(li_lei, 61, purpose="order", ref="x", at=SPRING)
    assert account(li_lei) == (0, 40, 60, 0)


def test_released_after_its_expiry_nothing_is_usable(usual: None, li_lei: Customer) -> None:
    give(li_lei, 100)
    ends = PointLot.objects.get().expires_at
    assert ends is not None
    held = holds.hold(li_lei, 100, purpose="order", ref="x", at=ends - timedelta(minutes=5))
    holds.release(held.pk, at=ends + timedelta(minutes=5))

    assert account(li_lei) == (0, 0, 0, 0)
    assert available(li_lei, ends) == 0


def test_a_hold_may_be_extended_once_and_three_may_run(usual: None, li_lei: Customer) -> None:
    give(li_lei, 100)
    held = [holds.hold(li_lei, 10, purpose="order", ref=f"x{n}", at=SPRING) for n in range(3)]

    with pytest.raises(DomainError, match="3 redemptions"):
        holds.hold(li_lei, 10, purpose="order", ref="x4", at=SPRING)
    holds.extend(held[0].pk, at=SPRING + timedelta(minutes=29))
    with pytest.raises(DomainError, match="extended already"):
        holds.extend(held[0].pk, at=SPRING + timedelta(minutes=30))
    assert holds.capture(held[0].pk, at=SPRING + timedelta(minutes=58)).state == PointHold.State.CAPTURED
    assert available(li_lei, SPRING + timedelta(minutes=58)) == 90


def test_redeemed_points_come_back_into_their_lot_with_its_expiry(usual: None, li_lei: Customer) -> None:
    give(li_lei, 100)
    held = holds.hold(li_lei, 80, purpose="order", ref="x", at=SPRING)
    holds.capture(held.pk, at=SPRING)
    holds.give_back(held.pk, 30, key="back", at=SPRING + DAY)
    holds.give_back(held.pk, 30, key="back", at=SPRING + DAY)

    assert available(li_lei, SPRING + DAY) == 50
    assert PointLot.objects.count() == 1
    with pytest.raises(DomainError, match="50 of these points can come back"):
        holds.give_back(held.pk, 51, key="more", at=SPRING + DAY)


def test_what_comes_back_after_its_expiry_lives_for_the_days_of_grace(usual: None, li_lei: Customer) -> None:
    give(li_lei, 100)
    held = holds.hold(li_lei, 80, purpose="order", ref="x", at=SPRING)
    holds.capture(held.pk, at=SPRING)
    late = SPRING + 500 * DAY
    holds.give_back(held.pk, 80, key="back", at=late)

    assert available(li_lei, late) == 80
    assert available(li_lei, late + 30 * DAY - HOUR) == 80
    assert available(li_lei, late + 30 * DAY) == 0


# Debt ---------------------------------------------------------------------------------------------------------------


def test_refunded_after_the_points_were_spent_leaves_a_debt_that_the_next_points_repay(
    usual: None, li_lei: Customer
) -> None:
    order(li_lei, "100", at=SPRING)
    held = holds.hold(li_lei, 90, purpose="order", ref="x", at=SPRING)
    holds.capture(held.pk, at=SPRING)
    order(li_lei, "100", at=SPRING, version=2, back="100", seen=SPRING + DAY)
    assert account(li_lei) == (0, 0, 0, 90)

    with pytest.raises(DomainError):
        holds.hold(li_lei, 1, purpose="order", ref="y", at=SPRING + DAY)
    order(li_lei, "120", at=SPRING + 2 * DAY, number="o-2")

    assert account(li_lei) == (0, 30, 0, 0)
    assert available(li_lei, SPRING + 2 * DAY) == 30


def test_the_rules_may_forgive_what_was_spent_before_the_refund(li_lei: Customer) -> None:
    rules(shortfall="forgiven")
    order(li_lei, "100", at=SPRING)
    held = holds.hold(li_lei, 90, purpose="order", ref="x", at=SPRING)
    holds.capture(held.pk, at=SPRING)
    order(li_lei, "100", at=SPRING, version=2, back="100", seen=SPRING + DAY)

    assert account(li_lei) == (0, 0, 0, 0)
    assert PointTxn.objects.get(order_delta=-100).forgiven == 90
    order(li_lei, "120", at=SPRING + 2 * DAY, number="o-2")
    assert available(li_lei, SPRING + 2 * DAY) == 120


def test_when_the_sweep_came_makes_no_difference(li_lei: Customer) -> None:
    """Points that became usable and would have expired since repay what is owed, whoever came by in between."""
    rules(pending_days=15, life_months=1, life_ends="day")
    order(li_lei, "100", at=SPRING)
    held = holds.hold(li_lei, 100, purpose="order", ref="x", at=SPRING + 15 * DAY)
    holds.capture(held.pk, at=SPRING + 15 * DAY)
    order(li_lei, "100", at=SPRING, version=2, back="100", seen=SPRING + 16 * DAY)
    order(li_lei, "60", at=SPRING + 16 * DAY, number="o-2")

    much_later = points.balance(li_lei, at=SPRING + 400 * DAY)
    assert (much_later.available, much_later.debt) == (0, 40)
    point_orders.sweep(at=SPRING + 32 * DAY)
    assert account(li_lei) == (0, 0, 0, 40)
    point_orders.sweep(at=SPRING + 400 * DAY)
    assert account(li_lei) == (0, 0, 0, 40)
    assert point_laws.broken() == {}
    released = PointTxn.objects.get(kind="release", order=None, at__gt=SPRING + 16 * DAY)
    assert released.at == SPRING + 31 * DAY


def test_released_points_repay_a_debt_first(usual: None, li_lei: Customer) -> None:
    order(li_lei, "100", at=SPRING)
    held = holds.hold(li_lei, 90, purpose="order", ref="x", at=SPRING)
    order(li_lei, "100", at=SPRING, version=2, back="100", seen=SPRING + timedelta(minutes=1))
    assert account(li_lei) == (0, 0, 90, 90)

    holds.release(held.pk, at=SPRING + timedelta(minutes=2))

    assert account(li_lei) == (0, 0, 0, 0)
    assert point_laws.broken() == {}


# By hand ------------------------------------------------------------------------------------------------------------


def test_within_the_limit_at_once_above_it_a_second_person(usual: None, li_lei: Customer, make_user: MakeUser) -> None:
    agent, lead = make_user(Role.SERVICE_AGENT), make_user(Role.SERVICE_LEAD)
    small = adjustments.request(li_lei, 200, reason="late delivery", client_key="a", by=agent, at=SPRING)
    large = adjustments.request(li_lei, 201, reason="late delivery", client_key="b", by=agent, at=SPRING)

    assert (small.state, large.state) == ("done", "waiting")
    assert available(li_lei, SPRING) == 200
    with pytest.raises(DomainError, match="second person"):
        adjustments.decide(large.pk, agreed=True, by=agent, at=SPRING)
    adjustments.decide(large.pk, agreed=True, by=lead, at=SPRING)
    assert available(li_lei, SPRING) == 401
    with pytest.raises(DomainError, match="decided already"):
        adjustments.decide(large.pk, agreed=False, by=lead, at=SPRING)


def test_small_requests_add_up_to_the_limit_of_a_day(usual: None, li_lei: Customer, make_user: MakeUser) -> None:
    agent = make_user(Role.SERVICE_AGENT)
    states = [
        adjustments.request(li_lei, 200, reason="late again", client_key=f"k{n}", by=agent, at=SPRING).state
        for n in range(11)
    ]

    assert states == ["done"] * 10 + ["waiting"]


def test_the_same_key_asks_once_and_another_amount_is_refused(
    usual: None, li_lei: Customer, make_user: MakeUser
) -> None:
    lead = make_user(Role.SERVICE_LEAD)
    for _again in range(2):
        adjustments.request(li_lei, 100, reason="late delivery", client_key="a", by=lead, at=SPRING)
    with pytest.raises(points.SameKey):
        adjustments.request(li_lei, 101, reason="late delivery", client_key="a", by=lead, at=SPRING)

    assert available(li_lei, SPRING) == 100
    assert PointAdjustment.objects.count() == 1


@pytest.mark.parametrize("amount", [0, -0, 10_000_001, -10_000_001])
def test_amounts_that_make_no_sense_are_refused(
    usual: None, li_lei: Customer, make_user: MakeUser, amount: int
) -> None:
    with pytest.raises(Invalid, match="whole number"):
        adjustments.request(li_lei, amount, reason="oops oops", client_key="a", by=make_user(), at=SPRING)


def test_more_than_there_is_cannot_be_taken(usual: None, li_lei: Customer, make_user: MakeUser) -> None:
    give(li_lei, 10)
    with pytest.raises(DomainError, match="Only 10 points can be used, 11 are asked for"):
        adjustments.request(li_lei, -11, reason="booked twice", client_key="a", by=make_user(), at=SPRING)
    adjustments.request(li_lei, -10, reason="booked twice", client_key="b", by=make_user(), at=SPRING)

    assert available(li_lei, SPRING) == 0


def test_a_frozen_account_earns_and_does_not_redeem(usual: None, li_lei: Customer, make_user: MakeUser) -> None:
    points.freeze(li_lei, frozen=True, by=make_user(Role.SERVICE_LEAD), reason="looked into", at=SPRING)
    order(li_lei, "100", at=SPRING)

    assert available(li_lei, SPRING) == 100
    with pytest.raises(DomainError, match="frozen"):
        holds.hold(li_lei, 1, purpose="order", ref="x", at=SPRING)


def test_what_is_set_aside_before_the_freeze_is_handed_over_and_nothing_is_set_aside_after_it(
    usual: None, li_lei: Customer, make_user: MakeUser
) -> None:
    give(li_lei, 100)
    held = holds.hold(li_lei, 60, purpose="order", ref="x", at=SPRING)
    lead = make_user(Role.SERVICE_LEAD)
    for _twice in range(2):
        points.freeze(li_lei, frozen=True, by=lead, reason="looked into", at=SPRING)

    assert holds.capture(held.pk, at=SPRING).state == "captured"
    with pytest.raises(DomainError, match="frozen"):
        points.spend(li_lei, 10, key="ticket", at=SPRING, by=None, reason="ticket")
    points.take(li_lei, 10, key="taken", at=SPRING, by=lead, reason="booked twice")
    points.freeze(li_lei, frozen=False, by=lead, reason="nothing found", at=SPRING)
    points.spend(li_lei, 10, key="ticket", at=SPRING, by=None, reason="ticket")

    assert available(li_lei, SPRING) == 20
    assert AuditEntry.objects.filter(action="points.frozen").count() == 1


@pytest.mark.parametrize("frozen_is", ["loser", "winner"])
def test_becoming_somebody_else_thaws_nobody(
    usual: None, li_lei: Customer, make_user: MakeUser, frozen_is: str
) -> None:
    other, lead = person("韩梅梅"), make_user(Role.SERVICE_LEAD)
    give(li_lei, 100)
    frozen = li_lei if frozen_is == "loser" else other
    points.freeze(frozen, frozen=True, by=lead, reason="looked into", at=SPRING)

    points.merge(li_lei, other, by=lead, at=SPRING)

    assert points.balance(other, at=SPRING).frozen
    assert available(other, SPRING) == 100


# Rewards ------------------------------------------------------------------------------------------------------------


def test_a_reward_is_set_aside_handed_over_and_taken_back(usual: None, li_lei: Customer, make_user: MakeUser) -> None:
    give(li_lei, 100)
    cup, agent = Reward.objects.create(name="杯子", points=40, stock=3), make_user(Role.SERVICE_AGENT)
    taken = rewards.reserve(li_lei, cup, quantity=2, key="k", at=SPRING, by=agent)
    assert rewards.reserve(li_lei, cup, quantity=2, key="k", at=SPRING, by=agent) == taken
    two_in_one = Reward.objects.create(name="杯子一对", points=80)
    with pytest.raises(points.SameKey):
        rewards.reserve(li_lei, two_in_one, key="k", at=SPRING, by=agent)
    cup.refresh_from_db()
    assert (cup.stock, account(li_lei)) == (1, (0, 20, 80, 0))

    rewards.hand_over(taken.pk, at=SPRING, by=agent)
    rewards.hand_over(taken.pk, at=SPRING, by=agent)
    assert account(li_lei) == (0, 20, 0, 0)
    rewards.take_back(taken.pk, at=SPRING + DAY, by=agent, reason="broken")
    cup.refresh_from_db()

    assert (cup.stock, available(li_lei, SPRING + DAY)) == (3, 100)


def test_what_is_not_fetched_in_time_is_in_stock_again(usual: None, li_lei: Customer) -> None:
    give(li_lei, 100)
    cup = Reward.objects.create(name="杯子", points=40, stock=1)
    taken = rewards.reserve(li_lei, cup, key="k", at=SPRING)
    with pytest.raises(DomainError, match="not enough"):
        rewards.reserve(li_lei, cup, key="l", at=SPRING)
    point_orders.sweep(at=SPRING + HOUR)

    assert rewards.free_lapsed() == 1
    assert Redemption.objects.get(pk=taken.pk).state == Redemption.State.CANCELLED
    cup.refresh_from_db()
    assert (cup.stock, available(li_lei, SPRING + HOUR)) == (1, 100)


# Merging ------------------------------------------------------------------------------------------------------------


def test_two_accounts_become_one_and_no_point_is_lost(usual: None, li_lei: Customer) -> None:
    other = person("李蕾")
    give(li_lei, 40, key="a")
    order(other, "100", at=SPRING)
    expiry = set(PointLot.objects.values_list("expires_at", flat=True))
    points.merge(other, li_lei, by=None, at=SPRING)
    points.merge(other, li_lei, by=None, at=SPRING)

    assert available(li_lei, SPRING) == 140
    assert available(other, SPRING) == 0
    assert set(PointLot.objects.filter(account=li_lei.pk).values_list("expires_at", flat=True)) == expiry
    order(other, "100", at=SPRING, version=2, back="100")
    assert available(li_lei, SPRING) == 40
    with pytest.raises(DomainError, match="merged"):
        give(other, 1, key="late")


def test_a_debt_is_merged_as_well(usual: None, li_lei: Customer) -> None:
    other = person("李蕾")
    order(other, "100", at=SPRING)
    held = holds.hold(other, 100, purpose="order", ref="x", at=SPRING)
    with pytest.raises(DomainError, match="set aside"):
        points.merge(other, li_lei, by=None, at=SPRING)
    holds.capture(held.pk, at=SPRING)
    order(other, "100", at=SPRING, version=2, back="100")
    give(li_lei, 130, key="a")
    points.merge(other, li_lei, by=None, at=SPRING)

    assert (account(other), account(li_lei)) == ((0, 0, 0, 0), (0, 30, 0, 0))
    assert point_laws.broken() == {}


# What the database keeps --------------------------------------------------------------------------------------------


def test_lines_of_the_ledger_cannot_be_changed_or_removed(usual: None, li_lei: Customer) -> None:
    give(li_lei, 10)
    for rows in (PointTxn.objects.all(), Posting.objects.all()):
        with pytest.raises(InternalError, match="Cannot update or delete"), transaction.atomic():
            rows.update(account=li_lei.pk)
        with pytest.raises(InternalError, match="Cannot update or delete"), transaction.atomic():
            rows._raw_delete(rows.db)


def test_a_transaction_that_does_not_sum_to_zero_is_refused(usual: None, li_lei: Customer) -> None:
    txn = give(li_lei, 10)
    Posting.objects.create(txn=txn, account_id=li_lei.pk, lot=PointLot.objects.get(), bucket=5, points=1)

    with pytest.raises(IntegrityError, match="do not sum to zero"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("wrong", [{"available": -1}, {"debt": 5, "available": 5}])
def test_impossible_balances_are_refused(usual: None, li_lei: Customer, wrong: dict[str, int]) -> None:
    give(li_lei, 10)
    with pytest.raises(IntegrityError), transaction.atomic():
        PointAccount.objects.filter(pk=li_lei.pk).update(**wrong)


def test_rules_do_not_overlap_nor_change(usual: None) -> None:
    with pytest.raises(Invalid, match="now or later"):
        point_rules.save({"rate": Decimal(2)}, starts_at=START, by=None, reason="again", at=SPRING)
    later = point_rules.save({"rate": Decimal(2)}, starts_at=SPRING, by=None, reason="again", at=SPRING)
    with pytest.raises(InternalError), transaction.atomic():
        type(later).objects.filter(pk=later.pk).update(rate=5)
    with pytest.raises(IntegrityError), transaction.atomic():
        type(later).objects.create(version=9, starts_at=START + DAY, rate=1, reason="x", at=START)


# At the roof ---------------------------------------------------------------------------------------------------------


def test_an_order_by_the_front_door_earns_at_once_and_a_broken_law_alarms(
    usual: None, li_lei: Customer, make_user: MakeUser
) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    fact = OrderFact(
        source="shop",
        external_id="o-9",
        version=1,
        customer=CustomerRef(number=li_lei.number),
        ordered_at=SPRING,
        paid=Decimal(88),
    )
    arrival.order(fact, at=SPRING, today=SPRING.date())
    assert available(li_lei, SPRING) == 88
    OrderPoints.objects.update(granted=87)

    run = nightly.run(SPRING.date())

    assert run is not None
    assert Message.objects.filter(recipient=admin, subject__contains="an order has been granted").count() == 1

    OrderPoints.objects.update(granted=88)
    nightly.run(SPRING.date() + DAY)
    assert Message.objects.get(recipient=admin).settled_at is not None
