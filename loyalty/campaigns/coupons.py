"""Coupons on an order: validated without a trace, reserved, redeemed, and given back when the order dies.

Locks are taken in one order everywhere: customer, coupon, redemption, usage of the customer, campaign.
"""

import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Invalid, Unknown
from core.lib.money import MoneyField, from_minor, to_minor
from customers import locks
from customers.models import Customer, Order
from loyalty import notices
from loyalty.maths.shares import split
from loyalty.models import CampaignUsage, Coupon, CouponCampaign, CouponLineShare, CouponRedemption

# 32 signs of five bits, without the ones that are mistaken for each other (0 and O, 1 and I): twelve are 60 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 12
HOLD = timedelta(minutes=30)
LONGEST_HOLD = timedelta(hours=24)
SHIPPING = "shipping"
NOTHING = Decimal("0.00")
SWEPT_AT_ONCE = 100

Status = CouponRedemption.Status
Kind = CouponCampaign.Kind
LIVE = (Status.RESERVED, Status.REDEEMED)


# Codes --------------------------------------------------------------------------------------------------------------


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _place in range(CODE_LENGTH))


def normalise(code: str) -> str:
    """What a person typed, as codes are stored: full-width signs folded, capitals, no blanks or dashes."""
    return re.sub(r"[\s\-‐-―−·]", "", unicodedata.normalize("NFKC", code)).upper()


def written(code: str) -> str:
    """In groups of four, as it is printed."""
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))


# What a coupon would give -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of the basket, before any coupon. `net`: the amount of all its pieces."""

    ref: str
    net: Decimal
    category: str = ""


@dataclass(frozen=True)
class Basket:
    lines: tuple[Line, ...]
    shipping: Decimal = NOTHING

    @property
    def goods(self) -> Decimal:
        return sum((line.net for line in self.lines), NOTHING)

    @property
    def digest(self) -> str:
        told = [sorted([line.ref, str(line.net), line.category] for line in self.lines), str(self.shipping)]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Share:
    line_ref: str
    net: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Offer:
    """`discount` comes off the bill and lies on the lines as `shares`; `worth` is what it costs the mall."""

    campaign: CouponCampaign
    coupon: Coupon | None
    discount: Decimal
    worth: Decimal
    shares: tuple[Share, ...]
    payable: Decimal

    @property
    def gift(self) -> str:
        return self.campaign.gift


def validate(
    customer: Customer, basket: Basket, *, at: datetime, code: str = "", campaign: str = "", order_ref: str = ""
) -> Offer:
    """What the coupon would give on this basket, at this moment. Changes nothing and reserves nothing.

    `code` is the coupon's; a campaign without codes is named by `campaign`. What `order_ref` itself has reserved
    does not stand in its way. Raises DomainError with the reason.
    """
    found, coupon = _meant(customer, code=code, campaign=campaign)
    not_in_the_way = CouponRedemption.objects.filter(campaign=found, status=Status.RESERVED).filter(
        Q(reserved_until__lte=at) | Q(order_ref=order_ref)
    )
    if coupon is not None and coupon.status == Coupon.Status.RESERVED and not_in_the_way.filter(coupon=coupon).exists():
        coupon.status = Coupon.Status.ISSUED
    _refuse_coupon(coupon, at)
    _refuse_campaign(found, at)
    offer = work_out(found, coupon, basket)
    free = not_in_the_way.aggregate(
        all=Count("pk"),
        worth=Coalesce(Sum("worth"), Value(NOTHING, MoneyField())),
        own=Count("pk", filter=Q(customer=customer)),
    )
    used = CampaignUsage.objects.filter(campaign=found, customer=customer).first()
    if used is not None and used.used - free["own"] >= used.most:
        raise _customer_limit(found)
    if found.used - free["all"] >= found.total_limit:
        raise _sold_out(found)
    if found.budget is not None and found.budget_used - free["worth"] + offer.worth > found.budget:
        raise _budget_spent()
    return offer


