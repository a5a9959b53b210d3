"""Working hours: the week, the days that differ, and a box to try a deadline before it is promised."""

import re
from calendar import Calendar as MonthGrid
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints.cases import escalation
from complaints.models import BusinessCalendar
from complaints.promises import calendars as verbs
from complaints.promises import clock
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Invalid
from crm.desk.today import now, today

Hours = list[tuple[int, int]]
_SPAN = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~至到]\s*(\d{1,2})[:：](\d{2})")
MOST_MINUTES = 60 * 24 * 90


def parse_hours(text: str) -> Hours:
    """Minutes of the day from “09:00–12:00, 13:00–18:00”. Raises Invalid when anything else is in it."""
    if _SPAN.sub("", text).strip(" ,，、;；"):
        raise Invalid(_("Write hours like 09:00–12:00, 13:00–18:00."), code="hours_unclear")
    return [(int(a) * 60 + int(b), int(c) * 60 + int(d)) for a, b, c, d in _SPAN.findall(text)]


def told_hours(hours: Hours | tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}–{b // 60:02d}:{b % 60:02d}" for a, b in hours)


class WeekForm(forms.Form):
    """One line of hours per weekday; empty means closed."""

    def __init__(self, *args: Any, week: dict[int, Hours] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, name in WEEKDAYS.items():
            self.fields[f"day_{number + 1}"] = forms.CharField(
                label=name,
                required=False,
                max_length=80,
                initial=told_hours((week or {}).get(number + 1, [])),
                widget=forms.TextInput(attrs={"placeholder": "–", "autocomplete": "off"}),
            )

    def shifts(self) -> list[tuple[int, int, int]]:
        return [
            (weekday, start, end)
            for weekday in range(1, 8)
            for start, end in parse_hours(self.cleaned_data[f"day_{weekday}"])
        ]


class DayForm(forms.Form):
    CLOSED, WORKED, USUAL = "closed", "worked", "usual"
    date = forms.DateField(label=gettext_lazy("Date"), widget=forms.DateInput(attrs={"type": "date"}))
    kind = forms.ChoiceField(
        label=gettext_lazy("That day is"),
        choices=[
            (CLOSED, gettext_lazy("closed")),
            (WORKED, gettext_lazy("worked at these hours")),
            (USUAL, gettext_lazy("like its weekday again")),
        ],
    )
    hours = forms.CharField(
        label=gettext_lazy("Hours"), required=False, max_length=80, initial="09:00–12:00, 13:00–18:00"
    )
    name = forms.CharField(label=gettext_lazy("Name of the day"), required=False, max_length=80)

    def told(self) -> Hours | None:
        if self.cleaned_data["kind"] == self.USUAL:
            return None
        if self.cleaned_data["kind"] == self.CLOSED:
            return []
        hours = parse_hours(self.cleaned_data["hours"])
        if not hours:
            raise Invalid(_("Write hours like 09:00–12:00, 13:00–18:00."), code="hours_unclear")
        return hours


class DeadlineForm(forms.Form):
    start = forms.DateTimeField(
        label=gettext_lazy("From"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Working minutes"), min_value=1, max_value=MOST_MINUTES, initial=480
    )


class MonthForm(forms.Form):
    month = forms.RegexField(r"^\d{4}-(0[1-9]|1[0-2])$", required=False)


class YearForm(forms.Form):
    year = forms.IntegerField(min_value=2000, max_value=2100)


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
    found: BusinessCalendar,
    *,
    week: WeekForm | None = None,
    day: DayForm | None = None,
    status: int = 200,
) -> HttpResponse:
    hours = verbs.working_time(found)
    chosen = MonthForm(request.GET)
    text = chosen.cleaned_data["month"] if chosen.is_valid() else ""
    first = date.fromisoformat(f"{text}-01") if text else today().replace(day=1)
    tried = DeadlineForm(request.GET) if "minutes" in request.GET else None
    return render(
        request,
        "desk/complaints/calendar.html",
        {
            "calendar": found,
            "calendars": BusinessCalendar.objects.order_by("name"),
            "editable": may(request.user, Permission.EDIT_COMPLAINT_SETTINGS),
            "week_form": week or WeekForm(week={k: list(v) for k, v in hours.weekly.items()}),
            "day_form": day or DayForm(initial={"date": today()}),
            "weekdays": list(WEEKDAYS.values()),
            "weeks": _month(found, hours, first),
            "first": first,
            "before": (first - timedelta(days=1)).strftime("%Y-%m"),
            "after": (first + timedelta(days=31)).strftime("%Y-%m"),
            "confirmed": first.year in hours.confirmed_years,
            "moved": [
                {"case": moved.case, "promise": moved.get_metric_display(), "before": moved.due_at, "after": due}
                for moved, due in escalation.preview_recalculation(found.pk)
            ],
            "deadline_form": tried or DeadlineForm(initial={"start": now().astimezone(hours.zone), "minutes": 480}),
            "deadline": _deadline(hours, tried) if tried and tried.is_valid() else None,
        },
        status=status,
    )


def _month(found: BusinessCalendar, hours: clock.Calendar, first: date) -> list[list[dict[str, Any]]]:
    names = {day.date: day for day in found.days.filter(date__year=first.year)}
    return [
        [
            {
                "date": day,
                "outside": day.month != first.month,
                "today": day == today(),
                "hours": _("day and night") if hours.day_and_night else told_hours(tuple(hours.shifts_on(day))),
                "differs": day in names,
                "name": names[day].name if day in names else "",
            }
            for day in week
        ]
        for week in MonthGrid().monthdatescalendar(first.year, first.month)
    ]


def _deadline(hours: clock.Calendar, form: DeadlineForm) -> dict[str, Any]:
    """What the box answers: the due moment, the stretches that counted, and whether the year is a guess."""
    start: datetime = form.cleaned_data["start"].replace(tzinfo=ZoneInfo(hours.zone.key))
    try:
        due = clock.due_at(hours, start, timedelta(minutes=form.cleaned_data["minutes"]))
    except (clock.NeverOpen, OverflowError):
        return {"never": True}
    assert due is not None  # only an open pause has no answer  # noqa: S101
    return {
        "due": due.astimezone(hours.zone),
        "guess": clock.unconfirmed_years(hours, start, due),
        "stretches": [
            {
                "from": opens.astimezone(hours.zone),
                "until": closes.astimezone(hours.zone),
                "minutes": int((closes - opens).total_seconds() // 60),
            }
            for opens, closes in clock.counted(hours, start, due)
        ],
    }


def _tell(request: StaffRequest, refusal: DomainError) -> None:
    messages.error(request, str(refusal))


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def set_week(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(BusinessCalendar, pk=pk)
    form = WeekForm(request.POST)
    if form.is_valid():
        try:
            verbs.set_shifts(pk, form.shifts(), by=request.user, at=now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved. Open cases keep their deadlines until you work them out again."))
            return redirect("desk:complaint_calendar", pk)
    return _page(request, found, week=form, status=422)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def set_day(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(BusinessCalendar, pk=pk)
    form = DayForm(request.POST)
    if form.is_valid():
        day: date = form.cleaned_data["date"]
        try:
            verbs.set_day(pk, day, hours=form.told(), name=form.cleaned_data["name"], by=request.user, at=now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved. Open cases keep their deadlines until you work them out again."))
            response = redirect("desk:complaint_calendar", pk)
            response["Location"] += f"?month={day:%Y-%m}"
            return response
    return _page(request, found, day=form, status=422)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def import_holidays(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(BusinessCalendar, pk=pk)
    form = YearForm(request.POST)
    if form.is_valid():
        try:
            added = verbs.import_holidays(pk, form.cleaned_data["year"], by=request.user, at=now())
            messages.success(
                request, _("%(count)d days filled in. Look at them, then confirm the year.") % {"count": added}
            )
        except DomainError as refusal:
            _tell(request, refusal)
    return redirect("desk:complaint_calendar", pk)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def confirm_year(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(BusinessCalendar, pk=pk)
    form = YearForm(request.POST)
    if form.is_valid():
        verbs.confirm_year(pk, form.cleaned_data["year"], by=request.user, at=now())
        messages.success(request, _("The year %(year)s is confirmed.") % {"year": form.cleaned_data["year"]})
    return redirect("desk:complaint_calendar", pk)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def recalculate(request: StaffRequest, pk: int) -> HttpResponse:
    """Open cases follow the calendar as it is now; each says so in its history."""
    found = get_object_or_404(BusinessCalendar, pk=pk)
    reason = request.POST.get("reason", "").strip()[:200]
    if not reason:
        messages.error(request, _("Say why the deadlines move."))
        return _page(request, found, status=422)
    moved = escalation.recalculate_calendar(pk, by=request.user, at=now(), reason=reason)
    messages.success(request, _("%(count)d open cases have new deadlines.") % {"count": moved})
    return redirect("desk:complaint_calendar", pk)
