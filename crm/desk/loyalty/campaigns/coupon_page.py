"""Coupon campaigns in words and rows: what they give, how much of it is used, and a customer's coupons."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Case, Count, IntegerField, QuerySet, Sum, Value, When
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import Permission
from core.lib import mall
from core.lib.periods import mall_day
from crm.desk.paging import Page, page_of
from crm.desk.today import now, today
from customers.access import scope_filter
from customers.models import Customer
from loyalty.campaigns import coupon_campaigns, rulebook
from loyalty.campaigns.coupon_campaigns import Day
from loyalty.models import Coupon, CouponCampaign, CouponIssue, CouponRedemption

CAMPAIGNS_SHOWN = 100
SHOWN = 12
USABLE_SHOWN, USED_SHOWN = 10, 3
Kind, Status = CouponCampaign.Kind, CouponCampaign.Status
TONES = {Status.DRAFT: "grey", Status.RUNNING: "green", Status.PAUSED: "amber", Status.ENDED: "grey"}
ORDER = (Status.RUNNING, Status.PAUSED, Status.DRAFT, Status.ENDED)
REDEMPTION_TONES = {CouponRedemption.Status.REDEEMED: "green", CouponRedemption.Status.RESERVED: "blue"}
COPIED = (
    *("code", "name", "kind", "gift", "min_spend", "most_off", "categories", "total_limit", "per_customer_limit"),
    *("budget", "valid_days", "stack_group", "needs_code"),
)


@dataclass(frozen=True)
class CampaignRow:
    """One campaign of the list. `open`: coupons that can still be used; `sales`: goods bought with it, if any."""

    campaign: CouponCampaign
    gives: str
    last_on: date
    tone: str
    open: int
    sales: Decimal | None
    label: str


@dataclass(frozen=True)
class Totals:
    """All campaigns together."""

    running: int
    open: int
    given: Decimal
    sales: Decimal


@dataclass(frozen=True)
class IssueRow:
    """One hand-out and whom it was for."""

    issue: CouponIssue
    group: str


@dataclass(frozen=True)
class RedemptionRow:
    redemption: CouponRedemption
    tone: str


@dataclass(frozen=True)
class CouponRow:
    """A coupon that can still be used."""

    coupon: Coupon
    gives: str
    last_on: date


@dataclass(frozen=True)
class Wallet:
    """The coupons of one customer; `links` where the reader may open campaigns."""

    usable: list[CouponRow]
    used: list[CouponRedemption]
    links: bool


def last_day(campaign: CouponCampaign) -> date:
    return mall_day(campaign.ends_at - timedelta(microseconds=1))


def tone(campaign: CouponCampaign) -> str:
    return TONES[Status(campaign.status)]


def initial(campaign: CouponCampaign) -> dict[str, Any]:
    """What the form shows of a campaign that is changed."""
    return {
        **{name: getattr(campaign, name) for name in COPIED},
        "amount": campaign.amount or None,
        "percent": campaign.percent or None,
        "starts_on": mall_day(campaign.starts_at),
        "last_on": last_day(campaign),
    }


def gives(campaign: CouponCampaign) -> str:
    """What a coupon of this campaign gives, in one line."""
    text = {
        Kind.AMOUNT: _("%(amount)s off"),
        Kind.PERCENT: _("%(percent)s%% off"),
        Kind.SHIPPING: _("shipping up to %(amount)s"),
        Kind.GIFT: _("gift: %(gift)s"),
    }[Kind(campaign.kind)] % {
        "amount": mall.priced(campaign.amount),
        "percent": campaign.percent,
        "gift": campaign.gift,
    }
    if campaign.min_spend:
        text = _("%(gives)s from %(least)s") % {"gives": text, "least": mall.priced(campaign.min_spend)}
    if campaign.most_off:
        text = _("%(gives)s, at most %(most)s") % {"gives": text, "most": mall.priced(campaign.most_off)}
    return text


def campaign_list(request: StaffRequest) -> tuple[Page, Totals]:
    """A row for each campaign, those that run first, and what all campaigns came to."""
    place = Case(
        *(When(status=status, then=Value(rank)) for rank, status in enumerate(ORDER)), output_field=IntegerField()
    )
    page = page_of(request, CouponCampaign.objects.order_by(place, "-starts_at", "-pk"), CAMPAIGNS_SHOWN)
    sums = {
        campaign_id: (sales, given)
        for campaign_id, sales, given in CouponRedemption.objects.filter(status=CouponRedemption.Status.REDEEMED)
        .values_list("campaign")
        .annotate(sales=Sum("goods"), given=Sum("worth"))
    }
    usable = Coupon.objects.filter(status=Coupon.Status.ISSUED, expires_at__gt=now())
    open_coupons = dict(usable.values_list("campaign").annotate(n=Count("pk")))
    rows = [
        CampaignRow(
            campaign=campaign,
            gives=gives(campaign),
            last_on=last_day(campaign),
            tone=tone(campaign),
            open=open_coupons.get(campaign.pk, 0),
            sales=sums.get(campaign.pk, (None, None))[0],
            label=f"{campaign.used} / {campaign.total_limit}",
        )
        for campaign in page.rows
    ]
    return page.of(rows), Totals(
        running=CouponCampaign.objects.filter(status=Status.RUNNING).count(),
        open=sum(open_coupons.values()),
        given=sum((given for _sales, given in sums.values()), Decimal(0)),
        sales=sum((sales for sales, _given in sums.values()), Decimal(0)),
    )


def issues(request: StaffRequest, campaign: CouponCampaign) -> Page:
    """The newest hand-outs."""
    page = page_of(request, campaign.issues.select_related("by").order_by("-pk"), SHOWN, "issues")
    return page.of([IssueRow(issue, group_words(issue)) for issue in page.rows])


def group_words(issue: CouponIssue) -> str:
    """The group of a hand-out in one line."""
    return _("Codes for whoever shows them") if issue.bearer else rulebook.group_words(issue.group)


def redemptions(request: StaffRequest, campaign: CouponCampaign) -> Page:
    """The newest redemptions by customers in the user's reach."""
    rows = CouponRedemption.objects.filter(scope_filter(request.user, today(), "customer__"), campaign=campaign)
    page = page_of(request, rows.select_related("customer").order_by("-reserved_at", "-pk"), SHOWN)
    return page.of(
        [
            RedemptionRow(redemption, REDEMPTION_TONES.get(CouponRedemption.Status(redemption.status), "grey"))
            for redemption in page.rows
        ]
    )


