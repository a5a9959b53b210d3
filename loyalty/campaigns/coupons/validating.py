"""Whether a coupon would be taken, at this moment and on this basket; and the sentences when it is not."""

import re
from datetime import datetime

from django.db.models import Count, Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from core.lib.errors import DomainError, Invalid, Unknown
from core.lib.money import MoneyField
from customers.models import Customer
from loyalty.campaigns.coupons.codes import ALPHABET, CODE_LENGTH, normalise
from loyalty.campaigns.coupons.offers import NOTHING, Basket, Offer, work_out
from loyalty.models import CampaignUsage, Coupon, CouponCampaign, CouponRedemption

Status = CouponRedemption.Status


def validate(
    customer: Customer, basket: Basket, *, at: datetime, code: str = "", campaign: str = "", order_ref: str = ""
) -> Offer:
    """What the coupon would give on this basket, at this moment. Changes nothing and reserves nothing.

    `code` is the coupon's; a campaign without codes is named by `campaign`. What `order_ref` itself has reserved
    does not stand in its way. Raises DomainError with the reason.
    """
    chosen, coupon = meant(customer, code=code, campaign=campaign)
    not_in_the_way = CouponRedemption.objects.filter(campaign=chosen, status=Status.RESERVED).filter(
        Q(reserved_until__lte=at) | Q(order_ref=order_ref)
    )
    if coupon is not None and coupon.status == Coupon.Status.RESERVED and not_in_the_way.filter(coupon=coupon).exists():
        coupon.status = Coupon.Status.ISSUED
    refuse_coupon(coupon, at)
    refuse_campaign(chosen, at)
    offer = work_out(chosen, coupon, basket)
    free = not_in_the_way.aggregate(
        all=Count("pk"),
        worth=Coalesce(Sum("worth"), Value(NOTHING, MoneyField())),
        own=Count("pk", filter=Q(customer=customer)),
    )
    used = CampaignUsage.objects.filter(campaign=chosen, customer=customer).first()
    if used is not None and used.used - free["own"] >= used.most:
        raise customer_limit(chosen)
    if chosen.used - free["all"] >= chosen.total_limit:
        raise sold_out(chosen)
    if chosen.budget is not None and chosen.budget_used - free["worth"] + offer.worth > chosen.budget:
        raise budget_spent()
    return offer


def meant(customer: Customer, *, code: str, campaign: str, lock: bool = False) -> tuple[CouponCampaign, Coupon | None]:
    """The campaign and coupon that are meant. Another customer's coupon is as unknown as one that does not exist."""
    if bool(code) == bool(campaign):
        raise Invalid(_("Give the code of a coupon or the name of a campaign without codes."), code="code_or_campaign")
    unknown = Unknown(_("There is no such coupon. Check the code."), code="coupon_unknown")
    if campaign:
        row = CouponCampaign.objects.filter(code=campaign, needs_code=False).first()
        if row is None or row.status == CouponCampaign.Status.DRAFT:
            raise unknown
        return row, None
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


# Refusals ------------------------------------------------------------------------------------------------------------


def refuse_coupon(coupon: Coupon | None, at: datetime) -> None:
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


def refuse_campaign(campaign: CouponCampaign, at: datetime) -> None:
    if campaign.status == CouponCampaign.Status.PAUSED:
        raise DomainError(_("This campaign pauses. Try again later."), code="campaign_paused")
    if campaign.status == CouponCampaign.Status.ENDED or campaign.ends_at <= at:
        raise DomainError(_("This campaign is over."), code="campaign_over")
    if campaign.status == CouponCampaign.Status.DRAFT or campaign.starts_at > at:
        raise DomainError(_("This campaign has not begun."), code="campaign_not_begun")


def customer_limit(campaign: CouponCampaign) -> DomainError:
    return DomainError(
        _("This customer has used the campaign as often as it allows: %(limit)d.")
        % {"limit": campaign.per_customer_limit},
        code="customer_limit",
    )


def sold_out(campaign: CouponCampaign) -> DomainError:
    return DomainError(_("All %(limit)d of this campaign are used.") % {"limit": campaign.total_limit}, code="sold_out")


def budget_spent() -> DomainError:
    return DomainError(_("The budget of this campaign is spent."), code="budget_spent")
