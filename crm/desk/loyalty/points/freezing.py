"""An account of points that is looked into is frozen, and thawed again, each with a reason."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import submit
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer
from loyalty.points import accounts

EARNS_ON = gettext_lazy(
    "The customer goes on earning, but nothing more is redeemed. What is set aside already can still be handed over."
)
REDEEMS_AGAIN = gettext_lazy("The customer can redeem points again.")


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=2, max_length=200)


@needs(Permission.APPROVE_POINTS)
def freeze(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the customer's, here and below."""
    return _page(request, pk, frozen=True)


@needs(Permission.APPROVE_POINTS)
def thaw(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, pk, frozen=False)


def _page(request: StaffRequest, pk: int, *, frozen: bool) -> HttpResponse:
    customer = customer_for(request.user, pk, today())
    form = ReasonForm(request.POST or None)

    def verb(data: dict[str, Any]) -> None:
        accounts.freeze(customer, frozen=frozen, by=request.user, reason=data["reason"], at=now())

    thanks = _("The account is frozen.") if frozen else _("The account is in use again.")
    if request.method == "POST" and submit(request, form, verb, thanks):
        return redirect("desk:points", pk)
    return render(
        request,
        "desk/loyalty/points/freezing.html",
        {
            "customer": customer,
            "form": form,
            "freeze": frozen,
            "consequence": EARNS_ON if frozen else REDEEMS_AGAIN,
            "so_far": _so_far(customer),
        },
        status=422 if form.errors else 200,
    )


def _so_far(customer: Customer) -> str:
    """Who froze the account, when and why; empty for one in use."""
    line = accounts.frozen_by(customer)
    if line is None:
        return ""
    day = date_format(localtime(line.at), "Y-m-d H:i")
    return _("Frozen by %(who)s on %(day)s: %(reason)s") % {"who": line.actor, "day": day, **line.detail}
