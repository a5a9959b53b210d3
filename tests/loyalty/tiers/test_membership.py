"""Tiers as members live them: purchases, nights, refunds, promises, merges."""

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, InternalError, transaction

from core.accounts.models import AuditEntry
from core.lib.errors import DomainError, Invalid
from customers.models import Customer, Order
from customers.orders import RefundFact
from loyalty.maths.tiers import Reason
from loyalty.models import Membership, TierChange, TierOverride, TierRules, TierState
from loyalty.tiers import membership
from tests.conftest import MakeCustomer, MakeOrder, RecordOrder
from tests.loyalty.tiers.stories import START, content, level_of, levels, night, noon, person, put_in_force

SPRING = START + timedelta(days=30)


@pytest.fixture
def rules(db: None) -> TierRules:
    return put_in_force(content(), START)


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷", registered_on=date(2024, 2, 29))


def refund(order: Order, make_order: MakeOrder, amount: str, on: date) -> None:
    back = RefundFact(f"r-{order.external_id}-{amount}", Decimal(amount), noon(on))
    make_order(
        order.customer,
        order.ordered_on,
        str(order.paid),
        external_id=order.external_id,
        version=order.version + 1,
        refunds=(back,),
        today=on,
    )


def picture() -> Any:
    members = Membership.objects.order_by("pk").values_list("pk", "rank", "since", "review_on", "grace_until", "seq")
    lines = TierChange.objects.order_by("customer", "seq").values_list("customer", "seq", "on", "reason", "rank_after")
    return list(members), list(lines)


# Rising -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("paid", "level"), [("999.99", "member"), ("1000.00", "silver"), ("1000.01", "silver")])
def test_the_threshold_itself_is_in(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder, paid: str, level: str
) -> None:
    make_order(li_lei, SPRING, paid)
    night(SPRING + timedelta(days=1))

    assert level_of(li_lei, SPRING) == level


