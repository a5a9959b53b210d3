"""A visit or a call logged on the way: one page for a phone, kept there while there is no net."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from care import appointments
from care.models import Appointment, PlanDue
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out
from crm.desk.opening import opened_by
from crm.desk.plan.forms import VisitForm
from crm.desk.today import now, today
from crm.flows.planning import talks
from crm.flows.planning.days_off import working_days
from customers.access import visible_to
from customers.models import Contact

BESIDE = {"day_past": "promise_due_on", "hour_past": "promise_due_time", "promise_incomplete": "promise"}


@needs(Permission.WORK_PLAN)
@require_safe
def today_visits(request: StaffRequest) -> HttpResponse:
    """I am here: who is visited or called today, and whom nobody has reached yet."""
    rows = appointments.visible_to(request.user, today()).filter(on__lte=today(), state__in=appointments.WAITS)
    rows = rows.filter(owner=request.user) | rows.filter(attendees=request.user)
    shown = rows.distinct().select_related("customer").order_by("-on", "hour", "pk")[:50]
    logged = request.GET.get("logged", "")
    person = visible_to(request.user, today()).filter(pk=logged).first() if logged.isdecimal() else None
    return render(request, "desk/plan/visits.html", {"rows": list(shown), "today": today(), "logged": person})


@needs(Permission.WORK_PLAN)
@require_http_methods(["GET", "POST"])
def visit(request: StaffRequest, pk: int) -> HttpResponse:
    """Logged with a thumb: means, outcome, mood, what was said, a promise, when next."""
    customer = opened_by(request, pk)
    waits = appointments.visible_to(request.user, today()).filter(
        customer=customer, on__lte=today(), state__in=appointments.WAITS
    )
    appointment: Appointment | None = waits.order_by("-on", "hour", "pk").first()
    plan = PlanDue.objects.filter(customer=customer).first()
    form = VisitForm(
        request.POST if request.method == "POST" else None,
        appointment=appointment,
        every_days=plan.every_days if plan else None,
    )

    def log(data: dict[str, Any]) -> Contact:
        next_in, key = data.pop("next_in"), str(data.pop("client_key"))
        next_on = working_days(today()).first(today() + timedelta(days=int(next_in))) if next_in else None
        return talks.log(customer, by=request.user, at=now(), next_contact_on=next_on, client_key=key, **data)

    if form.is_bound and carried_out(form, log, beside=BESIDE):
        # No message of the session: a phone that asks for the page in the background would have used it up.
        return redirect(f"{reverse('desk:visits')}?logged={customer.pk}")
    context = {"form": form, "customer": customer, "appointment": appointment, "plan": plan}
    return render(request, "desk/plan/visit.html", context, status=422 if form.errors else 200)
