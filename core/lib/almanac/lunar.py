"""The lunar calendar (GB/T 33661): when each of its months begins. Pure; the one place that asks a library for it.

The library is asked once for a lunar year. Of the years 1930 to 2099 one of its months differs from other computations:
it begins the ninth month of 2057 on 29 September, where the new moon stands three minutes from midnight.
"""

from datetime import date
from functools import lru_cache
from typing import NamedTuple

from lunar_python import LunarYear

# A Julian day begins at noon: 2000-01-01 at noon is 2451545.
_OFFSET = date(2000, 1, 1).toordinal() - 2451545


class Month(NamedTuple):
    """The first day, the number (of a leap month that of the month before it), and how many days it has: 29 or 30."""

    first: date
    number: int
    is_leap: bool
    days: int


@lru_cache(maxsize=512)
def months(year: int) -> tuple[Month, ...]:
    """The twelve or thirteen months of a lunar year, which begins in January or February of the year of this number."""
    return tuple(
        Month(
            date.fromordinal(int(month.getFirstJulianDay()) + _OFFSET),
            abs(month.getMonth()),
            month.getMonth() < 0,
            month.getDayCount(),
        )
        for month in LunarYear.fromYear(year).getMonths()
        if month.getYear() == year
    )


def year_of(day: date) -> int:
    """The lunar year that this day lies in: the one before until New Year."""
    return day.year if day >= months(day.year)[0].first else day.year - 1


def month_of(year: int, number: int, *, is_leap: bool) -> Month:
    """The month of this number in the lunar year; the plain one where the year has no such leap month."""
    named = [month for month in months(year) if month.number == number]
    return named[-1] if is_leap else named[0]
