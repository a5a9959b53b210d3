"""Calendars as the clock wants them, and their edits. Every edit makes a new version; clocks follow when asked to."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import holidays
from django.db import transaction
from django.utils.translation import gettext as _

from complaints.models import BusinessCalendar, CalendarDay, CalendarShift, CalendarYear
from complaints.promises import clock
from core.accounts import audit
from core.accounts.models import User
from core.lib import mall
from core.lib.errors import DomainError, Invalid
from core.outbox import bell

LOOK_AHEAD = timedelta(days=60)


def working_time(calendar: BusinessCalendar) -> clock.Calendar:
    """The calendar in the form the arithmetic takes."""
    zone = ZoneInfo(calendar.zone)
    if calendar.day_and_night:
        return clock.Calendar(zone=zone, day_and_night=True)
    weekly: dict[int, list[clock.Shift]] = defaultdict(list)
    for shift in calendar.shifts.all():
        weekly[shift.weekday].append((shift.start_minute, shift.end_minute))
    closed, opened = set(), defaultdict(list)
    for day in calendar.days.all():
        if day.start_minute is None or day.end_minute is None:
            closed.add(day.date)
        else:
            opened[day.date].append((day.start_minute, day.end_minute))
    return clock.Calendar(
        zone=zone,
        weekly={weekday: tuple(shifts) for weekday, shifts in weekly.items()},
        closed=frozenset(closed),
        opened={day: tuple(shifts) for day, shifts in opened.items()},
        confirmed_years=frozenset(calendar.years.values_list("year", flat=True)),
    )


def due(calendar: BusinessCalendar, start: datetime, minutes: int) -> datetime:
    """The moment at which this many open minutes have passed since `start`."""
    moment = clock.due_at(working_time(calendar), start, timedelta(minutes=minutes))
    assert moment is not None  # only an open pause has no answer  # noqa: S101
    return moment


@transaction.atomic
def set_shifts(calendar_id: int, shifts: Iterable[tuple[int, int, int]], *, by: User, at: datetime) -> BusinessCalendar:
    """The weekly hours are these (weekday, from, until) rows and no others: at least one, or nothing is ever due."""
    calendar, rows = _edited(calendar_id), checked(shifts)
    calendar.shifts.all().delete()
    CalendarShift.objects.bulk_create(
        [CalendarShift(calendar=calendar, weekday=w, start_minute=s, end_minute=e) for w, s, e in rows]
    )
    audit.record(by, "calendar.shifts_set", calendar, at=at, version=calendar.version, shifts=len(rows))
    return calendar


def checked(shifts: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The rows of a week in their order. Raises Invalid where there are none, or two of a weekday overlap."""
    rows = sorted(set(shifts))
    if not rows:
        raise Invalid(_("Some day of the week has hours: without any no promise would ever be due."), code="no_hours")
    for (weekday, start, end), later in zip(rows, [*rows[1:], (0, 0, 0)], strict=True):
        if not 1 <= weekday <= 7 or not 0 <= start < end <= 1440:
            raise Invalid(_("A shift begins before it ends, within one day."), code="shift_bounds")
        if later[0] == weekday and later[1] < end:
            raise Invalid(_("Two shifts of one weekday overlap."), code="shifts_overlap")
    return rows


@transaction.atomic
def set_day(
    calendar_id: int, day: date, *, hours: Iterable[tuple[int, int]] | None, name: str = "", by: User, at: datetime
) -> BusinessCalendar:
    """This date is closed (no hours), worked at these hours, or like its weekday again (None)."""
    calendar = _edited(calendar_id)
    calendar.days.filter(date=day).delete()
    if hours is not None:
        CalendarDay.objects.bulk_create(_spans(calendar, day, sorted(set(hours)), name, CalendarDay.Source.MANUAL))
    audit.record(by, "calendar.day_set", calendar, at=at, version=calendar.version, day=day.isoformat())
    return calendar


