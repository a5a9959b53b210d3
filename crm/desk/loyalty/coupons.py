"""Coupon campaigns: what they promise, whom they were handed out to, and what came of them."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission, Scope, rights_of
from core.lib import csv_cells
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.desk.today import now, today
from customers import queries
from customers.access import scope_filter
from customers.models import Category, Customer, Standing
from loyalty.campaigns import coupon_campaigns, coupons
from loyalty.models import Coupon, CouponCampaign, CouponIssue, CouponRedemption
from loyalty.tiers import membership

SHOWN = 12
Kind, Status = CouponCampaign.Kind, CouponCampaign.Status
TONES = {Status.DRAFT: "grey", Status.RUNNING: "green", Status.PAUSED: "amber", Status.ENDED: "grey"}
DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class MoneyInput(forms.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, **({"min_value": Decimal(0)} | kwargs))


class CampaignForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=30,
        help_text=gettext_lazy("For staff and the shop, such as SPRING26"),
    )
    name = forms.CharField(
        label=gettext_lazy("Name of the campaign"), max_length=80, help_text=gettext_lazy("As the customers read it")
    )
    kind = forms.ChoiceField(label=gettext_lazy("What it gives"), choices=Kind.choices)
    amount = MoneyInput(
        label=gettext_lazy("Amount"),
        required=False,
        help_text=gettext_lazy("Off the order; for shipping the most that is paid; for a gift its stated price"),
    )
    percent = forms.IntegerField(
        label=gettext_lazy("Percent off"),
        min_value=1,
        max_value=100,
        required=False,
        help_text=gettext_lazy("15 is 15 % off, that is 8.5 折"),
    )
    gift = forms.CharField(label=gettext_lazy("Gift"), max_length=80, required=False)
    min_spend = MoneyInput(
        label=gettext_lazy("From an order of"), required=False, help_text=gettext_lazy("The amount itself is in")
    )
    most_off = MoneyInput(
        label=gettext_lazy("At most off"), required=False, help_text=gettext_lazy("Empty: no ceiling")
    )
    categories = forms.MultipleChoiceField(
        label=gettext_lazy("Only for these categories"),
        required=False,
        help_text=gettext_lazy("None chosen: everything"),
    )
    total_limit = forms.IntegerField(label=gettext_lazy("Redemptions at most"), min_value=1, max_value=10_000_000)
    per_customer_limit = forms.IntegerField(
        label=gettext_lazy("Per customer at most"), min_value=1, max_value=1000, initial=1
    )
    budget = MoneyInput(
        label=gettext_lazy("Budget"), required=False, help_text=gettext_lazy("Empty: only the number limits")
    )
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DATE)
    last_on = forms.DateField(label=gettext_lazy("Last day"), widget=DATE)
    valid_days = forms.IntegerField(
        label=gettext_lazy("Days a coupon is valid"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=gettext_lazy("Empty: until the last day"),
    )
    stack_group = forms.CharField(
        label=gettext_lazy("Does not combine within"),
        max_length=30,
        required=False,
        help_text=gettext_lazy("Coupons with the same word here never meet on one order"),
    )
    needs_code = forms.BooleanField(
        label=gettext_lazy("Customers need a coupon with a code"), required=False, initial=True
    )

    def __init__(self, *args: Any, begun: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        categories = self.fields["categories"]
        assert isinstance(categories, forms.MultipleChoiceField)  # noqa: S101
        categories.choices = [(name, name) for name in Category.objects.order_by("name").values_list("name", flat=True)]
        if begun:
            for name in set(self.fields) - {"name", "total_limit", "per_customer_limit", "budget", "last_on"}:
                self.fields[name].disabled = True

    @property
    def terms(self) -> dict[str, Any]:
        told = dict(self.cleaned_data)
        told.pop("code")
        told["starts_at"] = coupon_campaigns.local_midnight(told.pop("starts_on"))
        told["ends_at"] = coupon_campaigns.local_midnight(told.pop("last_on") + timedelta(days=1))
        told["amount"] = told["amount"] or Decimal(0)
        told["percent"] = told["percent"] or 0
        told["min_spend"] = told["min_spend"] or Decimal(0)
        return told


def _told(campaign: CouponCampaign) -> dict[str, Any]:
    names = (
        "code",
        "name",
        "kind",
        "gift",
        "min_spend",
        "most_off",
        "categories",
        "total_limit",
        "per_customer_limit",
        "budget",
        "valid_days",
        "stack_group",
        "needs_code",
    )
    return {
        **{name: getattr(campaign, name) for name in names},
        "amount": campaign.amount or None,
        "percent": campaign.percent or None,
        "starts_on": mall_day(campaign.starts_at),
        "last_on": last_day(campaign),
    }


def last_day(campaign: CouponCampaign) -> Any:
    return mall_day(campaign.ends_at - timedelta(microseconds=1))


class GroupForm(forms.Form):
    """Whom a hand-out is for, in the words of the customer list."""

    customer_class = forms.ChoiceField(
        label=gettext_lazy("Class"),
        required=False,
        choices=[("", gettext_lazy("Every class")), *((str(value), label) for value, label in Standing.Class.choices)],
    )
    level = forms.ChoiceField(label=gettext_lazy("Level"), required=False)
    absent_days = forms.IntegerField(
        label=gettext_lazy("No purchase for more than (days)"), min_value=0, max_value=9999, required=False
    )
    region = forms.CharField(label=gettext_lazy("Province"), max_length=60, required=False)
    cost = MoneyInput(
        label=gettext_lazy("What telling them costs"),
        required=False,
        help_text=gettext_lazy("Text messages and the like: it is set against what they buy"),
    )
    again = forms.BooleanField(
        label=gettext_lazy("Also those who have an unused coupon of this campaign"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = membership.applied()
        field = self.fields["level"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        levels = list(enumerate(rules.levels)) if rules else []
        field.choices = [("", gettext_lazy("Every level")), *((str(rank), level["name"]) for rank, level in levels)]

    def people(self, user: User) -> QuerySet[Customer]:
        told = self.cleaned_data
        rows = queries.standings(
            user,
            queries.Filters(
                customer_class=int(told["customer_class"]) if told["customer_class"] else None,
                region=told["region"].strip(),
                absent_days=told["absent_days"],
            ),
            today(),
        )
        people = Customer.objects.filter(pk__in=rows.values("pk"))
        if told["level"]:
            rank = int(told["level"])
            held = Q(membership__rank=rank)
            people = people.filter(held if rank else held | Q(membership__isnull=True))
        return people

    @property
    def group(self) -> dict[str, Any]:
        names = ("customer_class", "level", "absent_days", "region")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name] not in ("", None)}


# Pages --------------------------------------------------------------------------------------------------------------


@needs(Permission.VIEW_CAMPAIGNS)
def campaigns(request: StaffRequest) -> HttpResponse:
    """Every campaign, those that run first; how much of limit and budget is used."""
    order = {Status.RUNNING: 0, Status.PAUSED: 1, Status.DRAFT: 2, Status.ENDED: 3}
    found = list(CouponCampaign.objects.order_by("-starts_at")[:200])
    sums = {
        campaign_id: (sales, given)
        for campaign_id, sales, given in CouponRedemption.objects.filter(status=CouponRedemption.Status.REDEEMED)
        .values_list("campaign")
        .annotate(sales=Sum("goods"), given=Sum("worth"))
    }
    open_coupons = dict(
        Coupon.objects.filter(status=Coupon.Status.ISSUED, expires_at__gt=now())
        .values_list("campaign")
        .annotate(n=Count("pk"))
    )
    rows = [
        {
            "campaign": one,
            "gives": gives(one),
            "last_on": last_day(one),
            "tone": TONES[Status(one.status)],
            "open": open_coupons.get(one.pk, 0),
            "sales": sums.get(one.pk, (None, None))[0],
            "label": f"{one.used} / {one.total_limit}",
        }
        for one in sorted(found, key=lambda one: order[Status(one.status)])
    ]
    running = [one for one in found if one.status == Status.RUNNING]
    return render(
        request,
        "desk/loyalty/coupons/campaigns.html",
        {
            "rows": rows,
            "running": len(running),
            "open": sum(open_coupons.values()),
            "given": sum((given for _sales, given in sums.values()), Decimal(0)),
            "sales": sum((sales for sales, _given in sums.values()), Decimal(0)),
        },
    )


def gives(campaign: CouponCampaign) -> str:
    """What a coupon of this campaign gives, in one line."""
    told = {
        Kind.AMOUNT: _("¥%(amount)s off"),
        Kind.PERCENT: _("%(percent)s%% off"),
        Kind.SHIPPING: _("shipping up to ¥%(amount)s"),
        Kind.GIFT: _("gift: %(gift)s"),
    }[Kind(campaign.kind)] % {"amount": _short(campaign.amount), "percent": campaign.percent, "gift": campaign.gift}
    if campaign.min_spend:
        told = _("%(gives)s from ¥%(least)s") % {"gives": told, "least": _short(campaign.min_spend)}
    if campaign.most_off:
        told = _("%(gives)s, at most ¥%(most)s") % {"gives": told, "most": _short(campaign.most_off)}
    return told


def _short(amount: Decimal) -> str:
    return str(amount.to_integral_value() if amount == amount.to_integral_value() else amount)


@needs(Permission.RUN_CAMPAIGNS)
def new(request: StaffRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None, initial={"starts_on": today(), "last_on": today() + timedelta(days=29)})
    if request.method == "POST" and form.is_valid():
        try:
            made = coupon_campaigns.create(form.cleaned_data["code"], by=request.user, at=now(), **form.terms)
            messages.success(request, _("Saved as a draft. Start it when it is right."))
            return redirect("desk:coupons", made.pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return render(request, "desk/loyalty/coupons/edit.html", {"form": form}, status=422 if form.errors else 200)


@needs(Permission.RUN_CAMPAIGNS)
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """The terms; once it has begun only what favours the customers."""
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    if campaign.status == Status.ENDED:
        return redirect("desk:coupons", pk)
    begun = campaign.status != Status.DRAFT
    form = CampaignForm(request.POST or None, initial=_told(campaign), begun=begun)
    form.fields["code"].disabled = True
    if request.method == "POST" and form.is_valid():
        try:
            coupon_campaigns.change(pk, by=request.user, at=now(), **form.terms)
            messages.success(request, _("Saved"))
            return redirect("desk:coupons", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return render(
        request,
        "desk/loyalty/coupons/edit.html",
        {"form": form, "campaign": campaign, "begun": begun},
        status=422 if form.errors else 200,
    )


@needs(Permission.VIEW_CAMPAIGNS)
def campaign(request: StaffRequest, pk: int) -> HttpResponse:
    """One campaign: its terms, how much is used, day by day, hand-outs, and the newest redemptions."""
    found = get_object_or_404(CouponCampaign.objects.select_related("by"), pk=pk)
    figures = coupon_campaigns.figures(found, at=now())
    days = coupon_campaigns.days(found, until=today())
    names = rights_of(request.user.role).scope != Scope.NONE
    redemptions = CouponRedemption.objects.filter(scope_filter(request.user, today(), "customer__"), campaign=found)
    return render(
        request,
        "desk/loyalty/coupons/campaign.html",
        {
            "campaign": found,
            "gives": gives(found),
            "last_on": last_day(found),
            "tone": TONES[Status(found.status)],
            "figures": figures,
            "used_label": f"{found.used} / {found.total_limit}",
            "per_yuan": (figures.sales / figures.given).quantize(Decimal("0.1")) if figures.given else None,
            "chart": {
                "labels": [day.on.strftime("%m-%d") for day in days],
                "series": [{"name": _("Redeemed"), "data": [day.redeemed for day in days]}],
            },
            "any_redeemed": any(day.redeemed for day in days),
            "issues": [
                {"issue": one, "group": group_told(one)}
                for one in found.issues.select_related("by").order_by("-pk")[:SHOWN]
            ],
            "redemptions": redemptions.select_related("customer").order_by("-reserved_at")[:SHOWN] if names else [],
            "names": names,
            "client_key": coupon_campaigns.client_key(),
            "can_issue": found.needs_code and found.status in (Status.RUNNING, Status.PAUSED),
        },
    )


def group_told(issue: CouponIssue) -> str:
    """The group of a hand-out in one line."""
    if issue.bearer:
        return _("Codes for whoever shows them")
    rules = membership.applied()
    words = []
    for name, value in issue.group.items():
        if name == "customer_class":
            words.append(str(Standing.Class(int(value)).label))
        elif name == "level":
            rank = int(value)
            words.append(rules.levels[rank]["name"] if rules and rank < len(rules.levels) else str(rank))
        elif name == "absent_days":
            words.append(_("no purchase for more than %(days)s days") % {"days": value})
        else:
            words.append(str(value))
    return " · ".join(words) or _("All customers in reach")


VERBS: dict[str, Callable[..., CouponCampaign]] = {
    "start": coupon_campaigns.start,
    "pause": coupon_campaigns.pause,
    "end": coupon_campaigns.end,
}


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def act(request: StaffRequest, pk: int) -> HttpResponse:
    """Start, pause, end, withdraw the unused coupons, or print codes: the button's `verb` says which."""
    found = get_object_or_404(CouponCampaign, pk=pk)
    verb = request.POST.get("verb", "")
    try:
        if verb in VERBS:
            VERBS[verb](found.pk, by=request.user, at=now())
            messages.success(request, _("Done"))
        elif verb == "revoke":
            count = coupon_campaigns.revoke(found.pk, by=request.user, at=now(), reason=request.POST.get("reason", ""))
            messages.success(
                request, ngettext("%(n)d coupon withdrawn", "%(n)d coupons withdrawn", count) % {"n": count}
            )
        elif verb == "print":
            wanted = request.POST.get("count", "")
            coupon_campaigns.issue_bearer(
                found.pk,
                int(wanted) if wanted.isdecimal() and len(wanted) < 9 else 0,
                client_key=request.POST.get("client_key", "")[:64] or coupon_campaigns.client_key(),
                by=request.user,
                at=now(),
            )
            messages.success(request, _("The codes are ready to be downloaded."))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:coupons", pk)


