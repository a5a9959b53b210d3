"""A coupon is held for an order, and what it takes of its campaign is counted; what runs out is free again.

Locks are taken in one order everywhere: customer, coupon, redemption, usage of the customer, campaign.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.utils.translation import gettext as _

from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Invalid
from core.lib.money import MoneyField
from customers import locks
from customers.models import Customer
from loyalty import notices
from loyalty.campaigns.coupons.offers import NOTHING, Basket, work_out
from loyalty.campaigns.coupons.validating import (
    budget_spent,
    customer_limit,
    meant,
    refuse_campaign,
    refuse_coupon,
    sold_out,
)
from loyalty.models import CampaignUsage, Coupon, CouponCampaign, CouponLineShare, CouponRedemption

HOLD = timedelta(minutes=30)
LONGEST_HOLD = timedelta(hours=24)
SWEPT_AT_ONCE = 100

Status = CouponRedemption.Status
LIVE = (Status.RESERVED, Status.REDEEMED)
# Why time takes back what is held: by an order that may still be paid, or by a checkout that never became one.
UNPAID, TIMEOUT = "unpaid", "timeout"


@again_after_deadlock
@transaction.atomic
def reserve(
    customer: Customer,
    order_ref: str,
    basket: Basket,
    *,
    at: datetime,
    code: str = "",
    campaign: str = "",
    hold: timedelta = HOLD,
) -> CouponRedemption:
    """The order has the coupon until `at + hold`; the campaign's counters have moved by one.

    The same order with the same basket is answered with its own reservation; with another basket it is worked out
    anew. Raises DomainError when the coupon, the customer's limit, the campaign's limit or its budget is used up.
    """
    if not timedelta(0) < hold <= LONGEST_HOLD:
        raise Invalid(_("A coupon is held for at most 24 hours."), code="hold")
    locks.hold_customers([customer.pk])
    locks.hold(f"coupon:{order_ref}")  # two customers who name the same order
    chosen, coupon = meant(customer, code=code, campaign=campaign, lock=True)
    own = _live(chosen, order_ref)
    if own is not None:
        if own.customer_id != customer.pk:
            raise DomainError(_("This order has a coupon of another customer."), code="order_of_another")
        same = own.coupon_id == (coupon.pk if coupon else None) and own.content == basket.digest
        if same and (own.status == Status.REDEEMED or own.reserved_until > at):
            return own
        if own.status == Status.REDEEMED:
            raise DomainError(_("This order has redeemed its coupon. Roll it back first."), code="order_redeemed")
        give_back(own, Status.RELEASED, at=at, reason="replaced")
    in_the_way = Q(order_ref=order_ref) | Q(coupon=coupon) if coupon else Q(order_ref=order_ref)
    release_rows(overdue(at).filter(in_the_way), at)
    if coupon is not None:
        coupon.refresh_from_db(fields=["status"])
    refuse_coupon(coupon, at)
    refuse_campaign(chosen, at)
    if CouponRedemption.objects.filter(order_ref=order_ref, stack_group=chosen.stack_group, status__in=LIVE).exists():
        raise DomainError(_("This order has a coupon that does not combine with this one."), code="does_not_combine")
    offer = work_out(chosen, coupon, basket)
    redemption = CouponRedemption.objects.create(
        campaign=chosen,
        coupon=coupon,
        customer=customer,
        order_ref=order_ref,
        stack_group=chosen.stack_group,
        goods=basket.goods,
        discount=offer.discount,
        worth=offer.worth,
        content=basket.digest,
        reserved_at=at,
        reserved_until=at + hold,
    )
    CouponLineShare.objects.bulk_create(
        CouponLineShare(redemption=redemption, line_ref=share.line_ref, net=share.net, amount=share.amount)
        for share in offer.shares
    )
    if coupon is not None:
        Coupon.objects.filter(pk=coupon.pk).update(status=Coupon.Status.RESERVED)
    _take_slots(chosen, customer, offer.worth, at)
    return redemption


@transaction.atomic
def release_overdue(*, at: datetime, limit: int = 1000) -> int:
    """Reservations whose time is over are released; those that somebody else is working on wait for the next turn."""
    released = 0
    while released < limit:
        count = release_rows(overdue(at), at)
        released += count
        if count < SWEPT_AT_ONCE:
            break
    return released


# Taking and giving back ----------------------------------------------------------------------------------------------


def _live(campaign: CouponCampaign, order_ref: str) -> CouponRedemption | None:
    rows = CouponRedemption.objects.select_for_update(no_key=True, of=("self",)).select_related("coupon")
    return rows.filter(campaign=campaign, order_ref=order_ref, status__in=LIVE).first()


def _take_slots(campaign: CouponCampaign, customer: Customer, worth: Decimal, at: datetime) -> None:
    if not take_of_customer(campaign, customer.pk):
        release_rows(overdue(at).filter(campaign=campaign, customer=customer), at)
        if not take_of_customer(campaign, customer.pk):
            raise customer_limit(campaign)
    while not take_of_campaign(campaign.pk, worth):
        # Reservations that ran out still count until somebody releases them: nobody is refused because of those.
        if release_rows(overdue(at).filter(campaign=campaign), at):
            continue
        campaign.refresh_from_db()
        refuse_campaign(campaign, at)
        if campaign.used >= campaign.total_limit:
            raise sold_out(campaign)
        if campaign.budget is not None and campaign.budget_used + worth > campaign.budget:
            raise budget_spent()


def take_of_customer(campaign: CouponCampaign, customer_id: int) -> bool:
    """One more for this customer; False, and nothing changed, when the limit per customer is reached."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO loyalty_campaignusage AS usage (campaign_id, customer_id, used, most) VALUES (%s, %s, 1, %s) "
            "ON CONFLICT (campaign_id, customer_id) DO UPDATE SET used = usage.used + 1 WHERE usage.used < usage.most",
            [campaign.pk, customer_id, campaign.per_customer_limit],
        )
        return bool(cursor.rowcount == 1)