@transaction.atomic
def import_holidays(calendar_id: int, year: int, *, by: User | None, at: datetime) -> int:
    """Pre-fill the public holidays and make-up workdays of this year; entered days are left alone.

    Make-up days are worked like a Monday. The list knows statutory and swapped days, not the ordinary weekend days
    inside a long break: a person looks at the year and confirms it. Their names are in the mall's language, where the
    list has them. Returns how many dates were added.
    """
    calendar = _edited(calendar_id)
    if not calendar.country:
        raise DomainError(_("This calendar follows no country's holidays. Choose a country first."), code="no_country")
    table = holidays.country_holidays(calendar.country, years=year, language=_language_of(calendar.country))
    known = set(calendar.days.filter(date__year=year).values_list("date", flat=True))
    monday = [(s.start_minute, s.end_minute) for s in calendar.shifts.filter(weekday=1)]
    days: list[tuple[date, list[tuple[int, int]], str]] = [(day, [], name) for day, name in sorted(table.items())]
    if monday:
        days += [(day, monday, "") for day in sorted(getattr(table, "weekend_workdays", ()))]
    new = [(day, hours, name) for day, hours, name in days if day.year == year and day not in known]
    source = CalendarDay.Source.IMPORT
    CalendarDay.objects.bulk_create(
        row for day, hours, name in new for row in _spans(calendar, day, hours, name, source)
    )
    audit.record(by, "calendar.holidays_imported", calendar, at=at, year=year, days=len(new))
    return len(new)


def _language_of(country: str) -> str | None:
    """What the list of this country calls the mall's language; None for its own where it lacks that."""
    offered = holidays.country_holidays(country).supported_languages
    wanted = {"zh-hans": ("zh_CN",), "zh-hant": ("zh_TW", "zh_HK")}.get(mall.facts().language, ("en_US", "en_GB"))
    return next((language for language in wanted if language in offered), None)


@transaction.atomic
def confirm_year(calendar_id: int, year: int, *, by: User, at: datetime) -> CalendarYear:
    """A person has looked at the year: its deadlines are no longer a guess."""
    calendar = BusinessCalendar.objects.select_for_update().get(pk=calendar_id)
    row, created = CalendarYear.objects.get_or_create(
        calendar=calendar, year=year, defaults={"confirmed_by": by, "confirmed_at": at}
    )
    if created:
        audit.record(by, "calendar.year_confirmed", calendar, at=at, year=year)
        bell.settle(f"year:{calendar_id}:{year}", at=at)
    return row


def unconfirmed(at: datetime) -> list[tuple[BusinessCalendar, int]]:
    """Calendars with a year, beginning within 60 days, that nobody has confirmed."""
    return [
        (calendar, year)
        for calendar in BusinessCalendar.objects.filter(day_and_night=False).order_by("code")
        for year in clock.unconfirmed_years(working_time(calendar), at, at + LOOK_AHEAD)
    ]


def check_zone(zone: str) -> str:
    if zone not in available_timezones():
        raise Invalid(_("There is no time zone “%(zone)s”.") % {"zone": zone}, code="no_such_zone")
    return zone


def _edited(calendar_id: int) -> BusinessCalendar:
    calendar = BusinessCalendar.objects.select_for_update().get(pk=calendar_id)
    calendar.version += 1
    calendar.save(update_fields=["version"])
    return calendar


def _spans(
    calendar: BusinessCalendar, day: date, hours: list[tuple[int, int]], name: str, source: CalendarDay.Source
) -> list[CalendarDay]:
    """The rows of a day: one for each time that is worked, or one that says it is closed."""
    spans: list[tuple[int | None, int | None]] = [*hours] or [(None, None)]
    kind = CalendarDay.Kind.OPEN if hours else CalendarDay.Kind.CLOSED
    return [
        CalendarDay(
            calendar=calendar, date=day, kind=kind, start_minute=start, end_minute=end, name=name[:80], source=source
        )
        for start, end in spans
    ]
