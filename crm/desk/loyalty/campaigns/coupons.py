"""Coupon campaigns: what they promise, whom they were handed out to, and what came of them."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, rights_of
from core.lib import csv_cells
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.desk import editing
from crm.desk.acting import press, submit
from crm.desk.loyalty.campaigns import coupon_page
from crm.desk.loyalty.campaigns.forms import BeginForm, CampaignForm, GroupForm, whole_number
from crm.desk.paging import EMPTY
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from loyalty.campaigns import asked, coupons, rulebook, versions
from loyalty.campaigns import coupon_campaigns as verbs
from loyalty.campaigns.terms import said_by
from loyalty.models import CouponCampaign, CouponIssue

Status = CouponCampaign.Status


@needs(Permission.VIEW_CAMPAIGNS)
@takeable("coupons", people=False)
def campaigns(request: StaffRequest) -> HttpResponse:
    """Every campaign, those that run first; how much of limit and budget is used."""
    page, totals = coupon_page.campaign_list(request)
    return render(request, "desk/loyalty/coupons/campaigns.html", {"page": page, "totals": totals})


@needs(Permission.RUN_CAMPAIGNS)
def new(request: StaffRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None, initial={"starts_on": today(), "last_on": today() + timedelta(days=29)})
    if request.method == "POST" and form.is_valid():
        try:
            made = verbs.create(form.cleaned_data["code"], by=request.user, at=now(), **form.terms)
            messages.success(request, _("Saved as a draft. Start it when it is right."))
            return redirect("desk:coupons", made.pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return render(request, "desk/loyalty/coupons/edit.html", {"form": form}, status=422 if form.errors else 200)


@needs(Permission.RUN_CAMPAIGNS)
def begin(request: StaffRequest, pk: int) -> HttpResponse:
    """The start of a draft, with its day, its reason and its first hand-out: it waits for a second person."""
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    if campaign.status != Status.DRAFT:
        return redirect("desk:coupons", pk)
    first = max(today(), mall_day(campaign.starts_at))
    form = BeginForm(request.POST or None, needs_code=campaign.needs_code, initial={"starts_on": first})
    proposed: list[RuleChange] = []

    def propose(data: dict[str, Any]) -> None:
        content = {**versions.running(campaign), "cost": str(data.get("cost") or "0.00")}
        if data.get("hands_out"):
            content["group"] = form.group
        proposed.append(_propose(campaign, content, data["starts_on"], data["reason"], request))

    if request.method == "POST" and submit(request, form, propose, ""):
        return redirect("desk:rule_change", proposed[0].pk)
    return render(
        request,
        "desk/loyalty/coupons/begin.html",
        {"form": form, "campaign": campaign, "gives": coupon_page.gives(campaign)},
        status=422 if form.errors else 200,
    )


def _propose(
    campaign: CouponCampaign, content: dict[str, Any], starts_on: date, reason: str, request: StaffRequest
) -> RuleChange:
    return changes.propose(
        rulebook.of(campaign), content, starts_on=starts_on, reason=reason, by=request.user, at=now()
    )


@needs(Permission.RUN_CAMPAIGNS)
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """The terms of a draft; once it has begun a change of them that only favours the customers, worked out first."""
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    if campaign.status == Status.ENDED:
        return redirect("desk:coupons", pk)
    begun = campaign.status != Status.DRAFT
    proposed: list[RuleChange] = []
    form = CampaignForm(request.POST or None, initial=coupon_page.initial(campaign), begun=begun)
    form.fields["code"].disabled = True

    def change(row: CouponCampaign, data: dict[str, Any]) -> None:
        if not begun:
            rulebook.change_draft(row, by=request.user, at=now(), **form.terms)
            return
        last = rulebook.of(row).versions(1)[0]
        content = {**last.content, **said_by(CouponCampaign(**form.terms))}
        proposed.append(_propose(row, content, data["from_day"], data["reason"], request))

    if request.method == "POST" and editing.edit(request, form, campaign, change, "" if begun else _("Saved")):
        return redirect("desk:rule_change", proposed[0].pk) if proposed else redirect("desk:coupons", pk)
    return render(
        request,
        "desk/loyalty/coupons/edit.html",
        {"form": form, "campaign": campaign, "begun": begun},
        status=422 if form.errors else 200,
    )


@needs(Permission.VIEW_CAMPAIGNS)
@takeable("coupon")
def campaign(request: StaffRequest, pk: int) -> HttpResponse:
    """One campaign: its terms, how much is used, day by day, hand-outs, and the newest redemptions."""
    campaign = get_object_or_404(CouponCampaign.objects.select_related("by"), pk=pk)
    figures = verbs.figures(campaign, at=now())
    days = verbs.days(campaign, until=today())
    names = rights_of(request.user).sees_customers
    return render(
        request,
        "desk/loyalty/coupons/campaign.html",
        {
            "campaign": campaign,
            "gives": coupon_page.gives(campaign),
            "last_on": coupon_page.last_day(campaign),
            "tone": coupon_page.tone(campaign),
            "figures": figures,
            "used_label": f"{campaign.used} / {campaign.total_limit}",
            "doubts": asked.of_terms(campaign) if campaign.status == Status.PAUSED else [],
            "waits": changes.waiting(rulebook.of(campaign)),
            "scheduled": campaign.versions.filter(begun_at=None, withdrawn_at=None).first(),
            "rules": rulebook.of(campaign).name,
            "too_many": asked.of_more(campaign, 1, at=now()) if campaign.status == Status.RUNNING else [],
            "per_yuan": (figures.sales / figures.given).quantize(Decimal("0.1")) if figures.given else None,
            "chart": coupon_page.per_day(days),
            "any_redeemed": any(day.redeemed for day in days),
            "issues": coupon_page.issues(request, campaign),
            "redemptions": coupon_page.redemptions(request, campaign) if names else EMPTY,
            "names": names,
            "client_key": verbs.client_key(),
            "can_issue": campaign.needs_code and campaign.status in (Status.RUNNING, Status.PAUSED),
        },
    )


# Deeds --------------------------------------------------------------------------------------------------------------


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def start(request: StaffRequest, pk: int) -> HttpResponse:
    """A campaign that pauses goes on as it was confirmed."""
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    if campaign.status == Status.DRAFT:
        return redirect("desk:coupons_begin", pk)
    meant = "meant" in request.POST
    press(request, lambda: verbs.start(campaign.pk, by=request.user, at=now(), meant=meant), _("Done"))
    return redirect("desk:coupons", pk)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def pause(request: StaffRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    press(request, lambda: verbs.pause(campaign.pk, by=request.user, at=now()), _("Done"))
    return redirect("desk:coupons", pk)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def end(request: StaffRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    press(request, lambda: verbs.end(campaign.pk, by=request.user, at=now()), _("Done"))
    return redirect("desk:coupons", pk)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def revoke(request: StaffRequest, pk: int) -> HttpResponse:
    """The unused coupons are withdrawn, with a reason."""
    campaign = get_object_or_404(CouponCampaign, pk=pk)

    def revoke_unused() -> int:
        return verbs.revoke(campaign.pk, by=request.user, at=now(), reason=request.POST.get("reason", ""))

    press(request, revoke_unused, _withdrawn)
    return redirect("desk:coupons", pk)


def _withdrawn(count: int) -> str:
    return ngettext("%(n)d coupon withdrawn", "%(n)d coupons withdrawn", count) % {"n": count}


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def print_codes(request: StaffRequest, pk: int) -> HttpResponse:
    """Codes for whoever shows them; the same form sent twice makes them once."""
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    count, key = whole_number(request.POST.get("count", "")), _client_key(request)

    def make() -> CouponIssue:
        meant = "meant" in request.POST
        return verbs.issue_bearer(campaign.pk, count, client_key=key, by=request.user, at=now(), meant=meant)

    press(request, make, _("The codes are ready to be downloaded."))
    return redirect("desk:coupons", pk)


def _client_key(request: StaffRequest) -> str:
    return request.POST.get("client_key", "")[:64] or verbs.client_key()


@needs(Permission.RUN_CAMPAIGNS)
def issue(request: StaffRequest, pk: int) -> HttpResponse:
    """Choose a group, see how many it is, hand out: nobody is surprised by the number."""
    campaign = get_object_or_404(CouponCampaign, pk=pk)
    form = GroupForm(request.POST or request.GET or None)

    def hand_out(data: dict[str, Any]) -> CouponIssue:
        return verbs.issue(
            pk,
            form.people(request.user),
            client_key=_client_key(request),
            group=form.group,
            cost=data["cost"] or Decimal(0),
            again=data["again"],
            by=request.user,
            at=now(),
            meant="meant" in request.POST,
        )

    is_group = form.is_valid()
    if request.method == "POST" and submit(request, form, hand_out, _handed_out):
        return redirect("desk:coupons", pk)
    count = _count(request, campaign, form) if is_group else None
    return render(
        request,
        "desk/loyalty/coupons/issue.html",
        {
            "campaign": campaign,
            "gives": coupon_page.gives(campaign),
            "unseen": not rights_of(request.user).sees_customers,
            "form": form,
            "count": count,
            "doubts": asked.of_more(campaign, count or 0, at=now()),
            "client_key": verbs.client_key(),
        },
        status=422 if form.errors else 200,
    )


def _handed_out(issue: CouponIssue) -> str:
    return ngettext("%(n)d coupon handed out", "%(n)d coupons handed out", issue.count) % {"n": issue.count}


def _count(request: StaffRequest, campaign: CouponCampaign, form: GroupForm) -> int:
    """How many would get a coupon now."""
    people = form.people(request.user)
    if not form.cleaned_data["again"]:
        people = verbs.without_coupon(campaign, people, at=now())
    return people.count()


@needs(Permission.RUN_CAMPAIGNS)
def codes(request: StaffRequest, pk: int) -> HttpResponse:
    """The codes of one printed hand-out, one a line. Whoever takes them leaves a line in the audit trail."""
    issue = get_object_or_404(CouponIssue.objects.select_related("campaign"), pk=pk, bearer=True)
    audit.record(request.user, "coupons.codes_downloaded", issue, at=now(), count=issue.count)
    rows = issue.coupons.order_by("pk").values_list("code", flat=True)
    lines = csv_cells.lines([coupons.written(code)] for code in rows)
    response = HttpResponse("".join(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="codes-{issue.campaign.code}-{issue.pk}.csv"'
    response["Cache-Control"] = "no-store"
    return response
