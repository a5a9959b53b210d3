"""Appointments made, moved, called off and taken back."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from care import appointments
from care.appointments import Agreed, Booked
from care.models import Appointment
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, where_it_stood
from crm.desk.plan.answers import asked
from crm.desk.plan.forms import BookForm, CancelForm, MoveForm
from crm.desk.today import now, today
from crm.flows.planning.days_off import working_days
from customers.access import customer_for

BESIDE = {
    "day_past": "on",
    "day_far": "on",
    "away": "on",
    "hour_past": "hour",
    "appointment_minutes": "minutes",
    "cancel_reason": "reason",
}


@needs(Permission.WORK_PLAN)
@require_http_methods(["GET", "POST"])
def book(request: StaffRequest, pk: int) -> HttpResponse:
    """An appointment with this customer."""
    customer = customer_for(request.user, pk, today())
    days = working_days(today())
    purpose = request.GET.get("for", "")
    form = BookForm(
        request.POST if request.method == "POST" else None,
        first=days.first(today() + timedelta(days=1)),
        purpose=purpose if purpose in Appointment.Purpose.values else "",
        how=Appointment.How.VISIT if purpose == Appointment.Purpose.LEADER else "",
    )

    def verb(data: dict[str, Any]) -> Booked:
        key, people = str(data.pop("client_key")), data.pop("attendees", ())
        return appointments.book(
            customer, Agreed(**data), by=request.user, at=now(), days=days, client_key=key, attendees=people
        )

    return asked(
        request,
        form,
        verb,
        lambda booked: _said(_("Agreed for %(day)s: %(name)s"), booked),
        context={
            "title": _("Appointment"),
            "name": customer.name,
            "button": _("Save"),
            "back": _("Week plan"),
            "words": "",
            "url": reverse("desk:book", args=[pk]),
        },
        back=reverse("desk:week"),
        beside=BESIDE,
    )


def _said(text: str, booked: Booked) -> str:
    row = booked.appointment
    said = text % {"day": f"{row.on:%m-%d}", "name": row.customer.name}
    return f"{said} · {booked.warning}" if booked.warning else said


@needs(Permission.WORK_PLAN)
@require_http_methods(["GET", "POST"])
def move(request: StaffRequest, pk: int) -> HttpResponse:
    """To another day, or another hour of it."""
    row = appointments.appointment_for(request.user, pk, today())
    form = MoveForm(request.POST if request.method == "POST" else None, appointment=row, today=today())

    def verb(data: dict[str, Any]) -> Booked:
        return appointments.move(pk, by=request.user, at=now(), days=working_days(today()), **data)

    return asked(
        request,
        form,
        verb,
        lambda booked: _said(_("Moved to %(day)s: %(name)s"), booked),
        context={
            "title": _("Move the appointment"),
            "name": row.customer.name,
            "button": _("Move"),
            "back": _("Week plan"),
            "words": f"{row.on:%Y-%m-%d}" + (f" {row.hour:%H:%M}" if row.hour else ""),
            "url": reverse("desk:appointment_move", args=[pk]),
        },
        back=reverse("desk:week"),
        beside=BESIDE,
        undo=lambda booked: reverse("desk:appointment_back", args=[pk]),
    )


@needs(Permission.WORK_PLAN)
@require_http_methods(["GET", "POST"])
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """Called off, with the reason."""
    row = appointments.appointment_for(request.user, pk, today())
    form = CancelForm(request.POST if request.method == "POST" else None)

    def verb(data: dict[str, Any]) -> Appointment:
        return appointments.cancel(pk, by=request.user, at=now(), days=working_days(today()), **data)

    return asked(
        request,
        form,
        verb,
        lambda cancelled: _("Called off: %(name)s") % {"name": row.customer.name},
        context={
            "title": _("Call the appointment off"),
            "name": row.customer.name,
            "button": _("Call off"),
            "back": _("Week plan"),
            "words": f"{row.on:%Y-%m-%d}",
            "url": reverse("desk:appointment_cancel", args=[pk]),
        },
        back=reverse("desk:week"),
        beside=BESIDE,
        undo=lambda cancelled: reverse("desk:appointment_restore", args=[pk]),
    )


@needs(Permission.WORK_PLAN)
@require_POST
def restore(request: StaffRequest, pk: int) -> HttpResponse:
    """Undo of calling off."""
    row = appointments.appointment_for(request.user, pk, today())
    press(
        request,
        lambda: appointments.restore(pk, by=request.user, at=now(), days=working_days(today())),
        lambda restored: _("It stands again: %(name)s") % {"name": row.customer.name},
    )
    return redirect(where_it_stood(request, reverse("desk:week"), reverse("desk:coming_up"), reverse("desk:my_day")))
