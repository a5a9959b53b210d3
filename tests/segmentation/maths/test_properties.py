"""What must hold for any customer, whatever the shop."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from segmentation.maths import backtest, classes, gaps, potential, profit, purchases, value
from segmentation.maths.histories import Histories, State, state_at
from tests.reference import oracles

FEW = settings(max_examples=60, deadline=None)
POPULATION = gaps.GapPopulation(m=3.40, s2=0.70, t2=0.40)
GAPS = st.lists(st.integers(1, 400), min_size=1, max_size=30)
MODELS = st.builds(
    purchases.BgNbd,
    r=st.floats(0.05, 20),
    alpha=st.floats(0.05, 50),
    a=st.floats(0.02, 20),
    b=st.floats(0.02, 100),
)


def limit_of(known: list[int]) -> float:
    found = gaps.limits(POPULATION, np.array([len(known)]), np.array([np.log(known).sum()]))
    return float(found.limit[0])


def histories_of(customers: list[list[tuple[int, float]]]) -> Histories:
    """From (day, profit) pairs per customer; several on a day are one purchase day."""
    rows = []
    for number, orders in enumerate(customers):
        by_day: dict[int, float] = {}
        for day, amount in orders:
            by_day[day] = by_day.get(day, 0.0) + amount
        rows += [(number, day, amount) for day, amount in sorted(by_day.items())]
    c, d, p = (np.array([row[i] for row in rows]) for i in range(3))
    return Histories(c, d, p.astype(float), np.ones(len(rows), dtype=np.int64), len(customers))


ORDERS = st.lists(
    st.tuples(st.integers(0, 500), st.floats(-100, 1000).map(lambda v: round(v, 2))), min_size=1, max_size=12
)
SHOPS = st.lists(ORDERS, min_size=1, max_size=8)


# Gaps


@FEW
@given(st.permutations([3, 8, 20, 45, 90]))
def test_the_order_of_gaps_does_not_matter(known: list[int]) -> None:
    assert_allclose(limit_of(known), limit_of([3, 8, 20, 45, 90]))


def test_only_the_product_of_the_gaps_matters() -> None:
    assert_allclose(limit_of([20, 30, 45]), limit_of([30, 30, 30]))


@FEW
@given(GAPS, st.integers(1, 300), st.floats(0.01, 0.3))
def test_a_longer_gap_never_shortens_the_flat_limit(known: list[int], more: int, level: float) -> None:
    count = np.full(2, len(known))
    sums = np.array([np.log(known).sum(), np.log([*known[:-1], known[-1] + more]).sum()])

    shorter, longer = gaps.limits(POPULATION, count, sums, level, budget=np.inf).limit

    assert longer > shorter


@FEW
@given(GAPS, st.floats(0.01, 0.3), st.floats(0.1, 12))
def test_the_limit_lies_at_its_own_tail(known: list[int], level: float, budget: float) -> None:
    count, total = np.array([len(known)]), np.array([np.log(known).sum()])
    found = gaps.limits(POPULATION, count, total, level, budget)

    assert_allclose(gaps.lateness(POPULATION, count, total, np.maximum(found.limit, 0.5)), found.tail_level, rtol=1e-6)


@FEW
@given(GAPS, st.integers(0, 3000), st.integers(1, 3000))
def test_lateness_falls_with_silence_and_starts_afresh_with_a_purchase(known: list[int], quiet: int, more: int) -> None:
    count, total = np.full(2, len(known)), np.full(2, np.log(known).sum())

    before, after = gaps.lateness(POPULATION, count, total, np.array([quiet, quiet + more]))
    [just_bought] = gaps.lateness(POPULATION, count[:1] + 1, total[:1] + np.log(quiet + more), np.zeros(1))

    assert after <= before
    assert just_bought > 0.15 > gaps.LEAST_TAIL


@FEW
@given(GAPS, st.integers(0, 20_000))
def test_the_next_purchase_lies_ahead_and_inside_its_band(known: list[int], quiet: int) -> None:
    row = (np.array([len(known)]), np.array([np.log(known).sum()]), np.array([float(quiet)]))
    usual = gaps.limits(POPULATION, row[0], row[1]).usual[0]

    median, low, high = (float(v[0]) for v in gaps.next_purchase(POPULATION, *row))

    assert low <= median <= high
    assert quiet <= usual or median >= quiet
    assert np.isfinite(high)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_fit_finds_the_population_it_was_drawn_from(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 12, 6000)
    owner = np.repeat(np.arange(6000), n)
    log_gap = np.repeat(rng.normal(3.2, 0.7, 6000), n) + rng.normal(0, 0.9, len(owner))

    found = gaps.fit(n, np.bincount(owner, log_gap), np.bincount(owner, log_gap**2))

    assert found is not None
    assert_allclose([found.m, found.s2, found.t2], [3.2, 0.81, 0.49], atol=0.06)


# Purchases


@FEW
@given(MODELS, st.integers(0, 60), st.floats(0, 1), st.floats(0, 150), st.floats(0.1, 110))
def test_expected_purchases_equal_the_integral(
    params: purchases.BgNbd, x: int, share: float, extra: float, t: float
) -> None:
    age = x / 7 + extra
    row = (np.array([float(x)]), np.array([share * age if x else 0.0]), np.array([age]))
    exact = purchases.p_alive(params, *row)[0] * oracles.bg_nbd_given_alive(params, x, age, t)

    assert_allclose(purchases.expected(params, *row, t)[0], exact, rtol=1e-5, atol=1e-9)
    assert_allclose(purchases.expected_at(params, *row, np.array([0.0, t]))[0], [0, exact], rtol=1e-3, atol=1e-9)


def test_the_removable_singularities_are_removed() -> None:
    x, age = np.array([0.0, 3.0]), np.array([20.0, 20.0])
    for a, b in [(1.0, 2.0), (0.3, 0.7), (1.0, 1e-9), (300.0, 0.3)]:
        params = purchases.BgNbd(0.5, 4.0, a, b)

        found = purchases.expected(params, x, np.array([0.0, 15.0]), age, 52.0)

        exact = [oracles.bg_nbd_given_alive(params, float(k), 20.0, 52.0) for k in x]
        assert_allclose(found, purchases.p_alive(params, x, np.array([0.0, 15.0]), age) * exact, rtol=1e-4)


@FEW
@given(MODELS, st.integers(0, 40), st.floats(0, 50), st.floats(0, 100), st.floats(0.1, 50), st.floats(0.1, 50))
def test_no_purchase_is_likelier_the_longer_the_silence_and_the_shorter_the_horizon(
    params: purchases.BgNbd, x: int, span: float, quiet: float, horizon: float, more: float
) -> None:
    span = max(span, x / 7) if x else 0.0
    columns = (np.full(2, float(x)), np.full(2, span))

    by_horizon = purchases.p_no_purchase(
        params, *columns, np.full(2, span + quiet), np.array([horizon, horizon + more])
    )
    by_quiet = purchases.p_no_purchase(params, *columns, span + quiet + np.array([0.0, more]), horizon)

    assert by_horizon[1] <= by_horizon[0] + 1e-12
    # Without a repeat P(alive) stays 1 and only the rate falls; the probability rises all the same.
    assert by_quiet[1] >= by_quiet[0] - 1e-12
    assert 0 <= by_horizon.min() <= by_horizon.max() <= 1


@FEW
@given(MODELS)
def test_the_gradient_is_the_slope(params: purchases.BgNbd) -> None:
    x, tx, age = np.array([0.0, 1, 4, 30]), np.array([0.0, 3, 20, 38]), np.array([5.0, 30, 25, 39])
    at = np.array([params.r, params.alpha, params.a, params.b])

    level, slope = purchases._with_gradient(params, x, tx, age)

    assert_allclose(level, purchases.log_likelihood(params, x, tx, age), rtol=1e-9, atol=1e-9)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-5 * at[i]
        up, down = (purchases.log_likelihood(purchases.BgNbd(*v), x, tx, age) for v in (at + step, at - step))
        assert_allclose(slope[i], (up - down) / (2 * step[i]), rtol=1e-3, atol=1e-4)


def test_one_customer_alone_gets_the_figure_of_the_crowd() -> None:
    rng = np.random.default_rng(3)
    params, age = purchases.BgNbd(0.243, 4.414, 0.793, 2.426), rng.uniform(0, 104, 300)
    x = rng.integers(0, 9, 300).astype(float)
    tx, horizons = np.where(x > 0, age * rng.random(300), 0), np.array(value.MONTHS) * value.WEEKS_A_MONTH

    crowd = purchases.expected_at(params, x, tx, age, horizons)

    alone = [
        purchases.expected_at(params, x[i : i + 1], tx[i : i + 1], age[i : i + 1], horizons)[0] for i in range(300)
    ]
    assert np.array_equal(crowd, np.array(alone))


# Money


def worth(state: State, today: int, times: float = 1.0, params: purchases.BgNbd | None = None) -> value.Worth:
    return value.of(
        bgnbd=params,
        credibility=profit.fit(state.purchase_days, state.profit_sum * times, state.profit_square_sum * times**2),
        weight=0.5,
        half_life_days=60.0,
        history_days=500,
        discount=0.1,
        purchase_days=state.purchase_days,
        quiet_days=(today - state.last_day).astype(float),
        span_days=(state.last_day - state.first_day).astype(float),
        profit_sum=state.profit_sum * times,
        decayed_profit=state.decayed_profit * times,
    )


@FEW
@given(SHOPS, st.floats(0.5, 100))
def test_money_times_c_is_value_times_c(shop: list[list[tuple[int, float]]], times: float) -> None:
    state = state_at(histories_of(shop), 500, 60.0)
    params = purchases.BgNbd(0.243, 4.414, 0.793, 2.426)

    once, more = worth(state, 500, 1.0, params).value, worth(state, 500, times, params).value

    assert_allclose(more, times * once, rtol=1e-4, atol=1e-3 * times)


@FEW
@given(MODELS, st.integers(0, 40), st.floats(0, 100))
def test_present_value_is_within_a_thousandth_of_month_by_month(params: purchases.BgNbd, x: int, extra: float) -> None:
    age = np.array([x / 7 + extra])
    row = (np.array([float(x)]), age * (x > 0), age)
    expected = purchases.expected_at(params, *row, np.array(value.MONTHS) * value.WEEKS_A_MONTH)

    found = value.current_value(expected, np.ones(1), np.zeros(1), 0.0).value[0]

    cumulated = [0.0] + [float(purchases.expected(params, *row, k * value.WEEKS_A_MONTH)[0]) for k in range(1, 25)]
    exact = (np.diff(cumulated) * 1.10 ** (-(np.arange(24) + 0.5) / 12)).sum()
    assert_allclose(found, exact, rtol=1e-3, atol=1e-9)


def test_present_value_of_the_reference_customer() -> None:
    row = (np.array([2.0]), np.array([30.43]), np.array([38.86]))
    params = purchases.BgNbd(0.243, 4.414, 0.793, 2.426)
    expected = purchases.expected_at(params, *row, np.array(value.MONTHS) * value.WEEKS_A_MONTH)

    found = value.current_value(expected, np.ones(1), np.zeros(1), weight=0.0)

    assert_allclose(found.value, 2.46294, atol=1e-3)


# Days


@FEW
@given(SHOPS, st.integers(-20_000, 20_000))
def test_shifting_all_dates_changes_nothing(shop: list[list[tuple[int, float]]], days: int) -> None:
    moved = [[(day + days, amount) for day, amount in orders] for orders in shop]

    here, there = state_at(histories_of(shop), 500, 60.0), state_at(histories_of(moved), 500 + days, 60.0)

    for name in ("customer", "purchase_days", "log_gap_sum", "profit_sum", "decayed_profit"):
        assert np.array_equal(getattr(here, name), getattr(there, name))
    assert np.array_equal(here.last_day + days, there.last_day)


@FEW
@given(SHOPS)
def test_a_second_order_on_a_day_changes_money_only(shop: list[list[tuple[int, float]]]) -> None:
    doubled = [[*orders, orders[0]] for orders in shop]

    once, twice = state_at(histories_of(shop), 500, 60.0), state_at(histories_of(doubled), 500, 60.0)

    for name in ("purchase_days", "first_day", "last_day", "log_gap_sum", "log_gap_square_sum"):
        assert np.array_equal(getattr(once, name), getattr(twice, name))


@FEW
@given(SHOPS, st.integers(0, 500))
def test_the_state_is_what_a_plain_loop_adds_up(shop: list[list[tuple[int, float]]], cut: int) -> None:
    state = state_at(histories_of(shop), cut, 60.0)

    place = 0
    for number, orders in enumerate(shop):
        days = sorted({day for day, _ in orders if day <= cut})
        if not days:
            continue
        known = np.diff(days)
        money = [sum(amount for d, amount in orders if d == day) for day in days]
        assert (state.customer[place], state.purchase_days[place], state.last_day[place]) == (
            number,
            len(days),
            days[-1],
        )
        assert_allclose(state.log_gap_sum[place], np.log(known).sum(), atol=1e-9)
        assert_allclose(state.log_gap_square_sum[place], (np.log(known) ** 2).sum(), atol=1e-9)
        assert_allclose(state.profit_sum[place], sum(money), atol=1e-6)
        decayed = sum(m * 2 ** ((d - days[-1]) / 60) for d, m in zip(days, money, strict=True))
        assert_allclose(state.decayed_profit[place], decayed, atol=1e-6)
        place += 1
    assert place == len(state.customer)


# Classes


@FEW
@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.floats(0.1, 0.99), st.floats(0.01, 1))
def test_the_bar_holds_its_share_or_its_cap(values: list[float], share: float, cap: float) -> None:
    amounts = np.array(values)

    found = classes.big_bar(amounts, share, cap)

    assert found.count <= max(1, cap * len(values))
    above = np.sort(amounts)[::-1][: found.count]
    if found.count:
        assert found.bar == above[-1] > 0
        assert found.cap_binds or above.sum() >= share * amounts[amounts > 0].sum() * (1 - 1e-9)


@FEW
@given(st.integers(0, 2**32 - 1))
def test_the_same_night_twice_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value_, possible, late = rng.normal(100, 80, 400), rng.normal(50, 50, 400), rng.random(400)
    known, tail, before = rng.integers(0, 9, 400), rng.uniform(0.002, 0.1, 400), rng.integers(-1, 3, 400)

    first = classes.classify(before, value_, 100.0, known, late, tail)
    kind = classes.matrix_type(rng.integers(0, 5, 400), value_, 100.0, possible, 60.0)

    assert np.array_equal(first, classes.classify(first, value_, 100.0, known, late, tail))
    assert np.array_equal(kind, classes.matrix_type(kind, value_, 100.0, possible, 60.0))
    assert set(kind[value_ < 0].tolist()) <= {1, 2}


@FEW
@given(st.integers(0, 2**32 - 1))
def test_the_table_of_look_alikes_is_deterministic_and_survives_storage(seed: int) -> None:
    rng = np.random.default_rng(seed)
    amount, breadth = rng.gamma(1, 100, 600), rng.integers(1, 9, 600)
    later, months = rng.gamma(1, 50, 600) - 10, np.full(600, 20.0)
    table = potential.fit(amount, breadth, later, months, 90)
    assert table is not None

    again = potential.PotentialTable.from_dict(table.to_dict())

    assert again == potential.fit(amount, breadth, later, months, 90)
    found = potential.potential(again, amount, breadth)
    assert (found >= 0).all()
    assert np.isfinite(found).all()


# Backtest


@FEW
@given(SHOPS)
def test_the_backtest_counts_what_a_day_by_day_watch_sees(shop: list[list[tuple[int, float]]]) -> None:
    histories = histories_of(shop)

    row = backtest.alert_rows(histories, POPULATION, from_day=0, until_day=500, levels=(0.2,))[0]

    alerts = right = 0
    for orders in shop:
        days = sorted({day for day, _ in orders})
        for place in range(2, len(days)):
            known = np.diff(days[: place + 1])
            found = gaps.limits(POPULATION, np.array([place]), np.array([np.log(known).sum()]), 0.2)
            until = days[place + 1] if place + 1 < len(days) else 10**6
            late = [day for day in range(days[place], min(until, 501)) if day - days[place] > found.limit[0]]
            horizon = float(np.clip(2 * found.usual[0], 7, 120))
            if late and late[0] + horizon <= 500:
                alerts += 1
                right += until > late[0] + horizon
    assert (row.alerts, row.right) == (alerts, right)
