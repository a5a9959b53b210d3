"""When days of the usual and of the lunar calendar are kept."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from core.lib.almanac import days, lunar
from core.lib.almanac.days import LifeDay

ROOT = Path(__file__).parents[3]
# Made with cnlunar 0.2.5, which computes otherwise: year, New Year, leap month (0: none), L for 30 days and s for 29.
YEARS = [line.split() for line in Path(__file__).with_name("lunar_years.txt").read_text().splitlines()]
DAY = timedelta(days=1)


def test_the_months_begin_as_another_computation_has_them_but_for_one() -> None:
    """3: every month start of 1930 to 2099, and the one known difference."""
    differ = []
    count = 0
    for year, new_year, leap, lengths in YEARS:
        first = date.fromisoformat(new_year)
        numbers = [(number, False) for number in range(1, 13)]
        if leap != "0":
            numbers.insert(int(leap), (int(leap), True))
        months = lunar.months(int(year))
        assert [(month.number, month.is_leap) for month in months] == numbers
        for month, length in zip(months, lengths, strict=True):
            count += 1
            if month.first != first:
                differ.append((first, month.first))
            first += DAY * (30 if length == "L" else 29)
    assert (len(YEARS), count) == (170, 2103)
    assert differ == [(date(2057, 9, 28), date(2057, 9, 29))]


def test_nothing_else_asks_a_library_of_the_lunar_calendar() -> None:
    floors = ("core", "customers", "segmentation", "loyalty", "complaints", "crm", "bench")
    libraries = ("lunar_python", "cnlunar", "sxtwl", "zhdate", "borax", "lunardate", "LunarCalendar")
    asking = {
        path.relative_to(ROOT).as_posix()
        for floor in floors
        for path in (ROOT / floor).rglob("*.py")
        if any(f"import {name}" in (text := path.read_text()) or f"from {name}" in text for name in libraries)
    }
    assert asking == {"core/lib/almanac/lunar.py"}


def lunar_day(month: int, day: int, *, leap: bool = False) -> LifeDay:
    return LifeDay(month, day, is_lunar=True, is_leap=leap)


# The table of design 4.2: the day, the year of its own calendar, and when it is kept.
KEPT = [
    (lunar_day(11, 20), 2023, "2024-01-01"),
    (lunar_day(11, 20), 2024, "2024-12-20"),
    (lunar_day(11, 20), 2025, "2026-01-08"),
    (LifeDay(2, 29), 2027, "2027-02-28"),
    (LifeDay(2, 29), 2028, "2028-02-29"),
    (LifeDay(2, 29), 2100, "2100-02-28"),
    (lunar_day(12, 30), 2023, "2024-02-09"),
    (lunar_day(12, 30), 2024, "2025-01-28"),
    (lunar_day(12, 30), 2025, "2026-02-16"),
    (lunar_day(12, 30), 2026, "2027-02-05"),
    (lunar_day(12, 30), 2029, "2030-02-02"),
    (lunar_day(6, 15, leap=True), 2025, "2025-08-08"),
    (lunar_day(6, 15, leap=True), 2026, "2026-07-28"),
    (lunar_day(6, 15, leap=True), 2027, "2027-07-18"),
    (lunar_day(6, 15), 2025, "2025-07-09"),
    (lunar_day(2, 30, leap=True), 2023, "2023-04-19"),
    (lunar_day(2, 30), 2024, "2024-04-08"),
    (lunar_day(2, 30), 2025, "2025-03-28"),
    *((lunar_day(1, 1), int(day[:4]), day) for day in ("2025-01-29", "2026-02-17", "2027-02-06", "2028-01-26")),
    (lunar_day(1, 1), 2034, "2034-02-19"),
    (lunar_day(5, 5), 2026, "2026-06-19"),
    (lunar_day(5, 5), 2028, "2028-05-28"),
    *((lunar_day(8, 15), int(day[:4]), day) for day in ("2025-10-06", "2026-09-25", "2027-09-15")),
    (lunar_day(11, 1, leap=True), 2033, "2033-12-22"),
]


@pytest.mark.parametrize(("day", "period", "on"), KEPT, ids=[f"{day.text}-{period}" for day, period, _on in KEPT])
def test_a_day_is_kept_once_in_each_year_of_its_own_calendar(day: LifeDay, period: int, on: str) -> None:
    kept = days.occurrence(day, period)

    assert kept == date.fromisoformat(on)
    assert days.period_of(kept, is_lunar=day.is_lunar) == period
    assert days.next_kept(day, kept) == (kept, kept, period)
    assert days.next_kept(day, kept + DAY)[2] == period + 1


def test_the_shop_may_keep_29_february_on_1_march() -> None:
    assert days.occurrence(LifeDay(2, 29), 2027, in_march=True) == date(2027, 3, 1)
    assert days.occurrence(LifeDay(2, 29), 2028, in_march=True) == date(2028, 2, 29)
    assert 229 in days.within(date(2027, 3, 1), 1, in_march=True)
    assert 229 not in days.within(date(2027, 2, 28), 1, in_march=True)


def test_every_lunar_day_of_26_years_is_as_the_other_computation_has_it() -> None:
    """2: every (month, day, leap) of the lunar years 2020 to 2045, from the table alone."""
    for year, new_year, leap, lengths in YEARS[2020 - 1930 : 2046 - 1930]:
        first, starts = date.fromisoformat(new_year), {}
        numbers = [(number, False) for number in range(1, 13)]
        if leap != "0":
            numbers.insert(int(leap), (int(leap), True))
        for (number, is_leap), length in zip(numbers, lengths, strict=True):
            starts[number, is_leap] = first, 30 if length == "L" else 29
            first += DAY * (30 if length == "L" else 29)
        for month in range(1, 13):
            for is_leap in (False, True):
                start, long = starts.get((month, is_leap), starts[month, False])
                for number in range(1, 31):
                    kept = days.occurrence(lunar_day(month, number, leap=is_leap), int(year))
                    assert kept == start + DAY * (min(number, long) - 1)


def test_of_a_month_without_a_day_the_month_is_kept() -> None:
    may, sixth = LifeDay(5, None), LifeDay(6, None, is_lunar=True, is_leap=True)

    assert days.occurrence(may, 2027) is None
    assert days.next_kept(may, date(2026, 11, 17)) == (date(2027, 5, 1), date(2027, 5, 31), 2027)
    assert days.next_kept(may, date(2027, 5, 31))[2] == 2027
    assert days.next_kept(sixth, date(2025, 7, 20))[:2] == (date(2025, 7, 25), date(2025, 8, 22))
    assert days.months_within(date(2027, 5, 3), date(2027, 5, 3)) & {500, 400, 600} == {500}
    assert 4600 in days.months_within(date(2025, 8, 1), date(2025, 8, 31))
    assert 500 not in days.within(date(2027, 5, 1), 31)


def test_what_lists_ask_is_the_same_definition() -> None:
    """Of each day that can be stored: listed on exactly the days on which it is kept."""
    first = date(2027, 2, 1)
    for number, day in ((229, LifeDay(2, 29)), (3230, lunar_day(12, 30)), (4615, lunar_day(6, 15, leap=True))):
        listed = [first + DAY * n for n in range(400) if number in days.within(first + DAY * n, 1)]
        kept = [on for year in range(2025, 2030) if (on := days.occurrence(day, year))]
        assert listed == [on for on in kept if first <= on < first + DAY * 400]


def test_a_day_is_read_as_it_was_written() -> None:
    for day in (LifeDay(2, 29, 1980), LifeDay(5, None), lunar_day(2, 30), lunar_day(6, 1, leap=True)):
        assert days.read(day.text) == day
