"""What a shop has said beside what is known of others: no cliff on the way from nobody to thousands."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bench import shops
from bench.replay import known_on
from segmentation import fitting, rules
from segmentation.maths import gaps, profit, purchases, value
from segmentation.maths.histories import state_at


def drawn(customers: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(intervals known, sum of their logarithms) of customers who buy about every seven days."""
    dice = np.random.default_rng(seed)
    known = dice.integers(1, 9, customers)
    owner = np.repeat(np.arange(customers), known)
    log_gap = np.repeat(dice.normal(np.log(7), 0.5, customers), known) + dice.normal(0, 0.6, len(owner))
    return known, np.stack([np.bincount(owner, log_gap), np.bincount(owner, log_gap**2)])


def test_of_nobody_what_is_usual_elsewhere_is_said() -> None:
    assert gaps.learnt(np.zeros(3, dtype=int), np.zeros(3), np.zeros(3)) == gaps.FALLBACK
    assert not gaps.FALLBACK.of_the_shop
    # As it was stored before shares were.
    assert not gaps.GapPopulation(gaps.FALLBACK.m, gaps.FALLBACK.s2, gaps.FALLBACK.t2).of_the_shop
    assert gaps.GapPopulation(3.37, 1.31, 0.37).of_the_shop


def test_the_interval_of_a_shop_goes_over_to_its_own_without_a_step() -> None:
    known, (total, squares) = drawn(400)
    learnt = [gaps.learnt(known[:n], total[:n], squares[:n]) for n in (1, 5, 50, 199, 200, 400)]

    assert 0.5 < learnt[0].shop_share < 0.7 < learnt[1].shop_share < 0.95 < learnt[2].shop_share < 1
    assert np.log(7) < learnt[1].m < learnt[0].m < np.log(30)
    assert learnt[4].m == pytest.approx(learnt[3].m, abs=0.01)
    assert learnt[5].m == pytest.approx(np.log(7), abs=0.1)


def weeks(shop: shops.Shop, night: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    state = state_at(known_on(shop, night, returned=False), night, 60.0)
    return state.gap_count.astype(float), (state.last_day - state.first_day) / 7, (night - state.first_day) / 7


def test_the_more_a_shop_has_said_the_more_is_its_own_and_the_surer_it_is() -> None:
    shop = shops.people(100, 420, seed=100)

    learnt = [purchases.learnt(*weeks(shop, night), exact=True) for night in (60, 200, 410)]

    shares, spreads = [found.own_share for found in learnt], [found.spread for found in learnt]

    assert shares == sorted(shares)
    assert spreads == sorted(spreads, reverse=True)
    assert shares[0] < 0.5 < 0.85 < shares[2]


def test_the_model_is_the_one_that_says_better_what_came() -> None:
    """Subscribers may leave after the first parcel as after any other."""
    assert purchases.learnt(*weeks(shops.subscription(), 300), exact=True).params.after_first


def test_who_may_leave_after_the_first_purchase_goes_on_as_in_a_shop_that_was_drawn_so() -> None:
    params = purchases.BgNbd(0.8, 6.0, 0.9, 1.8, after_first=True)
    dice = np.random.default_rng(4)
    count, age, later = 200_000, 30.0, 40.0
    rate, leaves = dice.gamma(params.r, 1 / params.alpha, count), dice.beta(params.a, params.b, count)
    now, seen, last, came = np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count)
    stays = dice.random(count) > leaves
    while stays.any():
        now = np.where(stays, now + dice.exponential(1 / rate), np.inf)
        stays &= now <= age + later
        known = stays & (now <= age)
        seen, last, came = seen + known, np.where(known, now, last), came + (stays & ~known)
        stays &= dice.random(count) > leaves

    row = (seen, last, np.full(count, age))
    said, none = purchases.expected(params, *row, later), purchases.p_no_purchase(params, *row, later)
    for group in (seen == 0, seen == 1, seen == 2, seen > 4):
        assert said[group].mean() == pytest.approx(came[group].mean(), rel=0.05)
        assert none[group].mean() == pytest.approx((came[group] == 0).mean(), abs=0.01)


def test_the_slope_of_the_prior_is_its_slope() -> None:
    theta = np.array([-0.3, 1.2, 0.4, 2.0])

    _level, slope = purchases.PRIOR.loss(theta)

    steps = [np.eye(4)[i] * 1e-5 for i in range(4)]
    assert_allclose(
        slope,
        [(purchases.PRIOR.loss(theta + s)[0] - purchases.PRIOR.loss(theta - s)[0]) / 2e-5 for s in steps],
        rtol=1e-5,
    )


def test_few_who_came_back_do_not_make_all_customers_alike() -> None:
    twice = profit.learnt(np.array([2, 1, 1]), np.array([20.0, 12, 8]), np.array([202.0, 144, 64]))

    assert twice.between == pytest.approx(0.5 * twice.mean**2, rel=0.1)
    assert profit.shrunk(twice, np.array([1]), np.array([30.0]))[0] > twice.mean


def test_shops_of_a_hundred_are_neither_half_nor_double_what_comes() -> None:
    said = came = inside = customers = 0
    for seed in range(100, 108):
        shop, night = shops.people(100, 60, seed=seed), 60
        histories = known_on(shop, night, returned=False)
        parameters = fitting.fit_histories(histories, night, 61, rules.DEFAULTS)
        state = state_at(histories, night, parameters.half_life_days)
        worth = fitting.worth(state, parameters, night, 0.10)
        assert parameters.bgnbd is not None
        never = purchases.p_no_purchase(parameters.bgnbd, *weeks(shop, night), 24 * value.WEEKS_A_MONTH)
        low, high = value.likely(
            worth, parameters.bgnbd, parameters.credibility, parameters.spread, state.purchase_days, never
        )
        later = (shop.day > night) & (shop.day <= night + shops.HORIZON)
        each = shop.cents[later] * 1.1 ** (-(shop.day[later] - night) / 365)
        real = np.bincount(shop.customer[later], each, shop.customers)[state.customer]
        said, came = said + worth.value.sum(), came + real.sum()
        inside, customers = inside + ((real >= low) & (real <= high)).sum(), customers + len(real)
        assert (low <= worth.value).all()
        assert (worth.value <= high).all()

    assert said / came == pytest.approx(1, abs=0.25)
    assert 0.7 < inside / customers < 0.95
