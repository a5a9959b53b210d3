import numpy as np

from segmentation.maths import classes


def test_the_bar_is_where_eighty_percent_of_value_is_reached() -> None:
    found = classes.big_bar(np.array([50.0, 30, 10, 5, 5, -20]), share=0.8, cap=1)

    assert (found.bar, found.count, found.cap_binds) == (30.0, 2, False)


def test_the_cap_binds_when_value_is_spread_evenly() -> None:
    found = classes.big_bar(np.full(10, 7.0), share=0.8, cap=0.3)

    assert (found.bar, found.count, found.cap_binds) == (7.0, 3, True)


def test_one_customer_who_is_most_of_the_profit_is_the_bar() -> None:
    assert classes.big_bar(np.array([900.0, 10, 10]), cap=0.3).bar == 900.0


def test_an_empty_shop_has_no_bar() -> None:
    assert classes.big_bar(np.zeros(0)) == classes.Bar(0.0, 0, False)


def test_big_is_entered_above_the_bar_and_left_well_below_it() -> None:
    before = np.array([-1, 0, 0, 2, 2])
    value = np.array([100.0, 105, 111, 80, 74])

    found = classes.classify(before, value, 100.0, np.zeros(5), np.zeros(5), np.full(5, 0.05))

    assert found.tolist() == [2, 0, 2, 2, 0]


def test_active_is_entered_at_ten_percent_and_left_at_two() -> None:
    before = np.array([0, 0, 1, 1, 1])
    late = np.array([0.11, 0.09, 0.05, 0.019, 0.5])
    gap_count = np.array([2, 5, 5, 5, 1])

    found = classes.classify(before, np.zeros(5), 100.0, gap_count, late, np.full(5, 0.05))

    assert found.tolist() == [1, 0, 1, 0, 0]


def test_who_was_served_does_not_become_random_while_the_silence_is_followed_up() -> None:
    before = np.array([1, 1, 2, 0, -1, 1])
    followed_up = np.array([True, False, True, True, True, True])
    gap_count = np.array([5, 5, 5, 5, 5, 1])
    late = np.full(6, 0.001)

    found = classes.classify(before, np.zeros(6), 100.0, gap_count, late, late + 0.05, followed_up=followed_up)

    assert found.tolist() == [1, 0, 1, 0, 0, 0]


def test_classifying_twice_changes_nothing() -> None:
    rng = np.random.default_rng(7)
    value, late = rng.normal(100, 80, 500), rng.random(500)
    gap_count, before = rng.integers(0, 9, 500), rng.integers(-1, 3, 500)

    def once(given: np.ndarray) -> np.ndarray:
        return classes.classify(given, value, 100.0, gap_count, late, np.full(500, 0.05))

    assert np.array_equal(once(before), once(once(before)))


def test_the_four_types() -> None:
    value, potential = np.array([1.0, 1, 9, 9]), np.array([1.0, 9, 1, 9])

    assert classes.matrix_type(np.zeros(4), value, 5.0, potential, 5.0).tolist() == [1, 2, 3, 4]


def test_the_real_curve_of_ten_equal_customers_is_the_diagonal() -> None:
    curve = classes.concentration(np.ones(10))

    assert curve.for_80_percent == 0.8
    assert curve.by_top_20_percent == 0.2
