"""Goods on account: who owes how much until when, whose limit waits for a second person."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.models import Role, User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.loyalty.coupons import MoneyInput
from crm.desk.today import now, today
from customers.access import customer_for, scope_filter
from customers.models import Customer
from loyalty.campaigns import credit
from loyalty.campaigns.coupon_campaigns import client_key
from loyalty.campaigns.credit import OpenItem
from loyalty.models import CreditAccount, CreditAuthorisation, CreditLimitChange
from loyalty.models.credit import LONGEST_TERM
from loyalty.tiers import membership

SHOWN = 100
TONES = {"open": "green", "hold": "amber", "closed": "grey"}
AGES = ((0, 0), (1, 30), (31, 60), (61, 100_000))


class LimitForm(forms.Form):
    limit = MoneyInput(label=gettext_lazy("Credit limit"))
    term_days = forms.IntegerField(label=gettext_lazy("Days to pay"), min_value=1, max_value=LONGEST_TERM, initial=30)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class BookingForm(forms.Form):
    """A payment, or a correction with its sign."""

    amount = forms.DecimalField(label=gettext_lazy("Amount"), max_digits=12, decimal_places=2)
    reason = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)
    client_key = forms.CharField(widget=forms.HiddenInput, max_length=64)


def _late(items: list[OpenItem]) -> int:
    return max((item.days_late for item in items), default=0)


@needs(Permission.VIEW_CREDIT)
def accounts(request: StaffRequest) -> HttpResponse:
    """Accounts in reach, the most overdue first; and the limits that wait for a second person."""
    mine = CreditAccount.objects.filter(scope_filter(request.user, today(), "customer__"))
    found = list(mine.exclude(status="closed").select_related("customer__manager", "customer__standing"))
    items = credit.open_items(found, on=today())
    rows = [
        {
            "account": one,
            "overdue": credit.overdue(items[one.pk]),
            "days": _late(items[one.pk]),
            "tone": TONES[one.status],
            "used": one.exposure + one.authorised,
            "meter": "red" if one.is_over else "blue",
            "label": f"{one.exposure + one.authorised:,.0f} / {one.credit_limit:,.0f}",
        }
        for one in found
    ]
    rows.sort(key=lambda row: (-row["days"], -row["account"].exposure, row["account"].pk))
    waiting = CreditLimitChange.objects.filter(
        scope_filter(request.user, today(), "account__customer__"), status=CreditLimitChange.Status.PROPOSED
    ).select_related("account__customer", "proposed_by")
    return render(
        request,
        "desk/loyalty/credit/accounts.html",
        {
            "rows": rows[:SHOWN],
            "count": len(rows),
            "waiting": waiting.order_by("proposed_at"),
            "owed": sum((row["account"].exposure for row in rows), Decimal(0)),
            "overdue": sum((row["overdue"] for row in rows), Decimal(0)),
            "late": sum(1 for row in rows if row["days"]),
            "limits": sum((row["account"].credit_limit for row in rows), Decimal(0)),
        },
    )


@needs(Permission.VIEW_CREDIT)
def account(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the customer's. What is owed by when, every entry, reservations, and how the limit came about."""
    customer = customer_for(request.user, pk, today())
    return _page(request, customer)


def _page(
    request: StaffRequest,
    customer: Customer,
    *,
    limit_form: LimitForm | None = None,
    payment_form: BookingForm | None = None,
    correction_form: BookingForm | None = None,
    status: int = 200,
) -> HttpResponse:
    found = CreditAccount.objects.filter(customer=customer).first()
    items = credit.open_items([found], on=today())[found.pk] if found else []
    changes = (
        found.limit_changes.select_related("proposed_by", "decided_by").order_by("-proposed_at")[:20] if found else []
    )
    key = {"client_key": client_key()}
    return render(
        request,
        "desk/loyalty/credit/account.html",
        {
            "customer": customer,
            "account": found,
            "tone": TONES[found.status] if found else "grey",
            "label": f"{found.exposure + found.authorised:,.2f} / {found.credit_limit:,.2f}" if found else "",
            "used": found.exposure + found.authorised if found else Decimal(0),
            "items": items,
            "overdue": credit.overdue(items),
            "days": _late(items),
            "ages": _ages(items),
            "entries": _with_balance(found) if found else [],
            "authorisations": found.authorisations.filter(status=CreditAuthorisation.Status.AUTHORISED).order_by(
                "expires_at"
            )
            if found
            else [],
            "changes": changes,
            "waiting": next((one for one in changes if one.status == CreditLimitChange.Status.PROPOSED), None),
            "limit_form": limit_form
            or LimitForm(
                initial={
                    "limit": found.credit_limit if found else None,
                    "term_days": found.term_days if found else _usual_term(customer),
                }
            ),
            "payment_form": payment_form or BookingForm(initial=key, prefix="payment"),
            "correction_form": correction_form or BookingForm(initial=key, prefix="correction"),
            "alone": credit.DECIDES_ALONE.get(Role(request.user.role)),
        },
        status=status,
    )


