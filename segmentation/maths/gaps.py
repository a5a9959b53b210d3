"""Intervals between purchase days: an empirical-Bayes log-normal with shared variance.

Arrays hold one entry per customer: `gap_count` n, `log_gap_sum` the sum of ln(gap in days), `log_gap_square_sum` the sum
of its squares, `quiet_days` the days since the last purchase day.

For customer i with n gaps the logarithms of the gaps are N(mu_i, s2) and mu_i is N(m, t2). Everything a customer
contributes is n and the sum of the logarithms, so the order of the gaps cannot matter.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri

from segmentation.maths.arrays import Counts, Floats

LEAST_CUSTOMERS = 200
LEAST_TAIL = 0.002


@dataclass(frozen=True)
class GapPopulation:
    """m, s2 (within a customer) and t2 (between customers) of the logarithm of the gap in days.

    `shop_share` (0…1): how much of m the shop has said itself; the rest is what is usual in other shops.
    """

    m: float
    s2: float
    t2: float
    shop_share: float = 1.0

    @property
    def of_the_shop(self) -> bool:
        """Whether it is the shop's word more than that of others; what was stored without a share tells by its figures."""
        return self.shop_share >= 0.5 and (self.m, self.s2, self.t2) != (FALLBACK.m, FALLBACK.s2, FALLBACK.t2)


FALLBACK = GapPopulation(float(np.log(30)), 1.0, 0.4, 0.0)
# What is known before a shop is seen, around FALLBACK: deviations of m, ln s2 and ln t2. Weekly grocers and shops bought
# from twice a year lie within two of them (CDNOW 3.37, 1.31, .37; Complete Journey 1.74, .59, .48).
DEVIATIONS = (1.0, 0.5, 0.7)
# So many customers with a gap say as much as all of that.
OTHERS = 100


@dataclass(frozen=True)
class Limits:
    """Days: the usual (median) gap and the personal limit; `tail_level` is the share of gaps beyond the limit."""

    usual: Floats
    limit: Floats
    tail_level: Floats


def fit(gap_count: Counts, log_gap_sum: Floats, log_gap_square_sum: Floats) -> GapPopulation | None:
    """Maximum likelihood over customers with at least one gap; None with fewer than 200 of them."""
    known = gap_count >= 1
    if known.sum() < LEAST_CUSTOMERS:
        return None
    return GapPopulation(*_most_likely(gap_count[known], log_gap_sum[known], log_gap_square_sum[known], 0.0))


def learnt(gap_count: Counts, log_gap_sum: Floats, log_gap_square_sum: Floats) -> GapPopulation:
    """The same of any shop, beside what is usual in others: FALLBACK where nobody has a gap yet."""
    known = gap_count >= 1
    if not known.any():
        return FALLBACK
    strength = 1 / (1 + float(known.sum()) / OTHERS)
    m, s2, t2 = _most_likely(gap_count[known], log_gap_sum[known], log_gap_square_sum[known], strength)
    said = float((1 / (t2 + s2 / gap_count[known])).sum())
    return GapPopulation(m, s2, t2, said / (said + strength * DEVIATIONS[0] ** -2))


def _most_likely(
    gap_count: Counts, log_gap_sum: Floats, log_gap_square_sum: Floats, strength: float
) -> tuple[float, float, float]:
    """m, s2 and t2, beside a prior around FALLBACK of this strength (0: none)."""
    n = gap_count.astype(float)
    mean = log_gap_sum / n
    within = np.maximum(log_gap_square_sum - n * mean**2, 0)
    usual = np.array([FALLBACK.m, np.log(FALLBACK.s2), np.log(FALLBACK.t2)])

    def loss(theta: Floats) -> float:
        m, s2, t2 = theta[0], np.exp(theta[1]), np.exp(theta[2])
        v = t2 + s2 / n
        terms = (n - 1) * np.log(s2) + within / s2 + np.log(n) + np.log(v) + (mean - m) ** 2 / v
        off = (theta - usual) / np.array(DEVIATIONS)
        return float(0.5 * (terms.mean() + strength * (off @ off) / len(n)))

    result = minimize(
        loss, [float(mean.mean()), 0.0, np.log(0.4)], method="L-BFGS-B", bounds=[(-2, 9), (-7, 4), (-9, 4)]
    )
    m, log_s2, log_t2 = result.x
    return float(m), float(np.exp(log_s2)), float(np.exp(log_t2))


def own_share(population: GapPopulation, gap_count: Counts) -> Floats:
    """How much of what is usual is the customer's own (0…1); the rest is the shop's."""
    n = np.asarray(gap_count, dtype=float)
    share: Floats = np.where(n > 0, population.t2 / (population.t2 + population.s2 / np.maximum(n, 1)), 0.0)
    return share


def posterior(population: GapPopulation, gap_count: Counts, log_gap_sum: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the logarithm of the next gap, per customer."""
    n = np.asarray(gap_count, dtype=float)
    w = own_share(population, gap_count)
    mean = w * np.where(n > 0, log_gap_sum / np.maximum(n, 1), 0.0) + (1 - w) * population.m
    return mean, np.sqrt(population.s2 + 1 / (1 / population.t2 + n / population.s2))


def tail_level(population: GapPopulation, mean: Floats, a_max: float, budget: float = 1.0) -> Floats:
    """The tail at which a customer is late: at most `budget` false alarms a year, at most `a_max` of the gaps."""
    orders_a_year = 365 / np.exp(mean + 0.5 * population.s2)
    return np.minimum(a_max, np.maximum(budget / orders_a_year, LEAST_TAIL))


def limits(
    population: GapPopulation, gap_count: Counts, log_gap_sum: Floats, a_max: float = 0.05, budget: float = 1.0
) -> Limits:
    mean, sd = posterior(population, gap_count, log_gap_sum)
    level = tail_level(population, mean, a_max, budget)
    return Limits(np.exp(mean), np.exp(mean - ndtri(level) * sd), level)


def lateness(population: GapPopulation, gap_count: Counts, log_gap_sum: Floats, quiet_days: Floats) -> Floats:
    """Share of this customer's gaps that would be longer than the present silence: 1 just after a purchase."""
    mean, sd = posterior(population, gap_count, log_gap_sum)
    late: Floats = ndtr((mean - np.log(np.maximum(quiet_days, 0.5))) / sd)
    return late


def next_purchase(
    population: GapPopulation, gap_count: Counts, log_gap_sum: Floats, quiet_days: Floats
) -> tuple[Floats, Floats, Floats]:
    """Days from the last purchase to the next: median and the ends of the 80 % band.

    Past the median the distribution is cut at the present silence and the remaining median is given.
    """
    mean, sd = posterior(population, gap_count, log_gap_sum)
    late = lateness(population, gap_count, log_gap_sum, quiet_days)
    past = quiet_days > np.exp(mean)

    def quantile(p: float) -> Floats:
        remaining = np.clip(late * (1 - p), 1e-300, 1 - 1e-12)
        # The last line of defence for a silence so long that its tail cannot be told from 0.
        still_ahead = np.maximum(np.exp(mean - ndtri(remaining) * sd), quiet_days)
        days: Floats = np.where(past, still_ahead, np.exp(mean + ndtri(p) * sd))
        return days

    return quantile(0.5), quantile(0.1), quantile(0.9)