def per_day(days: list[Day]) -> dict[str, Any]:
    """The chart of what was redeemed day by day."""
    return {
        "labels": [day.on.strftime("%m-%d") for day in days],
        "series": [{"name": _("Redeemed"), "data": [day.redeemed for day in days]}],
    }


class Asked(NamedTuple):
    usable: QuerySet[Coupon]
    used: QuerySet[CouponRedemption]


def asked(customer: Customer) -> Asked:
    """What `card` shows, to be read with the rest of the page."""
    used = customer.coupon_redemptions.filter(status=CouponRedemption.Status.REDEEMED).select_related("campaign")
    usable = coupon_campaigns.usable_by(customer, at=now())
    return Asked(usable[:USABLE_SHOWN], used.order_by("-redeemed_at")[:USED_SHOWN])


def card(user: User, rows: Asked) -> Wallet | None:
    """What the customer page shows; None where there is nothing to tell."""
    usable, newest = list(rows.usable), list(rows.used)
    if not usable and not newest:
        return None
    return Wallet(
        usable=[
            CouponRow(coupon, gives(coupon.campaign), mall_day(coupon.expires_at - timedelta(microseconds=1)))
            for coupon in usable
        ],
        used=newest,
        links=may(user, Permission.VIEW_CAMPAIGNS),
    )
