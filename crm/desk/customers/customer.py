"""The page of one customer, and what can be done there."""

from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out, first_error, submit
from crm.desk.customers import customer_page
from crm.desk.customers.forms import AssignForm, ProfileForm, RevealForm
from crm.desk.customers.record import reach
from crm.desk.customers.record.forms import ContactPointForm
from crm.desk.editing import edit
from crm.desk.opening import opened_by
from crm.desk.today import now, today
from crm.desk.work.forms import ContactForm
from crm.flows.planning import talks
from customers import contact_points, managers
from customers.access import customer_for, visible_to
from customers.models import ContactPoint, Customer
from customers.record import reach as reach_verbs
from customers.record import writing
from customers.record.facts import Facts


@needs(Permission.VIEW_CUSTOMER)
def customer(request: StaffRequest, pk: int) -> HttpResponse:
    """The page; a number that was merged leads to the record it went into."""
    return _page(request, opened_by(request, pk))


def _page(request: StaffRequest, person: Customer, *, status: int = 200, **changed: Any) -> HttpResponse:
    """The page; a form that was refused says so at the top as well, as it may stand far below."""
    for form in changed.values():
        if isinstance(form, BaseForm) and not isinstance(form, ContactForm) and form.errors:
            messages.error(request, _("Not saved: %(why)s") % {"why": first_error(form)})
    context = customer_page.context(request, person) | changed
    return render(request, "desk/customers/customer.html", context, status=status)


@needs(Permission.LOG_CONTACT)
@require_POST
def log_contact(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = ContactForm(request.POST)
    if submit(
        request,
        form,
        lambda data: talks.log(person, by=request.user, at=now(), **data),
        _("Contact logged"),
    ):
        return redirect("desk:customer", pk)
    return _page(request, person, contact_form=form, status=422)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def edit_profile(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = ProfileForm(request.POST)
    if edit(
        request,
        form,
        person,
        lambda row, data: writing.correct(row, Facts(**data), by=request.user, at=now(), today=today()),
        _("Saved"),
    ):
        return redirect("desk:customer", pk)
    return _page(request, person, profile_form=form, status=422)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def add_point(request: StaffRequest, pk: int) -> HttpResponse:
    """The customer is reached by one more phone, e-mail or address."""
    person = customer_for(request.user, pk, today())
    form = ContactPointForm(request.POST)

    def add(data: dict[str, Any]) -> Any:
        return reach_verbs.add(person, by=request.user, at=now(), **data)

    beside = dict.fromkeys(("phone_invalid", "phone_damaged", "email_invalid", "contact_known", "invalid"), "value")
    if submit(request, form, add, _("Added"), beside=beside):
        return redirect("desk:customer", pk)
    return _page(request, person, point_form=form, status=422)


@needs(Permission.REVEAL_CONTACT)
@require_POST
def reveal(request: StaffRequest, pk: int) -> HttpResponse:
    """The page with the contact data in clear, which nobody keeps; the look and its purpose are on record."""
    person = customer_for(request.user, pk, today())
    form = RevealForm(request.POST)
    look = carried_out(form, lambda data: contact_points.reveal(person, by=request.user, at=now(), **data))
    if look is None:
        messages.error(request, " ".join(str(error) for error in form.non_field_errors()) or _("Choose a purpose."))
        return redirect("desk:customer", pk)
    revealed = [(ContactPoint.Kind(kind).label, value) for kind, value in look.result]
    response = _page(
        request, person, reached_by=reach.rows(list(reach_verbs.points_of(person)), look.result), revealed=revealed
    )
    response["Cache-Control"] = "no-store"
    return response


@needs(Permission.ASSIGN_MANAGER)
@require_POST
def assign(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = AssignForm(request.POST, by=request.user)
    handed_over = carried_out(
        form,
        lambda data: managers.assign(person, by=request.user, on=today(), at=now(), **data),
        beside={"over_capacity": "over"},
    )
    if handed_over is None:
        return _page(request, person, assign_form=form, status=422)
    messages.success(request, _("Handed over"))
    if warning := handed_over.result.warning:
        messages.warning(request, warning)
    # Whoever hands a customer to another team no longer reaches the page.
    reachable = visible_to(request.user, today()).filter(pk=pk).exists()
    return redirect("desk:customer", pk) if reachable else redirect("desk:customers")
