"""How many purchases are to come: BG/NBD (Fader, Hardie and Lee 2005) and MBG/NBD (Batislam and others 2007). In weeks.

repeat_days x, active_span_weeks tx (first to last purchase), age_weeks T (first purchase to today).
In BG/NBD nobody leaves before a second purchase, in MBG/NBD some do right after the first. With b + 1 for b, and one who
never came back like everybody else, the formulas of the first are those of the second.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, digamma, gammaln, hyp2f1

from segmentation.maths.arrays import Counts, Flags, Floats

BOUNDS = [(-7.0, 7.0)] * 4
# Grid of `expected_at`: steps of ln(alpha + T). Linear interpolation then errs by less than 0.1 %, whatever alpha is.
GRID_STEP = 0.02
WEEKS_A_YEAR = 365.25 / 7


@dataclass(frozen=True)
class BgNbd:
    """Rates of purchase are gamma (r, alpha) over the customers, chances to leave after a purchase beta (a, b).

    `after_first`: they may leave after the first purchase as after any other (MBG/NBD).
    """

    r: float
    alpha: float
    a: float
    b: float
    after_first: bool = False

    @property
    def chances(self) -> float:
        """b, and one more where the first purchase was a chance to leave: what the formulas of BG/NBD need."""
        return self.b + self.after_first


def _of(theta: Floats, after_first: bool) -> BgNbd:
    """The model whose r, alpha, a and b have these logarithms."""
    r, alpha, a, b = (float(parameter) for parameter in np.exp(theta))
    return BgNbd(r, alpha, a, b, after_first)


@dataclass(frozen=True)
class Fit:
    params: BgNbd
    log_likelihood: float
    customers: int


def log_likelihood(params: BgNbd, x: Floats, tx: Floats, age: Floats) -> Floats:
    """Per customer; equation 6 of the paper in the form that does not overflow."""
    r, alpha, a, b = params.r, params.alpha, params.a, params.chances
    base = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, params.b)
    alive = betaln(a, b + x) - (r + x) * np.log(alpha + age)
    left = np.where(
        _may_have_left(params, x),
        betaln(a + 1, np.maximum(b + x - 1, params.b)) - (r + x) * np.log(alpha + tx),
        -np.inf,
    )
    likelihood: Floats = base + np.logaddexp(alive, left)
    return likelihood


# Of the logarithms of (r, alpha, a, b): those of the mean rate r / alpha and of r, the logit of a / (a + b), that of a.
KNOWN = np.array([[1.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, -1], [0, 0, 1, 0]])


@dataclass(frozen=True)
class Prior:
    """What is known of shops before one is seen: normal in ln(r / alpha), ln r, ln(a / b) and ln a, each with its deviation."""

    mean: tuple[float, float, float, float]
    deviation: tuple[float, float, float, float]
    strength: float = 1.0

    def loss(self, theta: Floats) -> tuple[float, Floats]:
        """Minus its logarithm at theta = ln of (r, alpha, a, b), up to a constant, and the slope."""
        off = (KNOWN @ theta - np.array(self.mean)) / np.array(self.deviation)
        return 0.5 * self.strength * float(off @ off), self.strength * KNOWN.T @ (off / np.array(self.deviation))


# Shops are unlike one another: a mean rate of an order in two weeks to one in half a year, most customers once or hardly
# anybody, are within two deviations. The middle lies between the fits that were published or measured: CDNOW (MBG/NBD
# .525, 6.18, .891, 1.614; BG/NBD .243, 4.41, .793, 2.43) and Complete Journey (1.41, 1.35, .012, 7.2).
PRIOR = Prior(mean=(float(np.log(0.12)), float(np.log(0.8)), -1.1, float(np.log(3.0))), deviation=(1.2, 0.7, 1.2, 1.2))
# So many years of customers who came back say as much as all of that.
YEARS = 60.0
# The second model is believed when it says what came so many times (e² to one) better.
BETTER = 2.0


class Learnt(NamedTuple):
    """What a shop says beside what is known of others: the model that was believed and how sure it is.

    `spread`: the deviation of the logarithm of all purchases of 24 months, for what is not known of the parameters;
    `own_share` (0…1): how much of what is known of it the shop has said itself.
    """

    params: BgNbd
    spread: float
    own_share: float


def learnt(repeat_days: Counts, active_span_weeks: Floats, age_weeks: Floats, *, exact: bool = False) -> Learnt:
    """Model and parameters of any shop, however small. Raises ValueError without customers."""
    columns = [np.asarray(column, dtype=float) for column in (repeat_days, active_span_weeks, age_weeks)]
    years = float(columns[2][columns[0] > 0].sum()) / WEEKS_A_YEAR
    prior = replace(PRIOR, strength=1 / (1 + years / YEARS))
    usual = fit(*columns, exact=exact, prior=prior)
    other = fit(*columns, exact=exact, prior=prior, after_first=True, start=usual.params)
    params = (other if other.log_likelihood > usual.log_likelihood + BETTER else usual).params
    return Learnt(params, *_sureness(params, prior, *columns))


def _sureness(params: BgNbd, prior: Prior, x: Floats, tx: Floats, age: Floats) -> tuple[float, float]:
    """Spread and own share of `Learnt`, by the curvature at the parameters (Laplace), on 2,000 customers at most."""
    step, every = 0.05, max(len(x) // 2_000, 1)
    x, tx, age = x[::every], tx[::every], age[::every]
    theta = np.log([params.r, params.alpha, params.a, params.b])
    bent, towards = np.zeros((4, 4)), np.zeros(4)
    for i, off in enumerate(np.eye(4) * step):
        above, below = (_of(theta + way * off, params.after_first) for way in (1, -1))
        slopes = [_with_gradient(at, x, tx, age)[1].sum(axis=1) * [at.r, at.alpha, at.a, at.b] for at in (above, below)]
        bent[i] = (slopes[1] - slopes[0]) / (2 * step)
        more, less = (float(expected_at(at, x, tx, age, np.array([2 * WEEKS_A_YEAR])).sum()) for at in (above, below))
        towards[i] = np.log(max(more, 1e-12) / max(less, 1e-12)) / (2 * step)
    by_data, directions = np.linalg.eigh((bent + bent.T) / 2 * every)
    data = (directions * np.maximum(by_data, 0)) @ directions.T
    alone = KNOWN.T @ np.diag(np.array(PRIOR.deviation) ** -2.0) @ KNOWN
    before = float(towards @ np.linalg.solve(alone, towards))
    after = float(towards @ np.linalg.solve(data + alone, towards))
    unsure = float(towards @ np.linalg.solve(data + prior.strength * alone, towards))
    return float(np.sqrt(unsure)), float(np.clip(1 - after / max(before, 1e-12), 0, 1))


def fit(
    repeat_days: Counts,
    active_span_weeks: Floats,
    age_weeks: Floats,
    *,
    exact: bool = False,
    start: BgNbd | None = None,
    after_first: bool = False,
    prior: Prior | None = None,
) -> Fit:
    """Most likely parameters from two starts on cells of equal (x, round tx, round T) with counts; `exact` skips the rounding.

    `start`, last night's parameters, replaces the first start. With a `prior` the few customers of a small shop move it
    only as far as they say something. Raises ValueError without customers.
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
        params = _of(theta, after_first)
        worth, slope = _with_gradient(params, cx, ctx, cage)
        before, steep = prior.loss(theta) if prior else (0.0, np.zeros(4))
        return -float(worth @ share) + before / total, -(slope @ share) * np.exp(theta) + steep / total

    starts = [np.zeros(4), np.log([0.3, 5.0, 0.8, 2.5])]
    if start is not None:
        starts[0] = np.log([start.r, start.alpha, start.a, start.b])
    tries = [minimize(loss, s, jac=True, method="L-BFGS-B", bounds=BOUNDS, options={"ftol": 1e-12}) for s in starts]
    best = min(tries, key=lambda result: float(result.fun))
    return Fit(_of(best.x, after_first), -float(best.fun) * total, total)


