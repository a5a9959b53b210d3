"""The rules measured on the shop's own past: only what was known at each moment is used."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from segmentation.maths import gaps
from segmentation.maths.arrays import Counts, Flags, Floats
from segmentation.maths.histories import Histories

LEVELS = (0.30, 0.20, 0.15, 0.10, 0.05, 0.02, 0.01)
FALLBACK_LEVEL = 0.10
LEAST_ALERTS = 30


@dataclass(frozen=True)
class AlertRow:
    """One tail level: alerts that fired, how many were right, and how many of the long silences were reached.

    `dial`: times the false alarms that the rules accept; `gone` and `days`: what the reach and the month are counted on.
    """

    a_max: float
    alerts: int
    right: int
    precision: float
    reach: float
    per_month: float
    dial: float = 1.0
    gone: int = 0
    days: int = 0

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    def __add__(self, later: "AlertRow") -> "AlertRow":
        """Both stretches as one."""
        alerts, right, gone = self.alerts + later.alerts, self.right + later.right, self.gone + later.gone
        days = self.days + later.days
        return AlertRow(
            self.a_max,
            alerts,
            right,
            right / max(alerts, 1),
            (self.reach * self.gone + later.reach * later.gone) / max(gone, 1),
            alerts / max(days / 30.44, 1e-9),
            self.dial,
            gone,
            days,
        )


def alert_rows(
    histories: Histories,
    population: gaps.GapPopulation,
    *,
    from_day: int,
    until_day: int,
    before_day: int | None = None,
    budget: float = 1.0,
    least_gaps: int = 2,
    levels: Sequence[float] = LEVELS,
    dials: Sequence[float] = (1.0,),
    most: int = 10**9,
) -> list[AlertRow]:
    """Every silence that began with enough known gaps, replayed for each level and dial, one row each.

    Alerts from `from_day` on are counted (to the day before `before_day`), by what is seen until `until_day`; of `most`
    silences at most.
    """
    before_day = until_day + 1 if before_day is None else before_day
    silence = silences(histories, least_gaps, until_day).within(from_day, before_day, most)
    return [
        _alert_row(silence, population, level, budget, dial, (from_day, before_day, until_day))
        for level, dial in product(levels, dials)
    ]


class Silences(NamedTuple):
    """One entry per purchase day with enough gaps before it: what was known then, and the day of the next one."""

    gap_count: Counts
    log_gap_sum: Floats
    last_day: Floats
    end_day: Floats  # infinite while nothing came

    def within(self, from_day: int, before_day: int, most: int) -> "Silences":
        """About `most` of those that an alert from `from_day` to the day before `before_day` could speak of."""
        chosen = np.flatnonzero((self.end_day > from_day) & (self.last_day < before_day))
        chosen = chosen[:: max(len(chosen) // most, 1)]
        return Silences(self.gap_count[chosen], self.log_gap_sum[chosen], self.last_day[chosen], self.end_day[chosen])


def _alert_row(
    silence: Silences,
    population: gaps.GapPopulation,
    level: float,
    budget: float,
    dial: float,
    days: tuple[int, int, int],
) -> AlertRow:
    """What one level and dial said of these silences from the first of `days` on, before the second, seen until the third.

    An alert is right if no purchase came in the next H = clip(2 × usual, 7, 120) days, and counts only when
    those days have been seen. Reach: of the customers who were really gone (`_gone`, the same for every level), the
    share for whom the alert had spoken by the last day.
    """
    from_day, before_day, until_day = days
    limits = gaps.limits(population, silence.gap_count, silence.log_gap_sum, level, budget * dial)
    horizon = np.clip(2 * limits.usual, 7, 120)
    fires_on = silence.last_day + np.floor(limits.limit) + 1
    fired = (fires_on < silence.end_day) & (fires_on >= from_day) & (fires_on + horizon <= until_day)
    fired &= fires_on < before_day
    right = fired & (silence.end_day > fires_on + horizon)
    gone = _gone(silence, limits.usual, horizon, from_day, until_day) & (silence.last_day < before_day)
    spoke = (fires_on < silence.end_day) & (fires_on <= until_day)
    seen = max(min(before_day, until_day) - from_day, 0)
    return AlertRow(
        a_max=level,
        alerts=int(fired.sum()),
        right=int(right.sum()),
        precision=float(right.sum() / max(fired.sum(), 1)),
        reach=float((spoke & gone).sum() / max(gone.sum(), 1)),
        per_month=float(fired.sum() / max(seen / 30.44, 1e-9)),
        dial=dial,
        gone=int(gone.sum()),
        days=seen,
    )


def _gone(silence: Silences, usual: Floats, horizon: Floats, from_day: int, until_day: int) -> Flags:
    """Silences worth an alert, whatever the level: no purchase in four usual gaps (28 to 240 days), and H more seen."""
    clear_on = silence.last_day + np.clip(4 * usual, 28, 240)
    seen = (clear_on + horizon <= until_day) & (silence.last_day >= from_day)
    return seen & (silence.end_day > clear_on)


def silences(histories: Histories, least_gaps: int, until_day: int) -> Silences:
    seen = histories.until(until_day)
    new = np.concatenate([[True], np.diff(seen.customer) != 0]) if len(seen.day) else np.zeros(0, dtype=bool)
    start = np.flatnonzero(new)
    counts = np.diff(np.concatenate([start, [len(seen.day)]]))
    place = np.arange(len(seen.day)) - np.repeat(start, counts)
    log_gap = np.zeros(len(seen.day))
    log_gap[~new] = np.log(np.maximum(np.diff(seen.day)[~new[1:]], 1))
    running = np.cumsum(log_gap)
    running -= np.repeat(running[start], counts)
    end_day = np.full(len(seen.day), np.inf)
    end_day[:-1] = np.where(new[1:], np.inf, seen.day[1:])
    chosen = place >= least_gaps
    return Silences(
        gap_count=place[chosen],
        log_gap_sum=running[chosen],
        last_day=seen.day[chosen].astype(float),
        end_day=end_day[chosen],
    )


def choose_level(rows: list[AlertRow], floor: float = 0.5) -> float:
    """The largest level that is right often enough; 10 % while there is too little to measure."""
    measured = [row for row in rows if row.alerts >= LEAST_ALERTS]
    if not measured:
        return FALLBACK_LEVEL
    good = [row.a_max for row in measured if row.precision >= floor]
    return max(good) if good else min(row.a_max for row in measured)


@dataclass(frozen=True)
class ValueRow:
    """One way to forecast profit: mean absolute error, and what its top fifth brought of what the best fifth brought."""

    method: str
    error: float
    top_fifth: float

    def to_dict(self) -> dict[str, str | float]:
        return asdict(self)


def value_rows(real: Floats, guesses: dict[str, Floats]) -> list[ValueRow]:
    """Each forecast against the profit that really came; one row per method, in the order given."""
    return [
        ValueRow(name, float(np.abs(guess - real).mean()), top_share(guess, real)) for name, guess in guesses.items()
    ]


def top_share(guess: Floats, real: Floats, share: float = 0.2) -> float:
    """What the `share` of customers with the highest guess brought, over what perfect foresight would have picked."""
    top = max(1, int(len(real) * share))
    best = np.sort(real)[::-1][:top].sum()
    return float(real[np.argsort(-guess, kind="stable")[:top]].sum() / best) if best > 0 else 0.0


@dataclass(frozen=True)
class CalibrationBin:
    """Customers whose forecast probability fell into one tenth: mean forecast, share for whom it came true."""

    forecast: float
    observed: float
    customers: int

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def calibration(forecast: Floats, happened: Floats, bins: int = 10) -> list[CalibrationBin]:
    """Bins of equal width over 0…1; empty ones are left out."""
    place = np.minimum((forecast * bins).astype(np.int64), bins - 1)
    return [
        CalibrationBin(float(forecast[place == b].mean()), float(happened[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]
