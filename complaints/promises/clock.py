"""Business time: how much of it lies between two moments, and when a promise falls due.

An instant is open when the wall clock of the calendar's zone then reads a minute inside one of that date's shifts.
All intervals are half open, [from, until), and in UTC. Everything is worked out afresh from the start, the budget and
all pauses; nothing is ever added to an older answer, because a hold outside business hours must not move a deadline.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Shift = tuple[int, int]
"""Minutes since midnight by the wall clock, [from, until), 0 ≤ from < until ≤ 1440."""
Interval = tuple[datetime, datetime]
Pause = tuple[datetime, datetime | None]
"""The second moment is None while the pause is still open."""

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)
FOREVER = datetime.max.replace(tzinfo=UTC)


class NeverOpen(ValueError):
    """The calendar has not enough open time left to use up the budget."""


@dataclass(frozen=True)
class Calendar:
    """When a team works. A closed date wins over everything; opened shifts replace the weekly ones of their date.

    `weekly` maps the ISO weekday (1 = Monday) to its shifts, in any order; overlapping shifts count once.
    `confirmed_years` are those whose holidays somebody has checked. Open day and night means just that: no exceptions.
    """

    zone: ZoneInfo
    weekly: Mapping[int, tuple[Shift, ...]] = field(default_factory=dict)
    closed: frozenset[date] = frozenset()
    opened: Mapping[date, tuple[Shift, ...]] = field(default_factory=dict)
    day_and_night: bool = False
    confirmed_years: frozenset[int] = frozenset()

    def shifts_on(self, day: date) -> list[Shift]:
        if day in self.closed:
            return []
        return sorted(self.opened.get(day) or self.weekly.get(day.isoweekday(), ()))

    def last_day(self) -> date:
        """The last date on which this calendar can be open."""
        return date.max if any(self.weekly.values()) else max(self.opened, default=date.min)


def due_at(calendar: Calendar, start: datetime, budget: timedelta, pauses: Iterable[Pause] = ()) -> datetime | None:
    """The first moment at which `budget` of unpaused open time has passed since `start`; None while a pause holds it.

    No budget is due at once, and a budget which ends with a shift is due at the end of that shift, not next morning.
    Doing the thing at this very moment is still in time.
    Raises NeverOpen when the calendar has no such moment, and ValueError for a time without offset.
    """
    if budget <= NOTHING:
        return _utc(start)
    pauses = list(pauses)
    left = budget
    for opens, closes in _counted(calendar, start, pauses):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    if any(until is None for _, until in pauses):
        return None
    raise NeverOpen(f"{budget} of open time after {start} does not exist")


def elapsed(calendar: Calendar, since: datetime, until: datetime, pauses: Iterable[Pause] = ()) -> timedelta:
    """How much unpaused open time lies in [since, until); nothing when `until` is not the later one."""
    return sum((closes - opens for opens, closes in _counted(calendar, since, pauses, until)), NOTHING)


def counted(calendar: Calendar, since: datetime, until: datetime, pauses: Iterable[Pause] = ()) -> list[Interval]:
    """The stretches of [since, until) that count, earliest first, those that touch made one: the why of a deadline."""
    return _union(_counted(calendar, since, pauses, until))


def unconfirmed_years(calendar: Calendar, since: datetime, until: datetime) -> list[int]:
    """The years from `since` to `until` whose holidays nobody has confirmed, so that a deadline there is a guess."""
    if calendar.day_and_night:
        return []
    years = range(since.astimezone(calendar.zone).year, until.astimezone(calendar.zone).year + 1)
    return [year for year in years if year not in calendar.confirmed_years]


def _counted(
    calendar: Calendar, since: datetime, pauses: Iterable[Pause], until: datetime = FOREVER
) -> Iterator[Interval]:
    """Time that is open, not paused and inside [since, until): earliest first, never overlapping, made only as needed."""
    until = _utc(until)
    held = _union(pauses)
    for opens, closes in _open(calendar, _utc(since)):
        closes = min(closes, until)
        while held and held[0][0] < closes:
            paused, resumed = held[0]
            if opens < paused:
                yield opens, paused
            opens = max(opens, resumed)
            if resumed >= closes:
                break
            held.pop(0)
        if opens < closes:
            yield opens, closes
        if closes == until or opens == FOREVER:
            return


def _open(calendar: Calendar, since: datetime) -> Iterator[Interval]:
    """Open time from `since` on: earliest first, never overlapping, made only as needed."""
    if calendar.day_and_night:
        yield since, FOREVER
        return
    last_day = calendar.last_day()
    for begins, ends, offset in _stretches_of_one_offset(calendar.zone, since):
        local, local_end = begins + offset, ends + offset  # the wall clock, worn as if it were UTC
        midnight = datetime.combine(local.date(), time(), UTC)
        if midnight.date() > last_day:
            return
        while midnight < local_end:
            for first, last in calendar.shifts_on(midnight.date()):
                local = max(local, midnight + timedelta(minutes=first))
                closes = min(local_end, midnight + timedelta(minutes=last))
                if local < closes:
                    yield local - offset, closes - offset
                    local = closes
            midnight += DAY


def _stretches_of_one_offset(zone: ZoneInfo, since: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Time from `since` on in pieces of at most a day, cut where the zone's clocks are changed."""
    begins, before = since, _offset(zone, since)
    while begins < FOREVER - 2 * DAY:
        ends = begins + DAY
        after = _offset(zone, ends)
        if after != before:
            ends = _clock_change(zone, begins, ends)
        yield begins, ends, before
        begins, before = ends, after


def _clock_change(zone: ZoneInfo, earlier: datetime, later: datetime) -> datetime:
    """The first whole second in (earlier, later] with the offset of `later`."""
    old, earlier = _offset(zone, earlier), earlier.replace(microsecond=0)
    later = later.replace(microsecond=0)
    while later - earlier > SECOND:
        middle = (earlier + (later - earlier) / 2).replace(microsecond=0)
        if _offset(zone, middle) == old:
            earlier = middle
        else:
            later = middle
    return later


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or NOTHING


def _union(pauses: Iterable[Pause]) -> list[Interval]:
    """Pauses in order, those that overlap or touch made one, an open one lasting for ever."""
    union: list[Interval] = []
    for begins, ends in sorted((_utc(begins), _utc(ends or FOREVER)) for begins, ends in pauses):
        if union and begins <= union[-1][1]:
            union[-1] = union[-1][0], max(union[-1][1], ends)
        elif begins < ends:
            union.append((begins, ends))
    return union


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time needs its offset")
    return at.astimezone(UTC)
