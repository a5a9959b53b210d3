"""Goods on account: who owes how much until when, whose limit waits for a second person."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import first_error, press, submit
from crm.desk.loyalty.campaigns import credit_page
from crm.desk.loyalty.campaigns.forms import BookingForm, LimitForm, StatusForm, whole_number
from crm.desk.opening import opened_by
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer
from loyalty.campaigns import credit as verbs
from loyalty.campaigns.coupon_campaigns import client_key
from loyalty.models import CreditAccount, CreditEntry, CreditLimitChange

PAYMENT, CORRECTION = "payment", "correction"


@needs(Permission.VIEW_CREDIT)
@takeable("credit")
def accounts(request: StaffRequest) -> HttpResponse:
    """Accounts in reach, the most overdue first; and the limits that wait for a second person."""
    return render(request, "desk/loyalty/credit/accounts.html", credit_page.account_list(request))


# The number in an address is the customer's: they have at most one account, and at most one change of it waits.


@needs(Permission.VIEW_CREDIT)
@takeable("credit-account")
def account(request: StaffRequest, pk: int) -> HttpResponse:
    """What is owed by when, every entry, reservations, and how the limit came about."""
    return _page(request, opened_by(request, pk))


def _page(
    request: StaffRequest,
    customer: Customer,
    *,
    limit_form: LimitForm | None = None,
    payment_form: BookingForm | None = None,
    correction_form: BookingForm | None = None,
) -> HttpResponse:
    """The page; a form that was refused stands on it as it was typed."""
    account = CreditAccount.objects.filter(customer=customer).first()
    key = {"client_key": client_key()}
    return render(
        request,
        "desk/loyalty/credit/account.html",
        {
            **credit_page.context(request, customer, account),
            "limit_form": limit_form or _limit_form(customer, account),
            "payment_form": payment_form or BookingForm(initial=key, prefix=PAYMENT),
            "correction_form": correction_form or BookingForm(initial=key, prefix=CORRECTION),
        },
        status=422 if limit_form or payment_form or correction_form else 200,
    )


def _limit_form(customer: Customer, account: CreditAccount | None) -> LimitForm:
    if account is None:
        return LimitForm(initial={"term_days": credit_page.usual_term(customer)})
    return LimitForm(initial={"limit": account.credit_limit, "term_days": account.term_days})


# The limit ----------------------------------------------------------------------------------------------------------


@needs(Permission.PROPOSE_CREDIT)
@require_POST
def propose(request: StaffRequest, pk: int) -> HttpResponse:
    """A limit that is in force at once, or waits for a second person."""
    customer, form = customer_for(request.user, pk, today()), LimitForm(request.POST)

    def propose_limit(data: dict[str, Any]) -> CreditLimitChange:
        return verbs.propose_limit(customer, by=request.user, at=now(), **data)

    if submit(request, form, propose_limit, _proposed):
        return redirect("desk:credit_account", pk)
    return _page(request, customer, limit_form=form)


def _proposed(change: CreditLimitChange) -> str:
    return _("In force") if change.status == CreditLimitChange.Status.APPROVED else _("Waits for a second person")


@needs(Permission.DECIDE_CREDIT)
@require_POST
def approve(request: StaffRequest, pk: int) -> HttpResponse:
    """The limit that waits is in force."""
    return _decide(request, pk, approve=True)


@needs(Permission.DECIDE_CREDIT)
@require_POST
def decline(request: StaffRequest, pk: int) -> HttpResponse:
    """The limit that waits will not be."""
    return _decide(request, pk, approve=False)


def _decide(request: StaffRequest, pk: int, *, approve: bool) -> HttpResponse:
    """The proposal that the page showed, and no other; whoever presses twice finds it decided."""
    change, note = _shown(request, pk), request.POST.get("note", "")
    decide = partial(verbs.decide_limit, change.pk, approve=approve, by=request.user, at=now(), note=note)
    press(request, decide, _("Decided"))
    return redirect("desk:credit_account", pk)


def _shown(request: StaffRequest, pk: int) -> CreditLimitChange:
    """The proposal that is named: another one may wait by now."""
    customer = customer_for(request.user, pk, today())
    named = whole_number(request.POST.get("change", ""))
    return get_object_or_404(CreditLimitChange, account__customer=customer, pk=named)


@needs(Permission.PROPOSE_CREDIT)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """Who proposed the limit that waits takes it back."""
    change = _shown(request, pk)
    press(request, lambda: verbs.withdraw_limit(change.pk, by=request.user, at=now()), _("Taken back"))
    return redirect("desk:credit_account", pk)


# The account --------------------------------------------------------------------------------------------------------


@needs(Permission.DECIDE_CREDIT)
@require_POST
def pay(request: StaffRequest, pk: int) -> HttpResponse:
    """A payment has come in; booked once per form however often it is sent."""
    customer, form = customer_for(request.user, pk, today()), BookingForm(request.POST, prefix=PAYMENT)
    if submit(request, form, _booking(request, customer, verbs.pay), _("Booked")):
        return redirect("desk:credit_account", pk)
    return _page(request, customer, payment_form=form)


@needs(Permission.DECIDE_CREDIT)
@require_POST
def correct(request: StaffRequest, pk: int) -> HttpResponse:
    """What is owed is more or less by an amount with its sign; booked once per form however often it is sent."""
    customer, form = customer_for(request.user, pk, today()), BookingForm(request.POST, prefix=CORRECTION)
    if submit(request, form, _booking(request, customer, verbs.adjust), _("Booked")):
        return redirect("desk:credit_account", pk)
    return _page(request, customer, correction_form=form)


def _booking(
    request: StaffRequest, customer: Customer, verb: Callable[..., CreditEntry]
) -> Callable[[dict[str, Any]], CreditEntry]:
    def book(data: dict[str, Any]) -> CreditEntry:
        key = f"desk:{data['client_key']}"
        return verb(customer, data["amount"], idem_key=key, at=now(), by=request.user, reason=data["reason"])

    return book


@needs(Permission.DECIDE_CREDIT)
@require_POST
def set_status(request: StaffRequest, pk: int) -> HttpResponse:
    """The account is on hold, open again, or closed for good."""
    customer, form = customer_for(request.user, pk, today()), StatusForm(request.POST)

    def change(data: dict[str, Any]) -> CreditAccount:
        return verbs.set_status(customer, data["status"], reason=data["reason"], by=request.user, at=now())

    if not submit(request, form, change, _("Saved")):
        messages.error(request, first_error(form))
    return redirect("desk:credit_account", pk)
