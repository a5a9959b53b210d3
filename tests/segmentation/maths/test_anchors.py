"""The figures that others have published, or that five hand-worked customers give."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from segmentation.maths import gaps, profit, purchases, value

POPULATION = gaps.GapPopulation(m=3.40, s2=0.70, t2=0.40)
CASES = [[], [30], [30, 30, 30], [20, 30, 45], [7] * 12, [10, 12, 9, 11, 60], [90, 120]]
GAP_COUNT = np.array([len(case) for case in CASES])
LOG_GAP_SUM = np.array([np.log(case).sum() if case else 0.0 for case in CASES])
PAPER = purchases.BgNbd(0.243, 4.414, 0.793, 2.426)


def test_limits_of_seven_customers_at_a_flat_five_percent() -> None:
    found = gaps.limits(POPULATION, GAP_COUNT, LOG_GAP_SUM, a_max=0.05, budget=1e9)

    assert_allclose(found.usual, [29.964, 29.977, 29.987, 29.987, 8.423, 17.780, 58.165], atol=0.01)
    assert_allclose(found.limit, [168.197, 149.526, 136.304, 136.304, 35.034, 77.686, 273.725], atol=0.01)


def test_the_budget_of_one_false_alarm_a_year_lowers_the_tail_of_frequent_buyers() -> None:
    gap_count = np.array([3, 12, 40])
    log_gap_sum = gap_count * np.log([30, 7, 3])

    found = gaps.limits(POPULATION, gap_count, log_gap_sum, a_max=0.05, budget=1)

    assert_allclose(found.tail_level, [0.05, 0.0327, 0.0128], atol=0.001)
    assert_allclose(found.limit, [136.304, 41.556, 21.841], atol=0.01)


def test_tail_at_113_quiet_days() -> None:
    late = gaps.lateness(POPULATION, GAP_COUNT, LOG_GAP_SUM, np.full(len(CASES), 113.0))

    assert_allclose(late, [0.1028, 0.0872, 0.0748, 0.0748, 0.0014, 0.0196, 0.2403], atol=0.0005)


def test_next_purchase_waits_longer_once_the_median_has_passed() -> None:
    gap_count, log_gap_sum = np.array([3, 3]), np.full(2, 3 * np.log(30))

    median, low, high = gaps.next_purchase(POPULATION, gap_count, log_gap_sum, np.array([5.0, 60.0]))

    assert_allclose(median[0], 29.987, atol=0.01)
    assert 60 < low[1] < median[1] < high[1]


@pytest.mark.parametrize(
    ("x", "tx", "alive", "silent_13", "in_39", "in_52"),
    [
        (1, 10, 0.43824, 0.87792, 0.41982, 0.53684),
        (2, 30.43, 0.72658, 0.67651, 1.22603, 1.55872),
        (5, 12, 0.04786, 0.96421, 0.18223, 0.22985),
        (0, 0, 1.0, 0.93816, 0.19510, None),
    ],
)
def test_bg_nbd_of_four_customers(
    x: float, tx: float, alive: float, silent_13: float, in_39: float, in_52: float | None
) -> None:
    row = (np.array([x], dtype=float), np.array([tx], dtype=float), np.array([38.86]))

    assert_allclose(purchases.p_alive(PAPER, *row), alive, atol=1e-4)
    assert_allclose(purchases.p_no_purchase(PAPER, *row, 13.0), silent_13, atol=1e-4)
    assert_allclose(purchases.expected(PAPER, *row, 39.0), in_39, atol=1e-4)
    assert_allclose(purchases.expected_at(PAPER, *row, np.array([39.0]))[0], in_39, atol=1e-3)
    if in_52 is not None:
        assert_allclose(purchases.expected(PAPER, *row, 52.0), in_52, atol=1e-4)


def test_orders_in_12_and_24_months_of_the_reference_customer() -> None:
    row = (np.array([2.0]), np.array([30.43]), np.array([38.86]))
    expected = purchases.expected_at(PAPER, *row, np.array(value.MONTHS) * value.WEEKS_A_MONTH)

    assert_allclose(expected[0, value.MONTHS.index(12)], 1.56310, atol=1e-3)
    assert_allclose(expected[0, value.MONTHS.index(24)], 2.67596, atol=1e-3)


def test_credibility_of_three_customers() -> None:
    credibility = profit.fit(np.array([3, 1, 4]), np.array([60.0, 100, 20]), np.array([1400.0, 10_000, 350]))

    assert_allclose([credibility.within, credibility.mean, credibility.between], [90, 22.5, 872.5], atol=1e-9)
    pulled = profit.shrunk(credibility, np.array([3, 1, 4]), np.array([20.0, 100, 5]))
    assert_allclose(pulled, [20.0831, 92.7532, 5.4399], atol=1e-3)


def test_money_times_c_gives_value_times_c() -> None:
    expected = np.array([[0, 0.2, 0.4, 0.6, 1.1, 2.0, 2.8, 3.5]])

    once = value.current_value(expected, np.array([61.0]), np.array([2.0]), 0.25)
    thrice = value.current_value(expected, np.array([183.0]), np.array([6.0]), 0.25)

    assert_allclose(thrice.value, 3 * once.value)
