"""Big, active, random; the matrix types; the bars between them, with hysteresis."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from segmentation.maths.arrays import Counts, Flags, Floats, Integers

UNKNOWN, RANDOM, ACTIVE, BIG = -1, 0, 1, 2
LEAST_TYPE_2 = 0.03
BEST_OF_THE_REST = 1 / 6
# When the highest values of a shop of so many customers stand alone: so far above the next, so heavy beside the rest.
LEAST_COMPARED, FAR_ABOVE, WEIGHS = 20, 3, 0.05


@dataclass(frozen=True)
class Bar:
    """The value of the last customer above the bar, how many are above, and whether the cap set it.

    `one_dominates`: a single customer holds the whole share, so the page warns that the bar is that customer.
    """

    bar: float
    count: int
    cap_binds: bool
    one_dominates: bool = False


def stand_alone(positive: Floats, customers: int) -> int:
    """How many of the highest values, at most a hundredth of all, stand far above the next and weigh on everybody.

    `positive` is sorted, the highest first. They set no bar and no mean of the shop.
    """
    if customers < LEAST_COMPARED:
        return 0
    for count in range(min(max(1, customers // 100), len(positive) - 1), 0, -1):
        last, following = positive[count - 1], positive[count]
        if last > FAR_ABOVE * following and last > WEIGHS * positive[count:].sum():
            return count
    return 0


def big_bar(values: Floats, share: float = 0.8, cap: float = 0.30) -> Bar:
    """The value at which the largest values, added up, reach `share` of all positive value; at most `cap` of customers.

    In a shop of 20 or more, values that stand alone are above the bar and do not set it: those more than three times the
    next one that also weigh more than a twentieth of all below them.
    """
    positive = np.sort(values[values > 0])[::-1]
    if not len(positive):
        return Bar(0.0, 0, False)
    alone = stand_alone(positive, len(values))
    running = np.cumsum(positive[alone:])
    needed = alone + int(np.searchsorted(running, share * running[-1] * (1 - 1e-12))) + 1
    most = max(1, int(np.floor(cap * len(values))))
    count = min(needed, most)
    return Bar(float(positive[count - 1]), count, needed > most, needed == 1 and len(positive) > 1)


def potential_bar(potential: Floats, value: Floats, value_bar: float, share: float = 0.8, cap: float = 0.30) -> Bar:
    """The bar of potential: as the big bar, but where type II would hold under 3 % of customers (the potential sits with
    the big ones), low enough that the sixth of the others with the highest potential is type II."""
    usual = big_bar(potential, share, cap)
    others = potential[(value < value_bar) & (potential > 0)]
    if not usual.count or not len(others) or (others >= usual.bar).sum() >= LEAST_TYPE_2 * len(potential):
        return usual
    rest = int((value < value_bar).sum())
    wanted = min(max(1, int(BEST_OF_THE_REST * rest)), len(others))
    bar = min(usual.bar, float(np.sort(others)[::-1][wanted - 1]))
    return Bar(bar, int((potential >= bar).sum()), False)


class Side(IntEnum):
    """Where a customer stood on the night before, seen from the bar."""

    NEW = -1
    OUTSIDE = 0
    INSIDE = 1

    @classmethod
    def of(cls, before: int) -> "Side":
        """By the class of the night before."""
        return cls.INSIDE if before == BIG else cls.NEW if before == UNKNOWN else cls.OUTSIDE


def factor(side: Side, enter: float, leave: float) -> float:
    """Of the bar: what a value must reach for a customer who stood on this side of it."""
    return {Side.NEW: 1.0, Side.OUTSIDE: enter, Side.INSIDE: leave}[side]


def active_floor(stays: bool, tail_level: float, *, enter: float, leave: float) -> float:
    """What lateness must be above for one who was active (`stays`) or was not."""
    return min(leave, 0.4 * tail_level) if stays else enter


def classify(
    before: Integers,
    value: Floats,
    bar: float,
    gap_count: Counts,
    lateness: Floats,
    tail_level: Floats,
    *,
    enter: float = 1.10,
    leave: float = 0.75,
    active_enter: float = 0.10,
    active_leave: float = 0.02,
    count: int | None = None,
    past_profit: Floats | None = None,
    cap: float = 1.0,
    followed_up: Flags | None = None,
) -> Floats:
    """The class of each customer tonight, given the class of last night (-1: none yet).

    Whoever is `followed_up` (the silence is not longer than an alert of it would be open) and was active or big does not
    become random: they are being called, and many of them come back.

    `count`, of the bar, limits the big ones among customers without a class whose value is the bar itself: the one
    with the higher `past_profit` goes first, then the one that comes first. Without it all of them are big.
    Of all customers at most `cap` are big whatever the bar: those who stand furthest above their own threshold.
    """
    new, inside = factor(Side.NEW, enter, leave) * bar, factor(Side.INSIDE, enter, leave) * bar
    threshold = np.where(
        before == BIG, inside, np.where(before == UNKNOWN, new, factor(Side.OUTSIDE, enter, leave) * bar)
    )
    big = (value >= threshold) & (value > 0)
    if count is not None:
        level = np.flatnonzero(big & (before == UNKNOWN) & (value == bar))
        order = np.arange(len(level)) if past_profit is None else np.argsort(-past_profit[level], kind="stable")
        big[level[order[max(count - int((value > bar).sum()), 0) :]]] = False
    big = _furthest_above(big, value, threshold, cap, past_profit)
    stays_active = (before == ACTIVE) & (lateness >= np.minimum(active_leave, 0.4 * tail_level))
    if followed_up is not None:
        stays_active |= (before >= ACTIVE) & followed_up
    active = (gap_count >= 2) & ((lateness > active_enter) | stays_active)
    return np.where(big, BIG, np.where(active, ACTIVE, RANDOM)).astype(np.int16)


def _furthest_above(chosen: Flags, amount: Floats, threshold: Floats, cap: float, past: Floats | None = None) -> Flags:
    """The chosen, at most `cap` of all (and one in any shop): by amount over threshold, past profit, then the order."""
    most = max(1, int(np.floor(cap * len(chosen))))
    rows = np.flatnonzero(chosen)
    if len(rows) <= most:
        return chosen
    distance = amount[rows] / np.maximum(threshold[rows], 1e-12)
    second = np.zeros(len(rows)) if past is None else -past[rows]
    best = rows[np.lexsort((second, -distance))[:most]]
    fewer = np.zeros(len(chosen), dtype=bool)
    fewer[best] = True
    return fewer


def matrix_type(
    before: Integers,
    value: Floats,
    value_bar: float,
    potential: Floats,
    potential_bar: float,
    *,
    enter: float = 1.10,
    leave: float = 0.75,
    cap: float = 1.0,
) -> Floats:
    """I low/low, II low value and high potential, III high value and low potential, IV high/high (1…4; before 0: none).

    At most `cap` of all are of high value, as in `classify`. Potential has no cap: where most of it lies with the big
    ones, its bar is set low enough for the others.
    """

    def high(amount: Floats, bar: float, was_high: Flags, most: float) -> Flags:
        threshold = np.where(was_high, leave * bar, np.where(before == 0, bar, enter * bar))
        return _furthest_above((amount >= threshold) & (amount > 0), amount, threshold, most)

    valuable = high(value, value_bar, (before == 3) | (before == 4), cap)
    developing = high(potential, potential_bar, (before == 2) | (before == 4), 1.0)
    return (1 + developing + 2 * valuable).astype(np.int16)


@dataclass(frozen=True)
class Concentration:
    """Points of the curve (shares of customers and of value, both 0…1) and the share of customers that hold 80 %."""

    customers: list[float]
    value: list[float]
    for_80_percent: float
    by_top_20_percent: float


def concentration(values: Floats, points: int = 101) -> Concentration:
    """The shop's real curve over customers by value, negative values counted as nothing."""
    ordered = np.sort(np.maximum(values, 0))[::-1]
    total = ordered.sum()
    if not len(ordered) or total <= 0:
        return Concentration([0.0, 1.0], [0.0, 1.0], 0.0, 0.0)
    running = np.concatenate([[0.0], np.cumsum(ordered) / total])
    shares = np.linspace(0, 1, points)
    curve = np.interp(shares * len(ordered), np.arange(len(ordered) + 1), running)
    needed = int(np.searchsorted(running, 0.8 * (1 - 1e-12)))
    at_20 = float(np.interp(0.2 * len(ordered), np.arange(len(ordered) + 1), running))
    return Concentration(shares.round(4).tolist(), curve.round(4).tolist(), needed / len(ordered), at_20)
