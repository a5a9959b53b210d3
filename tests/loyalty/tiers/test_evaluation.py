"""The evaluator alone: what reaches a level, what keeps it, what a refund takes back."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loyalty.maths import tiers
from loyalty.maths.tiers import (
    NEVER,
    Basis,
    Downgrade,
    Events,
    Held,
    Level,
    Outcome,
    Reason,
    Rule,
    Transition,
    Validity,
    Window,
)
from segmentation.frames import day_number, from_day_number

LEVELS = (
    Level("member", "Member", 0, 0),
    Level("silver", "Silver", 100_000, 80_000),
    Level("gold", "Gold", 500_000, 400_000),
)
RULE = Rule(LEVELS, grace_days=30)
MEMBER, SILVER, GOLD = 0, 1, 2


def day(text: str) -> int:
    return day_number(date.fromisoformat(text))


def events(*told: tuple[str, int] | tuple[str, int, str]) -> Events:
    """Of one member: (day, amount) of a purchase, (day, −amount, day of the refund) of what came back."""
    rows = [(0, day(one[0]), one[1], day(one[2] if len(one) > 2 else one[0])) for one in told]
    return Events(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))


def night(rule: Rule, held: Held, bought: Events, on: int) -> Outcome:
    return tiers.step(rule, held, *tiers.figures(rule, held, bought, on, on), on)


def live(rule: Rule, bought: Events, first: int, last: int) -> list[tuple[int, Outcome]]:
    """Every single night, one after the other, from the lowest level on."""
    held, told = tiers.lowest(1), []
    for on in range(first, last + 1):
        outcome = night(rule, held, bought, on)
        held = outcome.held
        told.append((on, outcome))
    return told


# Thresholds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fen", "rank"), [(99_999, MEMBER), (100_000, SILVER), (100_001, SILVER), (-5, MEMBER)])
def test_exactly_the_threshold_is_in(fen: int, rank: int) -> None:
    assert tiers.qualified_rank(RULE, np.array([fen])).tolist() == [rank]


def test_a_purchase_can_jump_over_a_level() -> None:
    outcome = night(RULE, tiers.lowest(1), events(("2026-03-01", 500_000)), day("2026-03-02"))

    assert outcome.held.rank.tolist() == [GOLD]
    assert from_day_number(outcome.held.since[0]) == date(2026, 3, 1)
    assert outcome.reason.tolist() == [Reason.UPGRADE]


@given(
    amounts=st.lists(st.integers(0, 700_000), min_size=1, max_size=30),
    more=st.integers(0, 700_000),
    raised=st.integers(0, 200_000),
)
def test_more_never_lowers_and_a_higher_bar_never_raises(amounts: list[int], more: int, raised: int) -> None:
    held = np.array(amounts)
    higher = replace(RULE, levels=(LEVELS[0], LEVELS[1], Level("gold", "Gold", LEVELS[2].qualify + raised, 400_000)))

    assert (tiers.qualified_rank(RULE, held + more) >= tiers.qualified_rank(RULE, held)).all()
    assert (tiers.qualified_rank(higher, held) <= tiers.qualified_rank(RULE, held)).all()


# Windows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "on", "start"),
    [
        (RULE, "2026-11-17", "2025-11-17"),
        (RULE, "2028-02-29", "2027-02-28"),
        (replace(RULE, window_months=1), "2026-03-31", "2026-02-28"),
        (replace(RULE, window=Window.CALENDAR_YEAR), "2027-01-01", "2026-01-01"),
        (replace(RULE, window=Window.CALENDAR_YEAR), "2027-01-02", "2027-01-01"),
        (replace(RULE, window=Window.LIFETIME), "2026-11-17", "1900-01-01"),
    ],
)
def test_windows_begin_where_the_rules_say(rule: Rule, on: str, start: str) -> None:
    assert from_day_number(tiers.window_start(rule, np.array([day(on)]))[0]) == date.fromisoformat(start)


@example(bought_on=date(2028, 2, 28))
@given(bought_on=st.dates(date(2026, 1, 1), date(2029, 12, 31)))
def test_the_purchase_that_earned_a_level_cannot_renew_it(bought_on: date) -> None:
    bought = events((bought_on.isoformat(), 100_000))
    held = night(RULE, tiers.lowest(1), bought, day_number(bought_on) + 1).held
    review = int(held.review[0])

    assert tiers.window_start(RULE, held.review)[0] > day_number(bought_on)
    assert night(RULE, held, bought, review).reason.tolist() == [Reason.GRACE]


def test_a_year_is_reviewed_when_the_next_one_is_over() -> None:
    rule = replace(RULE, window=Window.CALENDAR_YEAR, validity=Validity.END_OF_NEXT_YEAR)
    held = night(rule, tiers.lowest(1), events(("2026-12-31", 100_000)), day("2027-01-01")).held

    assert from_day_number(held.since[0]) == date(2026, 12, 31)
    assert from_day_number(held.review[0]) == date(2028, 1, 1)


# Reviews ------------------------------------------------------------------------------------------------------------


def gold_since(on: str) -> Held:
    return night(RULE, tiers.lowest(1), events((on, 500_000)), day(on) + 1).held


def test_whoever_keeps_enough_is_renewed() -> None:
    bought = events(("2026-03-01", 500_000), ("2026-09-01", 400_000))

    outcome = night(RULE, gold_since("2026-03-01"), bought, day("2027-03-02"))

    assert outcome.reason.tolist() == [Reason.RENEWED]
    assert from_day_number(outcome.held.review[0]) == date(2028, 3, 2)
    assert from_day_number(outcome.held.since[0]) == date(2026, 3, 1)


def test_one_fen_short_is_grace_and_that_fen_in_grace_renews() -> None:
    bought = events(("2026-03-01", 500_000), ("2026-09-01", 399_999))
    waiting = night(RULE, gold_since("2026-03-01"), bought, day("2027-03-02"))
    saved = events(("2026-03-01", 500_000), ("2026-09-01", 399_999), ("2027-03-20", 1))

    assert (waiting.reason.tolist(), waiting.held.rank.tolist()) == ([Reason.GRACE], [GOLD])
    assert night(RULE, waiting.held, bought, day("2027-03-20")).reason.tolist() == [Reason.NONE]
    assert night(RULE, waiting.held, saved, day("2027-03-21")).reason.tolist() == [Reason.RENEWED]


def test_in_grace_the_window_of_the_review_stays_open() -> None:
    """What counted on the day of the review still counts on the last day of grace."""
    bought = [("2026-03-01", 500_000), ("2026-03-05", 200_000), ("2026-09-01", 199_999)]
    waiting = night(RULE, gold_since("2026-03-01"), events(*bought), day("2027-03-02")).held
    saved = events(*bought, ("2027-03-30", 1))

    assert from_day_number(tiers.retaining_start(RULE, waiting, day("2027-03-31"))[0]) == date(2026, 3, 2)
    assert night(RULE, waiting, saved, day("2027-03-31")).reason.tolist() == [Reason.RENEWED]


@pytest.mark.parametrize(("downgrade", "rank"), [(Downgrade.ONE_STEP, SILVER), (Downgrade.TO_QUALIFIED, MEMBER)])
def test_after_grace_the_member_falls_as_the_rules_say(downgrade: Downgrade, rank: int) -> None:
    rule = replace(RULE, downgrade=downgrade)
    told = live(rule, events(("2026-03-01", 500_000)), day("2026-03-01"), day("2027-04-02"))
    falls = [(from_day_number(on), int(o.held.rank[0])) for on, o in told if o.reason[0] == Reason.DOWNGRADE]

    assert falls == [(date(2027, 4, 1), rank)]


def test_rules_that_never_lower_never_review() -> None:
    rule = replace(RULE, downgrade=Downgrade.NEVER)
    told = live(rule, events(("2026-03-01", 500_000)), day("2026-03-01"), day("2029-04-02"))

    assert told[-1][1].held.rank.tolist() == [GOLD]
    assert told[-1][1].held.review.tolist() == [NEVER]


def some_rules() -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule,
        levels=st.just(LEVELS),
        basis=st.just(Basis.NET_SPEND),
        window=st.sampled_from(Window),
        window_months=st.sampled_from([1, 3, 12]),
        validity=st.sampled_from(Validity),
        validity_months=st.sampled_from([1, 6, 12]),
        downgrade=st.sampled_from(Downgrade),
        grace_days=st.sampled_from([0, 1, 30]),
        undo_on_refund=st.booleans(),
        transition=st.sampled_from([Transition.KEEP, Transition.GRACE, Transition.NOW]),
    )


FIRST = day("2027-12-01")
LENGTH = 460
Shopping = list[tuple[int, int, int | None]]


def some_shopping() -> st.SearchStrategy[Shopping]:
    """(day of purchase, amount, days until it is refunded in full or None)"""
    refunds = st.one_of(st.none(), st.integers(0, 40))
    return st.lists(st.tuples(st.integers(0, LENGTH - 60), st.integers(1, 600_000), refunds), max_size=8)


def facts_of(shopping: Shopping) -> Events:
    rows = [(0, FIRST + on, amount, FIRST + on) for on, amount, _back in shopping]
    rows += [(0, FIRST + on, -amount, FIRST + on + back) for on, amount, back in shopping if back is not None]
    return (
        Events(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))
        if rows
        else events_of_nobody()
    )


def events_of_nobody() -> Events:
    nothing = np.zeros(0, np.int64)
    return Events(nothing, nothing, nothing, nothing)


@settings(max_examples=60, deadline=None)
@given(rule=some_rules(), shopping=some_shopping())
def test_outside_reviews_nobody_falls_and_one_step_is_one_step(rule: Rule, shopping: Shopping) -> None:
    held, bought = tiers.lowest(1), facts_of(shopping)
    for on in range(FIRST, FIRST + LENGTH):
        outcome = night(rule, held, bought, on)
        fell = int(held.rank[0] - outcome.held.rank[0])
        if fell > 0:
            assert held.review[0] <= on
            assert outcome.reason[0] == Reason.DOWNGRADE
            assert rule.downgrade != Downgrade.ONE_STEP or fell == 1
        assert (outcome.held.rank[0] > 0) or (outcome.held.review[0] == NEVER)
        again = night(rule, outcome.held, bought, on)
        assert again.held.same(outcome.held).all()
        assert again.reason[0] == Reason.NONE
        held = outcome.held


@settings(max_examples=60, deadline=None)
@given(rule=some_rules(), shopping=some_shopping(), order=st.randoms())
def test_the_order_of_the_facts_does_not_matter_and_quiet_nights_may_be_left_out(
    rule: Rule, shopping: Shopping, order: object
) -> None:
    facts = facts_of(shopping)
    shuffle = np.argsort(np.array([order.random() for _ in facts.day]), kind="stable").astype(np.int64)  # type: ignore[attr-defined]
    every_night = [(on, o) for on, o in live(rule, facts, FIRST, FIRST + LENGTH) if o.reason[0] != Reason.NONE]

    told = list(
        tiers.replay(rule, tiers.lowest(1), facts.of(shuffle), FIRST - 1, FIRST + LENGTH, as_if_never_bought=False)
    )

    assert [(on, o.reason[0], int(o.held.rank[0])) for on, o in told] == [
        (on, o.reason[0], int(o.held.rank[0])) for on, o in every_night
    ]
    assert all(a.held.same(b.held).all() for (_x, a), (_y, b) in zip(told, every_night, strict=True))


@settings(max_examples=60, deadline=None)
@given(rule=some_rules(), kept=some_shopping(), returned=some_shopping())
def test_what_was_refunded_is_as_if_it_had_never_been_bought(rule: Rule, kept: Shopping, returned: Shopping) -> None:
    kept = [(on, amount, None) for on, amount, _back in kept]
    returned = [(on, amount, back or 0) for on, amount, back in returned]
    end = FIRST + LENGTH

    def last(shopping: Shopping) -> Held:
        found = tiers.lowest(1)
        facts = facts_of(shopping)
        for _on, outcome in tiers.replay(rule, found, facts, FIRST - 1, end, as_if_never_bought=True):
            found = outcome.held
        return found

    assert last(kept + returned).same(last(kept)).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 900_000)), min_size=1, max_size=30))
def test_many_members_at_once_are_each_by_themselves(bought: list[tuple[int, int]]) -> None:
    owner, amount = (np.array(column, dtype=np.int64) for column in zip(*bought, strict=True))
    on = np.full(len(owner), FIRST)
    together = Events(owner, on, amount, on)
    crowd = night(RULE, tiers.lowest(6), together, FIRST + 1)

    for one in range(6):
        own = together.of(owner == one)
        alone = night(RULE, tiers.lowest(1), replace(own, owner=np.zeros(len(own.owner), np.int64)), FIRST + 1)
        assert alone.held.same(crowd.held.of([one])).all()


# New rules ----------------------------------------------------------------------------------------------------------


def raised(transition: Transition, grace_days: int = 30) -> Rule:
    return replace(
        RULE,
        levels=(LEVELS[0], LEVELS[1], Level("gold", "Gold", 900_000, 900_000)),
        transition=transition,
        grace_days=grace_days,
    )


@pytest.mark.parametrize(
    ("transition", "grace_days", "rank", "grace"),
    [
        (Transition.KEEP, 30, GOLD, None),
        (Transition.GRACE, 30, GOLD, date(2026, 7, 1)),
        (Transition.GRACE, 0, SILVER, None),
        (Transition.NOW, 30, SILVER, None),
    ],
)
def test_new_rules_lower_the_way_they_say(
    transition: Transition, grace_days: int, rank: int, grace: date | None
) -> None:
    outcome = tiers.transfer(
        RULE, raised(transition, grace_days), gold_since("2026-03-01"), np.array([500_000]), day("2026-06-01")
    )

    assert outcome.held.rank.tolist() == [rank]
    assert (from_day_number(outcome.held.grace[0]) if grace else None) == grace


def test_a_level_put_in_between_moves_nobody_who_does_not_reach_it() -> None:
    finer = replace(RULE, levels=(LEVELS[0], LEVELS[1], Level("rose", "Rose", 300_000, 200_000), LEVELS[2]))

    outcome = tiers.transfer(RULE, finer, gold_since("2026-03-01"), np.array([100_000]), day("2026-06-01"))

    assert outcome.held.rank.tolist() == [3]
    assert outcome.reason.tolist() == [Reason.NONE]


def test_a_level_that_ceases_to_exist_hands_its_members_down_or_on() -> None:
    coarser = replace(RULE, levels=(LEVELS[0], LEVELS[1]))

    outcome = tiers.transfer(RULE, coarser, gold_since("2026-03-01"), np.array([500_000]), day("2026-06-01"))

    assert outcome.held.rank.tolist() == [SILVER]
    assert outcome.reason.tolist() == [Reason.RULES]


def test_a_refund_weeks_later_is_seen_in_the_window_of_the_purchase() -> None:
    held = gold_since("2026-03-01")
    refunded = events(("2026-03-01", 500_000), ("2026-03-01", -1, "2026-05-01"))

    assert not tiers.unearned(held, refunded, day("2026-05-01")).any()
    assert tiers.unearned(held, refunded, day("2026-05-01") + 1).all()
    assert timedelta(days=int(held.review[0]) - day("2026-03-02")) == timedelta(days=365)
