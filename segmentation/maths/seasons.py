"""Two weeks that sell as much as months: days of a season count as so many ordinary ones, and come again every year.

Who bought three times in such weeks has no more of a habit than who bought three times in as many ordinary months.
"""

from dataclasses import dataclass

import numpy as np

from segmentation.maths.arrays import Floats, Integers

DAYS, YEAR = 14, 365
# Of the purchases of a year, in a history of so many days; repeat purchases in it, so that a crowd of new ones is none.
LEAST_SHARE, LEAST_HISTORY, LEAST_PURCHASES = 0.4, 120, 50
MOST_TIMES = 100.0


@dataclass(frozen=True)
class Season:
    """Its first day, and how many ordinary days one of its days counts as."""

    first_day: int
    times: float

    def counted(self, day: Integers | Floats | int) -> Floats:
        """The day in ordinary days: a difference of two of them is how long it was for purchases."""
        days = np.asarray(day, dtype=float)
        years, within = np.divmod(days - self.first_day, YEAR)
        return days + (self.times - 1) * (DAYS * years + np.minimum(within, DAYS))


def busiest(days: Integers) -> tuple[int, float]:
    """First day of the two weeks with most purchases, and their share of all; `days` is not empty."""
    first = int(days.min())
    running = np.concatenate([[0], np.cumsum(np.bincount(days - first, minlength=DAYS))])
    within = running[DAYS:] - running[:-DAYS]
    start = int(np.argmax(within))
    return first + start, float(within[start] / len(days))


def find(customer: Integers, day: Integers, until: int) -> Season | None:
    """The season of the last year, from purchase days sorted by customer and day; None where there is none."""
    recent = day[(day > until - YEAR) & (day <= until)]
    if not len(recent) or until - recent.min() < LEAST_HISTORY:
        return None
    start, share = busiest(recent)
    if share < LEAST_SHARE:
        return None
    new = np.concatenate([[True], np.diff(customer) != 0])
    begun, first = int(recent.min()), day[new]
    calendar = np.arange(begun, until + 1)
    known = np.searchsorted(np.sort(first), calendar, side="left")
    again = np.bincount(np.maximum(day[~new & (day >= begun)] - begun, 0), minlength=len(calendar))[: len(calendar)]
    inside = (calendar >= start) & (calendar < start + DAYS)
    if again[inside].sum() < LEAST_PURCHASES:
        return None
    usual = max(again[~inside].sum(), 1) / max(known[~inside].sum(), 1)
    times = again[inside].sum() / max(known[inside].sum(), 1) / usual
    return Season(start, float(np.clip(times, 1.0, MOST_TIMES)))
