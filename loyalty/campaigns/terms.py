"""What a campaign of coupons promises: bounds of it, as JSON and back, and until when a coupon holds."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib import mall
from core.lib.errors import DomainError, Invalid
from core.lib.money import MoneyField
from core.lib.periods import mall_day, mall_midnight
from loyalty.campaigns.coupons import NOTHING
from loyalty.models import CouponCampaign

Kind = CouponCampaign.Kind
TERMS = (
    "name",
    "kind",
    "amount",
    "percent",
    "gift",
    "most_off",
    "min_spend",
    "categories",
    "stack_group",
    "needs_code",
    "total_limit",
    "per_customer_limit",
    "budget",
    "starts_at",
    "ends_at",
    "valid_days",
)
# What was promised stays; only more of it can be given.
LATER = ("name", "total_limit", "per_customer_limit", "budget", "ends_at")
# What a version says; from when on it says so stands beside it.
LABELS = {
    "name": gettext_lazy("Name of the campaign"),
    "kind": gettext_lazy("What it gives"),
    "amount": gettext_lazy("Amount"),
    "percent": gettext_lazy("Percent off"),
    "gift": gettext_lazy("Gift"),
    "min_spend": gettext_lazy("From an order of"),
    "most_off": gettext_lazy("At most off"),
    "categories": gettext_lazy("Only for these categories"),
    "total_limit": gettext_lazy("Redemptions at most"),
    "per_customer_limit": gettext_lazy("Per customer at most"),
    "budget": gettext_lazy("Budget"),
    "ends_at": gettext_lazy("Last day"),
    "valid_days": gettext_lazy("Days a coupon is valid"),
    "stack_group": gettext_lazy("Does not combine within"),
    "needs_code": gettext_lazy("Customers need a coupon with a code"),
}
LONGEST = timedelta(days=3660)
SAID = tuple(LABELS)


def refuse(campaign: CouponCampaign) -> None:
    """A sentence for what the database would refuse anyway."""
    try:
        campaign.clean_fields(exclude=["by"])
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="terms") from None
    if campaign.kind == Kind.PERCENT:
        campaign.amount = NOTHING
        if not 1 <= campaign.percent <= 100:
            raise Invalid(_("Give a percentage from 1 to 100."), code="percent")
    else:
        campaign.percent = 0
        if campaign.amount <= 0:
            raise Invalid(_("Give an amount above zero."), code="amount")
    if campaign.kind == Kind.GIFT and not campaign.gift.strip():
        raise Invalid(_("Say what the gift is."), code="gift")
    if campaign.kind != Kind.GIFT:
        campaign.gift = ""
    if campaign.ends_at <= campaign.starts_at:
        raise Invalid(_("A campaign ends after it begins."), code="ends_at")
    if campaign.ends_at > campaign.starts_at + LONGEST:
        raise Invalid(_("A campaign lasts ten years at most."), code="ends_at")
    if campaign.total_limit < 1 or campaign.per_customer_limit < 1:
        raise Invalid(_("A limit is at least 1."), code="limit")
    if campaign.min_spend < 0 or (campaign.most_off is not None and campaign.most_off <= 0):
        raise Invalid(_("Amounts are not negative."), code="amount")


def refuse_less(before: CouponCampaign, after: CouponCampaign) -> None:
    """Raises DomainError where a campaign that has begun would give less than it said, or something else."""
    old, new = said_by(before), said_by(after)
    if any(old[name] != new[name] for name in SAID if name not in LATER):
        raise DomainError(
            _("What a campaign promises cannot change once it has begun: end it and set up a new one."), code="promised"
        )
    if any(getattr(after, name) < getattr(before, name) for name in ("total_limit", "per_customer_limit", "ends_at")):
        raise DomainError(_("Limits only rise and the end only moves back once it has begun."), code="promised")
    if after.budget is not None and after.budget < after.budget_used:
        raise DomainError(
            _("%(used)s of the budget is used already. Give at least that.") % {"used": mall.priced(after.budget_used)},
            code="budget_used",
        )


def expiry(campaign: CouponCampaign, at: datetime) -> datetime:
    """Local midnight after the last day of a coupon handed out then; never later than the campaign's end."""
    if campaign.valid_days is None:
        return campaign.ends_at
    last = mall_day(at) + timedelta(days=campaign.valid_days)
    return min(campaign.ends_at, mall_midnight(last + timedelta(days=1)))


def said_by(campaign: CouponCampaign) -> dict[str, Any]:
    """The terms as JSON, in one form of writing."""
    return {name: _json(name, getattr(campaign, name)) for name in SAID}


def values_of(content: dict[str, Any]) -> dict[str, Any]:
    """The same as the model has them. Raises Invalid for what cannot be read."""
    return {name: _python(name, content[name]) for name in SAID if name in content}


def _json(name: str, value: Any) -> Any:
    if value is None or name == "categories":
        return None if value is None else sorted(value)
    field = CouponCampaign._meta.get_field(name)
    if isinstance(field, MoneyField):
        return str(Decimal(value).quantize(NOTHING))
    return value.isoformat() if isinstance(value, datetime) else value


def _python(name: str, value: Any) -> Any:
    field: Any = CouponCampaign._meta.get_field(name)
    try:
        if name == "categories":
            return sorted({str(category) for category in value})
        if value is None and not field.null:
            raise ValidationError("")
        if isinstance(field, models.BooleanField) and not isinstance(value, bool):
            raise ValidationError("")
        value = field.to_python(value)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValidationError("")
    except (ValidationError, TypeError, ValueError, ArithmeticError):
        raise Invalid(_("%(label)s: this cannot be read.") % {"label": LABELS[name]}, code=name) from None
    return value
