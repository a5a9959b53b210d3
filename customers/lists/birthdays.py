"""Birthdays that come every year, by the usual and by the lunar calendar, as `Standing.birthday` holds them."""

from calendar import isleap
from datetime import date
from functools import lru_cache

from lunar_python import LunarYear

LUNAR = 2000
YEAR = 366
LEAP_DAY = 229


def within(first: date, days: int) -> set[int]:
    """The stored birthdays that are kept on one of so many days from the first.

    29 February is kept on the 28th where there is none; the thirtieth of a lunar month on its last day; nothing is kept
    in a leap month, because the month before it bears the name.
    """
    kept: set[int] = set()
    for number in range(min(days, YEAR)):
        day = date.fromordinal(min(first.toordinal() + number, date.max.toordinal()))
        kept |= _on(day)
    return kept


def _on(day: date) -> set[int]:
    kept = {day.month * 100 + day.day}
    if (day.month, day.day) == (2, 28) and not isleap(day.year):
        kept.add(LEAP_DAY)
    month, number, length = _lunar(day)
    if month > 0:
        kept.add(LUNAR + month * 100 + number)
        if number == 29 == length:
            kept.add(LUNAR + month * 100 + 30)
    return kept


def _lunar(day: date) -> tuple[int, int, int]:
    """The lunar month (below zero: a leap month), the day in it, and how many days it has."""
    for year in (day.year, day.year - 1):
        for first, month, length in _months(year):
            if 0 <= (number := day.toordinal() - first) < length:
                return month, number + 1, length
    return -1, 0, 0  # before the calendar that the tables know


@lru_cache(maxsize=64)
def _months(year: int) -> list[tuple[int, int, int]]:
    """The months of a lunar year: the ordinal of the first day, the number, how many days."""
    first_day = date(2000, 1, 1)
    # A Julian day begins at noon: 2000-01-01 at noon is 2451545.
    offset = first_day.toordinal() - 2451545
    return [
        (int(month.getFirstJulianDay()) + offset, month.getMonth(), month.getDayCount())
        for month in LunarYear.fromYear(year).getMonths()
        if month.getYear() == year
    ]
