"""What a coupon gives on a basket. Pure: nothing is read or written."""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from core.lib.errors import DomainError, Invalid
from core.lib.money import from_minor, to_minor
from loyalty.maths.shares import split
from loyalty.models import Coupon, CouponCampaign

SHIPPING = "shipping"
NOTHING = Decimal("0.00")

Kind = CouponCampaign.Kind


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
        content = [sorted([line.ref, str(line.net), line.category] for line in self.lines), str(self.shipping)]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


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


def _refuse_basket(basket: Basket) -> None:
    if not basket.lines or any(line.net < 0 for line in basket.lines) or basket.shipping < 0:
        raise Invalid(_("An order has lines, and no amount in it is negative."), code="basket")
    if len({line.ref for line in basket.lines}) < len(basket.lines) or any(
        line.ref == SHIPPING for line in basket.lines
    ):
        raise Invalid(_("Each line has a name of its own; “shipping” is taken."), code="line_names")
