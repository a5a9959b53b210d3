"""Points of one customer: what there is, every line of the ledger, redeeming and asking for points by hand."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import Invalid
from crm.desk.acting import press, submit
from crm.desk.loyalty.points import ledger_page
from crm.desk.loyalty.points.forms import AdjustForm, RedeemForm, TicketForm
from crm.desk.opening import opened_by
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer
from loyalty.campaigns import draws
from loyalty.models import PointAdjustment, PointRules, Redemption, Referral
from loyalty.points import accounts, adjustments, referrals, rewards
from loyalty.points import rules as point_rules
from loyalty.points.ledger import Asked

SOON = 3


def card(user: User, customer: Customer, rows: Asked, versions: Iterable[PointRules]) -> dict[str, Any]:
    """Empty for who has nothing to do with points, and as long as the mall gives none."""
    at = now()
    if not may(user, Permission.USE_POINTS) or point_rules.of(versions, at) is None:
        return {}
    balance = accounts.balance(customer, at=at, read=rows)
    return {"balance": balance, "expiring": balance.expiring[:SOON]}


@needs(Permission.USE_POINTS)
@takeable("points-of-customer")
def ledger(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, opened_by(request, pk))


def _page(
    request: StaffRequest, customer: Customer, *, redeem: RedeemForm | None = None, adjust: AdjustForm | None = None
) -> HttpResponse:
    refused = bool(redeem and redeem.errors) or bool(adjust and adjust.errors)
    context = ledger_page.context_of(request, customer, redeem=redeem, adjust=adjust, at=now())
    return render(request, "desk/loyalty/points/ledger.html", context, status=422 if refused else 200)


# Rewards ------------------------------------------------------------------------------------------------------------


@needs(Permission.USE_POINTS)
@require_POST
def redeem(request: StaffRequest, pk: int) -> HttpResponse:
    """The reward is set aside; the page counts down until it is handed over."""
    customer = customer_for(request.user, pk, today())
    form = RedeemForm(request.POST, available=accounts.balance(customer, at=now()).available)

    def reserve(data: dict[str, Any]) -> Redemption:
        quantity, key = data["quantity"], str(data["key"])
        return rewards.reserve(customer, data["reward"], quantity=quantity, key=key, at=now(), by=request.user)

    if submit(request, form, reserve, lambda held: _("%(reward)s is set aside.") % {"reward": held.reward}):
        return redirect("desk:points", pk)
    return _page(request, customer, redeem=form)


@needs(Permission.USE_POINTS)
@require_POST
def hand_over(request: StaffRequest, pk: int) -> HttpResponse:
    """The customer has the reward."""
    return _end(request, pk, lambda: rewards.hand_over(pk, at=now(), by=request.user))


@needs(Permission.USE_POINTS)
@require_POST
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """The customer does not want it: the points are back."""
    return _end(request, pk, lambda: rewards.cancel(pk, at=now(), by=request.user))


@needs(Permission.USE_POINTS)
@require_POST
def take_back(request: StaffRequest, pk: int) -> HttpResponse:
    """It was handed over and has come back, for a reason."""
    reason = request.POST.get("reason", "")[:300]
    return _end(request, pk, lambda: rewards.take_back(pk, at=now(), by=request.user, reason=reason))


def _end(request: StaffRequest, pk: int, verb: Callable[[], Redemption]) -> HttpResponse:
    redemption = Redemption.objects.filter(pk=pk).select_related("hold").first()
    if redemption is None:
        raise Http404
    customer = customer_for(request.user, redemption.hold.account_id, today())
    press(request, verb, lambda ended: str(Redemption.State(ended.state).label))
    return redirect("desk:points", customer.pk)


# Tickets, points by hand, friends -------------------------------------------------------------------------------------


@needs(Permission.USE_POINTS)
@require_POST
def buy_ticket(request: StaffRequest, pk: int) -> HttpResponse:
    """A ticket of a draw for the customer's points; the same form sent twice buys one."""
    customer = customer_for(request.user, pk, today())
    form = TicketForm(request.POST, at=now())
    if not form.is_valid():
        messages.error(request, _("This draw sells no tickets for points now."))
        return redirect("desk:points", pk)
    lottery, key = form.cleaned_data["lottery"], str(form.cleaned_data["key"])
    press(
        request,
        lambda: draws.buy_ticket(lottery.pk, customer, ref=key, at=now(), by=request.user),
        _("A ticket of %(draw)s is bought.") % {"draw": lottery.name},
    )
    return redirect("desk:points", pk)


@needs(Permission.USE_POINTS)
@require_POST
def adjust(request: StaffRequest, pk: int) -> HttpResponse:
    """Done at once within the limit of the role, otherwise waiting for a second person."""
    customer = customer_for(request.user, pk, today())
    form = AdjustForm(request.POST)

    def ask(data: dict[str, Any]) -> PointAdjustment:
        reason, key = data["reason"], str(data["key"])
        return adjustments.request(customer, data["points"], reason=reason, client_key=key, by=request.user, at=now())

    if submit(request, form, ask, _adjusted):
        return redirect("desk:points", pk)
    return _page(request, customer, adjust=form)


def _adjusted(adjustment: PointAdjustment) -> str:
    if adjustment.state == PointAdjustment.State.DONE:
        return _("%(points)+d points") % {"points": adjustment.points}
    return _("Asked for: a second person decides.")


@needs(Permission.USE_POINTS)
@require_POST
def refer(request: StaffRequest, pk: int) -> HttpResponse:
    """Who brought this customer, by the number on the friend's card."""
    customer = customer_for(request.user, pk, today())
    number = request.POST.get("referrer", "").strip().upper()[:20]

    def record() -> Referral:
        friend = Customer.objects.filter(number=number).first()
        if friend is None:
            raise Invalid(_("There is no customer with this number."), code="no_such_customer")
        return referrals.record(customer, friend, by=request.user, at=now())

    thanks = _("%(name)s was brought by %(number)s.") % {"name": customer.name, "number": number}
    press(request, record, thanks)
    return redirect("desk:points", pk)
