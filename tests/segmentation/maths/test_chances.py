"""The chance of no purchase by the shop's own closed windows: never from what came later, never surer than they are."""

import json

import numpy as np
import pytest

from segmentation import chances, fitting, rules
from segmentation.maths import gaps
from segmentation.maths.backtest import silences
from segmentation.maths.histories import Histories
from segmentation.maths.trees import Trees, grow

TODAY = 300


def histories(rows: list[tuple[int, int]]) -> Histories:
    customer, day = np.array(sorted(set(rows))).T
    return Histories(
        customer, day, np.full(len(day), 5000.0), np.ones(len(day), dtype=np.int64), int(customer.max()) + 1
    )


@pytest.fixture(scope="module")
def subscribers() -> Histories:
    """A parcel every four weeks, to the day or one later, until somebody leaves; and as many who come as they like."""
    dice, rows = np.random.default_rng(7), []
    for who in range(400):
        day = int(dice.integers(0, 150))
        while day <= TODAY + 120:
            rows.append((who, day))
            if dice.random() < (0.05 if who % 2 else 0.2):
                break
            day += 28 + int(dice.random() < 0.3) if who % 2 else 1 + int(dice.exponential(30))
    return histories(rows)


@pytest.fixture(scope="module")
def learnt(subscribers: Histories) -> chances.Learnt:
    return chances.learn(subscribers.until(TODAY), TODAY, 0)


def test_trees_tell_apart_what_no_single_cut_does_and_the_same_rows_grow_the_same_trees() -> None:
    table = np.random.default_rng(1).normal(size=(4000, 3))
    happened = (table[:, 0] > 0.2) ^ (table[:, 1] > -0.1)
    trees = grow(table[:3000], happened[:3000])
    assert ((trees.log_odds(table[3000:]) > 0) == happened[3000:]).mean() > 0.9
    assert grow(table[:3000], happened[:3000]) == trees
    one, block = trees.log_odds(table[:1]), trees.log_odds(table)
    assert one[0] == block[0]
    with pytest.raises(ValueError, match="tell apart"):
        grow(table, np.ones(len(table), dtype=bool))


def test_what_comes_later_changes_nothing(subscribers: Histories, learnt: chances.Learnt) -> None:
    assert chances.learn(subscribers, TODAY, 0) == learnt
    stored = chances.Learnt.from_json(json.loads(json.dumps(learnt.to_json())))
    assert stored == learnt


def test_trees_are_believed_only_where_they_forecast_later_windows_better(learnt: chances.Learnt) -> None:
    assert learnt.trees is not None
    assert learnt.errors is not None
    assert learnt.errors["mean"].log_loss < learnt.errors["closed"].log_loss
    assert learnt.errors["mean"].precision >= learnt.errors["closed"].precision


def test_where_the_formula_is_the_truth_it_stands_alone() -> None:
    dice, rows = np.random.default_rng(3), []
    for who in range(300):
        rate, day = dice.gamma(2.0, 1 / 60), float(dice.integers(0, 150))
        while day <= TODAY:
            rows.append((who, int(day)))
            if dice.random() < 0.1:
                break
            day += 1 + dice.exponential(1 / rate)
    found = chances.learn(histories(rows), TODAY, 0)
    assert found.errors is not None
    assert found.trees is None


@pytest.mark.parametrize(("today", "rows"), [(150, [(n, d) for n in range(300) for d in (1, 60)]), (TODAY, [(0, 1)])])
def test_a_young_shop_and_one_without_customers_have_the_formula_and_claim_little(
    today: int, rows: list[tuple[int, int]]
) -> None:
    found = chances.learn(histories(rows), today, 0)
    assert found.trees is None
    assert found.least == pytest.approx(chances.SURELY, abs=0.03)
    formula = np.array([0.001, 0.6])
    assert found.used(formula, formula).tolist() == [found.least, 0.6]


def test_windows_bear_out_how_surely_somebody_comes() -> None:
    rows = [(who, day) for who in range(60) for day in range(who % 2, TODAY, 2)]
    assert chances.learn(histories(rows), TODAY, 0).least < 0.01


def test_clockwork_subscribers_are_back_as_often_as_is_said() -> None:
    dice, rows = np.random.default_rng(5), []
    for who in range(400):
        day = int(dice.integers(0, 250))
        while day <= TODAY + 120 and (not rows or rows[-1][0] != who or dice.random() < 0.95):
            rows.append((who, day))
            day += 28 + int(dice.random() < 0.3)
    subscribers, constants = histories(rows), {**rules.DEFAULTS, "a_max": 0.01}
    known = subscribers.until(TODAY)
    parameters = fitting.fit_histories(known, TODAY, TODAY + 1, constants)
    parameters = fitting.with_chances(parameters, known, TODAY, TODAY + 1, constants)
    # Silences that begin in the eight weeks to come, each by what is known on its first day.
    new = silences(subscribers, 2, TODAY + 120)
    limits = gaps.limits(parameters.gaps, new.gap_count, new.log_gap_sum, *parameters.tail(constants))
    begin = (new.last_day > TODAY) & (new.last_day <= TODAY + 56) & (new.last_day + limits.limit <= TODAY + 120)
    back = (new.end_day - new.last_day <= limits.limit)[begin].mean()
    by_gaps = (1 - limits.tail_level)[begin].mean()
    said = ((1 - limits.tail_level) * parameters.returns(new.gap_count))[begin].mean()
    assert begin.sum() > 200
    assert by_gaps > 0.985
    assert by_gaps - back > 0.03, "what gaps alone say is too much"
    assert abs(said - back) < 0.03


def test_where_learning_fails_the_formula_stands_alone(
    subscribers: Histories, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_given: object) -> Trees:
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(chances, "grow", fails)
    known = subscribers.until(TODAY)
    plain = fitting.fit_histories(known, TODAY, TODAY + 1, rules.DEFAULTS)
    found = fitting.with_chances(plain, known, TODAY, TODAY + 1, rules.DEFAULTS)
    assert found.windows == chances.Learnt()
    assert "the formula stands alone" in caplog.text