def test_a_purchase_raises_at_once_and_the_night_agrees(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    night(SPRING)
    make_order(li_lei, SPRING, "5000.00")

    [line] = membership.after_orders([li_lei.pk], at=noon(SPRING))
    at_once = picture()
    night(SPRING + timedelta(days=1))

    assert (line.level_after, line.since, line.amount) == ("gold", SPRING, 500_000)
    assert picture() == at_once


def test_rules_may_leave_upgrades_to_the_night(li_lei: Customer, make_order: MakeOrder) -> None:
    put_in_force(content(upgrade_at_once=False), START)
    night(SPRING)
    make_order(li_lei, SPRING, "5000.00")

    assert membership.after_orders([li_lei.pk], at=noon(SPRING)) == []
    assert level_of(li_lei, SPRING) == "member"
    night(SPRING + timedelta(days=1))
    assert level_of(li_lei, SPRING) == "gold"


def test_unpaid_and_cancelled_orders_do_not_count(rules: TierRules, li_lei: Customer, make_order: MakeOrder) -> None:
    make_order(li_lei, SPRING, "5000.00", status=Order.Status.PENDING)
    make_order(li_lei, SPRING, "5000.00", status=Order.Status.CANCELLED)
    night(SPRING + timedelta(days=1))

    assert level_of(li_lei, SPRING) == "member"
    assert not Membership.objects.exists()


def test_orders_can_count_instead_of_money(li_lei: Customer, make_order: MakeOrder) -> None:
    put_in_force(
        content(
            basis="orders",
            levels=[
                {"code": "member", "name": "Member", "qualify": "0", "retain": "0", "benefits": []},
                {"code": "regular", "name": "Regular", "qualify": "3", "retain": "2", "benefits": []},
            ],
        ),
        START,
    )
    bought = [make_order(li_lei, SPRING + timedelta(days=n), "1.00") for n in range(3)]
    night(SPRING + timedelta(days=3))
    assert level_of(li_lei, SPRING) == "regular"

    refund(bought[1], make_order, "1.00", SPRING + timedelta(days=4))
    night(SPRING + timedelta(days=5))
    assert level_of(li_lei, SPRING) == "member"


# Falling ------------------------------------------------------------------------------------------------------------


def test_a_year_without_purchases_ends_in_grace_then_one_step_a_review(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    make_order(li_lei, SPRING, "5000.00")
    night(SPRING + timedelta(days=800))

    told = [
        (change.get_reason_display(), change.level_after, change.on)
        for change in TierChange.objects.filter(customer=li_lei).order_by("seq")
    ]
    assert told == [
        ("Reached by purchases", "gold", date(2026, 4, 1)),
        ("Fell short at the review: days of grace", "gold", date(2027, 4, 1)),
        ("Fell short", "silver", date(2027, 5, 1)),
        ("Fell short at the review: days of grace", "silver", date(2028, 5, 1)),
        ("Fell short", "member", date(2028, 5, 31)),
    ]
    member = Membership.objects.get(pk=li_lei.pk)
    assert (member.rank, member.review_on, member.seq) == (0, None, 5)


def test_nights_missed_and_caught_up_are_the_nights_themselves(
    make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    put_in_force(content(window_months=2, validity_months=2, grace_days=10), START)
    for number in range(6):
        someone = make_customer(f"客户{number}")
        for week in range(0, 12, number + 1):
            bought = make_order(someone, START + timedelta(days=7 * week + number), "700.00")
            if (week + number) % 3 == 0:
                refund(bought, make_order, "650.00", bought.ordered_on + timedelta(days=9))
    end = START + timedelta(days=200)
    with transaction.atomic():
        for days in range((end - START).days + 1):
            night(START + timedelta(days=days))
        daily = picture()
        transaction.set_rollback(True)

    night(end)
    caught_up = picture()
    night(end)

    assert daily == caught_up == picture()
    assert TierChange.objects.filter(reason=Reason.REFUND).exists()
    assert TierChange.objects.filter(reason=Reason.DOWNGRADE).exists()


# Refunds ------------------------------------------------------------------------------------------------------------


def test_the_refund_of_the_purchase_behind_it_takes_the_level_back(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    make_order(li_lei, SPRING, "1000.00")
    big = make_order(li_lei, SPRING + timedelta(days=10), "4000.00")
    night(SPRING + timedelta(days=11))
    before = Membership.objects.get(pk=li_lei.pk)
    assert level_of(li_lei, SPRING) == "gold"

    refund(big, make_order, "4000.00", SPRING + timedelta(days=12))
    night(SPRING + timedelta(days=13))

    member = Membership.objects.get(pk=li_lei.pk)
    assert level_of(li_lei, SPRING) == "silver"
    assert (member.since, member.review_on) == (SPRING, date(2027, 4, 1))
    assert before.review_on != member.review_on
    assert TierChange.objects.filter(customer=li_lei).latest("seq").reason == Reason.REFUND


def test_a_later_purchase_that_would_have_been_enough_holds_the_level_from_its_own_day(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    first = make_order(li_lei, SPRING, "1000.00")
    make_order(li_lei, SPRING + timedelta(days=10), "1000.00")
    night(SPRING + timedelta(days=11))

    refund(first, make_order, "1000.00", SPRING + timedelta(days=15))
    night(SPRING + timedelta(days=16))

    member = Membership.objects.get(pk=li_lei.pk)
    assert (member.rank, member.since, member.review_on) == (1, SPRING + timedelta(days=10), date(2027, 4, 11))
    reasons = list(TierChange.objects.filter(customer=li_lei).order_by("seq").values_list("reason", flat=True))
    assert reasons == [Reason.UPGRADE, Reason.REFUND, Reason.UPGRADE]


def test_after_the_refund_everything_is_as_for_the_twin_who_never_bought(
    rules: TierRules, li_lei: Customer, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    twin = make_customer("韩梅梅")
    for someone in (li_lei, twin):
        make_order(someone, SPRING, "1200.00")
        make_order(someone, SPRING + timedelta(days=20), "300.00")
    returned = make_order(li_lei, SPRING + timedelta(days=40), "9000.00")
    for days in range(39, 400, 3):
        if days == 42:
            refund(returned, make_order, "9000.00", SPRING + timedelta(days=days))
        night(SPRING + timedelta(days=days))
        if days > 42:
            own, others = (Membership.objects.get(pk=pk) for pk in (li_lei.pk, twin.pk))
            for name in ("rank", "since", "review_on", "grace_until", "earned_bar"):
                assert getattr(own, name) == getattr(others, name), (days, name)


def test_rules_may_let_the_level_stand_until_the_review(li_lei: Customer, make_order: MakeOrder) -> None:
    put_in_force(content(undo_on_refund=False), START)
    bought = make_order(li_lei, SPRING, "5000.00")
    night(SPRING + timedelta(days=1))
    refund(bought, make_order, "5000.00", SPRING + timedelta(days=2))

    night(SPRING + timedelta(days=3))
    assert level_of(li_lei, SPRING) == "gold"
    night(SPRING + timedelta(days=365 + 40))
    assert level_of(li_lei, SPRING) == "silver"


def test_a_part_refunded_that_was_not_needed_changes_nothing(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    bought = make_order(li_lei, SPRING, "1200.00")
    night(SPRING + timedelta(days=1))
    before = picture()

    refund(bought, make_order, "200.00", SPRING + timedelta(days=2))
    night(SPRING + timedelta(days=3))

    assert picture() == before


# Promises -----------------------------------------------------------------------------------------------------------


def test_a_promise_is_a_floor_with_an_end_and_the_rules_go_on_underneath(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    night(SPRING)
    chen = person("chen")
    membership.promise_floor(
        li_lei,
        level="gold",
        ends_on=SPRING + timedelta(days=60),
        reason="opening of the branch",
        by=chen,
        at=noon(SPRING),
    )
    make_order(li_lei, SPRING + timedelta(days=5), "1000.00")
    night(SPRING + timedelta(days=59))

    assert level_of(li_lei, SPRING + timedelta(days=59)) == "gold"
    assert level_of(li_lei, SPRING + timedelta(days=60)) == "silver"
    assert membership.levels_held([li_lei.pk], on=SPRING + timedelta(days=59))[li_lei.pk]["name"] == "Gold"
    assert membership.levels_held([li_lei.pk], on=SPRING + timedelta(days=60))[li_lei.pk]["name"] == "Silver"
    assert AuditEntry.objects.get(action="tier.promised").detail["reason"] == "opening of the branch"


def test_a_promise_below_what_was_earned_takes_nothing(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    make_order(li_lei, SPRING, "5000.00")
    night(SPRING + timedelta(days=1))
    membership.promise_floor(
        li_lei,
        level="silver",
        ends_on=SPRING + timedelta(days=30),
        reason="x",
        by=person("chen"),
        at=noon(SPRING + timedelta(days=1)),
    )

    assert level_of(li_lei, SPRING + timedelta(days=2)) == "gold"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"level": "diamond"}, "level"),
        ({"reason": "  "}, "reason"),
        ({"ends_on": SPRING}, "ends_on"),
        ({"ends_on": SPRING + timedelta(days=367)}, "ends_on"),
    ],
)
def test_a_promise_names_a_level_a_reason_and_an_end(
    rules: TierRules, li_lei: Customer, told: dict[str, Any], code: str
) -> None:
    night(SPRING)
    good = {"level": "gold", "ends_on": SPRING + timedelta(days=30), "reason": "opening"}

    with pytest.raises(Invalid) as refused:
        membership.promise_floor(li_lei, **(good | told), by=person("chen"), at=noon(SPRING))

    assert refused.value.code == code
    assert not TierOverride.objects.exists()


def test_one_promise_at_a_time_and_it_can_end_early(rules: TierRules, li_lei: Customer) -> None:
    night(SPRING)
    told = {"level": "gold", "ends_on": SPRING + timedelta(days=30), "reason": "opening", "by": person("chen")}
    promised = membership.promise_floor(li_lei, **told, at=noon(SPRING))

    with pytest.raises(DomainError, match="promised to this customer already"):
        membership.promise_floor(li_lei, **told, at=noon(SPRING))
    membership.end_floor(promised.pk, by=person("chen"), at=noon(SPRING + timedelta(days=3)))

    assert level_of(li_lei, SPRING + timedelta(days=2)) == "gold"
    assert level_of(li_lei, SPRING + timedelta(days=3)) == "member"
    with pytest.raises(DomainError, match="ended already"):
        membership.end_floor(promised.pk, by=person("chen"), at=noon(SPRING + timedelta(days=3)))


def test_the_database_refuses_two_promises_at_a_time(rules: TierRules, li_lei: Customer) -> None:
    told = {
        "customer": li_lei,
        "level": "gold",
        "rank": 2,
        "starts_on": SPRING,
        "ends_on": SPRING + timedelta(days=9),
        "reason": "x",
        "by": person("chen"),
        "at": noon(SPRING),
    }
    TierOverride.objects.create(**told)

    with pytest.raises(IntegrityError, match="one_tier_override_at_a_time"), transaction.atomic():
        TierOverride.objects.create(**(told | {"starts_on": SPRING + timedelta(days=8)}))


# Keeping promises in the database -----------------------------------------------------------------------------------


def test_published_rules_and_history_cannot_be_edited(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    make_order(li_lei, SPRING, "5000.00")
    night(SPRING + timedelta(days=1))
    line = TierChange.objects.get()

    for change in (
        lambda: TierRules.objects.update(reason="another"),
        lambda: TierRules.objects.all().delete(),
        lambda: TierChange.objects.filter(pk=line.pk).update(rank_after=0),
        lambda: TierChange.objects.filter(pk=line.pk).delete(),
    ):
        with pytest.raises((InternalError, IntegrityError, Exception)) as refused, transaction.atomic():
            change()
        assert "annot" in str(refused.value)


def test_periods_of_a_history_follow_each_other_without_gap(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    for days in (0, 30, 200, 500):
        make_order(li_lei, SPRING + timedelta(days=days), "1500.00")
    night(SPRING + timedelta(days=1500))

    lines = list(TierChange.objects.filter(customer=li_lei).order_by("seq"))
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    assert all(a.level_after == b.level_before for a, b in itertools.pairwise(lines))
    assert all(a.since <= b.since for a, b in itertools.pairwise(lines))
    member = Membership.objects.get(pk=li_lei.pk)
    assert (member.rank, member.seq, member.since) == (lines[-1].rank_after, lines[-1].seq, lines[-1].since)


def test_no_rules_no_tiers(li_lei: Customer) -> None:
    assert night(SPRING) == {"tiers_up": 0, "tiers_down": 0}
    assert membership.standing(li_lei, on=SPRING) is None
    assert not TierState.objects.exists()


# Merging ------------------------------------------------------------------------------------------------------------


def test_merging_keeps_the_higher_level_and_promise_and_twice_is_once(
    rules: TierRules, li_lei: Customer, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    double = make_customer("李磊")
    make_order(li_lei, SPRING, "1000.00")
    make_order(double, SPRING, "5000.00")
    today = SPRING + timedelta(days=1)
    night(today)
    membership.promise_floor(
        double, level="gold", ends_on=today + timedelta(days=30), reason="opening", by=person("chen"), at=noon(today)
    )

    membership.merge(double, li_lei, by=person("chen"), at=noon(today))
    once = picture()
    membership.merge(double, li_lei, by=person("chen"), at=noon(today))

    assert picture() == once
    assert level_of(li_lei, today) == "gold"
    assert TierChange.objects.filter(customer=li_lei).latest("seq").reason == Reason.MERGE
    assert TierOverride.objects.get(customer=li_lei).ends_on == today + timedelta(days=30)
    assert not Membership.objects.filter(pk=double.pk).exists()
    assert TierChange.objects.filter(customer=double).exists()


# Seniority ----------------------------------------------------------------------------------------------------------


def test_years_of_seniority_are_whole_and_open_benefits(li_lei: Customer) -> None:
    rules = content()
    rules["levels"][0]["benefits"] = [{"kind": "gift", "amount": "", "cost": "10.00", "after_years": 2}]
    put_in_force(rules, START)
    night(START)

    day_before, on_the_day = (membership.standing(li_lei, on=on) for on in (date(2026, 2, 28), date(2026, 3, 1)))

    assert day_before is not None
    assert on_the_day is not None
    assert (day_before.seniority_years, day_before.benefits) == (1, [])
    assert on_the_day.seniority_years == 2
    assert [one["kind"] for one in on_the_day.benefits] == ["gift"]


def test_the_sums_of_everybody_are_the_sums_of_each(
    rules: TierRules, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    night(START)
    for number in range(5):
        someone = make_customer(f"客户{number}")
        bought = make_order(someone, SPRING, f"{999 + number}.99")
        if number % 2:
            refund(bought, make_order, "0.99", SPRING + timedelta(days=1))
    night(SPRING + timedelta(days=2))

    assert sorted(Membership.objects.values_list("rank", flat=True)) == [1, 1, 1, 1]


# Taken back ---------------------------------------------------------------------------------------------------------

TAKEN_BACK: dict[str, dict[str, Any]] = {
    "refunded": {"refunds": (RefundFact("r", Decimal("5000.00"), noon(SPRING)),)},
    "cancelled": {"status": Order.Status.CANCELLED},
    "set back to pending": {"status": Order.Status.PENDING},
    "held": {"status": Order.Status.HELD},
    "corrected to less": {"paid": Decimal("900.00")},
    "moved out of the window": {"ordered_at": noon(START - timedelta(days=400))},
}


@pytest.mark.parametrize("told", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_a_level_goes_with_the_order_that_earned_it(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder, record_order: RecordOrder, told: dict[str, Any]
) -> None:
    make_order(li_lei, START + timedelta(days=1), "1000.00", external_id="o-1")
    night(SPRING)
    make_order(li_lei, SPRING, "5000.00", external_id="o-2")
    membership.after_orders([li_lei.pk], at=noon(SPRING))
    assert level_of(li_lei, SPRING) == "gold"

    same = {
        "external_id": "o-2",
        "version": 2,
        "ordered_at": noon(SPRING),
        "paid": Decimal("5000.00"),
        "cost": Decimal(0),
    }
    record_order(li_lei, **same | told)
    night(SPRING + timedelta(days=1))

    assert level_of(li_lei, SPRING) == "silver"
    [line] = TierChange.objects.filter(reason=Reason.REFUND)
    assert (line.level_before, line.level_after) == ("gold", "silver")
    before = picture()
    night(SPRING + timedelta(days=1))
    assert picture() == before


def test_a_level_goes_with_the_order_to_whose_it_was(
    rules: TierRules, li_lei: Customer, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    han_mei = make_customer("韩梅")
    make_order(li_lei, SPRING, "5000.00", external_id="o-2")
    night(SPRING + timedelta(days=1))

    make_order(han_mei, SPRING, "5000.00", external_id="o-2", version=2)
    night(SPRING + timedelta(days=2))

    assert (level_of(li_lei, SPRING), level_of(han_mei, SPRING)) == ("member", "gold")


def test_a_level_stays_that_other_purchases_bear(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder, record_order: RecordOrder
) -> None:
    make_order(li_lei, SPRING, "5000.00", external_id="o-1")
    make_order(li_lei, SPRING, "5000.00", external_id="o-2")
    night(SPRING + timedelta(days=1))

    record_order(li_lei, external_id="o-2", version=2, ordered_at=noon(SPRING), status=Order.Status.CANCELLED)
    night(SPRING + timedelta(days=2))

    assert level_of(li_lei, SPRING) == "gold"


def test_an_order_that_is_paid_again_earns_its_level_again(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder, record_order: RecordOrder
) -> None:
    make_order(li_lei, SPRING, "5000.00", external_id="o-1")
    night(SPRING + timedelta(days=1))
    record_order(li_lei, external_id="o-1", version=2, ordered_at=noon(SPRING), status=Order.Status.CANCELLED)
    night(SPRING + timedelta(days=2))
    make_order(li_lei, SPRING, "5000.00", external_id="o-1", version=3)
    night(SPRING + timedelta(days=3))

    assert level_of(li_lei, SPRING) == "gold"


def test_rules_that_keep_after_a_refund_keep_after_a_cancellation(
    db: None, li_lei: Customer, record_order: RecordOrder, make_order: MakeOrder
) -> None:
    put_in_force(content(undo_on_refund=False), START)
    make_order(li_lei, SPRING, "1000.00", external_id="o-1")
    night(SPRING + timedelta(days=1))
    assert level_of(li_lei, SPRING) == "silver"

    record_order(li_lei, external_id="o-1", version=2, ordered_at=noon(SPRING), status=Order.Status.CANCELLED)
    night(SPRING + timedelta(days=2))

    assert level_of(li_lei, SPRING) == "silver"


def test_a_level_of_counted_orders_goes_with_one_of_them(
    db: None, li_lei: Customer, record_order: RecordOrder, make_order: MakeOrder
) -> None:
    put_in_force(content(basis="orders", levels=levels(silver=5, gold=5000)), START)
    for number in range(5):
        make_order(li_lei, SPRING, "2.00", external_id=f"o-{number}")
    night(SPRING + timedelta(days=1))
    assert level_of(li_lei, SPRING) == "silver"

    record_order(li_lei, external_id="o-1", version=2, ordered_at=noon(SPRING), status=Order.Status.CANCELLED)
    night(SPRING + timedelta(days=2))

    assert level_of(li_lei, SPRING) == "member"
