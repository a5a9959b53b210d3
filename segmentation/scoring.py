"""The score of every customer: one pure function of state, parameters, rules and day. Night and what-if both call it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation import chances
from segmentation.fitting import Parameters
from segmentation.frames import State, day_number
from segmentation.maths import classes, gaps, potential, purchases, value
from segmentation.maths.arrays import Flags

Array = NDArray[Any]
BAR_MEMORY_DAYS = 30
BLOCK = 100_000


@dataclass(frozen=True)
class Bars:
    """The global figures of a night: smoothed bars, and the shop's real concentration."""

    value: float
    potential: float
    value_tonight: float
    potential_tonight: float
    big_count: int
    cap_binds: bool
    one_dominates: bool = False


@dataclass(frozen=True)
class OwnScores:
    """What follows from the customer and the parameters: one entry per row of the state. Money in minor units.

    No day of which nothing is known is counted: `quiet_days` are those since the last purchase, `counted_days` since
    the customer was last seen, which purchases that went back whole count for. `no_purchase` in the next
    `horizon_days`, and what the formula and the shop's windows say of it alone.
    """

    value: Array
    value_low: Array
    value_high: Array
    potential: Array
    usual_days: Array
    limit_days: Array
    tail_level: Array
    lateness: Array
    quiet_days: Array
    counted_days: Array
    no_purchase: Array
    by_formula: Array
    by_windows: Array
    horizon_days: Array
    daily_profit: Array
    expected_orders: Array
    profit_per_order: Array


@dataclass(frozen=True)
class Scores(OwnScores):
    """With what follows from the comparison with all others."""

    customer_class: Array
    matrix_type: Array
    bars: Bars


def smoothed(tonight: float, before: float | None, days: int) -> float:
    """The bar after so many days: a day weighs the same, whether a night was worked on each of them or on the last one."""
    if before is None:
        return tonight
    return before + (1 - (1 - 2 / (BAR_MEMORY_DAYS + 1)) ** days) * (tonight - before)


def score(
    state: State,
    parameters: Parameters,
    rules: Mapping[str, float],
    *,
    as_of: date,
    bars_before: Bars | None,
    days: int = 1,
) -> Scores:
    """What tonight says of every customer in `state`.

    `bars_before` are the bars of the last night before `as_of`, which lies `days` back; the same arguments give the same
    scores. No bar is learnt from silent days: the value of whom they concern stands still.
    """
    own = own_scores(state, parameters, rules, as_of)
    bars = _bars(own, rules, bars_before, days)
    customer_class = classes.classify(
        state.class_before,
        own.value,
        bars.value,
        state.gap_count,
        own.lateness,
        own.tail_level,
        enter=rules["big_enter"],
        leave=rules["big_leave"],
        active_enter=rules["active_enter"],
        active_leave=rules["active_leave"],
        count=bars.big_count,
        past_profit=state.profit_sum,
        cap=rules["big_cap"],
        followed_up=own.counted_days <= own.limit_days + rules["alert_window_days"],
    )
    matrix_type = classes.matrix_type(
        state.type_before,
        own.value,
        bars.value,
        own.potential,
        bars.potential,
        enter=rules["big_enter"],
        leave=rules["big_leave"],
        cap=rules["big_cap"],
    )
    return Scores(
        **{
            **vars(own),
            "value": np.rint(own.value).astype(np.int64),
            "value_low": np.rint(own.value_low).astype(np.int64),
            "value_high": np.rint(own.value_high).astype(np.int64),
            "potential": np.rint(own.potential).astype(np.int64),
        },
        customer_class=customer_class,
        matrix_type=matrix_type,
        bars=bars,
    )


def _bars(own: OwnScores, rules: Mapping[str, float], before: Bars | None, days: int) -> Bars:
    tonight = classes.big_bar(own.value, rules["big_share"], rules["big_cap"])
    tonight_potential = classes.potential_bar(
        own.potential, own.value, tonight.bar, rules["big_share"], rules["big_cap"]
    )
    return Bars(
        value=smoothed(tonight.bar, before.value if before else None, days),
        potential=smoothed(tonight_potential.bar, before.potential if before else None, days),
        value_tonight=tonight.bar,
        potential_tonight=tonight_potential.bar,
        big_count=tonight.count,
        cap_binds=tonight.cap_binds,
        one_dominates=tonight.one_dominates,
    )


def own_scores(state: State, parameters: Parameters, rules: Mapping[str, float], as_of: date) -> OwnScores:
    """What depends on the customer alone, not rounded; a block of rows at a time: memory is then a matter of the results."""
    blocks = [
        _of_block(state.rows(slice(start, start + BLOCK)), parameters, rules, as_of)
        for start in range(0, max(len(state), 1), BLOCK)
    ]
    return OwnScores(*(np.concatenate([getattr(block, f.name) for block in blocks]) for f in fields(OwnScores)))


def worth_of(state: State, parameters: Parameters, rules: Mapping[str, float], as_of: date) -> value.Worth:
    """The value of these customers, not rounded, with what it is made of."""
    return _worth(state, parameters, rules, _quiet_days(state, as_of), day_number(as_of))


def _quiet_days(state: State, as_of: date) -> Array:
    """Days since the last purchase, without those of which nothing is known: the last word of a silent source is old."""
    days: Array = np.maximum(day_number(as_of) - state.silent_days - state.last_day, 0).astype(float)
    return days


