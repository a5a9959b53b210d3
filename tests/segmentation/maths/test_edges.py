"""Shops and customers at the edge: empty, alone, all alike, in the red, gone for years."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from segmentation.maths import backtest, classes, gaps, potential, profit, purchases, value
from segmentation.maths.histories import Histories, profit_between, state_at
from tests.reference.calibrating import calibration_error

NOBODY = np.zeros(0, dtype=np.int64)
NOTHING = np.zeros(0)
EMPTY = Histories(NOBODY, NOBODY, NOTHING, NOBODY, 0)
PAPER = purchases.BgNbd(0.243, 4.414, 0.793, 2.426)


def test_an_empty_shop() -> None:
    assert gaps.fit(NOBODY, NOTHING, NOTHING) is None
    assert profit.fit(NOBODY, NOTHING, NOTHING) == profit.Credibility(0.0, 0.0, 1e-9)
    assert potential.fit(NOTHING, NOBODY, NOTHING, NOTHING, 90) is None
    assert classes.concentration(NOTHING).for_80_percent == 0
    assert len(state_at(EMPTY, 100, 30.0).customer) == 0
    assert len(profit_between(EMPTY, 0, 100)) == 0
    assert purchases.expected_at(PAPER, NOTHING, NOTHING, NOTHING, np.array(value.MONTHS)).shape == (0, 8)
    assert len(gaps.limits(gaps.FALLBACK, NOBODY, NOTHING).limit) == 0
    rows = backtest.alert_rows(EMPTY, gaps.FALLBACK, from_day=0, until_day=100)
    assert [row.alerts for row in rows] == [0] * len(backtest.LEVELS)
    assert backtest.choose_level(rows) == backtest.FALLBACK_LEVEL
    assert calibration_error(backtest.calibration(NOTHING, NOTHING)) == 0
    with pytest.raises(ValueError, match="no customers"):
        purchases.fit(NOTHING, NOTHING, NOTHING)


def test_one_customer_with_one_purchase() -> None:
    state = state_at(Histories(np.array([0]), np.array([5]), np.array([80.0]), np.array([1]), 1), 30, 30.0)
    credibility = profit.fit(state.purchase_days, state.profit_sum, state.profit_square_sum)

    worth = value.of(
        bgnbd=None,
        credibility=credibility,
        weight=0.5,
        half_life_days=30.0,
        history_days=26,
        discount=0.1,
        purchase_days=state.purchase_days,
        quiet_days=np.array([25.0]),
        span_days=np.zeros(1),
        profit_sum=state.profit_sum,
        decayed_profit=state.decayed_profit,
    )

    assert worth.value[0] > 0
    assert credibility.within == 0
    bar = classes.big_bar(worth.value)
    assert (bar.count, bar.one_dominates) == (1, False)


def test_below_two_hundred_customers_with_gaps_the_shop_uses_the_fallback() -> None:
    assert gaps.fit(np.ones(199, dtype=int), np.full(199, 3.0), np.full(199, 9.0)) is None
    assert_allclose(vars(gaps.FALLBACK).values().__iter__().__next__(), np.log(30))


def test_a_customer_without_gap_has_the_limit_that_is_typical_for_the_shop() -> None:
    found = gaps.limits(gaps.GapPopulation(3.40, 0.70, 0.40), np.zeros(1), np.zeros(1), 0.05, np.inf)

    assert_allclose(found.limit, 168.197, atol=0.01)


def test_clockwork_buyers_keep_a_limit_above_their_gap() -> None:
    n = np.full(500, 12)

    found = gaps.fit(n, n * np.log(7), n * np.log(7) ** 2)

    assert found is not None
    assert np.isfinite([found.m, found.s2, found.t2]).all()
    assert (gaps.limits(found, n, n * np.log(7)).limit > 7).all()


def test_purchases_on_neighbouring_days_are_gaps_of_one_day() -> None:
    found = gaps.limits(gaps.FALLBACK, np.array([300]), np.zeros(1))

    assert 1 <= found.usual[0] < found.limit[0]


def test_the_long_gone_come_to_nothing_without_a_warning() -> None:
    x, tx, age = np.array([400.0]), np.array([60.0]), np.array([1500.0])
    with np.errstate(all="raise", under="ignore"):
        expected = purchases.expected_at(PAPER, x, tx, age, np.array(value.MONTHS) * value.WEEKS_A_MONTH)
        worth = value.current_value(expected, np.array([10.0]), np.array([1e-9]), 0.5)
    assert np.isfinite(worth.value).all()
    assert worth.value[0] < 1e-6
    assert_allclose(purchases.p_no_purchase(PAPER, x, tx, age, 10.0), 1)


def test_the_shape_of_the_attrition_does_not_depend_on_being_alive() -> None:
    x, age = np.full(3, 100.0), np.array([60.0, 120, 400])
    expected = purchases.expected_at(PAPER, x, np.full(3, 50.0), age, np.array(value.MONTHS) * value.WEEKS_A_MONTH)

    found = value.attrition(expected)

    assert ((found > 15) & (found < 24)).all()
    assert found[0] < found[1] < found[2]


def test_refunds_and_losses_stay_negative() -> None:
    credibility = profit.fit(np.array([2, 1]), np.array([-50.0, 10]), np.array([1300.0, 100]))
    assert credibility.between > 0

    expected = np.array([[0, 0.2, 0.4, 0.6, 1.1, 2.0, 2.8, 3.5]])
    worth = value.current_value(expected, np.array([-25.0]), np.array([-1.0]), 0.5).value

    assert worth[0] < 0
    found = classes.matrix_type(np.zeros(1), worth, 0.0, np.array([5.0]), 1.0)
    assert found.tolist() == [2]
    assert classes.classify(np.array([-1]), worth, 0.0, np.zeros(1), np.ones(1), np.ones(1)).tolist() == [0]


def test_only_losses_leave_no_bar() -> None:
    assert classes.big_bar(np.array([-5.0, -1, 0])).count == 0
    assert classes.concentration(np.array([-5.0, -1])).by_top_20_percent == 0


def test_when_all_are_alike_the_cap_decides_by_past_profit_then_by_place() -> None:
    amount = np.full(10, 7.0)
    bar = classes.big_bar(amount)
    profit_so_far = np.array([1.0, 9, 3, 9, 1, 1, 1, 1, 1, 1])

    found = classes.classify(
        np.full(10, -1),
        amount,
        bar.bar,
        np.zeros(10),
        np.zeros(10),
        np.ones(10),
        count=bar.count,
        past_profit=profit_so_far,
    )

    assert np.flatnonzero(found == classes.BIG).tolist() == [1, 2, 3]


def test_one_customer_who_is_most_of_the_profit_is_named() -> None:
    found = classes.big_bar(np.array([900.0, 10, 10]))

    assert (found.bar, found.one_dominates) == (900.0, True)


def test_the_potential_bar_falls_until_a_sixth_of_the_others_can_grow() -> None:
    amount = np.concatenate([np.full(10, 1000.0), np.full(60, 10.0)])
    possible = np.concatenate([np.full(10, 500.0), np.linspace(0.1, 6, 60)])

    found = classes.potential_bar(possible, amount, 1000.0)

    kind = classes.matrix_type(np.zeros(70), amount, 1000.0, possible, found.bar)
    assert (kind == 2).sum() == 10
    assert (kind == 4).sum() == 10


def test_the_potential_bar_is_the_usual_one_where_others_reach_it() -> None:
    possible = np.arange(100.0)

    assert classes.potential_bar(possible, np.zeros(100), 1.0) == classes.big_bar(possible)


def test_potential_of_customers_all_alike_is_nothing() -> None:
    alike, one = np.full(300, 50.0), np.ones(300, dtype=int)
    table = potential.fit(alike, one, alike, np.full(300, 20.0), 90)
    assert table is not None

    json.dumps(table.to_dict())
    assert_allclose(potential.potential(table, alike, one), 0)


def test_where_four_in_five_buy_nothing_there_is_a_potential_that_nobody_has_surpassed() -> None:
    dice = np.random.default_rng(5)
    amount, breadth = dice.gamma(1, 100, 4000), dice.integers(1, 9, 4000)
    later = np.where(dice.random(4000) < 0.1, dice.gamma(2, 50, 4000), 0)
    table = potential.fit(amount, breadth, later, np.full(4000, 18.0), 90)
    assert table is not None

    assert (potential.potential(table, amount, breadth) > 0).all()
    assert potential.reached(table, amount, breadth).best.max() <= later.max()


def test_the_potential_has_no_steps_between_the_groups_of_value() -> None:
    dice = np.random.default_rng(6)
    amount, breadth = dice.gamma(1, 100, 4000), dice.integers(1, 4, 4000)
    table = potential.fit(amount, breadth, amount * dice.gamma(1, 0.3, 4000), np.full(4000, 18.0), 90)
    assert table is not None

    along = np.linspace(table.value_knots[0], table.value_knots[-1], 6001)
    possible = potential.potential(table, along, np.full(6001, 2))

    assert len(np.unique(possible.round(6))) > 5900
    assert np.abs(np.diff(possible)).max() < possible.max() / 200


def test_long_dormant_then_back_enters_the_history_once() -> None:
    day = np.array([0, 7, 14, 21, 1021])
    state = state_at(Histories(np.zeros(5, dtype=int), day, np.ones(5), np.ones(5, dtype=int), 1), 1021, 60.0)

    assert state.gap_count.tolist() == [4]
    assert_allclose(state.log_gap_sum, 3 * np.log(7) + np.log(1000))


def test_orders_after_the_cut_are_not_seen() -> None:
    histories = Histories(np.array([0, 0, 1]), np.array([5, 400, 300]), np.ones(3), np.ones(3, dtype=int), 2)

    state = state_at(histories, 100, 60.0)

    assert (state.customer.tolist(), state.purchase_days.tolist()) == ([0], [1])


def test_the_largest_level_that_is_right_often_enough_is_chosen() -> None:
    rows = [
        backtest.AlertRow(level, 100, 0, precision, 0, 0) for level, precision in ((0.3, 0.4), (0.2, 0.6), (0.1, 0.9))
    ]

    assert backtest.choose_level(rows, 0.5) == 0.2
    assert backtest.choose_level(rows, 0.95) == 0.1


def test_perfect_foresight_takes_everything() -> None:
    real = np.arange(50.0)

    [row] = backtest.value_rows(real, {"foresight": real})

    assert row.to_dict() == {"method": "foresight", "error": 0.0, "top_fifth": 1.0}
