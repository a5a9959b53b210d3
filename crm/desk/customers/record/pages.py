"""A customer is put on record, and what the record says is corrected."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out, say
from crm.desk.customers.record.forms import NewCustomerForm, RecordForm
from crm.desk.editing import edit
from crm.desk.today import now, today
from customers import managers, queries
from customers.access import customer_for, visible_to
from customers.models import Customer
from customers.record import writing
from customers.record.writing import KnownAlready, Written


@needs(Permission.EDIT_CUSTOMER)
@never_cache
def new(request: StaffRequest) -> HttpResponse:
    """Somebody who has not bought yet. Whoever has the same phone or e-mail is shown first, as far as one may see them."""
    form = NewCustomerForm(request.POST or None, reader=request.user)
    known: list[int] = []

    def create(data: dict[str, object]) -> Written:
        try:
            return writing.create(
                form.told(),
                by=request.user,
                at=now(),
                today=today(),
                manager=managers.book_of(request.user, today()),
                anyway=bool(data["anyway"]),
            )
        except KnownAlready as refusal:
            known.extend(refusal.customer_ids)
            raise

    if request.method == "POST" and (outcome := carried_out(form, create)):
        customer = outcome.result.customer
        if not visible_to(request.user, today()).filter(pk=customer.pk).exists():
            queries.look_up(request.user, customer.pk, today())
        say(request, _("%(number)s is on record") % {"number": customer.number}, None)
        return redirect("desk:customer", customer.pk)
    people = visible_to(request.user, today()).filter(pk__in=known).select_related("standing", "manager").order_by("pk")
    context = {"form": form, "known": len(known), "people": list(people)}
    return render(request, "desk/customers/record/new.html", context, status=422 if form.errors else 200)


@needs(Permission.EDIT_CUSTOMER)
@never_cache
def correct(request: StaffRequest, pk: int) -> HttpResponse:
    """What the record says of somebody; what others correct meanwhile stays."""
    person = customer_for(request.user, pk, today())
    form = RecordForm(request.POST, reader=request.user) if request.POST else RecordForm.of(person, reader=request.user)

    def store(row: Customer, data: dict[str, object]) -> Written:
        return writing.correct(row, form.facts(), by=request.user, at=now(), today=today())

    if request.method == "POST" and edit(request, form, person, store, _("Saved")):
        return redirect("desk:customer", pk)
    context = {"form": form, "customer": person}
    return render(request, "desk/customers/record/edit.html", context, status=422 if form.errors else 200)
