"""Growth potential: what the best fifth of look-alikes went on to bring, less the average at that value."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from segmentation.maths.arrays import Counts, Floats, Integers

DECILES, TERCILES = 10, 3
PRIOR_CUSTOMERS = 50
DAYS_A_MONTH = 30.44


@dataclass(frozen=True)
class PotentialTable:
    """Look-alikes by decile of value × tercile of breadth × quieter than the decile's median or not.

    `value_edges` (9), `breadth_edges` (10 × 2), `quiet_medians` (10), `ranges` and `sizes` (10 × 3 × 2), `means` (10).
    """

    value_edges: list[float]
    breadth_edges: list[list[float]]
    quiet_medians: list[float]
    ranges: list[list[list[float]]]
    sizes: list[list[list[int]]]
    means: list[float]

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "PotentialTable":
        return cls(**stored)


def cells(
    table: PotentialTable, value: Floats, breadth: Counts, quiet_days: Floats
) -> tuple[Integers, Integers, Integers]:
    """Decile, tercile and quieter-or-not of each customer."""
    decile = np.searchsorted(np.asarray(table.value_edges), value, side="right")
    edges = np.asarray(table.breadth_edges)[decile]
    tercile: Integers = (breadth[:, None] > edges).sum(axis=1)
    quieter = (quiet_days > np.asarray(table.quiet_medians)[decile]).astype(np.int64)
    return decile, tercile, quieter


def fit(value: Floats, breadth: Counts, quiet_days: Floats, later_profit: Floats) -> PotentialTable | None:
    """The table from customers as they were one period ago and what each really brought since; None below 200."""
    if len(value) < 200:
        return None
    value_edges = np.quantile(value, np.arange(1, DECILES) / DECILES)
    decile = np.searchsorted(value_edges, value, side="right")
    breadth_edges, medians, means = np.zeros((DECILES, 2)), np.zeros(DECILES), np.zeros(DECILES)
    ranges, sizes = np.zeros((DECILES, TERCILES, 2)), np.zeros((DECILES, TERCILES, 2), dtype=int)
    for d in range(DECILES):
        rows = decile == d
        if not rows.any():
            continue
        breadth_edges[d] = np.quantile(breadth[rows], [1 / 3, 2 / 3])
        medians[d], means[d] = np.median(quiet_days[rows]), later_profit[rows].mean()
        whole = np.quantile(later_profit[rows], 0.8)
        tercile = (breadth[rows][:, None] > breadth_edges[d]).sum(axis=1)
        quieter = (quiet_days[rows] > medians[d]).astype(int)
        for t in range(TERCILES):
            for q in range(2):
                inside = later_profit[rows][(tercile == t) & (quieter == q)]
                k = sizes[d, t, q] = len(inside)
                own = np.quantile(inside, 0.8) if k else whole
                ranges[d, t, q] = (k * own + PRIOR_CUSTOMERS * whole) / (k + PRIOR_CUSTOMERS)
    return PotentialTable(
        value_edges.tolist(), breadth_edges.tolist(), medians.tolist(), ranges.tolist(), sizes.tolist(), means.tolist()
    )


def potential(
    table: PotentialTable, value: Floats, breadth: Counts, quiet_days: Floats, attrition: Floats, period_days: int
) -> Floats:
    """Present value of the added profit over 24 months: a ceiling to aim at, not a forecast."""
    decile, tercile, quieter = cells(table, value, breadth, quiet_days)
    in_a_period = np.maximum(np.asarray(table.ranges)[decile, tercile, quieter] - np.asarray(table.means)[decile], 0)
    present: Floats = in_a_period * attrition / (period_days / DAYS_A_MONTH)
    return present
