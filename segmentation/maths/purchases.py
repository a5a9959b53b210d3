"""How many purchases are to come: BG/NBD (Fader, Hardie and Lee 2005). Time in weeks.

repeat_days x, active_span_weeks tx (first to last purchase), age_weeks T (first purchase to today).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

Array = NDArray[Any]
BOUNDS = [(-7.0, 7.0)] * 4


@dataclass(frozen=True)
class BgNbd:
    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True)
class Fit:
    params: BgNbd
    log_likelihood: float
    customers: int


def log_likelihood(params: BgNbd, x: Array, tx: Array, age: Array) -> Array:
    """Per customer; equation 6 of the paper in the form that does not overflow."""
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    base = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    left = np.where(
        x > 0, betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + tx), -np.inf
    )
    return base + np.logaddexp(alive, left)


def fit(
    repeat_days: Array, active_span_weeks: Array, age_weeks: Array, *, exact: bool = False, start: BgNbd | None = None
) -> Fit:
    """Maximum likelihood from two starts on cells of equal (x, round tx, round T) with counts; `exact` skips the rounding."""
    x, tx, age = (np.asarray(v, dtype=float) for v in (repeat_days, active_span_weeks, age_weeks))
    rounded = (x, tx, age) if exact else (x, np.round(tx), np.maximum(np.round(age), np.round(tx)))
    cells, counts = np.unique(np.stack(rounded, axis=1), axis=0, return_counts=True)
    cx, ctx, cage = cells.T
    total = counts.sum()

    def loss(theta: Array) -> float:
        return -float((log_likelihood(BgNbd(*np.exp(theta)), cx, ctx, cage) * counts).sum() / total)

    starts = [np.zeros(4), np.log([0.3, 5.0, 0.8, 2.5])]
    if start is not None:
        starts[0] = np.log([start.r, start.alpha, start.a, start.b])
    best = min((minimize(loss, s, method="L-BFGS-B", bounds=BOUNDS) for s in starts), key=lambda found: found.fun)
    return Fit(BgNbd(*(float(v) for v in np.exp(best.x))), -float(best.fun) * int(total), int(total))


def p_alive(params: BgNbd, x: Array, tx: Array, age: Array) -> Array:
    """Probability of not having left for good. 1 for one-time buyers by construction: never shown to anybody."""
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    with np.errstate(divide="ignore"):
        odds = np.where(
            x > 0, np.log(a / (b + np.maximum(x, 1) - 1)) + (r + x) * np.log((alpha + age) / (alpha + tx)), -np.inf
        )
    return 1 / (1 + np.exp(np.minimum(odds, 700)))


def p_no_purchase(params: BgNbd, x: Array, tx: Array, age: Array, horizon_weeks: Array | float) -> Array:
    """Probability of no purchase within the horizon from today."""
    alive = p_alive(params, x, tx, age)
    silent = ((params.alpha + age) / (params.alpha + age + horizon_weeks)) ** (params.r + x)
    return 1 - alive + alive * silent


def _given_alive(params: BgNbd, x: Array, age: Array, t: Array | float) -> Array:
    """Expected purchases within t weeks of a customer who is alive, by Euler's form of 2F1."""
    r, alpha, b = params.r, params.alpha, params.b
    a = params.a + 1e-6 if abs(params.a - 1) < 1e-6 else params.a
    z = t / (alpha + age + t)
    series = hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
    return (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (a - 1) * series)


def expected(params: BgNbd, x: Array, tx: Array, age: Array, t: Array | float) -> Array:
    """Expected purchases in the next t weeks."""
    return p_alive(params, x, tx, age) * _given_alive(params, x, age, t)


def expected_at(params: BgNbd, x: Array, tx: Array, age: Array, horizons: Array) -> Array:
    """`expected` at several horizons: customers × horizons.

    Given alive it depends on (x, T) only: it is worked out once per whole x and half week of T and interpolated.
    """
    low = np.floor(age * 2).astype(np.int64)
    share = age * 2 - low
    whole = x.astype(np.int64)
    width = int(low.max(initial=0)) + 2
    keys, place = np.unique(np.concatenate([whole * width + low, whole * width + low + 1]), return_inverse=True)
    grid_x, grid_age = (keys // width).astype(float), (keys % width) / 2
    alive = p_alive(params, x, tx, age)
    result = np.empty((len(x), len(horizons)))
    for column, t in enumerate(horizons):
        grid = _given_alive(params, grid_x, grid_age, float(t)) if t > 0 else np.zeros(len(keys))
        below, above = grid[place[: len(x)]], grid[place[len(x) :]]
        result[:, column] = alive * (below + share * (above - below))
    return result


def unconditional(params: BgNbd, t: Array | float) -> Array:
    """Expected repeat purchases of a customer t weeks after the first, equation 9 of the paper."""
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    z = np.asarray(t) / (alpha + np.asarray(t))
    return (a + b - 1) / (a - 1) * (1 - (1 - z) ** r * hyp2f1(r, b, a + b - 1, z))


def p_zero(params: BgNbd, t: float) -> float:
    """Probability of no repeat purchase by week t: the model has no drop-out before the first repeat."""
    return float((params.alpha / (params.alpha + t)) ** params.r)
