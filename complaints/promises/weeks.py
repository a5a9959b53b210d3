"""The versions of a week of working hours: confirmed before they begin, and begun when their moment has come."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from complaints.models import BusinessCalendar, CalendarWeek
from complaints.promises import calendars
from core.accounts.models import User
from core.lib.errors import DomainError

# Weekday, 1 = Monday, as JSON has it -> minutes of the day, from and until
Week = dict[str, list[list[int]]]


def of(calendar: BusinessCalendar) -> QuerySet[CalendarWeek]:
    """Those that count, scheduled ones first."""
    return calendar.weeks.filter(withdrawn_at=None).select_related("by").order_by("-version")


def now(calendar: BusinessCalendar) -> Week:
    """What holds at this moment."""
    return written((row.weekday, row.start_minute, row.end_minute) for row in calendar.shifts.all())


def written(rows: Iterable[tuple[int, int, int]]) -> Week:
    """Rows of (weekday, from, until) in one form of writing."""
    week: Week = defaultdict(list)
    for weekday, start, end in sorted(set(rows)):
        week[str(weekday)].append([start, end])
    return dict(week)


def shifts(week: Week) -> list[tuple[int, int, int]]:
    """Rows of (weekday, from, until) of what is written."""
    return [(int(weekday), start, end) for weekday, spans in week.items() for start, end in spans]


@transaction.atomic
def add(calendar_id: int, week: Week, *, starts_at: datetime, reason: str, by: User, at: datetime) -> CalendarWeek:
    """A new version; it begins at once where its moment has come. What held before there were versions is the first."""
    calendar = BusinessCalendar.objects.select_for_update(no_key=True).get(pk=calendar_id)
    top = calendar.weeks.aggregate(top=Max("version"))["top"]
    if top is None:
        top = CalendarWeek.objects.create(calendar=calendar, version=1, week=now(calendar), at=at, begun_at=at).version
    row = CalendarWeek.objects.create(
        calendar=calendar, version=top + 1, week=week, starts_at=starts_at, reason=reason[:300], by=by, at=at
    )
    if starts_at <= at:
        _begin(row, at)
    return row


@transaction.atomic
def withdraw(calendar_id: int, version: int, *, at: datetime) -> None:
    """A version that has not begun never begins."""
    rows = CalendarWeek.objects.select_for_update().filter(calendar=calendar_id, version=version, begun_at=None)
    if not rows.update(withdrawn_at=at):
        raise DomainError(_("This has begun meanwhile. Roll it back instead."), code="has_begun")


def begin_due(*, at: datetime) -> int:
    """Every version whose moment has come holds; returns how many. Each is a transaction of its own."""
    begun = 0
    due = CalendarWeek.objects.filter(begun_at=None, withdrawn_at=None, starts_at__lte=at)
    for pk in list(due.order_by("starts_at", "pk").values_list("pk", flat=True)):
        with transaction.atomic():
            row = due.select_for_update(skip_locked=True, of=("self",)).select_related("by").filter(pk=pk).first()
            if row is not None:
                _begin(row, at)
                begun += 1
    return begun


def _begin(row: CalendarWeek, at: datetime) -> None:
    row.begun_at = at
    row.save(update_fields=["begun_at"])
    if row.by is not None:
        calendars.set_shifts(row.calendar_id, shifts(row.week), by=row.by, at=at)
