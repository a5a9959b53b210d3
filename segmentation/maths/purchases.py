"""How many purchases are to come: BG/NBD (Fader, Hardie and Lee 2005). Time in weeks.

repeat_days x, active_span_weeks tx (first to last purchase), age_weeks T (first purchase to today).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, digamma, gammaln, hyp2f1

from segmentation.maths.arrays import Counts, Floats

BOUNDS = [(-7.0, 7.0)] * 4
# Grid of `expected_at`: steps of ln(alpha + T). Linear interpolation then errs by less than 0.1 %, whatever alpha is.
GRID_STEP = 0.02


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


def log_likelihood(params: BgNbd, x: Floats, tx: Floats, age: Floats) -> Floats:
    """Per customer; equation 6 of the paper in the form that does not overflow."""
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    base = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    left = np.where(
        x > 0, betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + tx), -np.inf
    )
    likelihood: Floats = base + np.logaddexp(alive, left)
    return likelihood


def fit(
    repeat_days: Counts,
    active_span_weeks: Floats,
    age_weeks: Floats,
    *,
    exact: bool = False,
    start: BgNbd | None = None,
) -> Fit:
    """Maximum likelihood from two starts on cells of equal (x, round tx, round T) with counts; `exact` skips the rounding.

    `start`, last night's parameters, replaces the first start. Raises ValueError without customers.
    """
    x, tx, age = (np.asarray(v, dtype=float) for v in (repeat_days, active_span_weeks, age_weeks))
    rounded = (x, tx, age) if exact else (x, np.round(tx), np.maximum(np.round(age), np.round(tx)))
    cells, counts = np.unique(np.stack(rounded, axis=1), axis=0, return_counts=True)
    cx, ctx, cage = cells.T
    total = int(counts.sum())
    if not total:
        raise ValueError("no customers to fit")
    share = counts / total

    def loss(theta: Floats) -> tuple[float, Floats]:
        params = BgNbd(*(float(v) for v in np.exp(theta)))
        worth, slope = _with_gradient(params, cx, ctx, cage)
        return -float(worth @ share), -(slope @ share) * np.exp(theta)

    starts = [np.zeros(4), np.log([0.3, 5.0, 0.8, 2.5])]
    if start is not None:
        starts[0] = np.log([start.r, start.alpha, start.a, start.b])
    tries = [minimize(loss, s, jac=True, method="L-BFGS-B", bounds=BOUNDS, options={"ftol": 1e-12}) for s in starts]
    best = min(tries, key=lambda result: float(result.fun))
    return Fit(BgNbd(*(float(v) for v in np.exp(best.x))), -float(best.fun) * total, total)


def _with_gradient(params: BgNbd, x: Floats, tx: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Log-likelihood per customer and its derivatives by (r, alpha, a, b): 4 × customers.

    Gamma and digamma are asked once per distinct x.
    """
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    distinct, of = np.unique(x, return_inverse=True)
    repeat = distinct > 0
    before = np.maximum(b + distinct - 1, b)  # b + x - 1; without a repeat it is never used
    log_age, log_tx = np.log(alpha + age), np.log(alpha + tx)
    base = gammaln(r + distinct) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    alive = betaln(a, b + distinct)[of] - (r + x) * log_age
    left = np.where(repeat, betaln(a + 1, before), -np.inf)[of] - (r + x) * log_tx
    both = np.logaddexp(alive, left)
    w = np.exp(alive - both)
    by_r = (digamma(r + distinct) - digamma(r) + np.log(alpha))[of] - w * log_age - (1 - w) * log_tx
    by_alpha = r / alpha - (r + x) * (w / (alpha + age) + (1 - w) / (alpha + tx))
    of_sum = digamma(a + b) - digamma(a + b + distinct)
    by_a = of_sum[of] + (1 - w) / a
    by_b = (of_sum - digamma(b))[of] + w * digamma(b + distinct)[of] + (1 - w) * digamma(before)[of]
    return base[of] + both, np.stack([by_r, by_alpha, by_a, by_b])


def p_alive(params: BgNbd, x: Floats, tx: Floats, age: Floats) -> Floats:
    """Probability of not having left for good. 1 for one-time buyers by construction: never shown to anybody."""
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    with np.errstate(divide="ignore"):
        odds = np.where(
            x > 0, np.log(a / (b + np.maximum(x, 1) - 1)) + (r + x) * np.log((alpha + age) / (alpha + tx)), -np.inf
        )
    return 1 / (1 + np.exp(np.minimum(odds, 600)))


def p_no_purchase(params: BgNbd, x: Floats, tx: Floats, age: Floats, horizon_weeks: Floats | float) -> Floats:
    """Probability of no purchase within the horizon from today."""
    alive = p_alive(params, x, tx, age)
    silent = ((params.alpha + age) / (params.alpha + age + horizon_weeks)) ** (params.r + x)
    return 1 - alive + alive * silent


def _given_alive(params: BgNbd, x: Floats, age: Floats, t: Floats | float) -> Floats:
    """Expected purchases within t weeks of a customer who is alive: equation 10 of the paper, by Euler's form of 2F1.

    Two removable singularities (a = 1, and a + b = 1 with x = 0) are stepped around. Where a is so large that
    Euler's form overflows, the textbook form serves.
    """
    r, alpha, b = params.r, params.alpha, params.b
    a = params.a + 1e-6 if abs(params.a - 1) < 1e-6 else params.a
    b = b + 1e-6 if abs(a + b - 1) < 1e-7 else b
    c = a + b + x - 1
    z = t / (alpha + age + t)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        remaining = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, c, z)
        if not np.isfinite(remaining).all():
            textbook = (1 - z) ** (r + x) * hyp2f1(r + x, b + x, c, z)
            remaining = np.where(np.isfinite(remaining), remaining, textbook)
    purchases: Floats = c / (a - 1) * (1 - remaining)
    return purchases


def expected(params: BgNbd, x: Floats, tx: Floats, age: Floats, t: Floats | float) -> Floats:
    """Expected purchases in the next t weeks."""
    return p_alive(params, x, tx, age) * _given_alive(params, x, age, t)


def expected_at(params: BgNbd, x: Floats, tx: Floats, age: Floats, horizons: Floats) -> Floats:
    """`expected` at several horizons: customers × horizons.

    Given alive it depends on (x, T) only: it is worked out once per whole x and node of ln(alpha + T), and
    interpolated. The nodes do not depend on who else is asked for, so one customer gets the same figure alone.
    """
    place_of_age = np.log1p(age / params.alpha) / GRID_STEP
    low = np.floor(place_of_age).astype(np.int64)
    share = place_of_age - low
    whole = x.astype(np.int64)
    width = int(low.max(initial=0)) + 2
    keys, place = np.unique(np.concatenate([whole * width + low, whole * width + low + 1]), return_inverse=True)
    grid_x, grid_age = (keys // width).astype(float), params.alpha * np.expm1((keys % width) * GRID_STEP)
    alive = p_alive(params, x, tx, age)
    result = np.empty((len(x), len(horizons)))
    for column, t in enumerate(horizons):
        grid = _given_alive(params, grid_x, grid_age, float(t)) if t > 0 else np.zeros(len(keys))
        below, above = grid[place[: len(x)]], grid[place[len(x) :]]
        result[:, column] = alive * (below + share * (above - below))
    return result
