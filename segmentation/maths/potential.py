"""Growth potential: what the best fifth of look-alikes went on to bring, less the average at that value.

The mean of the best fifth, not the value at its edge: where four in five buy nothing in a period the edge is 0, and so
was the potential of nearly everybody who is not big. Between the groups it is read off a line, so that it has no bands.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from segmentation.maths.arrays import Counts, Floats

GROUPS, TERCILES = 10, 3
BEST = 0.2
PRIOR_CUSTOMERS = 50
LEAST_CUSTOMERS = 200
DAYS_A_MONTH = 30.44


@dataclass(frozen=True)
class PotentialTable:
    """Look-alikes by ten groups of value × tercile of breadth within the group.

    `value_knots` (10) the median value of each group, `breadth_edges` (10 × 2), `best` and `sizes` (10 × 3) what the best
    fifth brought in a period and of how many, `means` (10) the average. `periods`: such periods in 24 months, discounted,
    for as long as half of the customers go on buying.
    """

    value_knots: list[float]
    breadth_edges: list[list[float]]
    best: list[list[float]]
    sizes: list[list[int]]
    means: list[float]
    periods: float

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "PotentialTable":
        return cls(**stored)


class Reached(NamedTuple):
    """Of the look-alikes of each customer, in a period: what the best fifth brought and what the average; how many."""

    best: Floats
    mean: Floats
    size: Floats


def fit(
    value: Floats, breadth: Counts, later_profit: Floats, months: Floats, period_days: int, days: int = 1
) -> PotentialTable | None:
    """The table from customers as they were one period ago and what each really brought since; None below 200.

    Each customer may stand in it as of so many `days`. `months`: how many discounted months' worth of their present rate
    each brings.
    """
    if len(value) < LEAST_CUSTOMERS * days:
        return None
    group = np.searchsorted(np.quantile(value, np.arange(1, GROUPS) / GROUPS), value, side="right")
    knots, means, breadth_edges = np.zeros(GROUPS), np.zeros(GROUPS), np.zeros((GROUPS, 2))
    best, sizes = np.zeros((GROUPS, TERCILES)), np.zeros((GROUPS, TERCILES), dtype=int)
    for g in range(GROUPS):
        rows = group == g
        if not rows.any():
            # Many of one value fill several groups: the empty ones are as the one below.
            knots[g], means[g], best[g] = knots[g - 1], means[g - 1], best[g - 1]
            breadth_edges[g], sizes[g] = breadth_edges[g - 1], sizes[g - 1]
            continue
        knots[g], means[g] = np.median(value[rows]), later_profit[rows].mean()
        breadth_edges[g] = np.quantile(breadth[rows], [1 / 3, 2 / 3])
        tercile = (breadth[rows][:, None] > breadth_edges[g]).sum(axis=1)
        whole = _mean_of_the_best(later_profit[rows])
        for t in range(TERCILES):
            inside = later_profit[rows][tercile == t]
            k = sizes[g, t] = len(inside)
            prior = PRIOR_CUSTOMERS * days
            best[g, t] = (k * _mean_of_the_best(inside) + prior * whole) / (k + prior)
    periods = float(np.median(months)) / (period_days / DAYS_A_MONTH)
    return PotentialTable(
        knots.tolist(), breadth_edges.tolist(), best.tolist(), (sizes // days).tolist(), means.tolist(), periods
    )


def _mean_of_the_best(profit: Floats) -> float:
    """Of the fifth that brought most; of nobody 0."""
    if not len(profit):
        return 0.0
    count = max(1, int(np.ceil(BEST * len(profit))))
    return float(np.sort(profit)[-count:].mean())


def reached(table: PotentialTable, value: Floats, breadth: Counts) -> Reached:
    """What look-alikes went on to bring: on the line between the two groups whose values are nearest."""
    knots = np.asarray(table.value_knots)
    place = np.interp(value, knots, np.arange(GROUPS, dtype=float))
    low = np.minimum(np.floor(place).astype(np.int64), GROUPS - 2)
    share = place - low
    edges, best, means = np.asarray(table.breadth_edges), np.asarray(table.best), np.asarray(table.means)
    sizes = np.asarray(table.sizes, dtype=float)

    def between(figures: Floats) -> Floats:
        below, above = (figures[g, (breadth[:, None] > edges[g]).sum(axis=1)] for g in (low, low + 1))
        mixed: Floats = below + share * (above - below)
        return mixed

    return Reached(between(best), means[low] + share * (means[low + 1] - means[low]), between(sizes))


def potential(table: PotentialTable, value: Floats, breadth: Counts) -> Floats:
    """Present value of the added profit over 24 months: a ceiling to aim at, not a forecast."""
    look_alikes = reached(table, value, breadth)
    present: Floats = np.maximum(look_alikes.best - look_alikes.mean, 0) * table.periods
    return present
