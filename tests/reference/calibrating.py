"""How far forecasts are from what happened: goals set for the maths, which the product itself never asks."""

import numpy as np

from segmentation.maths import backtest, gaps
from segmentation.maths.backtest import CalibrationBin
from segmentation.maths.histories import Histories


def calibration_error(rows: list[CalibrationBin]) -> float:
    """Mean distance of forecast and observed, each customer counting once."""
    customers = sum(row.customers for row in rows)
    return sum(abs(row.forecast - row.observed) * row.customers for row in rows) / max(customers, 1)


def tail_calibration(
    histories: Histories, population: gaps.GapPopulation, level: float, *, least_gaps: int = 2, until_day: int
) -> float:
    """Share of completed silences that were longer than the limit of a flat `level`; equals `level` if all is well.

    Only customers who came back count: who left for good is no error of the tail.
    """
    silence = backtest.silences(histories, least_gaps, until_day)
    limit = gaps.limits(population, silence.gap_count, silence.log_gap_sum, level, budget=np.inf).limit
    back = np.isfinite(silence.end_day)
    return float((silence.end_day - silence.last_day > limit)[back].mean()) if back.any() else 0.0
