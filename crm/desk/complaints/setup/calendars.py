"""Working hours: the week, the days that differ, and a box to try a deadline before it is promised."""

from calendar import Calendar as MonthGrid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints.cases import escalation
from complaints.models import BusinessCalendar, Case
from complaints.promises import calendars as verbs
from complaints.promises import clock, weeks
from complaints.setup.hours import HoursKind
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.desk.acting import press, submit
from crm.desk.complaints.setup.forms import DayForm, DeadlineForm, MonthForm, WeekForm, YearForm, hours_text
from crm.desk.editing import edit
from crm.desk.today import now, today

MINUTE = timedelta(minutes=1)


class Moved(NamedTuple):
    """An open deadline that the calendar as it is now would put elsewhere."""

    case: Case
    promise: str
    before: datetime | None
    after: datetime | None


class Day(NamedTuple):
    date: date
    outside: bool
    today: bool
    hours: str
    differs: bool
    name: str

    @property
    def look(self) -> str:
        """The classes of its cell."""
        looks = {
            "is-outside": self.outside,
            "is-today": self.today,
            "is-closed": not self.hours,
            "is-different": self.differs,
        }
        return " ".join(look for look, so in looks.items() if so)


class Stretch(NamedTuple):
    since: datetime
    until: datetime
    minutes: int


@dataclass(frozen=True)
class Deadline:
    """What the box answers: the due moment, the stretches that counted, and the years whose holidays are a guess."""

    never: bool = False
    due: datetime | None = None
    guess: list[int] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
def calendars(request: StaffRequest) -> HttpResponse:
    first = BusinessCalendar.objects.filter(day_and_night=False).order_by("name").first()
    first = first or BusinessCalendar.objects.order_by("name").first()
    return (
        redirect("desk:complaint_calendar", first.pk) if first else render(request, "desk/complaints/calendar.html", {})
    )


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
def calendar(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(BusinessCalendar, pk=pk))


def _page(
    request: StaffRequest,
    chosen: BusinessCalendar,
    *,
    week: WeekForm | None = None,
    day: DayForm | None = None,
    status: int = 200,
) -> HttpResponse:
    hours = verbs.working_time(chosen)
    month = MonthForm(request.GET)
    text = month.cleaned_data["month"] if month.is_valid() else ""
    first = date.fromisoformat(f"{text}-01") if text else today().replace(day=1)
    tried = DeadlineForm(request.GET) if "minutes" in request.GET else None
    return render(
        request,
        "desk/complaints/calendar.html",
        {
            "calendar": chosen,
            "calendars": BusinessCalendar.objects.order_by("name"),
            "editable": may(request.user, Permission.EDIT_COMPLAINT_SETTINGS),
            "waits": changes.waiting(HoursKind(chosen)),
            "week_form": week or WeekForm(week={k: list(v) for k, v in hours.weekly.items()}),
            "day_form": day or DayForm(initial={"date": today()}),
            "weekdays": list(WEEKDAYS.values()),
            "weeks": _month(chosen, hours, first),
            "first": first,
            "before": (first - timedelta(days=1)).strftime("%Y-%m"),
            "after": (first + timedelta(days=31)).strftime("%Y-%m"),
            "confirmed": first.year in hours.confirmed_years,
            "moved": [
                Moved(clock.case, str(clock.get_metric_display()), clock.due_at, due)
                for clock, due in escalation.preview_recalculation(chosen.pk)
            ],
            "deadline_form": tried or DeadlineForm(initial={"start": now().astimezone(hours.zone), "minutes": 480}),
            "deadline": _deadline(hours, tried) if tried and tried.is_valid() else None,
        },
        status=status,
    )


def _month(chosen: BusinessCalendar, hours: clock.Calendar, first: date) -> list[list[Day]]:
    names = {day.date: day for day in chosen.days.filter(date__year=first.year)}
    return [
        [
            Day(
                day,
                outside=day.month != first.month,
                today=day == today(),
                hours=_("day and night") if hours.day_and_night else hours_text(tuple(hours.shifts_on(day))),
                differs=day in names,
                name=names[day].name if day in names else "",
            )
            for day in week
        ]
        for week in MonthGrid().monthdatescalendar(first.year, first.month)
    ]


