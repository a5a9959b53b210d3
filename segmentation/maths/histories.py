"""Purchase days of a sample of customers, and the state they add up to at any day: what fits and backtests look at."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from segmentation.maths import classes
from segmentation.maths.arrays import Counts, Flags, Floats, Integers
from segmentation.maths.profit import reach

# Of so many purchase days: who has fewer cannot set the shop's means.
LEAST_DAYS_ALONE = 8


@dataclass(frozen=True)
class Histories:
    """One row per purchase day, sorted by customer (0…customers−1) and day."""

    customer: Integers
    day: Integers
    profit: Floats
    category_mask: Integers
    customers: int

    def until(self, day: int) -> "Histories":
        return self._of(self.day <= day)

    def one_in(self, customers: int) -> "Histories":
        """The purchase days of every so manieth customer, under the same numbers."""
        return self._of(self.customer % customers == 0)

    def within_reach(self) -> "Histories":
        """What a fit of money looks at: each day counts up to the reach of the shop's own profits, beyond belief not."""
        limits = reach(self.profit)
        believed = (self.profit >= limits.lowest) & (self.profit <= limits.highest)
        return replace(self._of(believed), profit=np.clip(self.profit[believed], limits.low, limits.high))

    def ordinary(self) -> "Histories":
        """What any fit looks at: without customers of many purchase days whose profit stands alone.

        What is usual in a shop is not what its one wholesaler does; one large day is a matter of reach.
        """
        days = np.bincount(self.customer, minlength=self.customers)
        earned: Floats = np.bincount(self.customer, self.profit.astype(float), self.customers).astype(float)
        highest = np.argsort(-earned, kind="stable")
        alone = highest[: classes.stand_alone(earned[highest][earned[highest] > 0], int((days > 0).sum()))]
        alone = alone[days[alone] >= LEAST_DAYS_ALONE]
        return self._of(~np.isin(self.customer, alone)) if len(alone) else self

    def _of(self, rows: Flags) -> "Histories":
        return Histories(
            self.customer[rows], self.day[rows], self.profit[rows], self.category_mask[rows], self.customers
        )


@dataclass(frozen=True)
class State:
    """Per customer seen by the cut; `customer` holds the row numbers of the histories."""

    customer: Integers
    purchase_days: Counts
    first_day: Integers
    last_day: Integers
    log_gap_sum: Floats
    log_gap_square_sum: Floats
    profit_sum: Floats
    profit_square_sum: Floats
    decayed_profit: Floats
    breadth: Counts

    @property
    def gap_count(self) -> Counts:
        return self.purchase_days - 1


def state_at(histories: Histories, cut_day: int, half_life_days: float) -> State:
    """What each customer's purchase days up to and including `cut_day` add up to; decayed profit seen from last_day."""
    seen = histories.until(cut_day)
    if not len(seen.day):
        nobody, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
        return State(nobody, nobody, nobody, nobody, nothing, nothing, nothing, nothing, nothing, nobody)
    start = np.flatnonzero(np.concatenate([[True], np.diff(seen.customer) != 0]))
    counts = np.diff(np.concatenate([start, [len(seen.day)]]))
    last = seen.day[start + counts - 1]
    log_gap = np.zeros(len(seen.day))
    inner = np.ones(len(seen.day), dtype=bool)
    inner[start] = False
    log_gap[inner] = np.log(np.diff(seen.day)[inner[1:]])
    weight = np.exp2((seen.day - np.repeat(last, counts)) / half_life_days)
    return State(
        customer=seen.customer[start],
        purchase_days=counts,
        first_day=seen.day[start],
        last_day=last,
        log_gap_sum=np.add.reduceat(log_gap, start),
        log_gap_square_sum=np.add.reduceat(log_gap**2, start),
        profit_sum=np.add.reduceat(seen.profit.astype(float), start),
        profit_square_sum=np.add.reduceat(seen.profit.astype(float) ** 2, start),
        decayed_profit=np.add.reduceat(seen.profit * weight, start),
        breadth=np.bitwise_count(np.bitwise_or.reduceat(seen.category_mask, start)).astype(np.int64),
    )


def profit_between(histories: Histories, after_day: int, until_day: int) -> Floats:
    """Profit per customer row on purchase days in (after_day, until_day]."""
    chosen = (histories.day > after_day) & (histories.day <= until_day)
    profit = np.bincount(
        histories.customer[chosen], weights=histories.profit[chosen].astype(float), minlength=histories.customers
    )
    return cast(Floats, profit)  # numpy's types speak of counts only


def purchases_between(histories: Histories, after_day: int, until_day: int) -> Integers:
    """Purchase days per customer row in (after_day, until_day]."""
    chosen = (histories.day > after_day) & (histories.day <= until_day)
    return np.bincount(histories.customer[chosen], minlength=histories.customers)
