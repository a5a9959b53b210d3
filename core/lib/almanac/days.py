"""A day of the year, of the usual calendar or the lunar one, and when it is kept. Pure: one definition for all who ask.

Its *period* is the year of its own calendar: a lunar day may be kept twice in one year of the usual calendar, and not at
all in the next, but once in each lunar year.
"""

from calendar import isleap, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from core.lib.almanac import lunar

# How a list holds such a day in one number: month × 100 + day, and which calendar.
LUNAR, LEAP = 2000, 4000
YEAR = 366
_LEAP_YEAR = 2000


@dataclass(frozen=True)
class LifeDay:
    """`day` is None where only the month is known, `year` where it is not; of a lunar day both are lunar."""

    month: int
    day: int | None
    year: int | None = None
    is_lunar: bool = False
    is_leap: bool = False

    @property
    def text(self) -> str:
        """02-30 or 1980-02-30, 02 for a month, 02-30 lunar, 02-30 leap; `read` takes it back."""
        year = f"{self.year:04d}-" if self.year else ""
        day = "" if self.day is None else f"-{self.day:02d}"
        calendar = " leap" if self.is_leap else " lunar" if self.is_lunar else ""
        return f"{year}{self.month:02d}{day}{calendar}"


def read(text: str) -> LifeDay:
    """The day that `LifeDay.text` has written."""
    numbers, _space, calendar = text.partition(" ")
    parts = numbers.split("-")
    year = int(parts.pop(0)) if len(parts[0]) == 4 else None
    day = int(parts[1]) if len(parts) > 1 else None
    return LifeDay(int(parts[0]), day, year, is_lunar=calendar != "", is_leap=calendar == "leap")


def last_day(month: int, *, is_lunar: bool, year: int | None = None) -> int:
    """The last day that the month has in this year, or in any: a lunar one has 29 or 30, whichever year it is."""
    return 30 if is_lunar else monthrange(year or _LEAP_YEAR, month)[1]


def occurrence(day: LifeDay, period: int, *, in_march: bool = False) -> date | None:
    """When it is kept in this year of its own calendar; None where only its month is known.

    29 February is kept on the 28th in other years (`in_march`: on 1 March), the thirtieth of a short lunar month on its
    last day, the day of a leap month in the plain one where the year has no such leap month.
    """
    if day.day is None:
        return None
    if day.is_lunar:
        month = lunar.month_of(period, day.month, is_leap=day.is_leap)
        return month.first + timedelta(days=min(day.day, month.days) - 1)
    if (day.month, day.day) == (2, 29) and not isleap(period):
        return date(period, 3, 1) if in_march else date(period, 2, 28)
    return date(period, day.month, day.day)


def month_kept(day: LifeDay, period: int) -> tuple[date, date]:
    """The first and the last day of its month in this year of its own calendar."""
    if day.is_lunar:
        month = lunar.month_of(period, day.month, is_leap=day.is_leap)
        return month.first, month.first + timedelta(days=month.days - 1)
    return date(period, day.month, 1), date(period, day.month, monthrange(period, day.month)[1])


def period_of(on: date, *, is_lunar: bool) -> int:
    """The year of the calendar that this day lies in."""
    return lunar.year_of(on) if is_lunar else on.year


def next_kept(day: LifeDay, today: date, *, in_march: bool = False) -> tuple[date, date, int]:
    """(first day, last day, period) of the next time it is kept, today included; two days only of a whole month."""
    period = period_of(today, is_lunar=day.is_lunar)
    while True:
        on = occurrence(day, period, in_march=in_march)
        first, last = (on, on) if on else month_kept(day, period)
        if last >= today:
            return first, last, period
        period += 1


# As lists ask ---------------------------------------------------------------------------------------------------------


def within(first: date, days: int, *, in_march: bool = False) -> set[int]:
    """The stored days (month × 100 + day, + 2000 when lunar, + 4000 of a leap month) kept on one of so many from the first."""
    last = date.fromordinal(min(first.toordinal() + min(days, YEAR) - 1, date.max.toordinal()))
    return {
        number
        for is_lunar in (False, True)
        for period in range(period_of(first, is_lunar=is_lunar), period_of(last, is_lunar=is_lunar) + 1)
        for number, on in _kept(period, is_lunar=is_lunar, in_march=in_march)
        if first <= on <= last
    }


def months_within(first: date, last: date) -> set[int]:
    """The stored months of which no day is known, as far as any of their days lies between these two."""
    return {
        number
        for is_lunar in (False, True)
        for period in range(period_of(first, is_lunar=is_lunar), period_of(last, is_lunar=is_lunar) + 1)
        for number, day in _days(is_lunar=is_lunar, whole_months=True)
        if (kept := month_kept(day, period))[0] <= last and kept[1] >= first
    }


@lru_cache(maxsize=64)
def _kept(period: int, *, is_lunar: bool, in_march: bool) -> list[tuple[int, date]]:
    """Every day that can be stored, and when it is kept in this year of its calendar."""
    return [
        (number, on)
        for number, day in _days(is_lunar=is_lunar)
        if (on := occurrence(day, period, in_march=in_march)) is not None
    ]


def _days(*, is_lunar: bool, whole_months: bool = False) -> Iterator[tuple[int, LifeDay]]:
    for is_leap in (False, True) if is_lunar else (False,):
        base = LEAP if is_leap else LUNAR if is_lunar else 0
        for month in range(1, 13):
            last = 0 if whole_months else last_day(month, is_lunar=is_lunar)
            for number in [0] if whole_months else range(1, last + 1):
                day = LifeDay(month, number or None, is_lunar=is_lunar, is_leap=is_leap)
                yield base + month * 100 + number, day
