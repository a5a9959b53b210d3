"""Profit per purchase day by Bühlmann credibility, and the customer's own decayed rate."""

from dataclasses import dataclass

import numpy as np

from segmentation.maths.arrays import Counts, Floats

# One purchase day may move the variances of a fit by a fiftieth; up to here it counts in any shop, however small.
LEAST_REACH, SHARE_OF_ONE = 5.0, 0.02
# So many times further out no shop sells: a slip of the keys, or a test.
BEYOND_BELIEF = 10
LEAST_DAYS = 20


@dataclass(frozen=True)
class Reach:
    """What a purchase day counts with in a fit: from `low` to `high`; beyond `lowest` and `highest` not at all."""

    low: float
    high: float
    lowest: float
    highest: float


def reach(profit: Floats) -> Reach:
    """The limits from the shop's own distribution: its mean and deviation without the outer hundredths.

    They lie so many deviations out that one day moves the variances by 2 % at most (√(n / 50), at least 5): in a large
    shop they cut nothing that is sold there. Of fewer than 20 days nothing is known, and everything counts.
    """
    profit = np.asarray(profit, dtype=float)
    if len(profit) < LEAST_DAYS:
        return Reach(-np.inf, np.inf, -np.inf, np.inf)
    outer = max(0.01, 2 / len(profit))
    inner = np.clip(profit, np.quantile(profit, outer, method="lower"), np.quantile(profit, 1 - outer, method="lower"))
    centre = float(inner.mean())
    # Where every day brings the same, three times that is not far out yet.
    width = max(float(inner.std()), abs(centre) / 2) * max(LEAST_REACH, np.sqrt(SHARE_OF_ONE * len(profit)))
    return Reach(centre - width, centre + width, centre - BEYOND_BELIEF * width, centre + BEYOND_BELIEF * width)


@dataclass(frozen=True)
class Credibility:
    """S2 within customers, MU the mean per purchase day, TAU between customers (Bühlmann–Straub)."""

    within: float
    mean: float
    between: float


def fit(purchase_days: Counts, profit_sum: Floats, profit_square_sum: Floats) -> Credibility:
    """Any sign of profit is fine; without repeat days the variance within is 0."""
    n = np.asarray(purchase_days, dtype=float)
    if not len(n):
        return Credibility(0.0, 0.0, 1e-9)
    mean = profit_sum / n
    degrees = (n - 1).sum()
    within = float(np.maximum(profit_square_sum - n * mean**2, 0).sum() / degrees) if degrees > 0 else 0.0
    overall = float(profit_sum.sum() / n.sum())
    between = float((n * (mean - overall) ** 2).sum() / n.sum() - within * len(n) / n.sum())
    return Credibility(within, overall, max(between, 1e-9))


# What is known before a shop is seen, as so many customers who came back: the squared coefficients of variation of a
# customer's days and of customers' means (Gamma-Gamma on CDNOW: .16 and .57; Complete Journey: .5 and .5).
OTHERS, WITHIN, BETWEEN = 20.0, 0.35, 0.5


def learnt(purchase_days: Counts, profit_sum: Floats, profit_square_sum: Floats) -> Credibility:
    """The same of any shop, beside what is usual in others: few who came back say little about how customers differ."""
    n = np.asarray(purchase_days, dtype=float)
    own = fit(n, profit_sum, profit_square_sum)
    repeated = float((n > 1).sum())
    # Of customers who bought once the differences are those of single days.
    between = own.between if repeated else 0.0
    within = (repeated * own.within + OTHERS * WITHIN * own.mean**2) / (repeated + OTHERS)
    return Credibility(
        within, own.mean, max((repeated * between + OTHERS * BETWEEN * own.mean**2) / (repeated + OTHERS), 1e-9)
    )


def shrunk(credibility: Credibility, purchase_days: Counts, mean_profit: Floats) -> Floats:
    """The customer's mean pulled towards the shop's: the fewer the days, the further."""
    n = np.asarray(purchase_days, dtype=float)
    z = n / (n + credibility.within / credibility.between)
    return z * mean_profit + (1 - z) * credibility.mean


def half_life(history_days: int) -> float:
    """Days after which a past profit counts half: a quarter of the history, from 30 days to half a year."""
    return max(30.0, min(history_days, 730) / 4)


def decayed_rate(decayed_sum: Floats, half_life_days: float, history_days: int) -> Floats:
    """Profit a day from the decayed sum, corrected for what a history of `history_days` cannot hold."""
    rate: Floats = decayed_sum * (np.log(2) / half_life_days) / (1 - 2.0 ** (-max(history_days, 1) / half_life_days))
    return rate
