"""Prize draws: set up along a checklist, published by a second person, watched, handed over, archived."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, Scope, rights_of
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.desk.loyalty.coupons import DATE, MoneyInput
from crm.desk.today import now, today
from customers.access import scope_filter
from loyalty.campaigns import draws
from loyalty.campaigns.coupon_campaigns import local_midnight
from loyalty.campaigns.draws import PrizeFact
from loyalty.models import CouponCampaign, Draw, Lottery, LotteryPrize
from loyalty.points import rules as point_rules
from loyalty.tiers import membership

SHOWN = 20
ROWS = 8
Status, Kind, State = Lottery.Status, LotteryPrize.Kind, Draw.State
TONES = {
    State.NOTHING: "grey",
    State.WON: "amber",
    State.CLAIMED: "blue",
    State.FULFILLED: "green",
    State.FORFEITED: "grey",
}


class LotteryForm(forms.Form):
    code = forms.CharField(label=gettext_lazy("Short name"), max_length=30)
    name = forms.CharField(label=gettext_lazy("Name of the draw"), max_length=80)
    entry = forms.ChoiceField(label=gettext_lazy("How one takes part"), choices=Lottery.Entry.choices)
    min_order = MoneyInput(label=gettext_lazy("From an order of"), required=False)
    points_cost = forms.IntegerField(
        label=gettext_lazy("Points for a ticket"), min_value=0, max_value=1_000_000, required=False
    )
    min_level = forms.ChoiceField(label=gettext_lazy("From this level on"), required=False)
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DATE)
    last_on = forms.DateField(label=gettext_lazy("Last day"), widget=DATE)
    draws_per_day = forms.IntegerField(
        label=gettext_lazy("Draws per customer and day at most"), min_value=1, max_value=1000, initial=10
    )
    wins_per_customer = forms.IntegerField(
        label=gettext_lazy("Prizes per customer at most"), min_value=1, max_value=1000, required=False
    )
    claim_days = forms.IntegerField(label=gettext_lazy("Days to claim a prize"), min_value=1, max_value=365, initial=30)
    rules = forms.CharField(
        label=gettext_lazy("Rules as the customers read them"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy(
            "Who may take part, how, until when, what happens when a prize is gone, how prizes are handed over"
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules, field = membership.applied(), self.fields["min_level"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        levels = rules.levels[1:] if rules else []
        field.choices = [("", gettext_lazy("Every level")), *((level["code"], level["name"]) for level in levels)]

    @property
    def terms(self) -> dict[str, Any]:
        told = dict(self.cleaned_data)
        told.pop("code")
        told["starts_at"] = local_midnight(told.pop("starts_on"))
        told["ends_at"] = local_midnight(told.pop("last_on") + timedelta(days=1))
        told["min_order"] = told["min_order"] or Decimal(0)
        told["points_cost"] = told["points_cost"] or 0
        return told


class PrizeForm(forms.Form):
    """One row; a row without a name is no prize. Odds in percent, as they are published."""

    name = forms.CharField(label=gettext_lazy("Prize"), max_length=80, required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Kind.choices)
    percent = forms.DecimalField(
        label=gettext_lazy("Odds in %"), min_value=0, max_value=100, decimal_places=4, required=False
    )
    total = forms.IntegerField(label=gettext_lazy("Pieces"), min_value=1, max_value=10_000_000, required=False)
    value = MoneyInput(label=gettext_lazy("Value of one"), required=False)
    points = forms.IntegerField(label=gettext_lazy("Points"), min_value=0, max_value=10_000_000, required=False)
    coupons = forms.ModelChoiceField(
        label=gettext_lazy("Coupon campaign"),
        required=False,
        empty_label="–",
        queryset=CouponCampaign.objects.filter(needs_code=True)
        .exclude(status=CouponCampaign.Status.ENDED)
        .order_by("code"),
    )

    @property
    def fact(self) -> PrizeFact | None:
        told = self.cleaned_data
        if not told.get("name", "").strip():
            return None
        return PrizeFact(
            name=told["name"],
            kind=told["kind"],
            ppm=int((told["percent"] or Decimal(0)) * 10_000),
            total=told["total"],
            value=told["value"] or Decimal(0),
            points=told["points"] or 0,
            coupons=told["coupons"],
        )


# Prizes of points are credited by themselves.
WAITING = Q(state__in=(State.WON, State.CLAIMED)) & ~Q(prize__kind=Kind.POINTS)
Prizes = forms.formset_factory(PrizeForm, extra=0, min_num=ROWS, max_num=draws.MOST_PRIZES)


def _last_day(lottery: Lottery) -> Any:
    return mall_day(lottery.ends_at - timedelta(microseconds=1))


def state_of(lottery: Lottery) -> tuple[str, str]:
    """A tone and a word for where it stands now."""
    at = now()
    if lottery.status == Status.DRAFT:
        return "grey", _("Draft")
    if lottery.status == Status.ENDED or lottery.ends_at <= at:
        return "grey", _("Over")
    return ("blue", _("Published")) if lottery.starts_at > at else ("green", _("Running"))


def points_waiting(lottery: Lottery) -> str:
    """What the prizes of points that nobody has yet wait for; empty when there are none."""
    waiting = draws.points_to_grant(lottery).count()
    if not waiting:
        return ""
    if point_rules.in_force(now()) is not None:
        words = ngettext(
            "%(n)s prize of points is credited by itself.",
            "%(n)s prizes of points are credited by themselves.",
            waiting,
        )
    else:
        words = ngettext(
            "%(n)s prize of points is credited by itself once the mall gives points.",
            "%(n)s prizes of points are credited by themselves once the mall gives points.",
            waiting,
        )
    return words % {"n": waiting}


# Pages --------------------------------------------------------------------------------------------------------------


@needs(Permission.VIEW_CAMPAIGNS)
def lotteries(request: StaffRequest) -> HttpResponse:
    """Every draw, the newest first, with how many took part and what is still to be handed over."""
    found = list(Lottery.objects.annotate(drawn=Count("draws")).order_by("-starts_at")[:100])
    waiting = dict(Draw.objects.filter(WAITING).values_list("lottery").annotate(n=Count("pk")))
    rows = [
        {"lottery": one, "last_on": _last_day(one), "state": state_of(one), "waiting": waiting.get(one.pk, 0)}
        for one in found
    ]
    return render(request, "desk/loyalty/draws/lotteries.html", {"rows": rows})


@needs(Permission.RUN_CAMPAIGNS)
def new(request: StaffRequest) -> HttpResponse:
    form = LotteryForm(
        request.POST or None,
        initial={"starts_on": today() + timedelta(days=7), "last_on": today() + timedelta(days=36)},
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = draws.create(form.cleaned_data["code"], by=request.user, at=now(), **form.terms)
            return redirect("desk:draw_prizes", made.pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return render(request, "desk/loyalty/draws/edit.html", {"form": form}, status=422 if form.errors else 200)


@needs(Permission.RUN_CAMPAIGNS)
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    found = _draft_or_404(pk)
    told = {name: getattr(found, name) for name in ("code", *draws.TERMS)} | {
        "starts_on": mall_day(found.starts_at),
        "last_on": _last_day(found),
    }
    form = LotteryForm(request.POST or None, initial=told)
    form.fields["code"].disabled = True
    if request.method == "POST" and form.is_valid():
        try:
            draws.change(pk, by=request.user, at=now(), **form.terms)
            messages.success(request, _("Saved"))
            return redirect("desk:draw", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return render(
        request, "desk/loyalty/draws/edit.html", {"form": form, "lottery": found}, status=422 if form.errors else 200
    )


@needs(Permission.RUN_CAMPAIGNS)
def prizes(request: StaffRequest, pk: int) -> HttpResponse:
    """The prizes by rank with their odds; the last row is usually the one of those who win nothing."""
    found = _draft_or_404(pk)
    told: list[dict[str, Any]] = [
        {
            "name": one.name,
            "kind": one.kind,
            "percent": Decimal(one.ppm) / 10_000,
            "total": one.total,
            "value": one.value or None,
            "points": one.points or None,
            "coupons": one.coupons_id,
        }
        for one in found.prizes.order_by("rank")
    ] or [{}] * 3 + [{"name": _("Thanks for taking part"), "kind": Kind.THANKS}]
    formset = Prizes(request.POST or None, initial=told)
    refusal, status = "", 200
    if request.method == "POST":
        status = 422
        if formset.is_valid():
            facts = [form.fact for form in formset if form.has_changed() or form.initial]
            try:
                draws.set_prizes(pk, [fact for fact in facts if fact], by=request.user, at=now())
                messages.success(request, _("Saved"))
                return redirect("desk:draw", pk)
            except DomainError as refused:
                refusal = str(refused)
    return render(
        request,
        "desk/loyalty/draws/prizes.html",
        {"lottery": found, "formset": formset, "refusal": refusal},
        status=status,
    )


def _draft_or_404(pk: int) -> Lottery:
    return get_object_or_404(Lottery, pk=pk, status=Status.DRAFT)


@needs(Permission.VIEW_CAMPAIGNS)
def lottery(request: StaffRequest, pk: int) -> HttpResponse:
    """A draft with its checklist, or a published draw with live stock and what is to be handed over."""
    found = get_object_or_404(Lottery.objects.select_related("by", "published_by"), pk=pk)
    names = rights_of(request.user.role).scope != Scope.NONE
    mine = Draw.objects.filter(scope_filter(request.user, today(), "customer__"), lottery=found)
    rows = mine.select_related("customer", "prize", "rolled")
    waiting = rows.filter(WAITING)
    tickets = dict(found.tickets.values_list("status").annotate(n=Count("pk")))
    checks = draws.checklist(found, at=now()) if found.status == Status.DRAFT else []
    odds = draws.odds(found)
    return render(
        request,
        "desk/loyalty/draws/lottery.html",
        {
            "lottery": found,
            "last_on": _last_day(found),
            "state": state_of(found),
            "checks": checks,
            "ready": bool(checks) and all(check.ok for check in checks),
            "may_publish": request.user.pk != found.by_id,
            "odds": odds,
            "drawn": sum(row.rolled for row in odds),
            "tickets": tickets,
            "won": sum(row.given for row in odds if row.prize.kind != Kind.THANKS),
            "waiting": found.draws.filter(WAITING).count(),
            "mine": waiting.count(),
            "points_waiting": points_waiting(found),
            "to_hand_over": [
                {"draw": one, "tone": TONES[State(one.state)]} for one in waiting.order_by("claim_by", "pk")[:SHOWN]
            ]
            if names
            else [],
            "newest": [{"draw": one, "tone": TONES[State(one.state)]} for one in rows.order_by("-pk")[:SHOWN]]
            if names
            else [],
            "names": names,
            "shown": SHOWN,
            "wrong": draws.disagreements(found) if found.status == Status.ENDED else [],
            "secret": draws.secret_shown(found) if found.published_at else "",
        },
    )


@needs(Permission.VIEW_CAMPAIGNS)
def odds(request: StaffRequest, pk: int) -> HttpResponse:
    """The rules and odds as the customers read them, to be printed or copied into the shop."""
    found = get_object_or_404(Lottery, pk=pk)
    return render(
        request,
        "desk/loyalty/draws/odds.html",
        {
            "lottery": found,
            "last_on": _last_day(found),
            "odds": draws.odds(found),
            "state": state_of(found),
            "secret": draws.secret_shown(found) if found.published_at else "",
            "level": _level_name(found.min_level),
        },
    )


def _level_name(code: str) -> str:
    rules = membership.applied()
    return next((level["name"] for level in rules.levels if level["code"] == code), code) if rules else code


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def act(request: StaffRequest, pk: int) -> HttpResponse:
    """Publish, drop the draft, give more in the customers' favour: the button's `verb` says which."""
    found = get_object_or_404(Lottery, pk=pk)
    verb = request.POST.get("verb", "")
    try:
        if verb == "publish":
            draws.publish(pk, by=request.user, at=now())
            messages.success(request, _("Published and frozen"))
        elif verb == "drop":
            draws.drop(pk, by=request.user, at=now())
            messages.success(request, _("Draft dropped"))
            return redirect("desk:draws")
        elif verb == "more":
            pieces, prize = request.POST.get("pieces", ""), request.POST.get("prize", "")
            more = {int(prize): int(pieces)} if prize.isdecimal() and pieces.isdecimal() and len(pieces) < 8 else None
            draws.favour(found.pk, by=request.user, at=now(), more=more)
            messages.success(request, _("Saved"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:draw", pk)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def hand_over(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the draw's; only within reach."""
    rows = Draw.objects.filter(scope_filter(request.user, today(), "customer__"))
    won = get_object_or_404(rows, pk=pk)
    try:
        draws.hand_over(won.pk, by=request.user, at=now(), reference=request.POST.get("reference", ""))
        messages.success(request, _("Sent or handed over"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:draw", won.lottery_id)


@needs(Permission.RUN_CAMPAIGNS)
def archive(request: StaffRequest, pk: int) -> HttpResponse:
    """Everything needed to repeat the draw, as CSV. Customers by number, never by name."""
    found = get_object_or_404(Lottery, pk=pk)
    if found.published_at is None:
        raise Http404
    audit.record(request.user, "draw.archived", found, at=now())
    response: Any = StreamingHttpResponse(draws.archive(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="draw-{found.code}.csv"'
    return response
