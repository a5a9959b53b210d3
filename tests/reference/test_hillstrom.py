"""Hillstrom's e-mail experiment of 2008 (64,000 customers, two mailings and a control group): visits within two weeks.

A visit is yes or no, so the published counts of each group are the whole data. Spend is not told by counts and is not
tested here.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from segmentation.maths import effect

CUSTOMERS = {"control": 21_306, "men": 21_307, "women": 21_387}
VISITORS = {"control": 2_262, "men": 3_894, "women": 3_238}


def visits(group: str) -> np.ndarray:
    return np.repeat([1.0, 0.0], [VISITORS[group], CUSTOMERS[group] - VISITORS[group]])


@pytest.mark.parametrize(
    ("group", "rate", "lift", "low", "high"),
    [("men", 0.18276, 0.07659, 0.06995, 0.08323), ("women", 0.15140, 0.04523, 0.03889, 0.05157)],
)
def test_visits_after_a_mailing(group: str, rate: float, lift: float, low: float, high: float) -> None:
    found = effect.difference(visits(group), visits("control"))

    assert_allclose([found.treated, found.control, found.difference], [rate, 0.10617, lift], atol=1e-5)
    assert_allclose([found.low, found.high], [low, high], atol=1e-5)
    assert not found.too_early


def test_a_small_group_tells_nothing_yet() -> None:
    found = effect.difference(visits("men")[::300], visits("control")[::300])

    assert found.too_early


def test_no_effect_without_two_customers_on_each_side() -> None:
    with pytest.raises(ValueError, match="two customers"):
        effect.difference(visits("men"), np.ones(1))
