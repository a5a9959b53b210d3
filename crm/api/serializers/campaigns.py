"""JSON in and out of coupons, draws and credit. What is not declared here is refused, never ignored."""

from datetime import timedelta
from typing import Any

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from crm.api.serializers.customers import Money, Strict, Words
from customers import identity, keys
from loyalty.campaigns.coupons import Basket, Line
from loyalty.models import Coupon, CouponCampaign, CouponRedemption, CreditAccount, CreditAuthorisation, Draw, Lottery
from loyalty.models.draws import LotteryPrize

MOST_LINES = 500


class OrderRef(Words):
    """`source:external_id`, as the order is or will be told to /sources/{source}/orders/{external_id}."""

    def __init__(self, **kwargs: Any) -> None:
        shape = r"^[a-z0-9][a-z0-9_.-]{0,39}:.{1,80}\Z"
        explanation = gettext_lazy("Name the order as source:number, like shop:8812.")
        super().__init__(max_length=121, validators=[RegexValidator(shape, explanation)], **kwargs)

    def to_internal_value(self, data: Any) -> str:
        source, colon, number = super().to_internal_value(data).partition(":")
        if keys.damaged(number):
            refusal = identity.number_damaged()
            raise serializers.ValidationError(str(refusal), refusal.code)
        return f"{source}{colon}{keys.order_key(number)}"


# Coupons ------------------------------------------------------------------------------------------------------------


class BasketLineIn(Strict):
    ref = Words(max_length=80)
    net = Money(min_value=0, help_text="All pieces of the line, before any coupon")
    category = Words(max_length=80, required=False, allow_blank=True)


class ValidateIn(Strict):
    """Either the `code` of a coupon or the name of a `campaign` without codes."""

    customer = Words(max_length=20, help_text="Customer number")
    code = Words(max_length=40, required=False, allow_blank=True)
    campaign = Words(max_length=30, required=False, allow_blank=True)
    order_ref = OrderRef(required=False)
    lines = BasketLineIn(many=True, allow_empty=False, max_length=MOST_LINES)  # type: ignore[call-arg]
    shipping = Money(min_value=0, required=False)

    def basket(self) -> Basket:
        data = self.validated_data
        lines = tuple(Line(line["ref"], line["net"], line.get("category", "")) for line in data["lines"])
        return Basket(lines, **({"shipping": data["shipping"]} if "shipping" in data else {}))

    def named(self) -> dict[str, str]:
        return {name: self.validated_data.get(name, "") for name in ("code", "campaign")}


class ReserveIn(ValidateIn):
    order_ref = OrderRef()
    minutes = serializers.IntegerField(min_value=1, max_value=24 * 60, required=False, help_text="30 unless told")


class EndIn(Strict):
    reason = Words(max_length=200, required=False, allow_blank=True)


class RollBackIn(Strict):
    reason = Words(max_length=200)
    keep_slot = serializers.BooleanField(
        required=False, help_text="True for a refund made to head off a dispute: the coupon stays used"
    )


class ShareOut(serializers.Serializer[Any]):
    line_ref = serializers.CharField()
    amount = Money()


class OfferOut(serializers.Serializer[Any]):
    campaign = serializers.CharField(source="campaign.code")
    name = serializers.CharField(source="campaign.name")
    kind = serializers.ChoiceField(CouponCampaign.Kind.choices, source="campaign.kind")
    discount = Money()
    gift = serializers.CharField()
    payable = Money()
    shares = ShareOut(many=True)


class RedemptionOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    campaign = serializers.CharField(source="campaign.code")
    customer = serializers.CharField(source="customer.number")
    order_ref = serializers.CharField()
    status = serializers.ChoiceField(CouponRedemption.Status.choices)
    discount = Money()
    gift = serializers.CharField(source="campaign.gift")
    reserved_until = serializers.DateTimeField()
    shares = ShareOut(many=True)


class CouponOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    campaign = serializers.CharField(source="campaign.code")
    name = serializers.CharField(source="campaign.name")
    kind = serializers.ChoiceField(CouponCampaign.Kind.choices, source="campaign.kind")
    amount = Money(source="campaign.amount")
    percent = serializers.IntegerField(source="campaign.percent")
    min_spend = Money(source="campaign.min_spend")
    status = serializers.ChoiceField(Coupon.Status.choices)
    expires_at = serializers.DateTimeField()


class CouponsOut(serializers.Serializer[Any]):
    coupons = CouponOut(many=True)


# Draws --------------------------------------------------------------------------------------------------------------


class PrizeOut(serializers.Serializer[Any]):
    rank = serializers.IntegerField(source="prize.rank")
    name = serializers.CharField(source="prize.name")
    kind = serializers.ChoiceField(LotteryPrize.Kind.choices, source="prize.kind")
    value = Money(source="prize.value")
    pieces = serializers.IntegerField(source="prize.total", allow_null=True)
    left = serializers.IntegerField(allow_null=True)
    of_a_million = serializers.IntegerField(source="prize.ppm")


class LotteryOut(serializers.Serializer[Any]):
    """What the customers are to read before they take part."""

    code = serializers.CharField()
    name = serializers.CharField()
    rules = serializers.CharField()
    entry = serializers.ChoiceField(Lottery.Entry.choices)
    min_order = Money()
    points_cost = serializers.IntegerField()
    min_level = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField()
    algorithm = serializers.CharField()
    commitment = serializers.CharField()
    secret = serializers.CharField(help_text="Shown once the draw has ended")
    prizes = PrizeOut(many=True)


class DrawIn(Strict):
    customer = Words(max_length=20, help_text="Customer number")


class TicketOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    customer = serializers.CharField()
    points_left = serializers.IntegerField()


class DrawOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    lottery = serializers.CharField(source="lottery.code")
    customer = serializers.CharField(source="customer.number")
    ticket = serializers.IntegerField(source="ticket_id")
    roll = serializers.IntegerField()
    prize = serializers.CharField(source="prize.name")
    kind = serializers.ChoiceField(LotteryPrize.Kind.choices, source="prize.kind")
    reason = serializers.ChoiceField(Draw.Reason.choices)
    state = serializers.ChoiceField(Draw.State.choices)
    claim_by = serializers.DateTimeField(allow_null=True)
    drawn_at = serializers.DateTimeField()


# Credit -------------------------------------------------------------------------------------------------------------


class CreditOut(serializers.Serializer[Any]):
    customer = serializers.CharField(source="customer.number")
    status = serializers.ChoiceField(CreditAccount.Status.choices)
    limit = Money(source="credit_limit")
    term_days = serializers.IntegerField()
    exposure = Money()
    authorised = Money()
    left = Money(min_value=None)
    overdue = Money()


class AuthoriseIn(Strict):
    order_ref = OrderRef()
    amount = Money(min_value=0)
    days = serializers.IntegerField(min_value=1, max_value=30, required=False, help_text="7 unless told")

    def hold(self) -> dict[str, timedelta]:
        return {"hold": timedelta(days=self.validated_data["days"])} if "days" in self.validated_data else {}


class CaptureIn(Strict):
    amount = Money(min_value=0, required=False, help_text="What was delivered; the whole amount unless told")


class NoBody(Strict):
    """Nothing needs to be sent."""


class PayIn(Strict):
    amount = Money(min_value=0)
    reason = Words(max_length=200, required=False, allow_blank=True)


class AuthorisationOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    order_ref = serializers.CharField()
    amount = Money()
    captured = Money()
    status = serializers.ChoiceField(CreditAuthorisation.Status.choices)
    expires_at = serializers.DateTimeField()


class PaymentOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    amount = Money(min_value=None, help_text="Negative: it lowers what is owed")
    at = serializers.DateTimeField()