@needs(Permission.RUN_CAMPAIGNS)
def issue(request: StaffRequest, pk: int) -> HttpResponse:
    """Choose a group, see how many it is, hand out: nobody is surprised by the number."""
    found = get_object_or_404(CouponCampaign, pk=pk)
    form = GroupForm(request.POST or request.GET or None)
    count = None
    if form.is_valid():
        people = form.people(request.user)
        if request.method == "POST":
            told = form.cleaned_data
            try:
                key = request.POST.get("client_key", "")[:64] or coupon_campaigns.client_key()
                handed = coupon_campaigns.issue(
                    pk,
                    people,
                    client_key=key,
                    group=form.group,
                    cost=told["cost"] or Decimal(0),
                    again=told["again"],
                    by=request.user,
                    at=now(),
                )
                message = ngettext("%(n)d coupon handed out", "%(n)d coupons handed out", handed.count)
                messages.success(request, message % {"n": handed.count})
                return redirect("desk:coupons", pk)
            except DomainError as refusal:
                form.add_error(None, str(refusal))
        if not form.cleaned_data["again"]:
            people = coupon_campaigns.without_coupon(found, people, at=now())
        count = people.count()
    return render(
        request,
        "desk/loyalty/coupons/issue.html",
        {
            "campaign": found,
            "gives": gives(found),
            "form": form,
            "count": count,
            "client_key": coupon_campaigns.client_key(),
        },
        status=422 if form.is_bound and form.errors else 200,
    )


