"""REST for the till and the shop: a customer's points, set aside, redeemed or given back, and what they buy.

A hold is known by its purpose and ref, a redemption and an adjustment by the Idempotency-Key of the request: told twice,
each happens once. The same key with another content is answered with 422.
"""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.idempotency import KEY, key_of
from core.accounts.models import User
from core.accounts.roles import ApiScope, Permission
from core.lib.errors import Invalid
from crm.api.base import Row, StrictView, body, customer_named, of_mine, page_of
from crm.api.serializers.customers import Strict
from loyalty.models import PointHold, PointTxn, Redemption, Reward
from loyalty.points import accounts as points
from loyalty.points import adjustments, holds, rewards
from loyalty.points.accounts import MOST_AT_ONCE

LINES = 50
LARGEST_ID = 2**63 - 1


class ExpiringOut(serializers.Serializer[Any]):
    last_day = serializers.DateField()
    points = serializers.IntegerField()


class LineOut(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    change = serializers.IntegerField()
    balance = serializers.IntegerField()
    order = serializers.SerializerMethodField(help_text="source:number of the order behind it, or null")
    reason = serializers.CharField()

    def get_order(self, line: PointTxn) -> str | None:
        return f"{line.order.source}:{line.order.external_id}" if line.order else None


class PointsOut(serializers.Serializer[Any]):
    """`available` can be used now; `debt` is repaid by what comes next; `lines` are the newest of the ledger."""

    customer = serializers.CharField()
    available = serializers.IntegerField()
    pending = serializers.IntegerField()
    held = serializers.IntegerField()
    debt = serializers.IntegerField()
    frozen = serializers.BooleanField()
    expiring = ExpiringOut(many=True)
    lines = LineOut(many=True)


class LinesQuery(Strict):
    cursor = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, required=False, help_text="As `next` gives it")
    limit = serializers.IntegerField(min_value=1, max_value=200, default=LINES)


class LinesOut(serializers.Serializer[Any]):
    """`next` is the address of the older lines; null at the end."""

    customer = serializers.CharField()
    lines = LineOut(many=True)
    next = serializers.URLField(allow_null=True)


class HoldIn(Strict):
    points = serializers.IntegerField(min_value=1, max_value=MOST_AT_ONCE)
    purpose = serializers.ChoiceField(choices=PointHold.Purpose.choices)
    ref = serializers.CharField(max_length=80)


class HoldOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    points = serializers.IntegerField()
    purpose = serializers.CharField()
    ref = serializers.CharField()
    state = serializers.CharField()
    expires_at = serializers.DateTimeField()


class AdjustmentIn(Strict):
    points = serializers.IntegerField(min_value=-MOST_AT_ONCE, max_value=MOST_AT_ONCE)
    reason = serializers.CharField(max_length=300)


class AdjustmentOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    points = serializers.IntegerField()
    state = serializers.CharField()


class ReasonIn(Strict):
    reason = serializers.CharField(max_length=200)


class FrozenOut(serializers.Serializer[Any]):
    customer = serializers.CharField()
    frozen = serializers.BooleanField()


class RewardOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    points = serializers.IntegerField()
    stock = serializers.IntegerField(allow_null=True)


class RewardsOut(serializers.Serializer[Any]):
    rewards = RewardOut(many=True)


class RedemptionIn(Strict):
    reward = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    quantity = serializers.IntegerField(min_value=1, max_value=100, default=1)


class RewardRedemptionOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    reward = serializers.IntegerField(source="reward_id")
    quantity = serializers.IntegerField()
    points = serializers.IntegerField(source="hold.points")
    state = serializers.CharField()
    expires_at = serializers.DateTimeField(source="hold.expires_at")


class PointsView(StrictView):
    scope = ApiScope.POINTS_READ

    @extend_schema(operation_id="customer_points_get", responses=PointsOut, summary="The points of a customer")
    def get(self, request: Request, number: str) -> Response:
        customer, at = customer_named(request, number), timezone.now()
        balance = points.balance(customer, at=at)
        lines = points.statement(customer)[:LINES]
        data = {
            "customer": customer.number,
            **vars(balance),
            "lines": lines,
            "expiring": [{"last_day": day, "points": count} for day, count in balance.expiring],
        }
        return Response(PointsOut(data).data)


class PointLinesView(StrictView):
    scope = ApiScope.POINTS_READ
    query = LinesQuery

    @extend_schema(
        operation_id="customer_points_lines",
        parameters=[LinesQuery],
        responses=LinesOut,
        summary="The whole ledger of a customer, the newest first",
        description="Follow `next` until it is null. Lines written meanwhile neither repeat nor hide any.",
    )
    def get(self, request: Request, number: str) -> Response:
        customer, size = customer_named(request, number), self.params["limit"]
        lines, cursor = page_of(points.statement(customer), size, by="seq", before=self.params.get("cursor"))
        further = request.build_absolute_uri(f"{request.path}?cursor={cursor}&limit={size}") if cursor else None
        return Response(LinesOut({"customer": customer.number, "lines": lines, "next": further}).data)


