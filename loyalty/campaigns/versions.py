"""The versions of a campaign's terms: confirmed before they begin, and begun when their moment has come."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from loyalty.campaigns import coupon_campaigns, groups
from loyalty.campaigns.terms import said_by, values_of
from loyalty.models import CouponCampaign, CouponTerms

Status = CouponCampaign.Status
# The key of the hand-out that goes with a start.
HANDED = "version "


def of(campaign: CouponCampaign) -> QuerySet[CouponTerms]:
    """Those that count, scheduled ones first."""
    return campaign.versions.filter(withdrawn_at=None).select_related("by").order_by("-version")


@transaction.atomic
def add(
    campaign_id: int,
    content: dict[str, Any],
    *,
    starts_at: datetime,
    reason: str,
    by: User,
    at: datetime,
    taken_back: bool = False,
) -> CouponTerms:
    """A new version; it begins at once where its moment has come. A campaign that ran before has its own kept first."""
    campaign = CouponCampaign.objects.select_for_update(no_key=True).get(pk=campaign_id)
    top = campaign.versions.aggregate(top=Max("version"))["top"]
    if top is None and campaign.status != Status.DRAFT:
        top = 1
        CouponTerms.objects.create(
            campaign=campaign, version=1, content=running(campaign), by=campaign.by, at=campaign.at, begun_at=at
        )
    version = CouponTerms.objects.create(
        campaign=campaign,
        version=(top or 0) + 1,
        content=content,
        starts_at=starts_at,
        reason=reason,
        by=by,
        at=at,
        takes_back=taken_back,
    )
    if starts_at <= at:
        _begin(version, at)
    return version


def running(campaign: CouponCampaign) -> dict[str, Any]:
    """What a campaign says that runs, as the content of a version."""
    return {**said_by(campaign), "running": True, "group": None, "reach": None, "cost": "0.00"}


@transaction.atomic
def withdraw(campaign_id: int, version: int, *, at: datetime) -> None:
    """A version that has not begun never begins."""
    rows = CouponTerms.objects.select_for_update().filter(campaign=campaign_id, version=version, begun_at=None)
    if not rows.update(withdrawn_at=at):
        raise DomainError(_("This has begun meanwhile. Roll it back instead."), code="has_begun")


def begin_due(*, at: datetime) -> int:
    """Every version whose moment has come holds; returns how many. Each is a transaction of its own."""
    begun = 0
    due = CouponTerms.objects.filter(begun_at=None, withdrawn_at=None, starts_at__lte=at)
    for pk in list(due.order_by("starts_at", "pk").values_list("pk", flat=True)):
        with transaction.atomic():
            version = due.select_for_update(skip_locked=True).filter(pk=pk).first()
            if version is not None:
                _begin(version, at)
                begun += 1
    return begun


def _begin(version: CouponTerms, at: datetime) -> None:
    campaign = CouponCampaign.objects.select_for_update(no_key=True).get(pk=version.campaign_id)
    terms = values_of(version.content)
    over = campaign.status == Status.ENDED or (campaign.status == Status.DRAFT and terms["ends_at"] <= at)
    version.begun_at, version.withdrawn_at = (None, at) if over else (at, None)
    version.save(update_fields=["begun_at", "withdrawn_at"])
    if over:
        return
    if not version.content["running"]:
        coupon_campaigns.end(campaign.pk, by=version.by, at=at)
        coupon_campaigns.revoke(campaign.pk, by=version.by, at=at, reason=version.reason)
        return
    starts = campaign.status == Status.DRAFT
    if starts:
        terms["starts_at"] = version.starts_at
    coupon_campaigns.change(campaign.pk, by=version.by, at=at, taken_back=version.takes_back, **terms)
    if starts:
        coupon_campaigns.start(campaign.pk, by=version.by, at=at)
        _hand_out(version, at)


def _hand_out(version: CouponTerms, at: datetime) -> None:
    """To the group that was named with the start; nobody in it that day is nobody."""
    content = version.content
    if content["group"] is None or not content["needs_code"]:
        return
    people = groups.people(content["group"], by=User.objects.get(pk=content["reach"]), today=mall_day(at))
    if people.exists():
        coupon_campaigns.issue(
            version.campaign_id,
            people,
            client_key=f"{HANDED}{version.version}",
            group=content["group"],
            cost=Decimal(content["cost"]),
            by=version.by,
            at=at,
        )
