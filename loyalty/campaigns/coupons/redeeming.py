"""What becomes of a coupon that an order holds: used for good, released, or given back when the order dies."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from core.lib import sql
from core.lib.deadlock import again_after_deadlock, joining
from core.lib.errors import DomainError, Invalid, Unknown
from customers import locks
from customers.models import Customer, Order
from loyalty import notices
from loyalty.campaigns.coupons.reserving import LIVE, UNPAID, give_back, take_of_campaign, take_of_customer
from loyalty.campaigns.order_refs import names
from loyalty.models import CampaignUsage, Coupon, CouponRedemption

Status, Word = CouponRedemption.Status, CouponRedemption.Word
# Why an order gives back what it took, until it lives again.
CANCELLED, REFUNDED = "cancelled", "refunded"
UNTIL_IT_LIVES = (CANCELLED, REFUNDED, UNPAID)
# By the word of the shop, also while we ask whether the amount is meant.
PAID = (Order.Status.PAID, Order.Status.HELD)


@again_after_deadlock
@transaction.atomic
def redeem(redemption_id: int, *, at: datetime) -> CouponRedemption:
    """The order is paid: what was reserved is used, also while the order is known as unpaid. Twice is harmless."""
    redemption = _held(redemption_id)
    if redemption.status == Status.REDEEMED:
        return _said(redemption, Word.REDEEMED)
    if redemption.status != Status.RESERVED or redemption.reserved_until <= at:
        raise DomainError(_("This reservation is over. Reserve the coupon again."), code="reservation_over")
    return _said(_redeem(redemption, at), Word.REDEEMED)


@again_after_deadlock
@transaction.atomic
def release(redemption_id: int, *, at: datetime, reason: str = "") -> CouponRedemption:
    """The order will not come about: coupon and counters are as before. Telling it twice is harmless."""
    redemption = _held(redemption_id)
    if redemption.status == Status.RELEASED:
        return _said(redemption, Word.GIVEN_BACK)
    if redemption.status != Status.RESERVED:
        raise DomainError(_("This coupon is redeemed. Roll it back instead."), code="redeemed")
    return _said(give_back(redemption, Status.RELEASED, at=at, reason=reason), Word.GIVEN_BACK)


@again_after_deadlock
@transaction.atomic
def roll_back(redemption_id: int, *, at: datetime, reason: str, keep_slot: bool = False) -> CouponRedemption:
    """The redeemed coupon is given back, expired if its time is over meanwhile. Telling it twice is harmless.

    With `keep_slot` (a refund made to head off a dispute) it stays used, and so do the counters.
    """
    redemption = _held(redemption_id)
    if redemption.status == Status.ROLLED_BACK:
        return _said(redemption, Word.GIVEN_BACK)
    if redemption.status != Status.REDEEMED:
        raise DomainError(_("This coupon is not redeemed. Release the reservation instead."), code="not_redeemed")
    if not reason.strip():
        raise Invalid(_("Say why the coupon is given back."), code="reason")
    ended = give_back(redemption, Status.ROLLED_BACK, at=at, reason=reason, keep_slot=keep_slot)
    return _said(ended, Word.GIVEN_BACK)


@transaction.atomic
def expire_due(*, at: datetime) -> int:
    """Coupons whose time is over are marked so. Nothing waits for it: every reader compares the time itself."""
    due = Coupon.objects.filter(status=Coupon.Status.ISSUED, expires_at__lte=at)
    notices.coupons_expired(due.select_for_update(no_key=True, of=("self",)), at=at)
    return due.update(status=Coupon.Status.EXPIRED)


# Orders --------------------------------------------------------------------------------------------------------------


def of_orders(*orders: Order) -> QuerySet[CouponRedemption]:
    """What the orders have reserved or redeemed, or have given back until they live again."""
    waits = Q(reason__in=UNTIL_IT_LIVES) & ~Q(word=Word.GIVEN_BACK)
    return CouponRedemption.objects.filter(names(*orders)).filter(Q(status__in=LIVE) | waits)


@joining()
def follow_order(order: Order, *, at: datetime) -> int:
    """What the order holds is as the order is, whatever it was before; returns how many redemptions changed.

    A paid order has redeemed what it reserved; an unpaid one holds it until the time of the reservation is over; a dead
    one has given it back. One that lives after all has its coupon again, unless that is used elsewhere by now, or the
    campaign has none left. What the shop itself has said of the coupon holds: only a dead order gives that back.
    """
    ids = of_orders(order).order_by("pk").values_list("pk", flat=True)
    refunded = order.fully_refunded_on is not None
    return sum(_follow(pk, order.pk, order.status, refunded, at) for pk in list(ids))


def follow_orders(*, at: datetime) -> int:
    """`follow_order` for every order that has changed without being told of one by one, as files of orders do."""
    with connection.cursor() as cursor:
        cursor.execute(sql.load(__file__, "unfollowed"), {"at": at})
        rows = cursor.fetchall()
    changed = 0
    for redemption_id, order_id, status, refunded in rows:
        with transaction.atomic():
            changed += _follow(redemption_id, order_id, status, refunded, at)
    return changed


def _follow(redemption_id: int, order_id: int, order_status: str, refunded: bool, at: datetime) -> int:
    redemption = _held(redemption_id)
    dead = order_status == Order.Status.CANCELLED or refunded
    used = order_status in PAID or redemption.word == Word.REDEEMED
    if not redemption.is_live:
        waits = redemption.reason in UNTIL_IT_LIVES and redemption.word != Word.GIVEN_BACK
        return int(waits and not dead and _take_again(redemption, used, at))
    if redemption.order_id is None:
        redemption.order_id = order_id
        redemption.save(update_fields=["order"])
    if dead:
        _lose(redemption, REFUNDED if refunded else CANCELLED, at)
    elif used and redemption.status == Status.RESERVED:
        _redeem(redemption, at)  # even when its time is over: nobody has taken it back meanwhile
    elif used or redemption.status == Status.RESERVED:
        return 0
    elif redemption.reserved_until > at:
        _reserve(redemption)
    else:
        _lose(redemption, UNPAID, at)
    return 1


def _lose(redemption: CouponRedemption, reason: str, at: datetime) -> None:
    ended = Status.RELEASED if redemption.status == Status.RESERVED else Status.ROLLED_BACK
    give_back(redemption, ended, at=at, reason=reason)


def _take_again(redemption: CouponRedemption, used: bool, at: datetime) -> bool:
    """Whether the order that had given its coupon back could have it once more: used, or held as long as it may."""
    coupon, campaign = redemption.coupon, redemption.campaign
    if redemption.keeps_slot or (coupon and coupon.status not in (Coupon.Status.ISSUED, Coupon.Status.EXPIRED)):
        return False
    if not used and redemption.reserved_until <= at:
        return False
    in_the_way = Q(campaign=campaign) | Q(stack_group=redemption.stack_group)
    if CouponRedemption.objects.filter(in_the_way, order_ref=redemption.order_ref, status__in=LIVE).exists():
        return False
    if not take_of_customer(campaign, redemption.customer_id):
        return False
    if not take_of_campaign(campaign.pk, redemption.worth, also_ended=True):
        usage = CampaignUsage.objects.filter(campaign=campaign, customer=redemption.customer_id)
        usage.update(used=F("used") - 1)
        return False
    redemption.ended_at, redemption.reason = None, ""
    if used:
        _redeem(redemption, at)
    else:
        _reserve(redemption)
    return True


# Two records become one ----------------------------------------------------------------------------------------------


@transaction.atomic
def merge(loser: Customer, winner: Customer) -> None:
    """Two records become one: coupons and usage move, used numbers add up. Above a limit there is no further use."""
    locks.hold_customers([loser.pk, winner.pk])
    Coupon.objects.filter(customer=loser).exclude(
        issue__in=Coupon.objects.filter(customer=winner, issue__isnull=False).values("issue")
    ).update(customer=winner)
    # Both were handed a coupon of the same issue: the second one is not spent twice by one person.
    Coupon.objects.filter(customer=loser, status=Coupon.Status.ISSUED).update(status=Coupon.Status.REVOKED)
    CouponRedemption.objects.filter(customer=loser).update(customer=winner)
    with connection.cursor() as cursor:
        cursor.execute(sql.load(__file__, "add_usage"), {"loser": loser.pk, "winner": winner.pk})
    CampaignUsage.objects.filter(customer=loser).delete()


# Inside --------------------------------------------------------------------------------------------------------------


def _held(redemption_id: int) -> CouponRedemption:
    """The redemption, locked after its customer and its coupon."""
    ids = CouponRedemption.objects.filter(pk=redemption_id).values_list("customer_id", "coupon_id").first()
    if ids is None:
        raise Unknown(_("There is no such redemption."), code="redemption_unknown")
    locks.hold_customers([ids[0]])
    if ids[1] is not None:
        Coupon.objects.select_for_update(no_key=True).get(pk=ids[1])
    rows = CouponRedemption.objects.select_for_update(no_key=True, of=("self",)).select_related("coupon", "campaign")
    return rows.get(pk=redemption_id)


def _redeem(redemption: CouponRedemption, at: datetime) -> CouponRedemption:
    redemption.status, redemption.redeemed_at = Status.REDEEMED, at
    redemption.save(update_fields=["status", "redeemed_at", "ended_at", "reason"])
    if redemption.coupon_id:
        Coupon.objects.filter(pk=redemption.coupon_id).update(status=Coupon.Status.REDEEMED)
    notices.coupon_redeemed(redemption, at=at)
    return redemption


def _reserve(redemption: CouponRedemption) -> None:
    redemption.status, redemption.redeemed_at = Status.RESERVED, None
    redemption.save(update_fields=["status", "redeemed_at", "ended_at", "reason"])
    if redemption.coupon_id:
        Coupon.objects.filter(pk=redemption.coupon_id).update(status=Coupon.Status.RESERVED)


def _said(redemption: CouponRedemption, word: str) -> CouponRedemption:
    """It is the shop's own word."""
    if redemption.word != word:
        redemption.word = word
        redemption.save(update_fields=["word"])
    return redemption
