"""REST for the shop: coupons on an order, draws, and orders on account. Every view names the scope its token needs."""

from datetime import timedelta
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.idempotency import KEY, key_of
from core.accounts.roles import ApiScope
from core.lib.errors import Unknown
from core.lib.periods import mall_day
from crm.api.base import StrictView, body, customer_named, of_mine, of_my_orders
from crm.api.serializers.campaigns import (
    AuthorisationOut,
    AuthoriseIn,
    CaptureIn,
    CouponsOut,
    CreditOut,
    DrawIn,
    DrawOut,
    EndIn,
    LotteryOut,
    NoBody,
    OfferOut,
    PayIn,
    PaymentOut,
    RedemptionOut,
    ReserveIn,
    RollBackIn,
    TicketOut,
    ValidateIn,
)
from loyalty.campaigns import coupon_campaigns, coupons, credit, draws
from loyalty.models import CouponRedemption, CreditAccount, CreditAuthorisation, Draw, Lottery
from loyalty.points import accounts as points

LARGEST_ID = 2**63 - 1
PUBLISHED = (
    "code",
    "name",
    "rules",
    "entry",
    "min_order",
    "points_cost",
    "min_level",
    "starts_at",
    "ends_at",
    "published_at",
    "algorithm",
    "commitment",
)


# Coupons ------------------------------------------------------------------------------------------------------------


class CouponValidateView(StrictView):
    scope = ApiScope.COUPONS_READ

    @extend_schema(
        operation_id="coupon_validate",
        request=ValidateIn,
        responses=OfferOut,
        summary="What a coupon would give on this basket",
        description="Changes nothing. With `order_ref`, what that order has reserved does not stand in its way.",
    )
    def post(self, request: Request) -> Response:
        serializer, at = body(ValidateIn, request), timezone.now()
        customer = customer_named(request, serializer.validated_data["customer"])
        order_ref = serializer.validated_data.get("order_ref", "")
        offer = coupons.validate(customer, serializer.basket(), at=at, order_ref=order_ref, **serializer.named())
        return Response(OfferOut(offer).data)


class CouponReserveView(StrictView):
    scope = ApiScope.COUPONS_WRITE

    @extend_schema(
        operation_id="coupon_reserve",
        request=ReserveIn,
        responses={201: RedemptionOut},
        summary="Hold a coupon for an order",
        description="The same order with the same basket is answered with its own reservation; with another basket it is "
        "worked out anew. A paid order redeems what it reserved, a cancelled or refunded one gives it back, by itself.",
    )
    def post(self, request: Request) -> Response:
        serializer, at = body(ReserveIn, request), timezone.now()
        data = serializer.validated_data
        hold = timedelta(minutes=data["minutes"]) if "minutes" in data else coupons.HOLD
        redemption = coupons.reserve(
            customer_named(request, data["customer"]),
            data["order_ref"],
            serializer.basket(),
            at=at,
            hold=hold,
            **serializer.named(),
        )
        return _redemption(redemption, status=201)


class CouponConfirmView(StrictView):
    scope = ApiScope.COUPONS_WRITE

    @extend_schema(
        operation_id="coupon_confirm", request=NoBody, responses=RedemptionOut, summary="The order is paid: redeem"
    )
    def post(self, request: Request, pk: int) -> Response:
        body(NoBody, request)
        return _redemption(coupons.redeem(_redeemed(request, pk), at=timezone.now()))


class CouponReleaseView(StrictView):
    scope = ApiScope.COUPONS_WRITE

    @extend_schema(
        operation_id="coupon_release", request=EndIn, responses=RedemptionOut, summary="The order will not come about"
    )
    def post(self, request: Request, pk: int) -> Response:
        reason = body(EndIn, request).validated_data.get("reason", "")
        return _redemption(coupons.release(_redeemed(request, pk), at=timezone.now(), reason=reason))


