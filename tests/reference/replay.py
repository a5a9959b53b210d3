"""A shop's past, night by night, with parameters that do not move: how often a class is taken back."""

from itertools import pairwise

import numpy as np

from segmentation.fitting import Parameters
from segmentation.maths import classes, gaps, value
from segmentation.maths.histories import Histories, state_at
from segmentation.rules import DEFAULTS

WEEK = 7


def flaps_per_100_years(
    histories: Histories, parameters: Parameters, *, opened: int, first_night: int, last_night: int
) -> float:
    """Changes of class undone within 60 days, per 100 customer-years, over weekly nights; `opened`: the first day."""
    before, bar, nights = np.full(histories.customers, classes.UNKNOWN), 0.0, []
    for day in range(first_night, last_night + 1, WEEK):
        now = state_at(histories, day, parameters.half_life_days)
        quiet = (day - now.last_day).astype(float)
        worth = value.of(
            bgnbd=parameters.bgnbd,
            credibility=parameters.credibility,
            weight=parameters.weight,
            half_life_days=parameters.half_life_days,
            history_days=day - opened + 1,
            discount=0.1,
            purchase_days=now.purchase_days,
            quiet_days=quiet,
            span_days=(now.last_day - now.first_day).astype(float),
            profit_sum=now.profit_sum,
            decayed_profit=now.decayed_profit,
        ).value
        tonight = classes.big_bar(worth).bar
        bar = bar + (1 - (1 - 2 / 31) ** WEEK) * (tonight - bar) if nights else tonight
        limits = gaps.limits(parameters.gaps, now.gap_count, now.log_gap_sum, parameters.a_max)
        late = gaps.lateness(parameters.gaps, now.gap_count, now.log_gap_sum, quiet)
        before = before.copy()
        before[now.customer] = classes.classify(
            before[now.customer],
            worth,
            bar,
            now.gap_count,
            late,
            limits.tail_level,
            cap=0.30,
            leave=DEFAULTS["big_leave"],
            followed_up=quiet <= limits.limit + DEFAULTS["alert_window_days"],
        )
        nights.append(before)

    flaps = 0
    for row in np.array(nights).T:
        moved = np.flatnonzero((row[1:] != row[:-1]) & (row[:-1] >= 0)) + 1
        flaps += sum(row[b] == row[a - 1] and (b - a) * WEEK <= 60 for a, b in pairwise(moved))
    return 100 * flaps / ((np.array(nights) >= 0).sum() * WEEK / 365)
