"""The days of somebody's life: how the customer page shows them, the page that edits them, and the doubtful ones."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.almanac import days
from crm.desk.acting import press, submit
from crm.desk.customers.record.life_forms import LifeDateForm
from crm.desk.editing import edit
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer, LifeDate
from customers.record import life_dates

SHOWN = 50


class DayRow(NamedTuple):
    """A day as it is shown: what it is, the day in words, when it comes next (to `until` where only the month is known)."""

    row: LifeDate
    name: str
    text: str
    next: date
    until: date | None
    turns: int | None


def rows(dates: Iterable[LifeDate], on: date) -> list[DayRow]:
    """In the order in which they come; one that says the same as a greeted one is not shown twice."""
    shown: dict[tuple[Any, ...], DayRow] = {}
    for row in sorted(dates, key=lambda row: (not row.greet, row.pk)):
        key = (row.kind, row.label, row.of_whom, row.calendar, row.month, row.day, row.leap)
        shown.setdefault(key, _row(row, on))
    return sorted(shown.values(), key=lambda day: (day.next, day.row.pk))


def _row(row: LifeDate, on: date) -> DayRow:
    day = row.life_day
    first, last, period = days.next_kept(day, on, in_march=life_dates.in_march())
    what = row.label if row.kind == LifeDate.Kind.OTHER and row.label else row.get_kind_display()
    name = " · ".join(str(text) for text in (what, row.of_whom) if text)
    turns = period - day.year if day.year and row.kind != LifeDate.Kind.MEMORIAL else None
    return DayRow(row, name, _words(row), first, last if last != first else None, turns or None)


def _words(row: LifeDate) -> str:
    text = row.life_day.text.partition(" ")[0]
    if row.day is None:
        text = _("month %(month)s") % {"month": text}
    if row.leap:
        return f"{text} ({_('lunar, leap month')})"
    return f"{text} ({_('lunar')})" if row.calendar == LifeDate.Calendar.LUNAR else text


def _person(request: StaffRequest, pk: int) -> Customer:
    return customer_for(request.user, pk, today())


@needs(Permission.WORK_CARE)
@never_cache
def life_dates_page(request: StaffRequest, pk: int) -> HttpResponse:
    """All days of a customer, and a form for one more."""
    person = _person(request, pk)
    form = LifeDateForm(request.POST or None)
    if request.method == "POST" and submit(
        request,
        form,
        lambda data: life_dates.put(person, form.told(), by=request.user, at=now(), today=today()),
        _("The day is on record"),
    ):
        return redirect("desk:life_dates", pk)
    context = {"customer": person, "form": form, "days": rows(person.life_dates.all(), today())}
    return render(request, "desk/customers/record/days.html", context, status=422 if form.errors else 200)


@needs(Permission.WORK_CARE)
@never_cache
def life_date(request: StaffRequest, pk: int, day: int) -> HttpResponse:
    """One day is corrected; what others correct meanwhile stays."""
    person = _person(request, pk)
    row = person.life_dates.filter(pk=day).first()
    if row is None:
        raise Http404
    form = LifeDateForm(request.POST or None, of=row)

    def store(customer: Customer, _data: dict[str, object]) -> LifeDate:
        return life_dates.put(customer, form.told(), by=request.user, at=now(), today=today(), pk=day)

    if request.method == "POST" and edit(request, form, person, store, _("Saved")):
        return redirect("desk:life_dates", pk)
    context = {"customer": person, "form": form, "day": _row(row, today())}
    return render(request, "desk/customers/record/day.html", context, status=422 if form.errors else 200)


@needs(Permission.WORK_CARE)
@require_POST
def life_date_remove(request: StaffRequest, pk: int, day: int) -> HttpResponse:
    return _do(
        request, pk, lambda person: life_dates.remove(person, day, by=request.user, at=now()), _("The day is gone")
    )


@needs(Permission.WORK_CARE)
@require_POST
def life_date_confirm(request: StaffRequest, pk: int, day: int) -> HttpResponse:
    """The day is right: pressed where all days of the customer stand, or on the list of doubtful ones."""
    return _do(
        request, pk, lambda person: life_dates.confirm(person, day, by=request.user, at=now()), _("Confirmed: greeted")
    )


def _do(request: StaffRequest, pk: int, verb: Callable[[Customer], Any], thanks: str) -> HttpResponse:
    person = _person(request, pk)
    press(request, lambda: verb(person), thanks)
    if request.POST.get("back") == "doubtful":
        return redirect("desk:doubtful_days")
    return redirect("desk:life_dates", pk)


@needs(Permission.WORK_CARE)
@takeable("doubtful-birthdays")
def doubtful_days(request: StaffRequest) -> HttpResponse:
    """Days that look like the default of a source: nobody is greeted on them until somebody has asked."""
    page = page_of(request, life_dates.doubtful(request.user, today()), SHOWN)
    shown = [_row(row, today()) for row in page.rows]
    return render(request, "desk/customers/record/doubtful.html", {"page": page.of(shown)})