class CouponRollBackView(StrictView):
    scope = ApiScope.COUPONS_WRITE

    @extend_schema(
        operation_id="coupon_rollback",
        request=RollBackIn,
        responses=RedemptionOut,
        summary="Give a redeemed coupon back",
    )
    def post(self, request: Request, pk: int) -> Response:
        serializer = body(RollBackIn, request)
        return _redemption(coupons.roll_back(_redeemed(request, pk), at=timezone.now(), **serializer.validated_data))


def _redeemed(request: Request, pk: int) -> int:
    """The coupon's use, if it is one of the token's customers and sources."""
    return get_object_or_404(of_my_orders(request, CouponRedemption.objects.all()), pk=_stored(pk)).pk


def _stored(pk: int) -> int:
    """Raises Http404 for an id that no row can have."""
    if pk > LARGEST_ID:
        raise Http404
    return pk


def _redemption(redemption: CouponRedemption, *, status: int = 200) -> Response:
    rows = CouponRedemption.objects.select_related("campaign", "customer").prefetch_related("shares")
    return Response(RedemptionOut(rows.get(pk=redemption.pk)).data, status=status)


class CustomerCouponsView(StrictView):
    scope = ApiScope.COUPONS_READ

    @extend_schema(
        operation_id="customer_coupons",
        responses=CouponsOut,
        summary="The coupons a customer can use now, with their codes",
    )
    def get(self, request: Request, number: str) -> Response:
        at = timezone.now()
        rows = coupon_campaigns.usable_by(customer_named(request, number), at=at)[:200]
        return Response(CouponsOut({"coupons": [_printed(coupon) for coupon in rows]}).data)


def _printed(coupon: Any) -> Any:
    coupon.code = coupons.written(coupon.code)
    return coupon


# Draws --------------------------------------------------------------------------------------------------------------


def _lottery(code: str) -> Lottery:
    lottery = (
        Lottery.objects.filter(code=code.upper(), published_at__isnull=False).first() if code.isprintable() else None
    )
    if lottery is None:
        raise Http404
    return lottery


class LotteryView(StrictView):
    scope = ApiScope.DRAWS_READ

    @extend_schema(
        operation_id="lottery_get",
        responses=LotteryOut,
        summary="Rules, prizes and odds of a published draw",
        description="To be shown to the customers. `commitment` is the SHA-256 of the secret every draw follows from.",
    )
    def get(self, request: Request, code: str) -> Response:
        lottery = _lottery(code)
        prizes = draws.odds(lottery)
        data = {name: getattr(lottery, name) for name in PUBLISHED}
        return Response(LotteryOut(data | {"secret": draws.secret_shown(lottery), "prizes": prizes}).data)


class LotteryDrawsView(StrictView):
    scope = ApiScope.DRAWS_WRITE

    @extend_schema(
        operation_id="lottery_draw",
        request=DrawIn,
        parameters=[KEY],
        responses={201: DrawOut},
        summary="Use one ticket of the customer",
        description="There is one outcome per key and per ticket, however often it is sent.",
    )
    def post(self, request: Request, code: str) -> Response:
        key, serializer, at = key_of(request), body(DrawIn, request), timezone.now()
        customer = customer_named(request, serializer.validated_data["customer"])
        return _drawn(draws.draw(_lottery(code).pk, customer, idem_key=key, at=at), status=201)


class LotteryTicketsView(StrictView):
    scope = ApiScope.DRAWS_WRITE

    @extend_schema(
        operation_id="lottery_ticket",
        request=DrawIn,
        parameters=[KEY],
        responses={201: TicketOut},
        summary="Buy a ticket with the customer's points",
        description="One ticket per key, however often it is sent.",
    )
    def post(self, request: Request, code: str) -> Response:
        key, serializer, at = key_of(request), body(DrawIn, request), timezone.now()
        customer = customer_named(request, serializer.validated_data["customer"])
        ticket = draws.buy_ticket(_lottery(code).pk, customer, ref=key, at=at)
        left = points.balance(customer, at=at).available
        return Response(TicketOut({"id": ticket.pk, "customer": customer.number, "points_left": left}).data, status=201)


