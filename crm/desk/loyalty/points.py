"""Points of one customer: what there is, every line of the ledger, redeeming and asking for points by hand."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Invalid
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer
from loyalty.campaigns import draws
from loyalty.models import (
    Lottery,
    LotteryTicket,
    PointAdjustment,
    PointHold,
    PointTxn,
    Redemption,
    Referral,
    Reward,
)
from loyalty.points import accounts as points
from loyalty.points import adjustments, forfeit, referrals, rewards
from loyalty.points import rules as point_rules
from loyalty.points.accounts import MOST_AT_ONCE

LINES = 50
SOON = 3
TONES = {
    PointTxn.Kind.EARN: "green",
    PointTxn.Kind.GRANT: "green",
    PointTxn.Kind.RETURN: "green",
    PointTxn.Kind.CAPTURE: "blue",
    PointTxn.Kind.HOLD: "amber",
    PointTxn.Kind.EXPIRE: "grey",
    PointTxn.Kind.TAKE: "red",
    PointTxn.Kind.RELEASE: "green",
}


class RewardChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return _("%(reward)s · %(points)d points") % {"reward": obj.name, "points": obj.points}


class RedeemForm(forms.Form):
    """Only what the balance is enough for is offered."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    reward = RewardChoice(label=gettext_lazy("Reward"), queryset=Reward.objects.none(), empty_label=None)
    quantity = forms.IntegerField(label=gettext_lazy("Quantity"), min_value=1, max_value=100, initial=1)

    def __init__(self, *args: Any, available: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reward"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        within = Reward.objects.filter(active=True) if self.is_bound else affordable(available)
        field.queryset = within.order_by("points", "pk")


class AdjustForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput)
    points = forms.IntegerField(
        label=gettext_lazy("Points"),
        min_value=-MOST_AT_ONCE,
        max_value=MOST_AT_ONCE,
        help_text=gettext_lazy("With a minus to take points away"),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=2, max_length=300)