def work_out(campaign: CouponCampaign, coupon: Coupon | None, basket: Basket) -> Offer:
    """Pure: the discount by the campaign's terms. Percent is rounded down to the cent; never more than the lines."""
    _refuse_basket(basket)
    concerned = [line for line in basket.lines if not campaign.categories or line.category in campaign.categories]
    nets = [to_minor(line.net) for line in concerned]
    eligible = sum(nets)
    if eligible < to_minor(campaign.min_spend):
        raise DomainError(
            _("This coupon begins at %(least)s of the goods it is for; the order has %(amount)s.")
            % {"least": campaign.min_spend, "amount": from_minor(eligible)},
            code="min_spend",
        )
    refs = [line.ref for line in concerned]
    if campaign.kind == Kind.GIFT:
        return Offer(campaign, coupon, NOTHING, campaign.amount, (), basket.goods + basket.shipping)
    if campaign.kind == Kind.SHIPPING:
        refs, nets = [SHIPPING], [to_minor(basket.shipping)]
    off = to_minor(campaign.amount)
    if campaign.kind == Kind.PERCENT:
        off = sum(nets) * campaign.percent // 100
    if campaign.most_off is not None:
        off = min(off, to_minor(campaign.most_off))
    off = min(off, sum(nets))
    if off == 0:
        # Nothing given is nothing taken: the limit stays as it is.
        raise DomainError(_("There is nothing in this order that the coupon reduces."), code="no_discount")
    shares = tuple(
        Share(ref, from_minor(net), from_minor(part))
        for ref, net, part in zip(refs, nets, split(off, nets), strict=True)
        if part
    )
    discount = from_minor(off)
    return Offer(campaign, coupon, discount, discount, shares, basket.goods + basket.shipping - discount)


