"""The rules of the levels in versions: the one in force, drafts, what each version did, and the way back."""

from typing import NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.acting import press
from crm.desk.loyalty.tiers import figures, words
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from loyalty import tier_rules
from loyalty.models import TierDraft, TierRules
from loyalty.tiers import membership
from loyalty.tiers import simulation as verbs

VERSIONS = 30


class VersionRow(NamedTuple):
    """`state` is a word where a version is not simply one of the past or the one in force."""

    version: TierRules
    icon: str
    state: str


@needs(Permission.VIEW_RULES)
@takeable("level-rules", people=False)
def rules(request: StaffRequest) -> HttpResponse:
    """The version in force with its levels, what is scheduled, open drafts, and every version before."""
    current = membership.applied() or verbs.newest()
    versions = TierRules.objects.select_related("drafted_by", "published_by").order_by("-version")
    page = page_of(request, versions, VERSIONS)
    context = {
        "current": current,
        "levels": words.levels(current.content) if current else [],
        "options": words.options(current.content) if current else [],
        "drafts": TierDraft.objects.filter(state=TierDraft.State.OPEN).select_related("by").order_by("-at"),
        "versions": page.of([_row(version) for version in page.rows]),
    }
    return render(request, "desk/loyalty/tiers/rules.html", context)


def _row(version: TierRules) -> VersionRow:
    if version.withdrawn_at:
        return VersionRow(version, "ban", _("withdrawn"))
    if version.starts_on > today():
        return VersionRow(version, "clock", _("scheduled"))
    return VersionRow(version, "history", "")


@needs(Permission.VIEW_RULES)
@takeable("level-rules-version", people=False)
def version(request: StaffRequest, pk: int) -> HttpResponse:
    """What one version said and what its first night did; the past replayed under it on request."""
    shown = get_object_or_404(
        TierRules.objects.select_related("drafted_by", "published_by", "withdrawn_by", "simulation"), pk=pk
    )
    before = TierRules.objects.filter(ends_on=shown.starts_on, withdrawn_at__isnull=True).first()
    newest = membership.applied() == shown and verbs.newest() == shown
    january = today().replace(month=1, day=1)
    context = {
        **figures.context_of(shown.simulation.figures, shown.content, request.user, shown.simulation),
        "version": shown,
        "levels": words.levels(shown.content),
        "aftermath": verbs.aftermath(shown),
        "differences": tier_rules.differences(before.content if before else None, shown.content),
        "can_roll_back": before is not None and newest,
        "can_withdraw": shown.starts_on > today() and shown.withdrawn_at is None and shown.ends_on is None,
        "replayed": verbs.rehearse(shown.content, first=january, last=today()) if "replay" in request.GET else None,
    }
    return render(request, "desk/loyalty/tiers/version.html", context)


@needs(Permission.EDIT_RULES)
@require_POST
def roll_back(request: StaffRequest, pk: int) -> HttpResponse:
    """The rules before are a draft, simulated; the next step is to confirm it."""
    get_object_or_404(TierRules, pk=pk)
    try:
        draft = verbs.roll_back(pk, by=request.user, reason=request.POST.get("reason", ""), at=now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("desk:tiers_version", pk)
    return redirect("desk:tiers_confirm", draft.pk)


@needs(Permission.PUBLISH_TIERS)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """A version that has not begun never begins."""
    get_object_or_404(TierRules, pk=pk)
    press(
        request,
        lambda: verbs.withdraw(pk, reason=request.POST.get("reason", ""), by=request.user, at=now()),
        _("Withdrawn: the version before goes on"),
    )
    return redirect("desk:tiers")
