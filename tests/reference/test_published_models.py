"""Models we do not use reproduce their published figures on the same data: so the data and the counting are right."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from segmentation.maths.histories import Histories, State
from tests.reference import oracles
from tests.reference.test_cdnow import CUT, histories, state, weeks  # noqa: F401


@pytest.fixture(scope="module")
def spend(histories: Histories, state: State) -> np.ndarray:  # noqa: F811
    """Mean money of the repeat days up to the cut, 0 without any; in whole cents, as published."""
    seen = histories.until(CUT)
    repeat = np.concatenate([[False], np.diff(seen.customer) == 0])
    total = np.bincount(seen.customer[repeat], weights=seen.profit[repeat], minlength=seen.customers)
    mean = total[state.customer] / np.maximum(state.gap_count, 1)
    return np.floor(mean * 100 + 0.5 + 1e-9) / 100  # half a cent goes up


def test_pareto_nbd(state: State) -> None:  # noqa: F811
    row = weeks(state)

    found, likelihood = oracles.maximise(lambda p: oracles.pareto_nbd(p, *row), [0.5, 10, 0.6, 11])

    assert_allclose(found[[0, 2]], [0.5533, 0.6063], atol=0.005)
    assert_allclose(found[[1, 3]], [10.578, 11.671], atol=0.05)
    assert_allclose(likelihood, -9594.97, atol=0.02)


def test_pareto_nbd_of_one_customer() -> None:
    row = (np.array([26.0]), np.array([30.86]), np.array([31.0]))
    published = np.array([0.553, 10.578, 0.606, 11.669])

    assert_allclose(oracles.pareto_nbd_alive(published, *row), 0.99792, atol=0.001)
    assert_allclose(oracles.pareto_nbd_expected(published, *row, 52), 25.455, atol=0.01)


def test_mbg_nbd(state: State) -> None:  # noqa: F811
    row = weeks(state)

    found, likelihood = oracles.maximise(lambda p: oracles.mbg_nbd(p, *row), [0.5, 6, 0.9, 1.6])

    assert_allclose(found, [0.5248, 6.1830, 0.8914, 1.6141], atol=0.01)
    assert_allclose(likelihood, -9582.14, atol=0.02)


def test_gamma_gamma(state: State, spend: np.ndarray) -> None:  # noqa: F811
    repeat = state.gap_count > 0
    x, mean = state.gap_count[repeat].astype(float), spend[repeat]

    found, _ = oracles.maximise(lambda p: oracles.gamma_gamma(p, x, mean), [6, 4, 15])

    assert repeat.sum() == 946
    assert_allclose(mean.mean(), 35.079, atol=0.001)
    assert_allclose(found, [6.2488, 3.7446, 15.4477], atol=0.005)


def test_conditional_spend_of_the_first_ten() -> None:
    x = np.array([2, 1, 0, 0, 0, 7, 1, 0, 2, 0])
    spend = np.array([22.35, 11.77, 0, 0, 0, 73.74, 11.77, 0, 25.55, 0])

    found = oracles.gamma_gamma_spend(np.array([6.25, 3.74, 15.44]), x, spend)

    assert_allclose(found, [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17], atol=0.1)