def _deadline(hours: clock.Calendar, form: DeadlineForm) -> Deadline:
    """What the box answers: the due moment, the stretches that counted, and whether the year is a guess."""
    start: datetime = form.cleaned_data["start"].replace(tzinfo=ZoneInfo(hours.zone.key))
    try:
        due = clock.due_at(hours, start, timedelta(minutes=form.cleaned_data["minutes"]))
    except (clock.NeverOpen, OverflowError):
        return Deadline(never=True)
    assert due is not None  # only an open pause has no answer  # noqa: S101
    return Deadline(
        due=due.astimezone(hours.zone),
        guess=clock.unconfirmed_years(hours, start, due),
        stretches=[
            Stretch(opens.astimezone(hours.zone), closes.astimezone(hours.zone), (closes - opens) // MINUTE)
            for opens, closes in clock.counted(hours, start, due)
        ],
    )


THANKS = gettext_lazy("Saved. Open cases keep their deadlines until you work them out again.")


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def set_week(request: StaffRequest, pk: int) -> HttpResponse:
    """The week waits for a second person, with the open deadlines it would move."""
    chosen = get_object_or_404(BusinessCalendar, pk=pk, day_and_night=False)
    form, kind = WeekForm(request.POST), HoursKind(chosen)
    proposed: list[RuleChange] = []

    def verb(row: BusinessCalendar, data: dict[str, Any]) -> None:
        content = {"week": weeks.written(form.shifts())}
        proposed.append(
            changes.propose(
                kind, content, starts_on=data["starts_on"], reason=data["reason"], by=request.user, at=now()
            )
        )

    if edit(request, form, chosen, verb, ""):
        return redirect("desk:rule_change", proposed[0].pk)
    return _page(request, chosen, week=form, status=422)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def set_day(request: StaffRequest, pk: int) -> HttpResponse:
    def verb(data: dict[str, Any]) -> None:
        verbs.set_day(pk, data["date"], hours=form.chosen(), name=data["name"], by=request.user, at=now())

    chosen = get_object_or_404(BusinessCalendar, pk=pk)
    form = DayForm(request.POST)
    if submit(request, form, verb, str(THANKS)):
        return redirect(f"{reverse('desk:complaint_calendar', args=[pk])}?month={form.cleaned_data['date']:%Y-%m}")
    return _page(request, chosen, day=form, status=422)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def import_holidays(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(BusinessCalendar, pk=pk)
    form = YearForm(request.POST)
    if form.is_valid():
        year = form.cleaned_data["year"]
        press(
            request,
            lambda: verbs.import_holidays(pk, year, by=request.user, at=now()),
            lambda count: _("%(count)d days filled in. Look at them, then confirm the year.") % {"count": count},
        )
    return redirect("desk:complaint_calendar", pk)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def confirm_year(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(BusinessCalendar, pk=pk)
    form = YearForm(request.POST)
    if form.is_valid():
        year = form.cleaned_data["year"]
        thanks = _("The year %(year)s is confirmed.") % {"year": year}
        press(request, lambda: verbs.confirm_year(pk, year, by=request.user, at=now()), thanks)
    return redirect("desk:complaint_calendar", pk)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def recalculate(request: StaffRequest, pk: int) -> HttpResponse:
    """Open cases follow the calendar as it is now; each says so in its history."""
    chosen = get_object_or_404(BusinessCalendar, pk=pk)
    reason = request.POST.get("reason", "").strip()[:200]
    if not reason:
        messages.error(request, _("Say why the deadlines move."))
        return _page(request, chosen, status=422)
    press(
        request,
        lambda: escalation.recalculate_calendar(pk, by=request.user, at=now(), reason=reason),
        lambda count: _("%(count)d open cases have new deadlines.") % {"count": count},
    )
    return redirect("desk:complaint_calendar", pk)
