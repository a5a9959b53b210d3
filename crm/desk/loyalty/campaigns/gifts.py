"""A ticket of a draw given by hand, as a gesture, with its reason."""

from typing import Any
from uuid import uuid4

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import Invalid
from crm.desk.acting import submit
from crm.desk.loyalty.campaigns.forms import TicketForm
from crm.desk.today import now, today
from customers.access import addressable
from customers.models import Customer
from loyalty.campaigns import draws
from loyalty.models import Lottery, LotteryTicket


@needs(Permission.RUN_CAMPAIGNS)
def give_ticket(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the draw's; the customer has to be within reach. The same form sent twice gives one."""
    lottery = get_object_or_404(Lottery, pk=pk, status=Lottery.Status.PUBLISHED)
    form = TicketForm(request.POST or None, initial={"key": uuid4()})

    def give(data: dict[str, Any]) -> LotteryTicket:
        # The number of a record that was merged leads to the one that stays.
        named = (
            Customer.objects.filter(number=data["customer"].strip().upper()).values_list("merged_into", "pk").first()
        )
        customer = addressable(request.user, today()).filter(pk=named[0] or named[1]).first() if named else None
        if customer is None:
            raise Invalid(_("There is no customer with this number."), code="no_such_customer")
        key, reason = str(data["key"]), data["reason"]
        return draws.give_ticket(pk, customer, reason=reason, by=request.user, at=now(), key=key)

    if request.method == "POST" and submit(request, form, give, _thanks):
        return redirect("desk:draw", pk)
    return render(
        request,
        "desk/loyalty/draws/give_ticket.html",
        {"lottery": lottery, "form": form},
        status=422 if form.errors else 200,
    )


def _thanks(ticket: LotteryTicket) -> str:
    return _("%(number)s has a ticket more.") % {"number": ticket.customer.number}