# Reserve, redeem, give back -----------------------------------------------------------------------------------------


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
    found, coupon = _meant(customer, code=code, campaign=campaign, lock=True)
    own = _live(found, order_ref)
    if own is not None:
        if own.customer_id != customer.pk:
            raise DomainError(_("This order has a coupon of another customer."), code="order_of_another")
        same = own.coupon_id == (coupon.pk if coupon else None) and own.content == basket.digest
        if same and (own.status == Status.REDEEMED or own.reserved_until > at):
            return own
        if own.status == Status.REDEEMED:
            raise DomainError(_("This order has redeemed its coupon. Roll it back first."), code="order_redeemed")
        _give_back(own, Status.RELEASED, at=at, reason="replaced")
    in_the_way = Q(order_ref=order_ref) | Q(coupon=coupon) if coupon else Q(order_ref=order_ref)
    _release_rows(_overdue(at).filter(in_the_way), at)
    if coupon is not None:
        coupon.refresh_from_db(fields=["status"])
    _refuse_coupon(coupon, at)
    _refuse_campaign(found, at)
    if CouponRedemption.objects.filter(order_ref=order_ref, stack_group=found.stack_group, status__in=LIVE).exists():
        raise DomainError(_("This order has a coupon that does not combine with this one."), code="does_not_combine")
    offer = work_out(found, coupon, basket)
    redemption = CouponRedemption.objects.create(
        campaign=found,
        coupon=coupon,
        customer=customer,
        order_ref=order_ref,
        stack_group=found.stack_group,
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
    _take_slots(found, customer, offer.worth, at)
    return redemption


@again_after_deadlock
@transaction.atomic
def redeem(redemption_id: int, *, at: datetime) -> CouponRedemption:
    """The order is paid: what was reserved is used for good. Telling it twice is harmless."""
    redemption = _held(redemption_id)
    if redemption.status == Status.REDEEMED:
        return redemption
    if redemption.status != Status.RESERVED or redemption.reserved_until <= at:
        raise DomainError(_("This reservation is over. Reserve the coupon again."), code="reservation_over")
    return _redeem(redemption, at)


@again_after_deadlock
@transaction.atomic
def release(redemption_id: int, *, at: datetime, reason: str = "") -> CouponRedemption:
    """The order will not come about: coupon and counters are as before. Telling it twice is harmless."""
    redemption = _held(redemption_id)
    if redemption.status == Status.RELEASED:
        return redemption
    if redemption.status != Status.RESERVED:
        raise DomainError(_("This coupon is redeemed. Roll it back instead."), code="redeemed")
    return _give_back(redemption, Status.RELEASED, at=at, reason=reason)


@again_after_deadlock
@transaction.atomic
def roll_back(redemption_id: int, *, at: datetime, reason: str, keep_slot: bool = False) -> CouponRedemption:
    """The redeemed coupon is given back, expired if its time is over meanwhile. Telling it twice is harmless.

    With `keep_slot` (a refund made to head off a dispute) it stays used, and so do the counters.
    """
    redemption = _held(redemption_id)
    if redemption.status == Status.ROLLED_BACK:
        return redemption
    if redemption.status != Status.REDEEMED:
        raise DomainError(_("This coupon is not redeemed. Release the reservation instead."), code="not_redeemed")
    if not reason.strip():
        raise Invalid(_("Say why the coupon is given back."), code="reason")
    return _give_back(redemption, Status.ROLLED_BACK, at=at, reason=reason, keep_slot=keep_slot)


@transaction.atomic
def release_overdue(*, at: datetime, limit: int = 1000) -> int:
    """Reservations whose time is over are released; those that somebody else is working on wait for the next turn."""
    released = 0
    while released < limit:
        found = _release_rows(_overdue(at), at)
        released += found
        if found < SWEPT_AT_ONCE:
            break
    return released


@transaction.atomic
def expire_due(*, at: datetime) -> int:
    """Coupons whose time is over are marked so. Nothing waits for it: every reader compares the time itself."""
    due = Coupon.objects.filter(status=Coupon.Status.ISSUED, expires_at__lte=at)
    notices.coupons_expired(due.select_for_update(no_key=True, of=("self",)), at=at)
    return due.update(status=Coupon.Status.EXPIRED)


# Orders -------------------------------------------------------------------------------------------------------------


def ref_of(order: Order) -> str:
    return f"{order.source}:{order.external_id}"


@transaction.atomic
def follow_order(order: Order, *, at: datetime) -> int:
    """A paid order redeems what it reserved, a dead one gives it back; returns how many redemptions changed."""
    ids = CouponRedemption.objects.filter(order_ref=ref_of(order), status__in=LIVE).order_by("pk")
    return sum(
        _follow(pk, order.status, order.fully_refunded_on is not None, at) for pk in ids.values_list("pk", flat=True)
    )


def follow_orders(*, at: datetime) -> int:
    """`follow_order` for every order that has changed without being told of one by one, as files of orders do."""
    with connection.cursor() as cursor:
        cursor.execute(_UNFOLLOWED)
        found = cursor.fetchall()
    changed = 0
    for redemption_id, status, refunded in found:
        with transaction.atomic():
            changed += _follow(redemption_id, status, refunded, at)
    return changed


_UNFOLLOWED = """
    SELECT r.id, o.status, o.fully_refunded_on IS NOT NULL
      FROM loyalty_couponredemption r
      JOIN customers_order o ON o.source = split_part(r.order_ref, ':', 1)
                            AND o.external_id = substr(r.order_ref, strpos(r.order_ref, ':') + 1)
     WHERE r.status IN ('reserved', 'redeemed')
       AND (o.status = 'cancelled' OR o.fully_refunded_on IS NOT NULL OR o.status = 'paid' AND r.status = 'reserved')
     ORDER BY r.id
"""


def _follow(redemption_id: int, order_status: str, refunded: bool, at: datetime) -> int:
    redemption = _held(redemption_id)
    if not redemption.is_live:
        return 0
    if order_status == Order.Status.CANCELLED or refunded:
        ended = Status.RELEASED if redemption.status == Status.RESERVED else Status.ROLLED_BACK
        _give_back(redemption, ended, at=at, reason="refunded" if refunded else "cancelled")
        return 1
    if order_status == Order.Status.PAID and redemption.status == Status.RESERVED:
        _redeem(redemption, at)  # even when its time is over: nobody has taken it back meanwhile
        return 1
    return 0


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
        cursor.execute(
            "INSERT INTO loyalty_campaignusage AS kept (campaign_id, customer_id, used, most) "
            "SELECT campaign_id, %s, used, most FROM loyalty_campaignusage WHERE customer_id = %s AND used > 0 "
            "ON CONFLICT (campaign_id, customer_id) DO UPDATE "
            "SET used = kept.used + excluded.used, most = greatest(kept.most, kept.used + excluded.used)",
            [winner.pk, loser.pk],
        )
    CampaignUsage.objects.filter(customer=loser).delete()


# Inside -------------------------------------------------------------------------------------------------------------


def _held(redemption_id: int) -> CouponRedemption:
    """The redemption, locked after its customer and its coupon."""
    told = CouponRedemption.objects.filter(pk=redemption_id).values_list("customer_id", "coupon_id").first()
    if told is None:
        raise Unknown(_("There is no such redemption."), code="redemption_unknown")
    locks.hold_customers([told[0]])
    if told[1] is not None:
        Coupon.objects.select_for_update(no_key=True).get(pk=told[1])
    rows = CouponRedemption.objects.select_for_update(no_key=True, of=("self",)).select_related("coupon", "campaign")
    return rows.get(pk=redemption_id)


def _meant(customer: Customer, *, code: str, campaign: str, lock: bool = False) -> tuple[CouponCampaign, Coupon | None]:
    """The campaign and coupon that are meant. Another customer's coupon is as unknown as one that does not exist."""
    if bool(code) == bool(campaign):
        raise Invalid(_("Give the code of a coupon or the name of a campaign without codes."), code="code_or_campaign")
    unknown = Unknown(_("There is no such coupon. Check the code."), code="coupon_unknown")
    if campaign:
        found = CouponCampaign.objects.filter(code=campaign, needs_code=False).first()
        if found is None or found.status == CouponCampaign.Status.DRAFT:
            raise unknown
        return found, None
    normal = normalise(code)
    if not re.fullmatch(f"[{ALPHABET}]{{{CODE_LENGTH}}}", normal):
        raise unknown
    coupons = Coupon.objects.select_related("campaign")
    if lock:
        coupons = coupons.select_for_update(no_key=True, of=("self",))
    coupon = coupons.filter(Q(customer=customer) | Q(customer__isnull=True), code=normal).first()
    if coupon is None:
        raise unknown
    return coupon.campaign, coupon


def _live(campaign: CouponCampaign, order_ref: str) -> CouponRedemption | None:
    rows = CouponRedemption.objects.select_for_update(no_key=True, of=("self",)).select_related("coupon")
    return rows.filter(campaign=campaign, order_ref=order_ref, status__in=LIVE).first()


def _take_slots(campaign: CouponCampaign, customer: Customer, worth: Decimal, at: datetime) -> None:
    if not take_of_customer(campaign, customer.pk):
        _release_rows(_overdue(at).filter(campaign=campaign, customer=customer), at)
        if not take_of_customer(campaign, customer.pk):
            raise _customer_limit(campaign)
    while not take_of_campaign(campaign.pk, worth):
        # Reservations that ran out still count until somebody releases them: nobody is refused because of those.
        if _release_rows(_overdue(at).filter(campaign=campaign), at):
            continue
        campaign.refresh_from_db()
        _refuse_campaign(campaign, at)
        if campaign.used >= campaign.total_limit:
            raise _sold_out(campaign)
        if campaign.budget is not None and campaign.budget_used + worth > campaign.budget:
            raise _budget_spent()
        # Somebody gave a slot back between the two looks: it may be ours.


def take_of_customer(campaign: CouponCampaign, customer_id: int) -> bool:
    """One more for this customer; False, and nothing changed, when the limit per customer is reached."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO loyalty_campaignusage AS usage (campaign_id, customer_id, used, most) VALUES (%s, %s, 1, %s) "
            "ON CONFLICT (campaign_id, customer_id) DO UPDATE SET used = usage.used + 1 WHERE usage.used < usage.most",
            [campaign.pk, customer_id, campaign.per_customer_limit],
        )
        return cursor.rowcount == 1


def take_of_campaign(campaign_id: int, worth: Decimal) -> bool:
    """One more of the campaign and its cost; False, and nothing changed, when limit or budget would be passed."""
    cost = Value(worth, MoneyField())
    open_now = CouponCampaign.objects.filter(pk=campaign_id, status=CouponCampaign.Status.RUNNING)
    fits = open_now.filter(Q(budget__isnull=True) | Q(budget__gte=F("budget_used") + cost), used__lt=F("total_limit"))
    return fits.update(used=F("used") + 1, budget_used=F("budget_used") + cost) == 1


def _redeem(redemption: CouponRedemption, at: datetime) -> CouponRedemption:
    redemption.status, redemption.redeemed_at = Status.REDEEMED, at
    redemption.save(update_fields=["status", "redeemed_at"])
    if redemption.coupon_id:
        Coupon.objects.filter(pk=redemption.coupon_id).update(status=Coupon.Status.REDEEMED)
    notices.coupon_redeemed(redemption, at=at)
    return redemption


def _give_back(
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
    rows = sorted(ended, key=lambda one: (one.customer_id, one.campaign_id))
    for one in rows:
        usage = CampaignUsage.objects.filter(campaign=one.campaign_id, customer=one.customer_id)
        usage.update(used=F("used") - 1)
    for campaign_id in sorted({one.campaign_id for one in rows}):
        worths = [one.worth for one in rows if one.campaign_id == campaign_id]
        CouponCampaign.objects.filter(pk=campaign_id).update(
            used=F("used") - len(worths), budget_used=F("budget_used") - Value(sum(worths, NOTHING), MoneyField())
        )


def _overdue(at: datetime) -> QuerySet[CouponRedemption]:
    return CouponRedemption.objects.filter(status=Status.RESERVED, reserved_until__lte=at)


def _release_rows(rows: QuerySet[CouponRedemption], at: datetime) -> int:
    """Release these where nobody holds coupon or redemption; whoever holds one of them decides about it."""
    released = []
    for pk, coupon_id in list(rows.order_by("pk").values_list("pk", "coupon_id")[:SWEPT_AT_ONCE]):
        if coupon_id and not Coupon.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=coupon_id):
            continue
        free = CouponRedemption.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        one = free.select_related("coupon").filter(pk=pk, status=Status.RESERVED, reserved_until__lte=at).first()
        if one is not None:
            _end(one, Status.RELEASED, at=at, reason="timeout")
            released.append(one)
    _return_slots(released)
    return len(released)


# Refusals -----------------------------------------------------------------------------------------------------------


def _refuse_basket(basket: Basket) -> None:
    if not basket.lines or any(line.net < 0 for line in basket.lines) or basket.shipping < 0:
        raise Invalid(_("An order has lines, and no amount in it is negative."), code="basket")
    if len({line.ref for line in basket.lines}) < len(basket.lines) or any(
        line.ref == SHIPPING for line in basket.lines
    ):
        raise Invalid(_("Each line has a name of its own; “shipping” is taken."), code="line_names")


def _refuse_coupon(coupon: Coupon | None, at: datetime) -> None:
    if coupon is None:
        return
    if coupon.status == Coupon.Status.REVOKED:
        raise DomainError(_("This coupon has been withdrawn."), code="coupon_revoked")
    if coupon.status == Coupon.Status.REDEEMED:
        raise DomainError(_("This coupon is used."), code="coupon_used")
    if coupon.status == Coupon.Status.RESERVED:
        raise DomainError(_("This coupon is held by another order. Try again later."), code="coupon_reserved")
    if coupon.status == Coupon.Status.EXPIRED or coupon.expires_at <= at:
        raise DomainError(_("This coupon is no longer valid."), code="coupon_expired")


def _refuse_campaign(campaign: CouponCampaign, at: datetime) -> None:
    if campaign.status == CouponCampaign.Status.PAUSED:
        raise DomainError(_("This campaign pauses. Try again later."), code="campaign_paused")
    if campaign.status == CouponCampaign.Status.ENDED or campaign.ends_at <= at:
        raise DomainError(_("This campaign is over."), code="campaign_over")
    if campaign.status == CouponCampaign.Status.DRAFT or campaign.starts_at > at:
        raise DomainError(_("This campaign has not begun."), code="campaign_not_begun")


def _customer_limit(campaign: CouponCampaign) -> DomainError:
    return DomainError(
        _("This customer has used the campaign as often as it allows: %(limit)d.")
        % {"limit": campaign.per_customer_limit},
        code="customer_limit",
    )


def _sold_out(campaign: CouponCampaign) -> DomainError:
    return DomainError(_("All %(limit)d of this campaign are used.") % {"limit": campaign.total_limit}, code="sold_out")


def _budget_spent() -> DomainError:
    return DomainError(_("The budget of this campaign is spent."), code="budget_spent")