class TicketForm(forms.Form):
    lottery = forms.ModelChoiceField(queryset=Lottery.objects.none())
    key = forms.UUIDField()

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["lottery"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = draws.for_points(at=at)


class ReferrerForm(forms.Form):
    referrer = forms.CharField(label=gettext_lazy("Customer number of the friend"), max_length=20)


def affordable(available: int) -> Any:
    return Reward.objects.filter(active=True, points__lte=available).exclude(stock=0)


def card(user: User, person: Customer) -> dict[str, Any]:
    """Empty for who has nothing to do with points, and as long as the mall gives none."""
    at = now()
    if not may(user, Permission.USE_POINTS) or point_rules.in_force(at) is None:
        return {}
    balance = points.balance(person, at=at)
    return {"balance": balance, "expiring": balance.expiring[:SOON]}


@needs(Permission.USE_POINTS)
def ledger(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, customer_for(request.user, pk, today()))


def _page(
    request: StaffRequest, person: Customer, *, redeem: RedeemForm | None = None, adjust: AdjustForm | None = None
) -> HttpResponse:
    at = now()
    balance = points.balance(person, at=at)
    page = Paginator(points.statement(person), LINES).get_page(request.GET.get("page"))
    running = Redemption.objects.filter(
        hold__account=person.pk, state=Redemption.State.RESERVED, hold__state=PointHold.State.ACTIVE
    ).select_related("hold", "reward")
    done = Redemption.objects.filter(hold__account=person.pk, state=Redemption.State.DONE)
    waiting = PointAdjustment.objects.filter(account=person.pk, state=PointAdjustment.State.WAITING)
    refused = bool(redeem and redeem.errors) or bool(adjust and adjust.errors)
    return render(
        request,
        "desk/loyalty/points/ledger.html",
        {
            "customer": person,
            "balance": balance,
            "page": page,
            "rows": [_row(line) for line in page],
            "running": running.order_by("hold__expires_at"),
            "done": done.select_related("hold", "reward").order_by("-at")[:10],
            "waiting": waiting.select_related("by"),
            "redeem_form": redeem or RedeemForm(available=balance.available, initial={"key": uuid4()}),
            "can_redeem": affordable(balance.available).exists() and not balance.frozen,
            "adjust_form": adjust or AdjustForm(initial={"key": uuid4()}),
            "lotteries": [
                {"lottery": one, "key": uuid4()}
                for one in draws.for_points(at=at)
                if one.points_cost <= balance.available
            ]
            if not balance.frozen
            else [],
            "tickets": LotteryTicket.objects.filter(
                customer=person, source=LotteryTicket.Source.POINTS, status=LotteryTicket.Status.ISSUED
            ).count(),
            "losses": forfeit.of(person, on=today(), at=at),
            "brought_by": Referral.objects.filter(referred=person).select_related("referrer").first(),
            "brought": Referral.objects.filter(referrer=person).select_related("referred").order_by("-at")[:10],
            "referrer_form": ReferrerForm(),
            "limit": adjustments.LIMITS.get(request.user.role, (0, 0))[0],  # type: ignore[call-overload]
        },
        status=422 if refused else 200,
    )


def _row(line: PointTxn) -> dict[str, Any]:
    """`waiting`: points of an order that nobody could use before or can use after this line."""
    waiting = 0 if line.change else line.order_delta
    return {
        "line": line,
        "tone": TONES.get(PointTxn.Kind(line.kind), "grey"),
        "what": wording(line),
        "waiting": waiting,
    }


def wording(line: PointTxn) -> str:
    """What happened, in words a customer would understand."""
    if line.order_id and line.order:
        if line.forgiven:
            return _("Refund of order %(order)s, %(points)d points forgiven") % {
                "order": line.order.external_id,
                "points": line.forgiven,
            }
        if line.order_delta < 0:
            return _("Refund of order %(order)s") % {"order": line.order.external_id}
        return _("Order %(order)s") % {"order": line.order.external_id}
    hold = line.hold
    if hold is not None:
        redemption = getattr(hold, "redemption", None)
        what = str(redemption.reward) if redemption else f"{hold.get_purpose_display()} {hold.ref}"
        return _("time ran out: %(what)s") % {"what": what} if line.reason == "lapsed" else what
    return line.reason


@needs(Permission.USE_POINTS)
@require_POST
def redeem(request: StaffRequest, pk: int) -> HttpResponse:
    """The reward is set aside; the page counts down until it is handed over."""
    person = customer_for(request.user, pk, today())
    form = RedeemForm(request.POST, available=points.balance(person, at=now()).available)
    if form.is_valid():
        told = form.cleaned_data
        try:
            rewards.reserve(
                person, told["reward"], quantity=told["quantity"], key=str(told["key"]), at=now(), by=request.user
            )
            messages.success(request, _("%(reward)s is set aside.") % {"reward": told["reward"]})
            return redirect("desk:points", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _page(request, person, redeem=form)


@needs(Permission.USE_POINTS)
@require_POST
def buy_ticket(request: StaffRequest, pk: int) -> HttpResponse:
    """A ticket of a draw for the customer's points; the same form sent twice buys one."""
    person = customer_for(request.user, pk, today())
    form = TicketForm(request.POST, at=now())
    if form.is_valid():
        lottery = form.cleaned_data["lottery"]
        try:
            draws.buy_ticket(lottery.pk, person, ref=str(form.cleaned_data["key"]), at=now(), by=request.user)
            messages.success(request, _("A ticket of %(draw)s is bought.") % {"draw": lottery.name})
        except DomainError as refusal:
            messages.error(request, str(refusal))
    else:
        messages.error(request, _("This draw sells no tickets for points now."))
    return redirect("desk:points", pk)


@needs(Permission.USE_POINTS)
@require_POST
def end_redemption(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """Hand over, cancel, or take back afterwards."""
    found = Redemption.objects.filter(pk=pk).select_related("hold").first()
    if found is None or verb not in ("hand-over", "cancel", "take-back"):
        raise Http404
    person = customer_for(request.user, found.hold.account_id, today())
    try:
        if verb == "take-back":
            rewards.take_back(pk, at=now(), by=request.user, reason=request.POST.get("reason", "")[:300])
        else:
            end = rewards.hand_over if verb == "hand-over" else rewards.cancel
            end(pk, at=now(), by=request.user)
        messages.success(request, Redemption.objects.get(pk=pk).get_state_display())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:points", person.pk)


@needs(Permission.USE_POINTS)
@require_POST
def adjust(request: StaffRequest, pk: int) -> HttpResponse:
    """Done at once within the limit of the role, otherwise waiting for a second person."""
    person = customer_for(request.user, pk, today())
    form = AdjustForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            made = adjustments.request(
                person, told["points"], reason=told["reason"], client_key=str(told["key"]), by=request.user, at=now()
            )
            if made.state == PointAdjustment.State.DONE:
                messages.success(request, _("%(points)+d points") % {"points": made.points})
            else:
                messages.info(request, _("Asked for: a second person decides."))
            return redirect("desk:points", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _page(request, person, adjust=form)


@needs(Permission.USE_POINTS)
@require_POST
def refer(request: StaffRequest, pk: int) -> HttpResponse:
    """Who brought this customer, by the number on the friend's card."""
    person = customer_for(request.user, pk, today())
    friend = Customer.objects.filter(number=request.POST.get("referrer", "").strip().upper()[:20]).first()
    try:
        if friend is None:
            raise Invalid(_("There is no customer with this number."), code="no_such_customer")
        referrals.record(person, friend, by=request.user, at=now())
        messages.success(
            request, _("%(name)s was brought by %(number)s.") % {"name": person.name, "number": friend.number}
        )
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:points", pk)
