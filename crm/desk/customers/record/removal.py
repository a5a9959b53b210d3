"""A customer who was only a test is deleted: by a lead within reach, or by an administrator who sees nobody's data."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import Unknown
from crm.desk.acting import submit
from crm.desk.customers.record.forms import RemovalForm
from crm.desk.today import now, today
from crm.flows.record import removal
from customers.access import visible_to
from customers.models import Customer


@needs(Permission.REMOVE_TESTS)
def remove(request: StaffRequest) -> HttpResponse:
    """The form, with the number of the customer whose page led here."""
    form = RemovalForm(request.POST or None, initial={"number": request.GET.get("number", "")[:20]})

    def delete(data: dict[str, Any]) -> int:
        customer = _named(request.user, data["number"])
        return removal.delete_customer(
            customer.pk, by=request.user, number=data["again"], reason=data["reason"], at=now()
        )

    def thanks(count: int) -> str:
        gone = ngettext("deleted, with %(n)d order", "deleted, with %(n)d orders", count) % {"n": count}
        return f"{form.cleaned_data['number'].upper()}: {gone}"

    beside = {"customer_unknown": "number", "number_differs": "again", "reason_missing": "reason"}
    if request.method == "POST" and submit(request, form, delete, thanks, beside=beside):
        return redirect("desk:customers" if may(request.user, Permission.LIST_CUSTOMERS) else "desk:remove_test")
    context = {"form": form}
    return render(request, "desk/customers/record/remove.html", context, status=422 if form.errors else 200)


def _named(user: User, number: str) -> Customer:
    """Whoever lists customers names one in reach; an administrator, who sees none, any. Raises Unknown."""
    people = visible_to(user, today()) if may(user, Permission.LIST_CUSTOMERS) else Customer.objects.all()
    customer = people.filter(number=number.strip().upper()).first()
    if customer is None:
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")
    return customer
