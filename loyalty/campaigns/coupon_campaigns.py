"""Campaigns of coupons: set up, begun, handed out to a group, withdrawn, and what came of them."""

import secrets
from collections.abc import Sequence
from copy import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import mall
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.money import from_minor
from core.lib.periods import mall_day
from customers import locks
from customers.models import Customer
from loyalty import notices
from loyalty.campaigns import asked
from loyalty.campaigns.coupons import NOTHING, new_code
from loyalty.campaigns.terms import TERMS, expiry, refuse, refuse_less
from loyalty.models import CampaignUsage, Coupon, CouponCampaign, CouponIssue, CouponRedemption

Kind = CouponCampaign.Kind
Status = CouponCampaign.Status

MOST_ISSUED = 500_000
MOST_BEARER = 10_000
CODES_AT_ONCE = 20_000


# Setting up ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def create(code: str, *, by: User, at: datetime, **terms: Any) -> CouponCampaign:
    """A draft with these terms (see TERMS). Nobody can use it before `start`."""
    code = code.strip().upper()
    if CouponCampaign.objects.filter(code=code).exists():
        raise Invalid(_("A campaign has this short name already. Choose another."), code="code_taken")
    campaign = CouponCampaign(code=code, by=by, at=at, **_known(terms))
    refuse(campaign)
    campaign.save(force_insert=True)
    audit.record(by, "coupons.created", campaign, at=at, code=code, kind=campaign.kind)
    return campaign


@transaction.atomic
def change(campaign_id: int, *, by: User, at: datetime, taken_back: bool = False, **terms: Any) -> CouponCampaign:
    """New terms. Once it has begun only what favours the customers: later end, higher limits; the budget either way.

    `taken_back`: what is given back was said before; limits and budget sink again, but never below what is used.
    """
    campaign = _held(campaign_id)
    before = copy(campaign)
    for name, value in _known(terms).items():
        setattr(campaign, name, value)
    refuse(campaign)
    changed = [name for name in TERMS if getattr(campaign, name) != getattr(before, name)]
    if campaign.status == Status.ENDED and changed:
        raise DomainError(_("This campaign has ended. Set up a new one."), code="campaign_over")
    if campaign.status == Status.DRAFT and changed and campaign.versions.filter(begun_at=None, withdrawn_at=None):
        raise DomainError(
            _("The start of this campaign is confirmed. Withdraw that first, then change it."), code="scheduled_already"
        )
    if taken_back:
        campaign.total_limit = max(campaign.total_limit, campaign.used)
        if campaign.budget is not None:
            campaign.budget = max(campaign.budget, campaign.budget_used)
    elif campaign.status != Status.DRAFT:
        refuse_less(before, campaign)
    campaign.save()
    if "per_customer_limit" in changed:
        CampaignUsage.objects.filter(campaign=campaign).update(most=Greatest(F("used"), campaign.per_customer_limit))
    if changed:
        audit.record(by, "coupons.changed", campaign, at=at, fields=changed)
    return campaign


@transaction.atomic
def start(campaign_id: int, *, by: User, at: datetime, meant: bool = True) -> CouponCampaign:
    """From now on (or from its first day) coupons are accepted. Unless `meant`, what is seldom meant is refused."""
    asked.refuse_unless(meant, asked.of_terms(_held(campaign_id)))
    return _move(campaign_id, (Status.DRAFT, Status.PAUSED), Status.RUNNING, "coupons.started", by=by, at=at)


def pause(campaign_id: int, *, by: User, at: datetime) -> CouponCampaign:
    """Nothing is reserved any more; what is reserved can still be redeemed."""
    return _move(campaign_id, (Status.RUNNING,), Status.PAUSED, "coupons.paused", by=by, at=at)


def end(campaign_id: int, *, by: User | None, at: datetime) -> CouponCampaign:
    """Over for good: nothing is reserved any more; what is reserved can still be redeemed."""
    return _move(
        campaign_id, (Status.RUNNING, Status.PAUSED, Status.DRAFT), Status.ENDED, "coupons.ended", by=by, at=at
    )


@transaction.atomic
def end_due(*, at: datetime) -> int:
    """Campaigns whose time is over are marked so; readers compare the time itself."""
    due = CouponCampaign.objects.filter(status__in=(Status.RUNNING, Status.PAUSED), ends_at__lte=at)
    return due.update(status=Status.ENDED)


@transaction.atomic
def _move(
    campaign_id: int, before: Sequence[str], after: str, action: str, *, by: User | None, at: datetime
) -> CouponCampaign:
    campaign = _held(campaign_id)
    if campaign.status not in before:
        raise DomainError(
            _("This campaign is: %(status)s.") % {"status": campaign.get_status_display()}, code="campaign_status"
        )
    if after == Status.RUNNING and campaign.ends_at <= at:
        raise DomainError(_("This campaign is over. Move its end first."), code="campaign_over")
    campaign.status = after
    campaign.save(update_fields=["status"])
    audit.record(by, action, campaign, at=at)
    return campaign


