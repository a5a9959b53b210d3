"""The case: everything that can be done about it, each at an address of its own."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import lifecycle, transitions
from complaints.models import Case
from core.accounts import idempotency
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, View, may, needs
from core.accounts.roles import Permission, rights_of
from core.lib.errors import DomainError
from core.lib.periods import mall_time
from crm.desk.acting import meant_again, once
from crm.desk.complaints import case_page
from crm.desk.complaints.case_page import Unfinished
from crm.desk.complaints.deeds import Deed, form_for
from crm.desk.complaints.forms import CaseForm, ReplyForm
from crm.desk.opening import note
from crm.desk.today import now, today
from customers import queries as people
from customers.access import customer_for


@needs(Permission.WORK_COMPLAINTS)
def complaint(request: StaffRequest, pk: int) -> HttpResponse:
    case = queries.case_for(request.user, pk, now())
    if case.customer:
        note(request, case.customer)
    return _page(request, case)


def view_of(deed: Deed) -> View:
    """The page's answer to that deed."""

    @needs(deed.permission)
    @require_POST
    def view(request: StaffRequest, pk: int) -> HttpResponse:
        return _do(request, queries.case_for(request.user, pk, now()), deed)

    return view


def _do(request: StaffRequest, case: Case, deed: Deed) -> HttpResponse:
    """What was typed comes back with the refusal; a second editor sees both texts."""
    form = form_for(deed, case, request.user, request.POST)
    if not form.is_valid():
        return _page(request, case, Unfinished(deed, form), status=422)
    try:
        once(request.POST, lambda: deed.act(case, request.user, now(), form.cleaned_data))
    except transitions.Conflict as conflict:
        case.refresh_from_db()
        return _page(request, case, Unfinished(deed, _again(deed, form, case, request.user)), conflict, status=409)
    except DomainError as refusal:
        if isinstance(refusal, idempotency.SentBefore):
            meant_again(form)
        form.add_error(None, str(refusal))
        case.refresh_from_db()
        return _page(request, case, Unfinished(deed, form), status=422)
    messages.success(request, str(deed.done))
    return redirect("desk:complaint", case.pk)


def _again(deed: Deed, form: CaseForm, case: Case, by: User) -> CaseForm:
    """The same words, now knowing what the case has become: saving them once more is the confirming click."""
    again = form_for(deed, case, by, {**dict(form.data.items()), "version": str(case.version)})
    again.full_clean()
    return again


def _page(
    request: StaffRequest,
    case: Case,
    unfinished: Unfinished | None = None,
    conflict: transitions.Conflict | None = None,
    status: int = 200,
) -> HttpResponse:
    context = case_page.context(case, request.user, now(), unfinished)
    return render(request, "desk/complaints/case.html", context | {"conflict": conflict}, status=status)


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """Unsent words are safe on the server."""
    case = queries.case_for(request.user, pk, now())
    form = ReplyForm(request.POST)
    form.is_valid()
    version = form.cleaned_data.get("version") or case.version
    if idempotency.had_effect([request.POST.get("once", "")]):
        return HttpResponse()  # they have just been sent
    lifecycle.save_draft(case.pk, by=request.user, body=request.POST.get("body", ""), base_version=version, at=now())
    return HttpResponse(_("Draft kept %(time)s") % {"time": f"{mall_time(now()):%H:%M}"})


# Where the button beside the customer leads, for whom.
TO = {
    "edit": ("desk:customer_edit", Permission.EDIT_CUSTOMER),
    "suspect": ("desk:suspect", Permission.SUSPECT_LOSS),
}


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def customer(request: StaffRequest, pk: int) -> HttpResponse:
    """Whoever finds a customer by a number finds the one whose case they work: the record opens until midnight."""
    case = queries.case_for(request.user, pk, now())
    if case.customer is None:
        raise Http404
    if rights_of(request.user).looks_up:
        people.look_up(request.user, case.customer.pk, today())
    person = customer_for(request.user, case.customer.pk, today())
    if (to := TO.get(request.POST.get("to", ""))) and may(request.user, to[1]):
        return redirect(to[0], person.pk)
    page = reverse("desk:customer", args=[person.pk])
    return redirect(f"{page}#reach" if request.POST.get("to") == "reach" else page)
