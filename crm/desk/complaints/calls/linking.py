"""Whose the case of an anonymous caller is: found like any caller, or put on record."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import lifecycle
from complaints.models import Case
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.complaints.calls import who
from crm.desk.today import now, today
from customers import queries as people
from customers.models import Customer

OFFERED = 9


class NewPersonForm(forms.Form):
    phone = forms.CharField(
        label=gettext_lazy("Phone"), max_length=40, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=120)
    who = forms.CharField(required=False, max_length=40)


@needs(Permission.WORK_COMPLAINTS)
def link(request: StaffRequest, pk: int) -> HttpResponse:
    """The page on which the customer is looked for. What is typed may be a phone: it is posted, never in an address."""
    case = queries.case_for(request.user, pk, now())
    text = request.POST.get("q", "")[:120]
    exact = people.search(request.user, text, today()) if text.strip() else []
    offered = (exact or people.callers(request.user, text, today()) if text.strip() else [])[:OFFERED]
    return _page(request, case, callers=[who.Hint.of(request.user, person) for person in offered], sought=text)


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def link_to(request: StaffRequest, pk: int) -> HttpResponse:
    """One of the people found."""
    case = queries.case_for(request.user, pk, now())
    person = who.offered(request.user, request.POST.get("caller", ""))
    press(request, lambda: _link(request, case, person), _("Linked to %(name)s") % {"name": person.name})
    return redirect("desk:complaint", pk)


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def link_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody who is not on record yet, or whose phone others are known by."""
    case = queries.case_for(request.user, pk, now())
    form = NewPersonForm(request.POST)

    def store(data: dict[str, Any]) -> Case:
        person = who.stranger(request.user, phone=data["phone"], name=data["name"], answer=data["who"])
        return _link(request, case, person)

    beside = {"phone_invalid": "phone", "phone_damaged": "phone"}
    if submit(request, form, store, lambda row: _("Linked to %(name)s") % {"name": row.who}, beside=beside):
        return redirect("desk:complaint", pk)
    whose = who.question(request.user, request.POST.get("phone", "")[:40], request.POST.get("who", ""))
    return _page(request, case, form=form, whose=whose, status=422)


def _link(request: StaffRequest, case: Case, person: Customer) -> Case:
    return lifecycle.link(case.pk, person, by=request.user, at=now())


def _page(
    request: StaffRequest, case: Case, form: NewPersonForm | None = None, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {"case": case, "form": form or NewPersonForm()}
    return render(request, "desk/complaints/log/link.html", context | more, status=status)