def _held(campaign_id: int) -> CouponCampaign:
    return CouponCampaign.objects.select_for_update(no_key=True).get(pk=campaign_id)


def _known(terms: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(terms.keys() - set(TERMS)):
        raise TypeError(f"no terms of a campaign: {unknown}")
    return terms


# Handing out --------------------------------------------------------------------------------------------------------


@transaction.atomic
def issue(
    campaign_id: int,
    customers: QuerySet[Customer],
    *,
    client_key: str,
    by: User,
    at: datetime,
    group: dict[str, Any] | None = None,
    cost: Decimal = NOTHING,
    again: bool = False,
    meant: bool = True,
) -> CouponIssue:
    """Each of these customers has one more coupon; the same `client_key` finds the first hand-out again; for another
    group it raises SameKey.

    Whoever has an unused coupon of the campaign is left out unless `again`. `cost`: what telling them costs. Unless
    `meant`, more coupons in customers' hands than can be used are refused.
    """
    locks.hold(f"coupon-issue:{campaign_id}")  # not the campaign's row: orders would wait for it meanwhile
    campaign = CouponCampaign.objects.get(pk=campaign_id)
    if known := CouponIssue.objects.filter(campaign=campaign, client_key=client_key).first():
        if known.bearer or known.group != (group or {}):
            raise SameKey()
        return known
    _refuse_issue(campaign, at)
    if not again:
        customers = without_coupon(campaign, customers, at=at)
    ids = list(customers.order_by("pk").values_list("pk", flat=True)[: MOST_ISSUED + 1])
    if len(ids) > MOST_ISSUED:
        raise Invalid(_("That is more than %(most)d customers. Narrow the group.") % {"most": MOST_ISSUED}, code="many")
    if not ids:
        raise Invalid(_("Nobody in this group is without a coupon of this campaign."), code="nobody")
    asked.refuse_unless(meant, asked.of_more(campaign, len(ids), at=at))
    handed = CouponIssue.objects.create(
        campaign=campaign, client_key=client_key, group=group or {}, count=len(ids), cost=cost, by=by, at=at
    )
    _write(campaign, handed, ids, at)
    notices.coupons_issued(campaign.coupons.filter(issue=handed), at=at)
    audit.record(by, "coupons.issued", campaign, at=at, count=len(ids), group=group or {})
    return handed


def without_coupon(campaign: CouponCampaign, customers: QuerySet[Customer], *, at: datetime) -> QuerySet[Customer]:
    """Those of the customers who have no coupon of the campaign that could still be used."""
    usable = Coupon.objects.filter(
        campaign=campaign,
        status__in=(Coupon.Status.ISSUED, Coupon.Status.RESERVED),
        expires_at__gt=at,
        customer__isnull=False,
    )
    return customers.exclude(pk__in=usable.values("customer"))


@transaction.atomic
def issue_bearer(
    campaign_id: int, count: int, *, client_key: str, by: User, at: datetime, meant: bool = True
) -> CouponIssue:
    """`count` codes for whoever shows them, to be printed. The same `client_key` finds the first hand-out again."""
    locks.hold(f"coupon-issue:{campaign_id}")  # not the campaign's row: orders would wait for it meanwhile
    campaign = CouponCampaign.objects.get(pk=campaign_id)
    if known := CouponIssue.objects.filter(campaign=campaign, client_key=client_key).first():
        if not known.bearer or known.count != count:
            raise SameKey()
        return known
    _refuse_issue(campaign, at)
    if not 1 <= count <= MOST_BEARER:
        raise Invalid(_("Print between 1 and %(most)d codes at a time.") % {"most": MOST_BEARER}, code="many")
    asked.refuse_unless(meant, asked.of_more(campaign, count, at=at))
    handed = CouponIssue.objects.create(
        campaign=campaign, client_key=client_key, bearer=True, count=count, by=by, at=at
    )
    _write(campaign, handed, [None] * count, at)
    audit.record(by, "coupons.issued", campaign, at=at, count=count, bearer=True)
    return handed


@transaction.atomic
def give(campaign_id: int, customer: Customer, *, by: User | None, at: datetime) -> Coupon:
    """One coupon for one customer, as a remedy or a prize."""
    campaign = CouponCampaign.objects.get(pk=campaign_id)
    _refuse_issue(campaign, at)
    coupon = Coupon.objects.create(
        campaign=campaign, code=new_code(), customer=customer, issued_at=at, expires_at=expiry(campaign, at)
    )
    notices.coupons_issued(Coupon.objects.filter(pk=coupon.pk), at=at)
    audit.record(by, "coupon.given", customer, at=at, campaign=campaign.code, coupon=coupon.pk)
    return coupon


def revoke(campaign_id: int, *, by: User, at: datetime, reason: str, coupon: int | None = None) -> int:
    """Unused coupons of the campaign (or only that one) no longer hold; what an order has reserved stays. How many."""
    if not reason.strip():
        raise Invalid(_("Say why the coupons are withdrawn."), code="reason")
    with transaction.atomic():
        rows = Coupon.objects.filter(campaign=campaign_id, status=Coupon.Status.ISSUED)
        if coupon is not None:
            rows = rows.filter(pk=coupon)
        count = rows.update(status=Coupon.Status.REVOKED)
        audit.record(
            by, "coupons.revoked", CouponCampaign.objects.get(pk=campaign_id), at=at, count=count, reason=reason[:200]
        )
    return count


def _refuse_issue(campaign: CouponCampaign, at: datetime) -> None:
    if not campaign.needs_code:
        raise DomainError(_("This campaign has no codes: it holds for everybody."), code="no_codes")
    if campaign.status not in (Status.RUNNING, Status.PAUSED):
        raise DomainError(_("Start the campaign before you hand out its coupons."), code="campaign_status")
    if campaign.ends_at <= at:
        raise DomainError(_("This campaign is over."), code="campaign_over")


def _write(campaign: CouponCampaign, handed: CouponIssue, owners: Sequence[int | None], at: datetime) -> None:
    expires_at = expiry(campaign, at)
    with connection.cursor() as cursor:
        for first in range(0, len(owners), CODES_AT_ONCE):
            some = list(owners[first : first + CODES_AT_ONCE])
            cursor.execute(
                "INSERT INTO loyalty_coupon (campaign_id, issue_id, customer_id, code, status, issued_at, expires_at) "
                "SELECT %s, %s, one.customer_id, one.code, 'issued', %s, %s "
                "FROM unnest(%s::bigint[], %s::text[]) AS one (customer_id, code)",
                [campaign.pk, handed.pk, at, expires_at, some, [new_code() for _one in some]],
            )


def client_key() -> str:
    """For a form that is sent once however often the button is pressed."""
    return secrets.token_hex(16)


# What came of it ----------------------------------------------------------------------------------------------------


class Figures(NamedTuple):
    """`sales`: goods of the orders that redeemed, before the discount. `cost_of_telling`: of every hand-out."""

    issued: int
    open: int
    reserved: int
    redeemed: int
    expired: int
    revoked: int
    given: Decimal
    sales: Decimal
    customers: int
    cost_of_telling: Decimal


def figures(campaign: CouponCampaign, *, at: datetime) -> Figures:
    by_status = dict(Coupon.objects.filter(campaign=campaign).values_list("status").annotate(n=Count("pk")))
    over = Coupon.objects.filter(campaign=campaign, status=Coupon.Status.ISSUED, expires_at__lte=at).count()
    used = CouponRedemption.objects.filter(campaign=campaign, status=CouponRedemption.Status.REDEEMED)
    sums = used.aggregate(
        n=Count("pk"), given=Sum("worth"), sales=Sum("goods"), people=Count("customer", distinct=True)
    )
    held = CouponRedemption.objects.filter(campaign=campaign, status=CouponRedemption.Status.RESERVED).count()
    issues = CouponIssue.objects.filter(campaign=campaign).aggregate(cost=Sum("cost"))
    return Figures(
        issued=sum(by_status.values()),
        open=by_status.get(Coupon.Status.ISSUED, 0) - over,
        reserved=held,
        redeemed=sums["n"],
        expired=by_status.get(Coupon.Status.EXPIRED, 0) + over,
        revoked=by_status.get(Coupon.Status.REVOKED, 0),
        given=sums["given"] or NOTHING,
        sales=sums["sales"] or NOTHING,
        customers=sums["people"],
        cost_of_telling=issues["cost"] or NOTHING,
    )


class Day(NamedTuple):
    on: date
    redeemed: int
    given: Decimal


def days(campaign: CouponCampaign, *, until: date, at_most: int = 60) -> list[Day]:
    """Redemptions per mall-local day from the first day on, without gaps; the last `at_most` days."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (redeemed_at AT TIME ZONE %s)::date AS day, count(*), sum(worth) FROM loyalty_couponredemption "
            "WHERE campaign_id = %s AND status = 'redeemed' GROUP BY day",
            [mall.facts().time_zone, campaign.pk],
        )
        by_day = {on: (count, from_minor(int(worth))) for on, count, worth in cursor.fetchall()}
    first = mall_day(campaign.starts_at)
    last = min(until, mall_day(campaign.ends_at - timedelta(microseconds=1)))
    first = max(first, last - timedelta(days=at_most - 1))
    return [
        Day(on, *by_day.get(on, (0, NOTHING)))
        for on in (first + timedelta(days=n) for n in range(max(0, (last - first).days + 1)))
    ]


def usable_by(customer: Customer, *, at: datetime) -> QuerySet[Coupon]:
    """The coupons the customer could use at this moment, the first to expire first."""
    return (
        Coupon.objects.filter(
            Q(campaign__status=Status.RUNNING, campaign__starts_at__lte=at, campaign__ends_at__gt=at),
            customer=customer,
            status=Coupon.Status.ISSUED,
            expires_at__gt=at,
        )
        .select_related("campaign")
        .order_by("expires_at", "pk")
    )