class DrawClaimView(StrictView):
    scope = ApiScope.DRAWS_WRITE

    @extend_schema(
        operation_id="lottery_claim", request=NoBody, responses=DrawOut, summary="The customer claims what was won"
    )
    def post(self, request: Request, pk: int) -> Response:
        body(NoBody, request)
        mine = get_object_or_404(of_mine(request, Draw.objects.all()), pk=_stored(pk))
        return _drawn(draws.claim(mine.pk, at=timezone.now()))


def _drawn(draw: Draw, *, status: int = 200) -> Response:
    rows = Draw.objects.select_related("lottery", "customer", "prize")
    return Response(DrawOut(rows.get(pk=draw.pk)).data, status=status)


# Credit -------------------------------------------------------------------------------------------------------------


class CreditView(StrictView):
    scope = ApiScope.CREDIT_READ

    @extend_schema(
        operation_id="credit_get", responses=CreditOut, summary="Limit, what is owed, what is left, what is overdue"
    )
    def get(self, request: Request, number: str) -> Response:
        at = timezone.now()
        account = CreditAccount.objects.filter(customer=customer_named(request, number)).first()
        if account is None:
            raise Unknown(_("This customer has no credit account."), code="no_credit")
        late = credit.overdue(credit.open_items([account], on=mall_day(at))[account.pk])
        fields = ("customer", "status", "credit_limit", "term_days", "exposure", "authorised", "left")
        return Response(CreditOut({name: getattr(account, name) for name in fields} | {"overdue": late}).data)


class CreditAuthorisationsView(StrictView):
    scope = ApiScope.CREDIT_WRITE

    @extend_schema(
        operation_id="credit_authorise",
        request=AuthoriseIn,
        parameters=[KEY],
        responses={201: AuthorisationOut},
        summary="Reserve an amount for an order on account",
    )
    def post(self, request: Request, number: str) -> Response:
        key, serializer, at = key_of(request), body(AuthoriseIn, request), timezone.now()
        data = serializer.validated_data
        authorisation = credit.authorise(
            customer_named(request, number), data["order_ref"], data["amount"], idem_key=key, at=at, **serializer.hold()
        )
        return Response(AuthorisationOut(authorisation).data, status=201)


class CreditCaptureView(StrictView):
    scope = ApiScope.CREDIT_WRITE

    @extend_schema(
        operation_id="credit_capture",
        request=CaptureIn,
        responses=AuthorisationOut,
        summary="The order is delivered: charge",
    )
    def post(self, request: Request, pk: int) -> Response:
        serializer = body(CaptureIn, request)
        amount = serializer.validated_data.get("amount")
        authorisation = credit.capture(_authorised(request, pk), at=timezone.now(), amount=amount)
        return Response(AuthorisationOut(authorisation).data)


class CreditVoidView(StrictView):
    scope = ApiScope.CREDIT_WRITE

    @extend_schema(
        operation_id="credit_void", request=NoBody, responses=AuthorisationOut, summary="Give the reserved amount back"
    )
    def post(self, request: Request, pk: int) -> Response:
        body(NoBody, request)
        return Response(AuthorisationOut(credit.void(_authorised(request, pk), at=timezone.now())).data)


def _authorised(request: Request, pk: int) -> int:
    """The reserved amount, if it is one of the token's customers and sources."""
    return get_object_or_404(
        of_my_orders(request, CreditAuthorisation.objects.all(), "account__customer__"), pk=_stored(pk)
    ).pk


class CreditPaymentsView(StrictView):
    scope = ApiScope.CREDIT_WRITE

    @extend_schema(
        operation_id="credit_pay",
        request=PayIn,
        parameters=[KEY],
        responses={201: PaymentOut},
        summary="A payment has come in",
    )
    def post(self, request: Request, number: str) -> Response:
        key, serializer, at = key_of(request), body(PayIn, request), timezone.now()
        data = serializer.validated_data
        entry = credit.pay(
            customer_named(request, number), data["amount"], idem_key=key, at=at, by=None, reason=data.get("reason", "")
        )
        return Response(PaymentOut(entry).data, status=201)
