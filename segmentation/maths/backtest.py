"""The rules measured on the shop's own past: only what was known at each moment is used."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.maths import gaps
from segmentation.maths.histories import Histories

Array = NDArray[Any]
LEVELS = (0.30, 0.20, 0.15, 0.10, 0.05, 0.02, 0.01)
FALLBACK_LEVEL = 0.10
LEAST_ALERTS = 30


@dataclass(frozen=True)
class AlertRow:
    """One tail level: alerts that fired, how many were right, and how many of the long silences were reached."""

    a_max: float
    alerts: int
    right: int
    precision: float
    reach: float
    per_month: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def alert_rows(
    histories: Histories, population: gaps.GapPopulation, *, from_day: int, until_day: int,
    budget: float = 1.0, least_gaps: int = 2, levels: tuple[float, ...] = LEVELS,
) -> list[AlertRow]:  # fmt: skip
    """Every silence that began with enough known gaps, replayed for each level.

    An alert is right if no purchase came in the next H = clip(2 × usual, 7, 120) days, and counts only when
    those days have been seen. Reach: of the silences that lasted beyond the longest level's limit by H or
    more, the share in which the alert fired.
    """
    silence = _silences(histories, least_gaps, until_day)
    rows = []
    for level in levels:
        found = gaps.limits(population, silence["gap_count"], silence["log_gap_sum"], level, budget)
        horizon = np.clip(2 * found.usual, 7, 120)
        fires_on = silence["last_day"] + np.floor(found.limit) + 1
        fired = (fires_on < silence["end_day"]) & (fires_on >= from_day) & (fires_on + horizon <= until_day)
        right = fired & (silence["end_day"] > fires_on + horizon)
        gone = _gone(silence, found.usual, from_day, until_day)
        rows.append(
            AlertRow(
                a_max=level,
                alerts=int(fired.sum()),
                right=int(right.sum()),
                precision=float(right.sum() / max(fired.sum(), 1)),
                reach=float((fired & gone).sum() / max(gone.sum(), 1)),
                per_month=float(fired.sum() / max((until_day - from_day) / 30.44, 1e-9)),
            )
        )
    return rows


def _gone(silence: dict[str, Array], usual: Array, from_day: int, until_day: int) -> Array:
    """Silences worth an alert, whatever the level: no purchase within four usual gaps (28 to 240 days), all seen."""
    patience = np.clip(4 * usual, 28, 240)
    seen = (silence["last_day"] + patience <= until_day) & (silence["last_day"] >= from_day)
    return seen & (silence["end_day"] > silence["last_day"] + patience)


def _silences(histories: Histories, least_gaps: int, until_day: int) -> dict[str, Array]:
    """One entry per purchase day with at least `least_gaps` gaps before it: what was known, and when the next came."""
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
    return {
        "gap_count": place[chosen],
        "log_gap_sum": running[chosen],
        "last_day": seen.day[chosen].astype(float),
        "end_day": end_day[chosen],
    }


def choose_level(rows: list[AlertRow], floor: float = 0.5) -> float:
    """The largest level that is right often enough; 10 % while there is too little to measure."""
    measured = [row for row in rows if row.alerts >= LEAST_ALERTS]
    if not measured:
        return FALLBACK_LEVEL
    good = [row.a_max for row in measured if row.precision >= floor]
    return max(good) if good else min(row.a_max for row in measured)
