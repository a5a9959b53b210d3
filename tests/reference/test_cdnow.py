"""CDNOW, the public one-tenth sample of Fader and Hardie: the published figures must come out of our code."""

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from segmentation.maths import backtest, gaps, purchases
from segmentation.maths.histories import Histories, State, purchases_between, state_at

CUT = (date(1997, 9, 30) - date(1970, 1, 1)).days
END = (date(1998, 6, 30) - date(1970, 1, 1)).days


@pytest.fixture(scope="module")
def histories() -> Histories:
    spent: dict[tuple[int, int], float] = {}
    with (Path(__file__).parent / "cdnow_sample.csv").open() as file:
        for row in csv.DictReader(file):
            key = int(row["customer"]), (date.fromisoformat(row["date"]) - date(1970, 1, 1)).days
            spent[key] = spent.get(key, 0.0) + float(row["revenue"])
    keys = np.array(sorted(spent))
    ids, customer = np.unique(keys[:, 0], return_inverse=True)
    profit = np.array([spent[c, d] for c, d in keys.tolist()])
    return Histories(customer, keys[:, 1], profit, np.ones(len(keys), dtype=np.int64), len(ids))


@pytest.fixture(scope="module")
def state(histories: Histories) -> State:
    return state_at(histories, CUT, half_life_days=68.0)


def weeks(state: State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return state.gap_count.astype(float), (state.last_day - state.first_day) / 7, (CUT - state.first_day) / 7


def test_the_sample_is_the_published_one(state: State) -> None:
    assert len(state.customer) == 2357
    assert int(state.gap_count.sum()) == 2457
    assert int((state.gap_count == 0).sum()) == 1411


def test_bg_nbd_parameters_and_likelihood(state: State) -> None:
    found = purchases.fit(*weeks(state), exact=True)

    assert_allclose([found.params.r, found.params.a], [0.2426, 0.7927], atol=0.005)
    assert_allclose([found.params.alpha, found.params.b], [4.4134, 2.4251], atol=0.05)
    assert_allclose(found.log_likelihood, -9582.43, atol=0.05)


def test_the_fit_on_rounded_cells_stays_within_two_percent(state: State) -> None:
    exact, cells = purchases.fit(*weeks(state), exact=True).params, purchases.fit(*weeks(state)).params

    assert_allclose([cells.r, cells.alpha, cells.a, cells.b], [exact.r, exact.alpha, exact.a, exact.b], rtol=0.025)


def test_unconditional_purchases_and_the_share_without_any(state: State) -> None:
    params = purchases.fit(*weeks(state), exact=True).params

    found = purchases.unconditional(params, np.array([0.1429, 1, 3, 31.8571, 32, 78]))

    assert_allclose(found, [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576], atol=0.001)


def test_holdout_of_39_weeks(histories: Histories, state: State) -> None:
    params = purchases.fit(*weeks(state), exact=True).params
    real = purchases_between(histories, CUT, END)[state.customer]

    forecast = purchases.expected(params, *weeks(state), 39.0)

    assert_allclose(forecast.sum(), 1653.5, rtol=0.01)
    assert_allclose(real.sum(), 1880, rtol=0.01)
    assert_allclose(np.abs(forecast - real).mean(), 0.785, rtol=0.01)
    assert_allclose(np.corrcoef(forecast, real)[0, 1], 0.626, rtol=0.01)


def test_log_normal_gaps(state: State) -> None:
    found = gaps.fit(state.gap_count, state.log_gap_sum, state.log_gap_square_sum)

    assert found is not None
    assert_allclose([found.m, found.s2, found.t2], [3.3729, 1.3058, 0.3692], atol=0.01)


def test_alert_precision_at_five_percent(histories: Histories, state: State) -> None:
    population = gaps.fit(state.gap_count, state.log_gap_sum, state.log_gap_square_sum)
    assert population is not None

    row = backtest.alert_rows(histories, population, from_day=0, until_day=END, levels=(0.05,))[0]

    assert row.precision >= 0.80
    assert row.alerts >= 100
