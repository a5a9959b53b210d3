"""The week: dragged, worked by keys, or by its buttons; and the same as a list of what is coming up."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from care import appointments
from care.appointments import Agreed, Booked
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Invalid
from crm.desk.plan import week_page
from crm.desk.today import now, today
from crm.flows.planning.days_off import working_days
from customers.access import customer_for


@needs(Permission.WORK_PLAN)
def week(request: StaffRequest) -> HttpResponse:
    return render(request, "desk/plan/week.html", week_page.context(request.user, request.GET))


@needs(Permission.WORK_PLAN)
def coming_up(request: StaffRequest) -> HttpResponse:
    """The same, day after day, for a phone and for paper."""
    return render(request, "desk/plan/coming_up.html", week_page.context(request.user, request.GET))


@needs(Permission.WORK_PLAN)
@require_POST
def to_day(request: StaffRequest, pk: int) -> HttpResponse:
    """The appointment stands on another day, at the hour it had; refused, it stands where it was, with a sentence."""
    row = appointments.appointment_for(request.user, pk, today())

    def verb() -> Booked:
        on = _day(request)
        hour = row.hour
        return appointments.move(pk, on=on, hour=hour, by=request.user, at=now(), days=working_days(today()))

    return _answer(request, verb, _("Moved to %(day)s: %(name)s"), undo=reverse("desk:appointment_back", args=[pk]))


@needs(Permission.WORK_PLAN)
@require_POST
def book_on(request: StaffRequest, pk: int) -> HttpResponse:
    """A call with this customer is agreed for that day, at no hour yet."""
    customer = customer_for(request.user, pk, today())
    key = request.POST.get("client_key", "")[:40] or str(uuid4())

    def verb() -> Booked:
        agreed = Agreed(_day(request))
        days = working_days(today())
        return appointments.book(customer, agreed, by=request.user, at=now(), days=days, client_key=key)

    return _answer(request, verb, _("Agreed for %(day)s: %(name)s"))


def _day(request: StaffRequest) -> date:
    try:
        return date.fromisoformat(request.POST.get("on", ""))
    except ValueError:
        raise Invalid(_("Choose a day."), code="day_missing") from None


def _answer(request: StaffRequest, verb: Callable[[], Booked], thanks: str, *, undo: str = "") -> HttpResponse:
    """The week as it now is, with a word on what happened; a plain form is sent to the page."""
    tone, way_back = "success", undo
    try:
        booked = verb()
        text = thanks % {"day": f"{booked.appointment.on:%m-%d}", "name": booked.appointment.customer.name}
        text = f"{text} · {booked.warning}" if booked.warning else text
    except DomainError as refusal:
        text, tone, way_back = str(refusal), "error", ""
    if not request.htmx:
        messages.add_message(
            request, messages.ERROR if tone == "error" else messages.SUCCESS, text, extra_tags=way_back
        )
        return redirect("desk:week")
    view = QueryDict(urlsplit(request.htmx.current_url or "").query)
    response = render(request, "desk/plan/week.html#week", week_page.context(request.user, view))
    toast: dict[str, Any] = {"text": text, "tone": tone}
    if way_back:
        toast["undo"] = {"url": way_back, "target": "#week", "swap": "outerHTML"}
    return trigger_client_event(response, "toast", toast)


@needs(Permission.WORK_PLAN)
@require_POST
def back(request: StaffRequest, pk: int) -> HttpResponse:
    """Undo of a move: it stands where it stood before."""
    appointments.appointment_for(request.user, pk, today())
    return _answer(
        request,
        lambda: appointments.move_back(pk, by=request.user, at=now(), days=working_days(today())),
        _("Back on %(day)s: %(name)s"),
    )
