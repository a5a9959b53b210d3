"""Somebody is not to be reached any more, and how a lead takes that back."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import submit
from crm.desk.customers.record.life_forms import StopForm, StopUndoForm
from crm.desk.today import now, today
from crm.flows.record import stopping
from customers.access import customer_for
from customers.models import ContactStop


@needs(Permission.LOG_CONTACT)
@never_cache
def stop(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = StopForm(request.POST or None)
    if request.method == "POST" and submit(
        request,
        form,
        lambda data: stopping.say(person, by=request.user, at=now(), **data),
        _("Nobody is asked to reach this customer any more"),
        beside={"day_later": "since"},
    ):
        return redirect("desk:customer", pk)
    context = {"customer": person, "form": form}
    return render(request, "desk/customers/record/stop.html", context, status=422 if form.errors else 200)


@needs(Permission.UNDO_STOP)
@never_cache
def stop_undo(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    known = ContactStop.objects.filter(customer=person).select_related("by").first()
    if known is None and request.method != "POST":
        raise Http404
    form = StopUndoForm(request.POST or None)
    if request.method == "POST" and submit(
        request,
        form,
        lambda data: stopping.undo(person, by=request.user, at=now(), **data),
        _("They are reached as before; the work that was dropped is open again"),
    ):
        return redirect("desk:customer", pk)
    context = {"customer": person, "form": form, "stop": known}
    return render(request, "desk/customers/record/stop_undo.html", context, status=422 if form.errors else 200)
