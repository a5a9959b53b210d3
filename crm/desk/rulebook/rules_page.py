"""What the page of all rules shows: a row for each kind, whichever room keeps it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _

from complaints.setup.hours import HoursKind
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib.periods import mall_day, mall_midnight
from core.rulebook import changes
from core.rulebook.kinds import Kind, Number, Version
from core.rulebook.models import RuleChange
from crm.flows.rulebook.kinds import standing
from loyalty.campaigns import rulebook as coupons
from loyalty.campaigns.rulebook import PREFIX, CampaignKind
from loyalty.models import CouponCampaign, CouponTerms, TierDraft
from loyalty.tiers import membership, simulation

# Where the rules of a kind are read and written.
PAGES: dict[str, tuple[str, list[str]]] = {
    "points": ("desk:point_programme", []),
    "night": ("desk:rules", []),
    "promises": ("desk:complaint_settings", ["promises"]),
    "priorities": ("desk:complaint_settings", ["priorities"]),
    "stakes": ("desk:risk_rules", []),
    "books": ("desk:book_rules", []),
    "plans": ("desk:plan_rules", []),
}
READERS = {
    "points": Permission.VIEW_POINT_REPORTS,
    **dict.fromkeys(("night", "stakes", "books", "plans"), Permission.VIEW_RULES),
}


class Row(NamedTuple):
    """One kind of rules. `scheduled` and `waits` are sentences, or empty; `effect` what the last change did.

    `edits`: this person may change them at `edit_url`, and not only read them there.
    """

    label: Any
    version: str
    since: datetime | None
    by: Any
    reason: str
    edit_url: str
    edits: bool
    scheduled: str = ""
    waits: str = ""
    waits_url: str = ""
    effect: Sequence[str] = ()
    history_url: str = ""


def rows(user: User, *, at: datetime) -> list[Row]:
    """The kinds in the order in which a mall sets them up, as far as this person may open a page of theirs."""
    return [_levels(user, at), *(_kind(kind, user, at) for kind in standing()), _coupons(user, at)]


def written_at(kind: Kind, user: User) -> str:
    """Where its rules are written; empty for who may not open that page."""
    if isinstance(kind, CampaignKind):
        return reverse("desk:coupons", args=[kind.campaign.pk]) if may(user, Permission.VIEW_CAMPAIGNS) else ""
    if isinstance(kind, HoursKind):
        address = reverse("desk:complaint_calendar", args=[kind.calendar.pk])
        return address if may(user, kind.edits) else ""
    route, args = PAGES[kind.name]
    return reverse(route, args=args) if may(user, READERS.get(kind.name, kind.edits)) else ""


def _kind(kind: Kind, user: User, at: datetime) -> Row:
    versions = kind.versions(3)
    current = next((row for row in versions if row.starts_at is None or row.starts_at <= at), None)
    later = [row for row in versions if row.starts_at is not None and row.starts_at > at]
    waiting = changes.waiting(kind).first()
    return Row(
        label=kind.label,
        version=f"v{current.number}" if current else "",
        since=current.starts_at if current else None,
        by=current.by if current else None,
        reason=current.reason if current else "",
        scheduled=_scheduled(later[0]) if later else "",
        waits=str(waiting.by) if waiting else "",
        waits_url=reverse("desk:rule_change", args=[waiting.pk]) if waiting else "",
        effect=_effect(kind, current, at) if current else [],
        history_url=reverse("desk:rulebook_kind", args=[kind.name]),
        edit_url=written_at(kind, user),
        edits=may(user, kind.edits),
    )


def _scheduled(version: Version) -> str:
    day = mall_day(version.starts_at).isoformat() if version.starts_at else ""
    return _("v%(version)d from %(day)s on") % {"version": version.number, "day": day}


def _effect(kind: Kind, version: Version, at: datetime) -> list[str]:
    """What the change to this version did: each figure before, and as it came."""
    change = RuleChange.objects.filter(kind=kind.name, version=version.number, state=RuleChange.State.CONFIRMED).first()
    if change is None:
        return []
    return _effect_of(kind, change, at, tuple(kind.figures))


def _effect_of(kind: Kind, change: RuleChange, at: datetime, figures: Sequence[str]) -> list[str]:
    return [
        f"{kind.figures[row.name]}: {plain(row.before):,} → {plain(row.came):,}"
        for row in changes.compared(kind, change, at=at)
        if row.came is not None and row.name in figures
    ]


def plain(number: Number) -> Number:
    """270 for 270.0"""
    return int(number) if number == int(number) else number


def _levels(user: User, at: datetime) -> Row:
    """The levels go through five screens of their own."""
    current = membership.applied()
    newest = simulation.newest()
    scheduled = newest if newest is not None and newest != current else None
    draft = TierDraft.objects.filter(state=TierDraft.State.OPEN).exclude(reason="").select_related("by").last()
    aftermath = simulation.aftermath(current) if current else None
    return Row(
        label=_("Levels"),
        version=f"v{current.version}" if current else "",
        since=mall_midnight(current.starts_on) if current else None,
        by=current.drafted_by if current else None,
        reason=current.reason if current else "",
        scheduled=_("v%(version)d from %(day)s on")
        % {"version": scheduled.version, "day": scheduled.starts_on.isoformat()}
        if scheduled
        else "",
        waits=str(draft.by) if draft else "",
        waits_url=reverse("desk:tiers_confirm", args=[draft.pk]) if draft else "",
        effect=[
            _("%(moved)d members moved, %(foretold)d were foretold")
            % {"moved": aftermath.moved, "foretold": aftermath.foretold}
        ]
        if aftermath
        else [],
        history_url=reverse("desk:tiers_version", args=[current.pk]) if current else "",
        edit_url=reverse("desk:tiers"),
        edits=may(user, Permission.EDIT_RULES),
    )


def _coupons(user: User, at: datetime) -> Row:
    """Each campaign is a kind of its own; the row tells of the newest that runs, begins, waits, or has been changed."""
    running = CouponCampaign.objects.filter(status=CouponCampaign.Status.RUNNING, ends_at__gt=at)
    newest = running.select_related("by").order_by("-starts_at").first()
    to_begin = CouponTerms.objects.filter(begun_at=None, withdrawn_at=None).select_related("campaign")
    scheduled = to_begin.order_by("starts_at").first()
    changed = RuleChange.objects.filter(kind__startswith=PREFIX).select_related("by").order_by("-pk")
    waiting = changed.filter(state=RuleChange.State.OPEN).first()
    last = changed.filter(state=RuleChange.State.CONFIRMED, starts_on__lte=mall_day(at)).first()
    kind = coupons.named(last.kind) if last else None
    effect = _effect_of(kind, last, at, ("used", "cost")) if kind and last else []
    begins = _scheduled(Version(scheduled.version, {}, scheduled.starts_at, "", None)) if scheduled else ""
    return Row(
        label=_("Coupons"),
        version=_("%(count)d campaigns") % {"count": running.count()},
        since=newest.starts_at if newest else None,
        by=newest.by if newest else None,
        reason=newest.name if newest else "",
        scheduled=f"{scheduled.campaign.name}: {begins}" if scheduled else "",
        waits=str(waiting.by) if waiting else "",
        waits_url=reverse("desk:rule_change", args=[waiting.pk]) if waiting else "",
        effect=[str(kind.label), *effect] if kind and effect else [],
        history_url=reverse("desk:rulebook_kind", args=[last.kind]) if last else "",
        edit_url=reverse("desk:coupons_list") if may(user, Permission.VIEW_CAMPAIGNS) else "",
        edits=may(user, Permission.RUN_CAMPAIGNS),
    )
