"""The privacy officer's desk: what customers asked, who looked at how many, and who saw one of them."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out, submit
from crm.desk.oversight import privacy_page
from crm.desk.oversight.forms import EndForm, NumberForm, RequestForm
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import PrivacyRequest
from customers.privacy import requests

UNKNOWN = {"customer_unknown": "number", "asked_on": "asked_on", "due_on": "due_on"}


@needs(Permission.KEEP_PRIVACY)
@never_cache
def privacy(request: StaffRequest) -> HttpResponse:
    return _page(request)


def _page(request: StaffRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    context = privacy_page.context(request) | {
        "form": RequestForm(initial={"asked_on": today()}),
        "who_form": NumberForm(prefix="who"),
        "end_form": EndForm(),
    }
    return render(request, "desk/oversight/privacy.html", context | changed, status=status)


@needs(Permission.KEEP_PRIVACY)
def kept(request: StaffRequest) -> HttpResponse:
    """What is kept for how long, and what of it went last night."""
    return render(request, "desk/oversight/kept.html", privacy_page.kept())


@needs(Permission.KEEP_PRIVACY)
@require_POST
def register(request: StaffRequest) -> HttpResponse:
    form = RequestForm(request.POST)

    def verb(data: dict[str, Any]) -> PrivacyRequest:
        customer = requests.customer_numbered(data.pop("number"))
        return requests.register(customer, by=request.user, at=now(), today=today(), **data)

    def thanks(made: PrivacyRequest) -> str:
        return _("Registered; due on %(day)s.") % {"day": made.due_on.isoformat()}

    if submit(request, form, verb, thanks, beside=UNKNOWN):
        return redirect("desk:privacy")
    return _page(request, form=form, status=422)


@needs(Permission.KEEP_PRIVACY)
@require_POST
def end(request: StaffRequest, pk: int) -> HttpResponse:
    asked, form = get_object_or_404(PrivacyRequest, pk=pk), EndForm(request.POST)

    def verb(data: dict[str, Any]) -> PrivacyRequest:
        return requests.end(asked.pk, done=bool(data["done"]), outcome=data["outcome"], by=request.user, at=now())

    if submit(request, form, verb, _("The request is ended."), beside={"outcome": "outcome"}):
        return redirect("desk:privacy")
    return _page(request, end_form=form, ending=asked, status=422)


@needs(Permission.KEEP_PRIVACY)
@require_POST
@never_cache
def who_saw(request: StaffRequest) -> HttpResponse:
    """Who saw the customer of this number. A POST, and on record: the question itself tells something of the person."""
    form = NumberForm(request.POST, prefix="who")
    found = carried_out(form, lambda data: requests.customer_numbered(data["number"]), beside=UNKNOWN)
    if found is None:
        return _page(request, who_form=form, status=422)
    audit.record(request.user, "who_saw.asked", found.result, at=now())
    context = privacy_page.who_saw(found.result) | {"by_number": True}
    return render(request, "desk/oversight/who_saw.html", context)


@needs(Permission.VIEW_WHO_SAW)
@takeable("who-saw", people=False)
@never_cache
def customer_seen(request: StaffRequest, pk: int) -> HttpResponse:
    """The same for somebody whose page one may open oneself."""
    customer = customer_for(request.user, pk, today())
    return render(request, "desk/oversight/who_saw.html", privacy_page.who_saw(customer) | {"by_number": False})


@needs(Permission.VIEW_AUDIT)
@takeable("rights", people=False)
def access(request: StaffRequest) -> HttpResponse:
    """Who may do what, in words: the table of rights as it is in force."""
    return render(request, "desk/oversight/access.html", privacy_page.rights_table())