def _with_gradient(params: BgNbd, x: Floats, tx: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Log-likelihood per customer and its derivatives by (r, alpha, a, b): 4 × customers.

    Gamma and digamma are asked once per distinct x.
    """
    r, alpha, a, b = params.r, params.alpha, params.a, params.chances
    distinct, of = np.unique(x, return_inverse=True)
    before = np.maximum(b + distinct - 1, params.b)  # where nobody can have left it is never used
    log_age, log_tx = np.log(alpha + age), np.log(alpha + tx)
    base = gammaln(r + distinct) - gammaln(r) + r * np.log(alpha) - betaln(a, params.b)
    alive = betaln(a, b + distinct)[of] - (r + x) * log_age
    left = np.where(_may_have_left(params, distinct), betaln(a + 1, before), -np.inf)[of] - (r + x) * log_tx
    both = np.logaddexp(alive, left)
    w = np.exp(alive - both)
    by_r = (digamma(r + distinct) - digamma(r) + np.log(alpha))[of] - w * log_age - (1 - w) * log_tx
    by_alpha = r / alpha - (r + x) * (w / (alpha + age) + (1 - w) / (alpha + tx))
    of_sum = digamma(a + params.b) - digamma(a + b + distinct)
    by_a = of_sum[of] + (1 - w) / a
    by_b = (of_sum - digamma(params.b))[of] + w * digamma(b + distinct)[of] + (1 - w) * digamma(before)[of]
    return base[of] + both, np.stack([by_r, by_alpha, by_a, by_b])


def p_alive(params: BgNbd, x: Floats, tx: Floats, age: Floats) -> Floats:
    """Probability of not having left for good. Under BG/NBD 1 for one-time buyers: never shown to anybody."""
    r, alpha, a = params.r, params.alpha, params.a
    before = np.maximum(params.chances + x - 1, params.b)
    with np.errstate(divide="ignore"):
        odds = np.where(
            _may_have_left(params, x), np.log(a / before) + (r + x) * np.log((alpha + age) / (alpha + tx)), -np.inf
        )
    return 1 / (1 + np.exp(np.minimum(odds, 600)))


def stays(params: BgNbd, x: Counts) -> Floats:
    """Chance of not having left with the last purchase, on the day of it: the mean of who they stayed before."""
    repeats = np.asarray(x, dtype=float)
    before = np.maximum(params.chances + repeats - 1, params.b)
    return np.where(_may_have_left(params, repeats), before / (params.a + before), 1.0)


def _may_have_left(params: BgNbd, x: Floats) -> Flags:
    return (x > 0) | params.after_first


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
    r, alpha, b = params.r, params.alpha, params.chances
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