def _of_block(state: State, parameters: Parameters, rules: Mapping[str, float], as_of: date) -> OwnScores:
    today = day_number(as_of) - state.silent_days
    quiet_days = _quiet_days(state, as_of)
    counted_days = np.maximum(today - state.seen_day, 0).astype(float)
    repeat_days = state.gap_count.astype(float)
    span = parameters.weeks(state.first_day, state.last_day)
    age = np.maximum(parameters.weeks(state.first_day, today), span)
    population = parameters.gaps
    interval = gaps.limits(population, state.gap_count, state.log_gap_sum, *parameters.tail(rules))
    lateness = gaps.lateness(population, state.gap_count, state.log_gap_sum, counted_days)
    horizon_days = np.clip(2 * interval.usual, 7, 120)

    worth = worth_of(state, parameters, rules, as_of)
    low, high = worth.value, worth.value
    if parameters.bgnbd is None:
        no_purchase = 1 - lateness
    else:
        never = purchases.p_no_purchase(
            parameters.bgnbd, repeat_days, span, age, float(parameters.horizons(day_number(as_of))[-1])
        )
        low, high = value.likely(
            worth, parameters.bgnbd, parameters.credibility, parameters.spread, state.purchase_days, never
        )
        ahead = parameters.weeks(today, today + horizon_days)
        no_purchase = purchases.p_no_purchase(parameters.bgnbd, repeat_days, span, age, ahead)
    by_formula = by_windows = no_purchase
    if parameters.windows is not None:
        if parameters.windows.trees is not None:
            silence, lived = (today - state.last_day).astype(float), (state.last_day - state.first_day).astype(float)
            by_windows = parameters.windows.by_windows(
                chances.columns(population, state.gap_count, state.log_gap_sum, silence, lived, horizon_days)
            )
        no_purchase = parameters.windows.used(by_formula, by_windows)

    if parameters.potential is None:
        possible = np.zeros(len(state))
    else:
        period = int(rules["potential_period_days"])
        possible = potential.potential(parameters.potential, worth.value, state.breadth)
        possible = np.where(today - state.first_day < period, 0.0, possible)

    return OwnScores(
        value=worth.value,
        value_low=low,
        value_high=high,
        potential=possible,
        usual_days=interval.usual,
        limit_days=interval.limit,
        tail_level=interval.tail_level,
        lateness=lateness,
        quiet_days=quiet_days,
        counted_days=counted_days,
        no_purchase=no_purchase,
        by_formula=by_formula,
        by_windows=by_windows,
        horizon_days=horizon_days,
        daily_profit=worth.daily_profit,
        expected_orders=worth.expected,
        profit_per_order=worth.profit_per_order,
    )


def _worth(
    state: State, parameters: Parameters, rules: Mapping[str, float], quiet_days: Array, today: int
) -> value.Worth:
    return value.of(
        bgnbd=parameters.bgnbd,
        credibility=parameters.credibility,
        weight=parameters.weight,
        half_life_days=parameters.half_life_days,
        history_days=parameters.history_days,
        discount=rules["discount"],
        purchase_days=state.purchase_days,
        quiet_days=quiet_days,
        span_days=(state.last_day - state.first_day).astype(float),
        profit_sum=state.profit_sum,
        decayed_profit=state.decayed_profit,
        weeks=(
            parameters.weeks(state.first_day, state.last_day),
            parameters.weeks(state.first_day, state.last_day + quiet_days),
        ),
        horizons=parameters.horizons(today),
    )


def value_before_silence(state: State, parameters: Parameters, rules: Mapping[str, float]) -> Array:
    """What each was worth on the day of the last purchase, in whole minor units: nothing is written down for silence yet."""
    latest = int(state.last_day.max(initial=0))
    return np.rint(_worth(state, parameters, rules, np.zeros(len(state)), latest).value).astype(np.int64)


def changed(state: State, scores: Scores, rules: Mapping[str, float]) -> Flags:
    """Rows worth writing: class, type or inputs differ, or value or potential moved beyond the tolerance.

    Decided by the data alone, so that a rebuilt and an incrementally kept summary write the same rows.
    """
    tolerance = rules["value_tolerance"]

    def moved(after: Array, before: Array) -> Flags:
        beyond: Flags = np.abs(after - before) > np.maximum(tolerance * np.abs(before), 100)
        return beyond

    differs: Flags = (
        (scores.customer_class != state.class_before)
        | (scores.matrix_type != state.type_before)
        | (state.inputs != state.inputs_before)
        | moved(scores.value, state.value_before)
        | moved(scores.potential, state.potential_before)
    )
    return differs


def quiet(state: State, scores: Scores, rules: Mapping[str, float]) -> Flags:
    """Big and active customers past their own limit, whose window since then is still open.

    One who was so until last night is not random before an alert said it; of one without a class before, the first night
    knows that whoever has two known gaps was active or better on the day of the last purchase, when lateness was 1.
    """
    served = (scores.customer_class >= classes.ACTIVE) | (state.class_before != classes.RANDOM)
    past_limit = served & (scores.counted_days > scores.limit_days) & (state.gap_count >= rules["least_gaps"])
    due: Flags = past_limit & (scores.counted_days <= scores.limit_days + rules["alert_window_days"])
    return due


def long_absent(state: State, scores: Scores, rules: Mapping[str, float]) -> Flags:
    """Big and active customers beyond the flat number of days whose own limit lies further out."""
    days = rules["long_absence_days"]
    if not days:
        return np.zeros(len(state), dtype=bool)
    beyond = (scores.counted_days > days) & (scores.counted_days <= days + rules["alert_window_days"])
    return beyond & (scores.customer_class >= 1) & (scores.counted_days <= scores.limit_days)
