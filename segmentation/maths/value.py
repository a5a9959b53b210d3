"""Current value: present value of 24 months of profit under the present pattern."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import ndtri

from segmentation.maths import profit, purchases
from segmentation.maths.arrays import Counts, Floats

WEEKS_A_MONTH = 365.25 / 12 / 7
DAYS_A_MONTH = 30.44
MONTHS = (0, 1, 2, 3, 6, 12, 18, 24)
HORIZON = 24
# P(alive) cancels in the shape of the attrition, so a long-gone customer must not meet the guard against 0 / 0.
LEAST_EXPECTED = 1e-300
# Chance that less comes than the lower end of what is likely, and that more comes than the upper one.
LIKELY = 0.1


@dataclass(frozen=True)
class Worth:
    """Per customer, in the unit of the profit: the value, its two ingredients before blending, and what they are made of.

    `from_orders` = `discounted_orders` × `profit_per_order`, `from_own_rate` = `daily_profit` × 30.44 × `months`.
    """

    value: Floats
    from_orders: Floats
    from_own_rate: Floats
    expected: Floats
    discounted_orders: Floats
    months: Floats
    profit_per_order: Floats
    daily_profit: Floats


def _monthly(expected: Floats) -> Floats:
    """Expected purchases in each of the 24 months from the cumulated ones at MONTHS: customers × 24.

    A cubic spline in ln(1 + month), in which the curve is nearly straight; a straight line in months is 0.1 % off.
    """
    spline = CubicSpline(np.log1p(MONTHS), expected, axis=1)
    return np.diff(spline(np.log1p(np.arange(HORIZON + 1))), axis=1)


def _discounts(yearly: float) -> Floats:
    return (1 + yearly) ** (-(np.arange(HORIZON) + 0.5) / 12)


def _weights(yearly: float) -> Floats:
    """Linear weights w with `expected @ w` = discounted purchases: the interpolation is linear in `expected`."""
    return _monthly(np.eye(len(MONTHS))) @ _discounts(yearly)


def attrition(expected: Floats, yearly: float = 0.10) -> Floats:
    """Discounted months' worth of the first month: how long a present rate lasts, at most about 22."""
    months: Floats = (expected @ _weights(yearly)) / np.maximum(expected[:, 1], LEAST_EXPECTED)
    return months


def fading(half_life_days: float) -> Floats:
    """A stand-in for expected purchases at MONTHS when no model could be fitted: decay with the half-life."""
    rate = np.log(2) * DAYS_A_MONTH / half_life_days
    bought: Floats = (1 - np.exp(-rate * np.asarray(MONTHS))) / rate
    return bought


def current_value(
    expected: Floats, profit_per_order: Floats, daily_profit: Floats, weight: float, discount: float = 0.10
) -> Worth:
    """Blend of expected orders × profit per order and of the own rate that fades as the orders do.

    `expected`: customers × MONTHS, cumulated purchases; `weight` 0…1 is the share of the own rate.
    """
    orders, months = expected @ _weights(discount), attrition(expected, discount)
    from_orders = orders * profit_per_order
    from_own_rate = daily_profit * DAYS_A_MONTH * months
    blended = (1 - weight) * from_orders + weight * from_own_rate
    return Worth(blended, from_orders, from_own_rate, expected, orders, months, profit_per_order, daily_profit)


def of(
    *,
    bgnbd: purchases.BgNbd | None,
    credibility: profit.Credibility,
    weight: float,
    half_life_days: float,
    history_days: int,
    discount: float,
    purchase_days: Counts,
    quiet_days: Floats,
    span_days: Floats,
    profit_sum: Floats,
    decayed_profit: Floats,
    weeks: tuple[Floats, Floats] | None = None,
    horizons: Floats | None = None,
) -> Worth:
    """Current value from the summary of purchase days. Without a fitted model: the decayed profit alone, fading.

    Where not every day counts the same: `weeks` from the first purchase to the last and until today, and to the ends of
    MONTHS, as they count for purchases.
    """
    per_order = profit.shrunk(credibility, purchase_days, profit_sum / np.maximum(purchase_days, 1))
    daily = profit.decayed_rate(decayed_profit * np.exp2(-quiet_days / half_life_days), half_life_days, history_days)
    if bgnbd is None:
        shape = fading(half_life_days)
        expected = np.broadcast_to(shape, (len(purchase_days), len(shape)))
        return current_value(expected, per_order, daily, 1.0, discount)
    span, age = weeks or (span_days / 7, (span_days + quiet_days) / 7)
    ends = np.array(MONTHS) * WEEKS_A_MONTH if horizons is None else horizons
    expected = purchases.expected_at(bgnbd, (purchase_days - 1).astype(float), span, age, ends)
    return current_value(expected, per_order, daily, weight, discount)


def likely(
    worth: Worth,
    params: purchases.BgNbd,
    credibility: profit.Credibility,
    spread: float,
    purchase_days: Counts,
    no_purchase: Floats,
) -> tuple[Floats, Floats]:
    """From what to what the 24 months bring in eight cases of ten; the value lies between, and may be far from both.

    `no_purchase`: the chance that nothing comes at all. Whoever buys again does so a gamma's worth of times: as unlike
    one another as rates are among those who bought so often, and as lives are where leaving takes its share. Days of
    unlike profit, and how unsure the model itself is (`spread`), widen it.
    """
    n = np.asarray(purchase_days, dtype=float)
    some = np.maximum(1 - no_purchase, 1e-9)
    orders = np.maximum(worth.expected[:, -1] / some, 1.0)
    # Purchases of who never leaves, from the first month: what falls short of it in 24 is leaving.
    stays = np.clip(orders / np.maximum(HORIZON * worth.expected[:, 1] / some, 1e-9), 0, 1)
    share = n / (n + credibility.within / credibility.between)
    per_order = np.maximum(np.abs(worth.profit_per_order), 1e-9)
    days = (credibility.within / orders + credibility.between * (1 - share)) / per_order**2
    uneven = stays / (params.r + n - 1) + (1 - stays) + 1 / orders + np.minimum(days, 1.0) + spread**2
    mean = worth.value / some

    def quantile(chance: float) -> Floats:
        # Of those who buy again; Wilson and Hilferty's cube for the gamma.
        inside = np.clip((chance - no_purchase) / some, 1e-6, 1 - 1e-6)
        cube = np.maximum(1 - uneven / 9 + ndtri(inside) * np.sqrt(uneven) / 3, 0) ** 3
        return np.where(chance <= no_purchase, 0.0, mean * cube)

    less, more = quantile(LIKELY), quantile(1 - LIKELY)
    return np.minimum(np.minimum(less, more), worth.value), np.maximum(np.maximum(less, more), worth.value)
