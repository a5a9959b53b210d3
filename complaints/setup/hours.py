"""The hours of a week as the rulebook changes them: where the open deadlines would lie by other hours.

A day that differs (a holiday, a day of stocktaking) is no rule but a fact of that date: it is told on the calendar.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from complaints.cases import escalation
from complaints.models import BusinessCalendar
from complaints.promises import weeks
from complaints.promises.calendars import checked, working_time
from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib.errors import Invalid
from core.lib.periods import mall_time
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange

PREFIX = "hours-"
MOST_DIGITS = 10
EPOCH, MINUTE = datetime(1970, 1, 1, tzinfo=UTC), timedelta(minutes=1)
# Of the open deadlines so many per cent would come later: that is asked about.
MANY_LATER = 20


class HoursKind(Kind):
    """The week of one calendar. What a customer moves from and to is the minute at which an answer is due."""

    edits = Permission.EDIT_COMPLAINT_SETTINGS
    confirms = Permission.EDIT_COMPLAINT_SETTINGS
    figures = {
        "week": gettext_lazy("Hours a week"),
        "open": gettext_lazy("Open deadlines by these hours"),
        "earlier": gettext_lazy("Deadlines that would come earlier, once they are worked out again"),
        "later": gettext_lazy("Deadlines that would come later, once they are worked out again"),
    }

    def __init__(self, calendar: BusinessCalendar) -> None:
        self.calendar = calendar
        self.name = f"{PREFIX}{calendar.pk}"  # type: ignore[misc]
        self.label = calendar.name  # type: ignore[misc, assignment]

    def checked(self, content: Content) -> Content:
        try:
            rows = [
                (int(day), int(since), int(until)) for day, spans in content["week"].items() for since, until in spans
            ]
            if content.keys() != {"week"}:
                raise ValueError(content)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise Invalid(_("These are no hours of a week."), code="week") from None
        return {"week": weeks.written(checked(rows))}

    def versions(self, limit: int) -> list[Version]:
        rows = weeks.of(self.calendar)[:limit]
        found = [Version(row.version, {"week": row.week}, row.starts_at, row.reason, row.by) for row in rows]
        return found or [Version(1, {"week": weeks.now(self.calendar)}, None, "", None)]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """The open deadlines, as working them out again by these hours would put them."""
        moves: dict[int, tuple[int, int]] = {}
        earlier = later = 0
        for clock, due in escalation.preview_recalculation(self.calendar.pk, hours=self._hours(content)):
            if clock.due_at is None or due is None:
                continue
            earlier, later = earlier + (due < clock.due_at), later + (due > clock.due_at)
            if clock.case.customer_id is not None:
                moves.setdefault(clock.case.customer_id, (_minute(clock.due_at), _minute(due)))
        count = escalation.running_by(self.calendar.pk).count()
        last = self.versions(1)[0].content
        return Foretold(
            {
                "week": (_hours_of(last), _hours_of(content)),
                "open": (count, count),
                "earlier": (0, earlier),
                "later": (0, later),
            },
            moves,
        )

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """Deadlines given from that moment on follow it; open ones, when somebody has them worked out again."""
        return weeks.add(
            self.calendar.pk,
            change.content["week"],
            starts_at=starts_at,
            reason=change.reason,
            by=change.by,
            at=at,
        ).version

    def take_back(self, version: int, *, at: datetime) -> None:
        weeks.withdraw(self.calendar.pk, version, at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """Open deadlines stay where they are until somebody has them worked out again: nothing comes by itself."""
        return None

    def differences(self, before: Content | None, after: Content) -> list[str]:
        if before is None:
            return [_("These are the first rules.")]
        old, new = dict(self.says(before)), dict(self.says(after))
        return [
            _("%(option)s: %(after)s instead of %(before)s.") % {"option": day, "before": old[day], "after": spans}
            for day, spans in new.items()
            if old[day] != spans
        ]

    def says(self, content: Content) -> list[tuple[str, str]]:
        return [(str(name), _spans(content, number + 1) or _("closed")) for number, name in WEEKDAYS.items()]

    def state(self, code: int) -> Any:
        return f"{mall_time(EPOCH + code * MINUTE):%m-%d %H:%M}"

    def doubts(self, content: Content, figures: Mapping[str, tuple[Number, Number]]) -> list[str]:
        count, later = figures.get("open", (0, 0))[0], figures.get("later", (0, 0))[1]
        if not count or later * 100 < count * MANY_LATER:
            return []
        return [
            _("%(later)d of %(count)d open deadlines would come later than customers were told.")
            % {"later": later, "count": count}
        ]

    def stays(self, version: int) -> list[str]:
        count = escalation.running_by(self.calendar.pk).count()
        return [_("Open deadlines that stay until they are worked out again: %(count)d.") % {"count": count}]

    def notice_days(self, content: Content) -> int:
        """What was promised to a customer is a deadline, and that stays."""
        return 0

    def _hours(self, content: Content) -> Any:
        weekly = {int(day): tuple((since, until) for since, until in spans) for day, spans in content["week"].items()}
        return replace(working_time(self.calendar), weekly=weekly)


def kinds() -> list[HoursKind]:
    """The calendars that have a week."""
    return [HoursKind(row) for row in BusinessCalendar.objects.filter(day_and_night=False).order_by("name", "pk")]


def named(name: str) -> HoursKind | None:
    """The kind of that name; None where there is no such calendar, or it is open day and night."""
    pk = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or not pk.isdecimal() or len(pk) > MOST_DIGITS:
        return None
    calendar = BusinessCalendar.objects.filter(pk=int(pk), day_and_night=False).first()
    return HoursKind(calendar) if calendar is not None else None


def _minute(at: datetime) -> int:
    return (at - EPOCH) // MINUTE


def _hours_of(content: Content) -> float:
    minutes: int = sum(until - since for spans in content["week"].values() for since, until in spans)
    return round(minutes / 60, 1)


def _spans(content: Content, weekday: int) -> str:
    spans = content["week"].get(str(weekday), [])
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}–{b // 60:02d}:{b % 60:02d}" for a, b in spans)
