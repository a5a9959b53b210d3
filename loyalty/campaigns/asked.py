"""What is asked about before a campaign of coupons begins or hands out more: allowed, but seldom meant."""

from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from core.lib import mall
from core.lib.errors import DomainError
from loyalty.models import Coupon, CouponCampaign

Kind = CouponCampaign.Kind


def of_terms(campaign: CouponCampaign) -> list[str]:
    """Doubts about what the campaign promises, in one sentence each."""
    worth, sentences = _worth(campaign), []
    if campaign.kind == Kind.AMOUNT and campaign.amount >= campaign.min_spend > 0:
        sentences.append(
            _("A coupon of %(worth)s is worth as much as the smallest order that takes it (%(least)s), or more.")
            % {"worth": mall.priced(worth), "least": mall.priced(campaign.min_spend)}
        )
    if campaign.budget is not None and campaign.budget < worth:
        sentences.append(
            _("The budget of %(budget)s is less than one coupon (%(worth)s).")
            % {"budget": mall.priced(campaign.budget), "worth": mall.priced(worth)}
        )
    return sentences


def of_more(campaign: CouponCampaign, count: int, *, at: datetime) -> list[str]:
    """Doubts about handing out so many more: whether all of them could still be used."""
    hands = Coupon.objects.filter(campaign=campaign, status=Coupon.Status.ISSUED, expires_at__gt=at).count()
    return of_hands(campaign, hands + count) if count else []


def of_hands(campaign: CouponCampaign, hands: int) -> list[str]:
    """Doubts about so many coupons in customers' hands: whether all of them could still be used."""
    left = campaign.total_limit - campaign.used
    sentences = []
    if hands > left:
        sentences.append(
            _("With these, %(hands)d coupons are in customers' hands, of which only %(left)d can still be used.")
            % {"hands": hands, "left": max(left, 0)}
        )
    worth = _worth(campaign)
    if campaign.budget is not None and worth:
        within = int(max(campaign.budget - campaign.budget_used, Decimal(0)) / worth)
        if hands > within and within < left:
            sentences.append(
                _("The rest of the budget is enough for %(within)d of the %(hands)d coupons in customers' hands.")
                % {"within": within, "hands": hands}
            )
    return sentences


def refuse_unless(meant: bool, sentences: list[str]) -> None:
    """Raises DomainError with the doubts, unless somebody has said that they mean it."""
    if sentences and not meant:
        raise DomainError(" ".join([*sentences, _("Say that it is meant, or change it.")]), code="doubts")


def _worth(campaign: CouponCampaign) -> Decimal:
    """The least that one coupon gives, in yuan; of a percentage, on the smallest order."""
    if campaign.kind == Kind.PERCENT:
        worth = Decimal(campaign.min_spend * campaign.percent) / 100
        return worth if campaign.most_off is None else min(worth, Decimal(campaign.most_off))
    return Decimal(campaign.amount)
