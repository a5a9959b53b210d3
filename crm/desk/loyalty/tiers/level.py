"""The level of one customer: the card, why it is this one, and a promise of at least another."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.loyalty.tiers import words
from crm.desk.loyalty.tiers.forms import PromiseForm
from crm.desk.opening import opened_by
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer
from loyalty.models import TierOverride
from loyalty.tiers import explain, membership


def card(customer: Customer, rows: explain.Asked) -> dict[str, Any] | None:
    """What the customer page shows of the level; None as long as the mall has no tiers."""
    why = explain.explain(customer, at=now(), read=rows)
    return None if why is None else {"why": why, "benefits": words.benefits(why.standing.benefits)}


@needs(Permission.VIEW_CUSTOMER)
def why(request: StaffRequest, pk: int) -> HttpResponse:
    """The drawer: what counts, what is missing, what leaves the window, and how it came about."""
    customer = opened_by(request, pk)
    explained = explain.explain(customer, at=now())
    context: dict[str, Any] = {"customer": customer, "why": explained}
    if explained:
        rules = explained.standing.rules
        context |= {
            "form": PromiseForm(rules=rules),
            "options": words.options(rules.content, "basis", "window", "downgrade"),
        }
    template = "_why.html" if request.headers.get("HX-Request") else "why.html"
    return render(request, f"desk/loyalty/tiers/{template}", context)


@needs(Permission.PROMISE_LEVEL)
@require_POST
def promise(request: StaffRequest, pk: int) -> HttpResponse:
    customer, rules = customer_for(request.user, pk, today()), membership.applied()
    form = PromiseForm(request.POST, rules=rules) if rules else None
    if form is None or not form.is_valid():
        messages.error(request, _("A promise names a level, its end and a reason."))
        return redirect("desk:customer", pk)
    data = form.cleaned_data
    press(request, lambda: membership.promise_floor(customer, by=request.user, at=now(), **data), _("Promised"))
    return redirect("desk:customer", pk)


@needs(Permission.PROMISE_LEVEL)
@require_POST
def end_promise(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the customer's: at most one promise holds at a time."""
    customer = customer_for(request.user, pk, today())
    held = get_object_or_404(TierOverride, customer=customer, ends_on__gt=today())
    press(
        request,
        lambda: membership.end_floor(held.pk, by=request.user, at=now()),
        _("The promise ends today"),
    )
    return redirect("desk:customer", pk)
