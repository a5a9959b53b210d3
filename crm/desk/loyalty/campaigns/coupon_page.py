"""Coupon campaigns in words and rows: what they give, how much of it is used, and a customer's coupons."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib.periods import mall_day
from crm.desk.today import now
from customers.access import scope_filter
from customers.models import Customer, Standing
from loyalty.campaigns import coupon_campaigns
from loyalty.campaigns.coupon_campaigns import Day
from loyalty.models import Coupon, CouponCampaign, CouponIssue, CouponRedemption
from loyalty.tiers import membership

SHOWN = 12
USABLE_SHOWN, USED_SHOWN = 10, 3
Kind, Status = CouponCampaign.Kind, CouponCampaign.Status
TONES = {Status.DRAFT: "grey", Status.RUNNING: "green", Status.PAUSED: "amber", Status.ENDED: "grey"}
ORDER = {Status.RUNNING: 0, Status.PAUSED: 1, Status.DRAFT: 2, Status.ENDED: 3}
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
    given: Decimal
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
        Kind.AMOUNT: _("¥%(amount)s off"),
        Kind.PERCENT: _("%(percent)s%% off"),
        Kind.SHIPPING: _("shipping up to ¥%(amount)s"),
        Kind.GIFT: _("gift: %(gift)s"),
    }[Kind(campaign.kind)] % {"amount": _short(campaign.amount), "percent": campaign.percent, "gift": campaign.gift}
    if campaign.min_spend:
        text = _("%(gives)s from ¥%(least)s") % {"gives": text, "least": _short(campaign.min_spend)}
    if campaign.most_off:
        text = _("%(gives)s, at most ¥%(most)s") % {"gives": text, "most": _short(campaign.most_off)}
    return text


def _short(amount: Decimal) -> str:
    return str(amount.to_integral_value() if amount == amount.to_integral_value() else amount)


def campaign_list(campaigns: Iterable[CouponCampaign]) -> tuple[list[CampaignRow], Totals]:
    """A row for each, those that run first, and what all campaigns came to."""
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
        for campaign in sorted(campaigns, key=lambda campaign: ORDER[Status(campaign.status)])
    ]
    return rows, Totals(
        running=sum(row.campaign.status == Status.RUNNING for row in rows),
        open=sum(open_coupons.values()),
        given=sum((given for _sales, given in sums.values()), Decimal(0)),
        sales=sum((sales for sales, _given in sums.values()), Decimal(0)),
    )


def issues(campaign: CouponCampaign) -> list[IssueRow]:
    """The newest hand-outs."""
    return [
        IssueRow(issue, group_words(issue)) for issue in campaign.issues.select_related("by").order_by("-pk")[:SHOWN]
    ]


def group_words(issue: CouponIssue) -> str:
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


def redemptions(campaign: CouponCampaign, user: User, on: date) -> list[RedemptionRow]:
    """The newest redemptions by customers in the user's reach."""
    rows = CouponRedemption.objects.filter(scope_filter(user, on, "customer__"), campaign=campaign)
    return [
        RedemptionRow(redemption, REDEMPTION_TONES.get(CouponRedemption.Status(redemption.status), "grey"))
        for redemption in rows.select_related("customer").order_by("-reserved_at")[:SHOWN]
    ]


def per_day(days: list[Day]) -> dict[str, Any]:
    """The chart of what was redeemed day by day."""
    return {
        "labels": [day.on.strftime("%m-%d") for day in days],
        "series": [{"name": _("Redeemed"), "data": [day.redeemed for day in days]}],
    }


def card(user: User, customer: Customer) -> Wallet | None:
    """What the customer page shows; None where there is nothing to tell."""
    usable = list(coupon_campaigns.usable_by(customer, at=now())[:USABLE_SHOWN])
    used = customer.coupon_redemptions.filter(status=CouponRedemption.Status.REDEEMED).select_related("campaign")
    newest = list(used.order_by("-redeemed_at")[:USED_SHOWN])
    if not usable and not newest:
        return None
    return Wallet(
        usable=[
            CouponRow(coupon, gives(coupon.campaign), mall_day(coupon.expires_at - timedelta(microseconds=1)))
            for coupon in usable
        ],
        used=newest,
        given=coupon_campaigns.given_to(customer),
        links=may(user, Permission.VIEW_CAMPAIGNS),
    )