class HoldsView(StrictView):
    scope = ApiScope.POINTS_WRITE

    @extend_schema(
        operation_id="points_hold",
        request=HoldIn,
        responses={201: HoldOut},
        summary="Set points aside",
        description="The same purpose and ref find the first hold. It lapses at `expires_at`.",
    )
    def post(self, request: Request, number: str) -> Response:
        data = body(HoldIn, request).validated_data
        hold = holds.hold(
            customer_named(request, number),
            data["points"],
            purpose=data["purpose"],
            ref=data["ref"],
            at=timezone.now(),
        )
        return Response(HoldOut(hold).data, status=201)


class HoldEndView(StrictView):
    scope = ApiScope.POINTS_WRITE
    ends = {"capture": holds.capture, "release": holds.release}

    @extend_schema(
        operation_id="points_hold_end",
        request=None,
        responses=HoldOut,
        summary="Redeem a hold, or give it back",
        description="`verb` is capture or release. Telling it twice is harmless.",
    )
    def post(self, request: Request, pk: int, verb: str) -> Response:
        end = self.ends.get(verb)
        if (
            end is None
            or pk > LARGEST_ID
            or not _is_mine(request, PointHold.objects.filter(pk=pk), "account__customer__")
        ):
            raise Http404
        return Response(HoldOut(end(pk, at=timezone.now())).data)


def _is_mine(request: Request, rows: QuerySet[Row], customer: str) -> bool:
    return of_mine(request, rows, customer).exists()


class AdjustmentsView(StrictView):
    scope = ApiScope.POINTS_WRITE

    @extend_schema(
        operation_id="points_adjust",
        parameters=[KEY],
        request=AdjustmentIn,
        responses={201: AdjustmentOut},
        summary="Ask for points by hand",
        description="Waits for two people of the mall unless `state` says done.",
    )
    def post(self, request: Request, number: str) -> Response:
        data = body(AdjustmentIn, request).validated_data
        adjustment = adjustments.request(
            customer_named(request, number),
            data["points"],
            reason=data["reason"],
            client_key=key_of(request),
            by=cast(User, request.user),
            at=timezone.now(),
        )
        return Response(AdjustmentOut(adjustment).data, status=201)


class FreezeView(StrictView):
    scope = ApiScope.POINTS_WRITE
    permission = Permission.APPROVE_POINTS
    frozen = True

    @extend_schema(
        operation_id="points_freeze",
        request=ReasonIn,
        responses=FrozenOut,
        summary="Freeze an account: it earns, but redeems nothing",
        description="For somebody who may approve points by hand. What is set aside already can still be redeemed.",
    )
    def post(self, request: Request, number: str) -> Response:
        data = ReasonIn(data=request.data)
        data.is_valid(raise_exception=True)
        customer, by = customer_named(request, number), cast(User, request.user)
        reason = data.validated_data["reason"]
        points.freeze(customer, frozen=self.frozen, by=by, reason=reason, at=timezone.now())
        return Response(FrozenOut({"customer": customer.number, "frozen": self.frozen}).data)


class ThawView(FreezeView):
    frozen = False

    @extend_schema(operation_id="points_thaw", request=ReasonIn, responses=FrozenOut, summary="Thaw a frozen account")
    def post(self, request: Request, number: str) -> Response:
        return super().post(request, number)


class RewardsView(StrictView):
    scope = ApiScope.POINTS_READ

    @extend_schema(operation_id="reward_list", responses=RewardsOut, summary="What points can be exchanged for")
    def get(self, request: Request) -> Response:
        return Response(RewardsOut({"rewards": Reward.objects.filter(active=True).order_by("points", "pk")}).data)


class RedemptionsView(StrictView):
    scope = ApiScope.POINTS_WRITE

    @extend_schema(
        operation_id="redemption_create",
        parameters=[KEY],
        request=RedemptionIn,
        responses={201: RewardRedemptionOut},
        summary="Set a reward aside for a customer",
    )
    def post(self, request: Request, number: str) -> Response:
        data = body(RedemptionIn, request).validated_data
        reward = Reward.objects.filter(pk=data["reward"]).first()
        if reward is None:
            raise Invalid(_("There is no such reward."), code="no_such_reward")
        redemption = rewards.reserve(
            customer_named(request, number),
            reward,
            quantity=data["quantity"],
            key=key_of(request),
            at=timezone.now(),
        )
        return Response(RewardRedemptionOut(redemption).data, status=201)


class RedemptionEndView(StrictView):
    scope = ApiScope.POINTS_WRITE
    ends = {"hand-over": rewards.hand_over, "cancel": rewards.cancel}

    @extend_schema(
        operation_id="redemption_end",
        request=None,
        responses=RewardRedemptionOut,
        summary="Hand a reward over, or put it back",
        description="`verb` is hand-over or cancel.",
    )
    def post(self, request: Request, pk: int, verb: str) -> Response:
        end = self.ends.get(verb)
        if (
            end is None
            or pk > LARGEST_ID
            or not _is_mine(request, Redemption.objects.filter(pk=pk), "hold__account__customer__")
        ):
            raise Http404
        return Response(RewardRedemptionOut(end(pk, at=timezone.now())).data)
