"""The chance of no purchase, measured on the shop's own closed windows: what the formula may claim, and what trees add.

A window opens on a day of the past and closes H days later, H as the night takes it. By then it is known whether a
purchase came. The formula is fitted anew on the day each one opens, so that nothing of what came later is in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit

from segmentation.maths import gaps, purchases
from segmentation.maths.arrays import Counts, Flags, Floats, Integers
from segmentation.maths.backtest import silences
from segmentation.maths.histories import Histories, state_at
from segmentation.maths.trees import Trees, grow

# Windows open so many days apart, from when the shop is so old on; a shop of so many nights is asked at all.
EVERY, LEAST_AGE, LEAST_HISTORY = 28, 60, 200
# So many openings and customers at most: what bounds the cost of a week's fit.
OPENINGS, CUSTOMERS = 10, 10_000
# Of the rows that trees are grown on and held against, at least so many of each kind.
LEAST_ROWS = 100
# The last openings that are forecast by what had closed before them.
HELD_AGAINST = 3
# Better by so many standard errors, or it is not believed.
SURE = 2.0
# No purchase is said to come more surely than this before windows have closed, and that says as much as so many of them.
SURELY, BEFOREHAND = 0.05, 20
# The silences by which it is seen how many are back by their limit.
LEAST_GAPS, YEAR, MOST_SILENCES = 2, 365, 100_000


@dataclass(frozen=True)
class Errors:
    """How one way of forecasting did: mean log loss and average precision of *no purchase*; of how many windows."""

    log_loss: float
    precision: float
    off: float
    windows: int


@dataclass(frozen=True)
class Learnt:
    """`least`: the smallest chance of no purchase that the shop's windows bear out.

    `trees` where the mean with them forecast closed windows better than the formula alone; `errors` of "closed" (the
    formula), "trees" and "mean", empty where too little had closed.
    """

    least: float = SURELY
    trees: Trees | None = None
    errors: dict[str, Errors] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Learnt":
        return cls(
            stored["least"],
            Trees(**stored["trees"]) if stored["trees"] else None,
            {name: Errors(**row) for name, row in stored["errors"].items()} if stored["errors"] else None,
        )

    def by_windows(self, table: Floats) -> Floats:
        """The chance by the trees alone, from the `columns` of customers; needs trees."""
        if self.trees is None:
            raise ValueError("no trees were believed")
        chance: Floats = expit(self.trees.log_odds(table))
        return chance

    def used(self, formula: Floats, by_windows: Floats) -> Floats:
        """The chance that the night goes by; without trees the second is not looked at."""
        return np.maximum(mean(formula, by_windows) if self.trees else formula, self.least)


def within(chance: Floats) -> Floats:
    """As what is blended: nothing is so sure that its odds cannot be written."""
    return np.clip(chance, 1e-4, 1 - 1e-4)


def mean(formula: Floats, by_windows: Floats) -> Floats:
    """The chance whose log odds are half of those of each."""
    both: Floats = expit((logit(within(formula)) + logit(within(by_windows))) / 2)
    return both


def columns(
    population: gaps.GapPopulation, gap_count: Counts, log_gap_sum: Floats, quiet: Floats, span: Floats, horizon: Floats
) -> Floats:
    """What trees ask about: customers × 6. Days; `span` lies between the first purchase and the last."""
    centre, deviation = gaps.posterior(population, gap_count, log_gap_sum)
    silence = np.log(np.maximum(quiet, 0.5))
    return np.stack(
        [np.log1p(gap_count), np.log1p(span), silence, (silence - centre) / deviation, np.log(horizon), centre], axis=1
    )


class Windows(NamedTuple):
    """One row per customer and opening day: who, when it opens and closes, what was said and asked, what came."""

    customer: Integers
    opens: Integers
    closes: Floats
    closed: Floats
    table: Floats
    none: Flags

    def where(self, rows: Flags) -> "Windows":
        chosen: Any = [column[rows] for column in self]
        return Windows(*chosen)


def _together(parts: list[Windows]) -> Windows:
    joined: Any = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Windows(*joined)


def windows(histories: Histories, today: int, first_day: int) -> Windows | None:
    """All that have closed by `today`, of a sample of customers; None while there are none."""
    chosen = histories.one_in(max(histories.customers // CUSTOMERS, 1))
    parts = [part for part in _opened(chosen, today, first_day) if len(part.customer)]
    return _together(parts) if parts else None


def _opened(histories: Histories, today: int, first_day: int) -> Iterator[Windows]:
    for opens in list(range(today - EVERY, first_day + LEAST_AGE, -EVERY))[:OPENINGS]:
        state = state_at(histories, opens, half_life_days=30.0)
        if not len(state.customer):
            continue
        population = gaps.learnt(state.gap_count, state.log_gap_sum, state.log_gap_square_sum)
        usual = gaps.limits(population, state.gap_count, state.log_gap_sum).usual
        horizon = np.clip(2 * usual, 7, 120)
        x, span, age = state.gap_count.astype(float), state.last_day - state.first_day, opens - state.first_day
        model = purchases.learnt(x, span / 7, age / 7).params
        later = histories.day > opens
        following = np.full(histories.customers, np.inf)
        np.minimum.at(following, histories.customer[later], histories.day[later].astype(float))
        quiet = (opens - state.last_day).astype(float)
        yield Windows(
            state.customer,
            np.full(len(state.customer), opens),
            opens + horizon,
            purchases.p_no_purchase(model, x, span / 7, age / 7, horizon / 7),
            columns(population, state.gap_count, state.log_gap_sum, quiet, span.astype(float), horizon),
            following[state.customer] > opens + horizon,
        ).where(opens + horizon <= today)


def learn(histories: Histories, today: int, first_day: int, *, trees: bool = True) -> Learnt:
    """From what has closed by `today`; without windows what is so of any shop, and without `trees` the formula alone."""
    seen = windows(histories, today, first_day) if today - first_day >= LEAST_HISTORY else None
    if seen is None:
        return Learnt()
    sure = seen.closed < SURELY
    least = (float(seen.none[sure].sum()) + SURELY * BEFOREHAND) / (float(sure.sum()) + BEFOREHAND)
    held = held_against(seen) if trees else None
    if held is None:
        return Learnt(least)
    said, forecasts = held
    errors = {name: _errors(forecast, said.none) for name, forecast in forecasts.items()}
    if not _better(said, forecasts) or errors["mean"].precision < errors["closed"].precision:
        return Learnt(least, None, errors)
    return Learnt(least, grow(seen.table, seen.none), errors)


def returning(
    histories: Histories,
    population: gaps.GapPopulation,
    model: purchases.BgNbd | None,
    tail: tuple[float, float],
    *,
    today: int,
) -> float:
    """Times as many as gaps and leaving together expect were back by their limit, over the silences of the last year.

    `tail`: level and false alarms accepted. 1 before silences have closed.
    """
    all_of_them = silences(histories, LEAST_GAPS, today).within(today - YEAR, today, MOST_SILENCES)
    limits = gaps.limits(population, all_of_them.gap_count, all_of_them.log_gap_sum, *tail)
    known = all_of_them.last_day + limits.limit <= today
    back = known & (all_of_them.end_day - all_of_them.last_day <= limits.limit)
    due = 1 - limits.tail_level
    if model is not None:
        due = due * purchases.stays(model, all_of_them.gap_count)
    return (float(back.sum()) + BEFOREHAND) / (float(due[known].sum()) + BEFOREHAND)


def held_against(seen: Windows) -> tuple[Windows, dict[str, Floats]] | None:
    """The last openings by three forecasts, each with trees of what had closed before; None where that is too little."""
    tested: list[Windows] = []
    odds: list[Floats] = []
    for opens in np.unique(seen.opens)[::-1]:
        test, known = seen.where(seen.opens == opens), seen.where(seen.closes <= opens)
        if min(known.none.sum(), (~known.none).sum(), len(test.none)) < LEAST_ROWS:
            continue
        tested.append(test)
        odds.append(grow(known.table, known.none).log_odds(test.table))
        if len(tested) == HELD_AGAINST:
            break
    if not tested:
        return None
    together = _together(tested)
    of_trees = np.concatenate(odds)
    both = mean(together.closed, expit(of_trees))
    return together, {"closed": together.closed, "trees": expit(of_trees), "mean": both}


def _better(said: Windows, forecasts: Mapping[str, Floats]) -> bool:
    """Whether the mean lost less than the formula did, by more than chance; a customer's windows are one word."""
    gained = _loss(forecasts["closed"], said.none) - _loss(forecasts["mean"], said.none)
    _who, place = np.unique(said.customer, return_inverse=True)
    sums = np.bincount(place, gained)
    return bool(sums.sum() > SURE * np.sqrt((sums**2).sum()))


def _loss(forecast: Floats, happened: Flags) -> Floats:
    chance = np.clip(forecast, 1e-3, 1 - 1e-3)
    loss: Floats = -np.log(np.where(happened, chance, 1 - chance))
    return loss


def _errors(forecast: Floats, happened: Flags) -> Errors:
    place = np.minimum((forecast * 10).astype(np.int64), 9)
    off = np.abs(np.bincount(place, forecast - happened, 10)).sum() / len(forecast)
    order = np.argsort(-forecast, kind="stable")
    hits = happened[order].cumsum()
    precision = (hits / np.arange(1, len(hits) + 1))[happened[order]].mean() if hits[-1] else 0.0
    return Errors(float(_loss(forecast, happened).mean()), float(precision), float(off), len(forecast))