def take_of_campaign(campaign_id: int, worth: Decimal, *, also_ended: bool = False) -> bool:
    """One more of the campaign and its cost; False, and nothing changed, when limit or budget would be passed."""
    cost = Value(worth, MoneyField())
    chosen = CouponCampaign.objects.filter(pk=campaign_id)
    if not also_ended:
        chosen = chosen.filter(status=CouponCampaign.Status.RUNNING)
    fits = chosen.filter(Q(budget__isnull=True) | Q(budget__gte=F("budget_used") + cost), used__lt=F("total_limit"))
    return fits.update(used=F("used") + 1, budget_used=F("budget_used") + cost) == 1


def give_back(
    redemption: CouponRedemption, status: str, *, at: datetime, reason: str, keep_slot: bool = False
) -> CouponRedemption:
    _end(redemption, status, at=at, reason=reason, keep_slot=keep_slot)
    if not keep_slot:
        _return_slots([redemption])
    return redemption


def _end(redemption: CouponRedemption, status: str, *, at: datetime, reason: str, keep_slot: bool = False) -> None:
    redemption.status, redemption.ended_at, redemption.reason = status, at, reason.strip()[:200]
    redemption.keeps_slot = keep_slot
    redemption.save(update_fields=["status", "ended_at", "reason", "keeps_slot"])
    coupon = redemption.coupon
    if coupon is not None and not keep_slot:
        coupon.status = Coupon.Status.ISSUED if coupon.expires_at > at else Coupon.Status.EXPIRED
        coupon.save(update_fields=["status"])
        if coupon.status == Coupon.Status.EXPIRED:
            notices.coupons_expired(Coupon.objects.filter(pk=coupon.pk), at=at)


def _return_slots(ended: Iterable[CouponRedemption]) -> None:
    """The counters no longer count these: every usage first, campaigns last, as whoever takes slots does."""
    rows = sorted(ended, key=lambda redemption: (redemption.customer_id, redemption.campaign_id))
    for redemption in rows:
        usage = CampaignUsage.objects.filter(campaign=redemption.campaign_id, customer=redemption.customer_id)
        usage.update(used=F("used") - 1)
    for campaign_id in sorted({redemption.campaign_id for redemption in rows}):
        worths = [redemption.worth for redemption in rows if redemption.campaign_id == campaign_id]
        CouponCampaign.objects.filter(pk=campaign_id).update(
            used=F("used") - len(worths), budget_used=F("budget_used") - Value(sum(worths, NOTHING), MoneyField())
        )


def overdue(at: datetime) -> QuerySet[CouponRedemption]:
    return CouponRedemption.objects.filter(status=Status.RESERVED, reserved_until__lte=at)


def release_rows(rows: QuerySet[CouponRedemption], at: datetime) -> int:
    """Release these where nobody holds coupon or redemption; whoever holds one of them decides about it."""
    released = []
    for pk, coupon_id in list(rows.order_by("pk").values_list("pk", "coupon_id")[:SWEPT_AT_ONCE]):
        if coupon_id and not Coupon.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=coupon_id):
            continue
        free = CouponRedemption.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        redemption = free.select_related("coupon").filter(pk=pk, status=Status.RESERVED, reserved_until__lte=at).first()
        if redemption is not None:
            _end(redemption, Status.RELEASED, at=at, reason=UNPAID if redemption.order_id else TIMEOUT)
            released.append(redemption)
    _return_slots(released)
    return len(released)
