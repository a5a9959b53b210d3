"""The reasons: a gap that is exact, what leaves the window, and who is about to lose a level."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from core.accounts.models import Role
from customers import todo
from customers.models import Customer, Todo
from customers.orders import RefundFact
from loyalty.models import NextLevel, TierRules
from loyalty.tiers import explain as tier_explain
from loyalty.tiers import membership
from tests.conftest import MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.tiers.stories import START, content, level_of, night, noon, person, put_in_force

TODAY = START + timedelta(days=200)


@pytest.fixture
def rules(db: None) -> TierRules:
    return put_in_force(content(), START)


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


def explained(customer: Customer, on: date = TODAY) -> tier_explain.Explanation:
    found = tier_explain.explain(customer, at=noon(on))
    assert found is not None
    return found


def test_an_earlier_day_is_explained_as_it_was(li_lei: Customer, make_order: MakeOrder, rules: TierRules) -> None:
    bought, refunded = START + timedelta(days=10), START + timedelta(days=60)
    refund = RefundFact("r", Decimal("700.00"), noon(refunded))
    make_order(li_lei, bought, "1200.00", refunds=(refund,))
    make_order(li_lei, START + timedelta(days=190), "300.00")
    for on in range(int((TODAY - START).days) + 1):
        told_on = START + timedelta(days=on)
        if told_on in (START, bought + timedelta(days=1), refunded + timedelta(days=1), TODAY):
            night(told_on)

    def then(on: date) -> tuple[str, str, Decimal | int | None, int]:
        told = tier_explain.explain(li_lei, at=noon(TODAY), as_of=on)
        assert told is not None
        return told.standing.level["code"], str(told.amount), told.gap, len(told.history)

    assert then(bought - timedelta(days=1)) == ("member", "0.00", Decimal("1000.00"), 0)
    assert then(START + timedelta(days=30)) == ("silver", "1200.00", Decimal("3800.00"), 1)
    assert then(START + timedelta(days=100)) == ("member", "500.00", Decimal("500.00"), 2)
    assert then(TODAY) == ("member", "800.00", Decimal("200.00"), 2)
    assert tier_explain.explain(li_lei, at=noon(TODAY), as_of=START - timedelta(days=1)) is None


def test_what_is_said_of_a_day_is_what_was_said_on_it(
    li_lei: Customer, make_order: MakeOrder, rules: TierRules
) -> None:
    for days, paid in ((10, "1200.00"), (300, "100.00"), (390, "50.00")):
        make_order(li_lei, START + timedelta(days=days), paid)
    said = {}
    for days in range(0, 460, 7):
        on = START + timedelta(days=days)
        night(on)
        said[on] = explained(li_lei, on)
    later = START + timedelta(days=500)
    night(later)

    for on, was in said.items():
        told = tier_explain.explain(li_lei, at=noon(later), as_of=on)
        assert told is not None
        assert (told.standing.rank, told.amount, told.gap, told.keep_by, told.keep_missing, told.in_grace) == (
            was.standing.rank,
            was.amount,
            was.gap,
            was.keep_by,
            was.keep_missing,
            was.in_grace,
        )
        assert (told.projected, told.history, told.leaving) == (was.projected, was.history, was.leaving)


SHOPPING = {
    "nothing yet": [],
    "some, of which some came back": [(30, "700.00", "20.05"), (90, "250.50", None)],
    "silver already": [(30, "700.00", None), (100, "500.00", "0.01")],
    "silver held by a purchase that has left the window": [(-150, "1300.00", None), (190, "10.00", None)],
}


@pytest.mark.parametrize("shopping", SHOPPING.values(), ids=SHOPPING.keys())
@pytest.mark.parametrize("rule", [{}, {"window": "calendar_year"}, {"window": "lifetime"}, {"window_months": 3}])
@pytest.mark.parametrize("short", [Decimal("0.01"), Decimal(0), Decimal("-0.01")])
def test_the_gap_is_exact_to_a_fen(
    li_lei: Customer, make_order: MakeOrder, shopping: list[Any], rule: dict[str, Any], short: Decimal
) -> None:
    put_in_force(content(**rule), START)
    for n, (days, paid, back) in enumerate(shopping):
        on = START + timedelta(days=days)
        refunds = (RefundFact(f"r{n}", Decimal(back), noon(on + timedelta(days=2))),) if back else ()
        make_order(li_lei, on, paid, refunds=refunds)
    night(START)
    night(TODAY)
    told = explained(li_lei)
    assert told.next_level is not None
    assert told.gap is not None

    make_order(li_lei, TODAY, str(told.gap - short))
    membership.after_orders([li_lei.pk], at=noon(TODAY))

    reached = level_of(li_lei, TODAY) == told.next_level["code"]
    assert reached == (short <= 0)


def test_the_days_that_are_listed_and_the_rest_make_what_counts(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    for days in range(1, 9):
        make_order(li_lei, TODAY - timedelta(days=days), f"{10 * days}.50")
    night(TODAY)
    told = explained(li_lei)

    assert (len(told.purchases), told.other_days, told.purchase_days) == (5, 3, 8)
    assert sum(purchase.amount for purchase in told.purchases) + told.others == told.amount == Decimal("364.00")


def test_the_drawer_says_what_leaves_the_window_within_thirty_days(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    for on, paid in ((date(2025, 9, 18), "1.00"), (date(2025, 10, 17), "2.00"), (date(2025, 10, 18), "4.00")):
        make_order(li_lei, on, paid)
    night(TODAY)

    told = explained(li_lei, date(2026, 9, 17))

    assert told.window_from == date(2025, 9, 18)
    assert [(p.on, p.amount) for p in told.leaving] == [
        (date(2025, 9, 18), Decimal("1.00")),
        (date(2025, 10, 17), Decimal("2.00")),
    ]
    assert told.leaving_total == Decimal("3.00")
    assert told.amount == Decimal("7.00")


def test_what_is_missing_to_keep_a_level_keeps_it_to_a_fen(
    rules: TierRules, li_lei: Customer, make_order: MakeOrder
) -> None:
    make_order(li_lei, START, "1000.00")
    make_order(li_lei, START + timedelta(days=100), "300.00")
    night(TODAY)
    told = explained(li_lei)
    assert (told.keep_missing, told.keep_by) == (Decimal("500.00"), date(2027, 3, 1))
    assert told.projected is not None
    assert told.projected["code"] == "member"

    for paid, projected in (("499.99", "member"), ("500.00", "silver")):
        with transaction.atomic():
            make_order(li_lei, date(2027, 3, 1), paid)
            night(date(2027, 4, 30))
            assert level_of(li_lei, TODAY) == projected
            transaction.set_rollback(True)


def test_a_promise_shows_and_the_gap_is_to_the_level_above_it(rules: TierRules, li_lei: Customer) -> None:
    night(START)
    membership.promise_floor(
        li_lei, level="silver", ends_on=TODAY + timedelta(days=9), reason="x", by=person("chen"), at=noon(TODAY)
    )

    told = explained(li_lei)

    assert (told.standing.rank, told.standing.earned, told.gap) == (1, 0, Decimal("5000.00"))


def test_orders_are_told_as_orders(li_lei: Customer, make_order: MakeOrder) -> None:
    rules = content(basis="orders")
    put_in_force(rules, START)
    make_order(li_lei, START, "9.00")
    night(TODAY)

    told = explained(li_lei)

    assert (told.counts_orders, told.amount, told.gap) == (True, 1, 999)


# At risk ------------------------------------------------------------------------------------------------------------


def test_whoever_falls_short_soon_is_a_task_of_their_manager_once_and_ends_when_they_buy(
    rules: TierRules, make_customer: MakeCustomer, make_order: MakeOrder, make_user: MakeUser
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    li_lei, nobody = make_customer("李雷", manager=chen), make_customer("韩梅梅")
    for someone in (li_lei, nobody):
        make_order(someone, START, "1000.00")
    safe = make_customer("李磊", manager=chen)
    make_order(safe, START, "1000.00")
    make_order(safe, START + timedelta(days=9), "800.00")
    early, late = date(2026, 12, 31), date(2027, 1, 1)
    night(early)

    assert tier_explain.at_risk(on=early) == []
    night(late)
    risks = tier_explain.at_risk(on=late)
    opened = [tier_explain.open_todos(on=late, at=noon(late)) for _again in range(2)]

    assert [(r.customer_id, r.level["code"], r.missing, r.by) for r in risks] == [
        (li_lei.pk, "silver", Decimal("800.00"), date(2027, 3, 1)),
        (nobody.pk, "silver", Decimal("800.00"), date(2027, 3, 1)),
    ]
    assert opened == [1, 0]
    assert [task.customer for task in todo.queue(chen, late)] == [li_lei]

    make_order(li_lei, late, "800.00")
    assert tier_explain.drop_settled_todos(on=late + timedelta(days=1), at=noon(late)) == 1
    assert Todo.objects.get().state == Todo.State.DROPPED


def test_the_night_keeps_how_far_each_is_on_the_way_as_it_is_explained(
    make_customer: MakeCustomer, make_order: MakeOrder, rules: TierRules
) -> None:
    """Nobody who has the highest level, or nothing that counts: also once what counted is sent back."""
    paid = {"little": "9.99", "near": "999.99", "silver": "4000.00", "gold": "5000.00", "back": "800.00"}
    people = {name: make_customer(name) for name in (*paid, "none")}
    bought = TODAY - timedelta(days=5)
    orders = {name: make_order(people[name], bought, amount) for name, amount in paid.items()}
    night(TODAY)
    shares = {"little": 0, "near": 99, "silver": 80, "back": 80}

    def stored() -> dict[str, int]:
        return dict(NextLevel.objects.values_list("customer__name", "per_cent"))

    assert stored() == shares
    assert shares == {name: explained(people[name], TODAY - timedelta(days=1)).progress for name in shares}
    refund = RefundFact("r", Decimal("800.00"), noon(TODAY))
    old = orders["back"]
    make_order(
        people["back"], bought, "800.00", external_id=old.external_id, version=old.version + 1, refunds=(refund,)
    )
    make_order(people["little"], TODAY, "490.00")
    night(TODAY + timedelta(days=1))
    assert stored() == {"little": 49, "near": 99, "silver": 80}
    night(bought + timedelta(days=400))
    assert stored() == {}