def _usual_term(customer: Customer) -> int:
    """The days to pay that the customer's level promises, else thirty."""
    held = membership.standing(customer, on=today())
    promised = [one["amount"] for one in held.benefits if one["kind"] == "credit_terms"] if held else []
    return int(Decimal(promised[0])) if promised and promised[0] else 30


def _ages(items: list[OpenItem]) -> list[tuple[str, Decimal]]:
    words = (_("not due yet"), _("1–30 days late"), _("31–60 days late"), _("more than 60 days late"))
    return [
        (word, sum((item.amount for item in items if first <= item.days_late <= last), Decimal(0)))
        for word, (first, last) in zip(words, AGES, strict=True)
    ]


def _with_balance(found: CreditAccount) -> list[dict[str, Any]]:
    """The newest entries with what was owed after each."""
    newest = list(found.entries.select_related("by").order_by("-seq")[:SHOWN])
    owed, rows = found.exposure, []
    for entry in newest:
        rows.append({"entry": entry, "owed": owed})
        owed -= entry.amount
    return rows


@needs(Permission.PROPOSE_CREDIT)
@require_POST
def propose(request: StaffRequest, pk: int) -> HttpResponse:
    customer, form = customer_for(request.user, pk, today()), LimitForm(request.POST)
    if form.is_valid():
        try:
            change = credit.propose_limit(customer, by=request.user, at=now(), **form.cleaned_data)
            messages.success(
                request,
                _("In force") if change.status == CreditLimitChange.Status.APPROVED else _("Waits for a second person"),
            )
            return redirect("desk:credit_account", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _page(request, customer, limit_form=form, status=422)


@needs(Permission.DECIDE_CREDIT)
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the customer's: at most one change waits."""
    customer = customer_for(request.user, pk, today())
    change = CreditLimitChange.objects.filter(
        account__customer=customer, status=CreditLimitChange.Status.PROPOSED
    ).first()
    if change is not None:
        try:
            credit.decide_limit(
                change.pk,
                approve=request.POST.get("verb") == "approve",
                by=request.user,
                at=now(),
                note=request.POST.get("note", ""),
            )
            messages.success(request, _("Decided"))
        except DomainError as refusal:
            messages.error(request, str(refusal))
    return redirect("desk:credit_account", pk)


@needs(Permission.DECIDE_CREDIT)
@require_POST
def book(request: StaffRequest, pk: int) -> HttpResponse:
    """A payment or a correction, once per form however often it is sent."""
    customer = customer_for(request.user, pk, today())
    is_payment = request.POST.get("verb") == "payment"
    form = BookingForm(request.POST, prefix="payment" if is_payment else "correction")
    if form.is_valid():
        told, key = form.cleaned_data, f"desk:{form.cleaned_data['client_key']}"
        try:
            if is_payment:
                credit.pay(customer, told["amount"], idem_key=key, at=now(), by=request.user, reason=told["reason"])
            else:
                credit.adjust(customer, told["amount"], idem_key=key, at=now(), by=request.user, reason=told["reason"])
            messages.success(request, _("Booked"))
            return redirect("desk:credit_account", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    if is_payment:
        return _page(request, customer, payment_form=form, status=422)
    return _page(request, customer, correction_form=form, status=422)


@needs(Permission.DECIDE_CREDIT)
@require_POST
def set_status(request: StaffRequest, pk: int) -> HttpResponse:
    customer, status = customer_for(request.user, pk, today()), request.POST.get("status", "")
    if status in CreditAccount.Status.values:
        try:
            credit.set_status(customer, status, reason=request.POST.get("reason", ""), by=request.user, at=now())
            messages.success(request, _("Saved"))
        except DomainError as refusal:
            messages.error(request, str(refusal))
    return redirect("desk:credit_account", pk)


def card(user: User, customer: Customer, on: date) -> dict[str, Any] | None:
    """What the customer page shows of the account; None for those who may not look or where there is nothing."""
    if not may(user, Permission.VIEW_CREDIT):
        return None
    found = CreditAccount.objects.filter(customer=customer).first()
    if found is None:
        return {"account": None} if may(user, Permission.PROPOSE_CREDIT) else None
    items = credit.open_items([found], on=on)[found.pk]
    return {
        "account": found,
        "tone": TONES[found.status],
        "overdue": credit.overdue(items),
        "days": _late(items),
        "next": next((item for item in items if not item.days_late), None),
        "used": found.exposure + found.authorised,
        "label": f"{found.exposure + found.authorised:,.0f} / {found.credit_limit:,.0f}",
    }
