"""Days of which the shop's data says too little: found from what a source usually tells, with no word from outside.

A source is silent where orders that should have come did not: so many of them that chance is no explanation, and more
than it ever went without. Nothing here is stored; from the same orders every night finds the same days, and a day whose
orders come later is silent no more.
"""

from typing import NamedTuple

import numpy as np

from segmentation.maths.arrays import Flags, Floats, Integers

HOURS = 24
# What is usual for a weekday: its last eight, at least four, without the best quarter (a sale is no promise).
WEEKDAYS, FEWEST, BEST = 8, 4, 4
# So many orders that should have come make a silence; and half as many again as the longest dry spell before.
MISSING, LONGER = 6.0, 1.5
# A day with under a third of what is usual is incomplete; more than a week of such days is a new beginning.
THIN, LEAST_FOR_THIN, THIN_DAYS = 0.3, 16.0, 7
# Within a day: so many orders missing in a row, and so much of the day.
MISSING_HOURS, OF_A_DAY = 10.0, 0.25


class Days(NamedTuple):
    """One entry per day: the orders that are usual (0 where that is not known), and whether the day's are missing."""

    usual: Floats
    silent: Flags


def of_days(orders: Integers) -> Days:
    """What one source told a day, from its first day on, and which of these days say nothing.

    A dry spell is silent as a whole once it is long enough: its first days were not known as such on their own nights.
    """
    usual, silent = np.zeros(len(orders)), np.zeros(len(orders), dtype=bool)
    begun = int(np.argmax(orders > 0)) if len(orders) else 0
    dry: list[int] = []
    thin: list[int] = []
    missing = longest = 0.0
    for day in range(begun, len(orders)):
        usual[day] = _usual([int(orders[d]) for d in range(day - 7, begun - 1, -7) if not silent[d]])
        if orders[day] == 0:
            dry.append(day)
            missing += usual[day]
            silent[dry] = missing >= max(MISSING, LONGER * longest)
            continue
        if dry and not silent[dry[0]]:
            longest = max(longest, missing)
        dry, missing = [], 0.0
        thin = [*thin, day] if usual[day] >= LEAST_FOR_THIN and orders[day] < THIN * usual[day] else []
        silent[thin] = len(thin) <= THIN_DAYS
        if len(thin) > THIN_DAYS:
            # It has become smaller: what was usual before is so no more.
            begun, thin, longest = thin[0], [], 0.0
    return Days(usual, silent)


def _usual(same_weekdays: list[int]) -> float:
    """The mean without the best quarter, of the newest first; 0 while there are too few."""
    last = sorted(same_weekdays[:WEEKDAYS])
    return float(np.mean(last[: len(last) - len(last) // BEST])) if len(last) >= FEWEST else 0.0


def with_hours_missing(orders: Integers, days: Days) -> Flags:
    """Days (rows of `orders`, 24 columns) on which a source fell silent for hours, though it said something.

    The hours are weighed by when its orders usually come; a source that tells no times has no hours to miss.
    """
    known = orders[~days.silent].sum(axis=0)
    if not known.sum():
        return np.zeros(len(orders), dtype=bool)
    expected = days.usual[:, None] * known / known.sum()
    spell = np.zeros(len(orders))
    longest = np.zeros(len(orders))
    for hour in range(HOURS):
        spell = np.where(orders[:, hour] == 0, spell + expected[:, hour], 0.0)
        longest = np.maximum(longest, spell)
    least = max(MISSING_HOURS, LONGER * float(np.median(longest)))
    found: Flags = (longest >= np.maximum(least, OF_A_DAY * days.usual)) & (orders.sum(axis=1) > 0)
    return found


def days_after(silent_days: Integers, since: Integers) -> Integers:
    """How many of the silent days (sorted) lie after each day of `since`."""
    later: Integers = len(silent_days) - np.searchsorted(silent_days, since, side="right")
    return later