@needs(Permission.RUN_CAMPAIGNS)
def codes(request: StaffRequest, pk: int) -> HttpResponse:
    """The codes of one printed hand-out, one a line. Whoever takes them leaves a line in the audit trail."""
    handed = get_object_or_404(CouponIssue.objects.select_related("campaign"), pk=pk, bearer=True)
    audit.record(request.user, "coupons.codes_downloaded", handed, at=now(), count=handed.count)
    rows = handed.coupons.order_by("pk").values_list("code", flat=True)
    response = HttpResponse(
        "".join(csv_cells.lines([coupons.written(code)] for code in rows)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="codes-{handed.campaign.code}-{handed.pk}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def card(user: User, customer: Customer) -> dict[str, Any] | None:
    """What the customer page shows; None where there is nothing to tell."""
    usable = list(coupon_campaigns.usable_by(customer, at=now())[:10])
    used = customer.coupon_redemptions.filter(status=CouponRedemption.Status.REDEEMED).select_related("campaign")
    newest = list(used.order_by("-redeemed_at")[:3])
    if not usable and not newest:
        return None
    return {
        "usable": [{"coupon": one, "gives": gives(one.campaign), "last_on": _last(one)} for one in usable],
        "used": newest,
        "given": coupon_campaigns.given_to(customer),
        "links": may(user, Permission.VIEW_CAMPAIGNS),
    }


def _last(coupon: Coupon) -> Any:
    return mall_day(coupon.expires_at - timedelta(microseconds=1))
