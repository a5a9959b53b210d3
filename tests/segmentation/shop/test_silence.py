"""Which days of a source say too little: found in time, never by chance, and gone once the orders are there."""

import numpy as np
import pytest

from segmentation.shop import silence

DAYS = 182


def sold(a_day: float, *, seed: int = 1, days: int = DAYS) -> np.ndarray:
    return np.random.default_rng(seed).poisson(a_day, days)


def silent(orders: np.ndarray) -> list[int]:
    return np.flatnonzero(silence.of_days(orders).silent).tolist()


@pytest.mark.parametrize("a_day", [0.02, 0.2, 1, 3, 8, 40, 500])
def test_chance_is_no_silence(a_day: float) -> None:
    found = [len(silent(sold(a_day, seed=seed))) for seed in range(30)]

    assert sum(found) <= 0.005 * 30 * DAYS


@pytest.mark.parametrize(("a_day", "known_after"), [(40, 1), (8, 1), (3, 4), (1, 12)])
@pytest.mark.parametrize("length", [1, 5, 60])
def test_a_hole_is_found_as_soon_as_it_is_more_than_chance_and_from_its_first_day(
    a_day: int, known_after: int, length: int
) -> None:
    orders = sold(a_day, seed=5) + (a_day >= 8)
    start = DAYS - 70
    orders[start : start + length] = 0
    found = silent(orders[: start + length])

    if length >= known_after:
        assert set(range(start, start + length)) <= set(found)
    assert silent(orders[:start]) == []


def test_what_comes_late_leaves_nothing() -> None:
    orders = sold(20)
    hole = orders.copy()
    hole[100:160] = 0

    assert silent(hole) == list(range(100, 160))
    assert silent(orders) == []


def test_a_shop_that_is_closed_on_sundays_is_not_silent_on_them() -> None:
    orders = sold(30) + 1
    orders[::7] = 0

    assert silent(orders) == []


def test_a_sale_is_no_promise() -> None:
    orders = sold(20)
    orders[100:114] *= 20

    assert silent(orders) == []


def test_of_a_young_shop_nothing_is_known() -> None:
    orders = sold(30, days=40)
    orders[20:25] = 0

    assert silent(orders) == []


def test_a_day_with_a_fifth_of_its_orders_is_incomplete_and_a_shop_that_shrinks_is_not() -> None:
    orders = sold(60)
    orders[120] = 10
    assert silent(orders) == [120]

    orders[130:] = sold(10, days=DAYS - 130)
    assert silent(orders) == [120]


def by_hour(days: int = 28, a_day: int = 120) -> np.ndarray:
    share = np.zeros(24)
    share[8:23] = 1 / 15
    return np.random.default_rng(2).poisson(a_day * share, (days, 24))


def test_hours_that_are_missing_make_a_day_incomplete() -> None:
    hours = by_hour()
    days = silence.Days(np.full(28, 120.0), np.zeros(28, dtype=bool))
    assert not silence.with_hours_missing(hours, days).any()

    hours[20, 14:] = 0

    assert np.flatnonzero(silence.with_hours_missing(hours, days)).tolist() == [20]


def test_dates_without_times_have_no_hours_to_miss() -> None:
    hours = np.zeros((28, 24), dtype=np.int64)
    hours[:, 0] = 50

    assert not silence.with_hours_missing(hours, silence.Days(np.full(28, 50.0), np.zeros(28, dtype=bool))).any()


def test_days_after() -> None:
    assert silence.days_after(np.array([3, 4, 9]), np.array([2, 3, 9])).tolist() == [3, 2, 0]
