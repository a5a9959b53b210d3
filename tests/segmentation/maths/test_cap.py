"""Of all customers never more than the cap are big, whatever the bar and the night before; and a bar knows days."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import scoring
from segmentation.maths import classes

SHOP = st.lists(
    st.tuples(st.integers(-1, 2), st.integers(0, 4), st.floats(-1e6, 1e9), st.floats(0, 1e9)), min_size=1, max_size=60
)


@settings(max_examples=200, deadline=None)
@given(SHOP, st.floats(0, 1e9), st.floats(0.01, 1), st.booleans())
def test_the_cap_holds_whatever_the_bar(
    shop: list[tuple[int, int, float, float]], bar: float, cap: float, counted: bool
) -> None:
    before, kind, value, potential = (np.array(column) for column in zip(*shop, strict=True))
    known = np.zeros(len(value))
    most = max(1, int(cap * len(value)))

    found = classes.classify(
        before, value, bar, known, known, known + 0.05, cap=cap, count=most if counted else None, past_profit=value
    )
    types = classes.matrix_type(kind, value, bar, potential, bar, cap=cap)

    assert (found == classes.BIG).sum() <= most
    assert np.isin(types, (3, 4)).sum() <= most
    assert np.array_equal(found, classes.classify(found, value, bar, known, known, known + 0.05, cap=cap)) or counted


def test_who_stands_furthest_above_their_own_threshold_stays() -> None:
    before = np.array([0, 2, 2, 0, 0, 0, 0, 0, 0, 0])
    value = np.array([130.0, 100, 90, 125, 1, 1, 1, 1, 1, 1])

    found = classes.classify(before, value, 100.0, value * 0, value * 0, value * 0, cap=0.3)

    # 100 and 90 against 75 to stay, 130 and 125 against 110 to enter.
    assert np.flatnonzero(found == classes.BIG).tolist() == [0, 1, 2]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_bar_is_the_same_however_many_nights_worked_its_days(
    between: list[int], before: float, tonight: float
) -> None:
    daily = by_nights = before
    for _day in range(sum(between)):
        daily = scoring.smoothed(tonight, daily, 1)
    for days in between:
        by_nights = scoring.smoothed(tonight, by_nights, days)

    assert by_nights == pytest.approx(daily, rel=1e-9, abs=1e-6)


def test_a_night_that_is_worked_again_starts_from_the_night_before_it() -> None:
    assert scoring.smoothed(5.0, None, 3) == 5.0
    assert scoring.smoothed(5.0, 4.0, 0) == 4.0
