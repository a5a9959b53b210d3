"""REST for the rules of the levels: the versions, and drafts that are written, simulated and published by another.

The verbs are those of the pages: a draft needs a fresh simulation and a second user to be published.
"""

from typing import Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.accounts.models import User
from crm.accounts.roles import ApiScope
from crm.lib.errors import Unknown
from crm.lib.money import from_minor
from crm.lib.periods import mall_day
from customers.api import StrictView
from customers.serializers import Strict
from loyalty import tier_whatif
from loyalty.models import TierDraft, TierRules, TierSimulation

LARGEST_ID = 2**63 - 1


class VersionOut(serializers.Serializer[Any]):
    """In force over [starts_on, ends_on); `content` is what a draft takes."""

    version = serializers.IntegerField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(allow_null=True)
    withdrawn = serializers.SerializerMethodField()
    reason = serializers.CharField()
    content = serializers.JSONField()

    def get_withdrawn(self, rules: TierRules) -> bool:
        return rules.withdrawn_at is not None


class VersionsOut(serializers.Serializer[Any]):
    versions = VersionOut(many=True)


class DraftIn(Strict):
    """What is left out stays as it is; a new draft begins with what the newest version says."""

    content = serializers.DictField(required=False)
    starts_on = serializers.DateField(required=False)
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)
    notice = serializers.CharField(max_length=500, required=False, allow_blank=True)


class DraftOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.CharField()
    starts_on = serializers.DateField()
    reason = serializers.CharField()
    notice = serializers.CharField()
    content = serializers.JSONField()
    simulated = serializers.SerializerMethodField()

    def get_simulated(self, draft: TierDraft) -> bool:
        """A simulation of exactly this is at hand, and not too old."""
        return tier_whatif.fresh(draft, today=mall_day(timezone.now())) is not None


class SimulationOut(serializers.Serializer[Any]):
    """`table[i][j]`: members who go from level i of `levels_before` to level j of `levels_after`. Costs in yuan a year."""

    draft = serializers.IntegerField()
    levels_before = serializers.ListField(child=serializers.CharField())
    levels_after = serializers.ListField(child=serializers.CharField())
    table = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    rises = serializers.IntegerField()
    falls = serializers.IntegerField()
    graced = serializers.IntegerField()
    big_customers_worse = serializers.IntegerField()
    cost_before = serializers.DecimalField(max_digits=18, decimal_places=2)
    cost_after = serializers.DecimalField(max_digits=18, decimal_places=2)


class PublishIn(Strict):
    falls = serializers.IntegerField(min_value=0, help_text="How many fall by the simulation, as you have understood it")


class TierVersionsView(StrictView):
    scope = ApiScope.TIERS_READ

    @extend_schema(operation_id="tier_versions", responses=VersionsOut, summary="The rules of the levels, newest first")
    def get(self, request: Request) -> Response:
        return Response(VersionsOut({"versions": TierRules.objects.order_by("-version")}).data)


class TierDraftsView(StrictView):
    scope = ApiScope.TIERS_WRITE

    @extend_schema(
        operation_id="tier_draft_create", request=DraftIn, responses={201: DraftOut}, summary="Begin new rules",
        description="Nothing is in force before somebody else publishes the draft.",
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        told, by, at = _told(request), cast(User, request.user), timezone.now()
        with transaction.atomic():
            draft = tier_whatif.save_draft(tier_whatif.new_draft(by=by, at=at).pk, **told, by=by, at=at)
        return Response(DraftOut(draft).data, status=201)


class TierDraftView(StrictView):
    scope = ApiScope.TIERS_WRITE

    @extend_schema(operation_id="tier_draft_get", responses=DraftOut, summary="What a draft says")
    def get(self, request: Request, pk: int) -> Response:
        return Response(DraftOut(_draft(pk)).data)

    @extend_schema(operation_id="tier_draft_put", request=DraftIn, responses=DraftOut, summary="Change a draft")
    def put(self, request: Request, pk: int) -> Response:
        told = _told(request)
        saved = tier_whatif.save_draft(_draft(pk).pk, **told, by=cast(User, request.user), at=timezone.now())
        return Response(DraftOut(saved).data)


class TierSimulateView(StrictView):
    scope = ApiScope.TIERS_WRITE

    @extend_schema(
        operation_id="tier_draft_simulate", request=None, responses=SimulationOut,
        summary="Who would move if a draft were in force",
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        made = tier_whatif.simulate(_draft(pk).pk, by=cast(User, request.user), at=timezone.now())
        return Response(SimulationOut(_simulated(made)).data)


class TierPublishView(StrictView):
    scope = ApiScope.TIERS_PUBLISH

    @extend_schema(
        operation_id="tier_draft_publish", request=PublishIn, responses={201: VersionOut}, summary="Put a draft in force",
        description="Refused to whoever wrote the draft, and without a fresh simulation.",
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        told = PublishIn(data=request.data)
        told.is_valid(raise_exception=True)
        published = tier_whatif.publish(
            _draft(pk).pk, falls=told.validated_data["falls"], by=cast(User, request.user), at=timezone.now()
        )
        return Response(VersionOut(published).data, status=201)


def _told(request: Request) -> dict[str, Any]:
    told = DraftIn(data=request.data)
    told.is_valid(raise_exception=True)
    return dict(told.validated_data)


def _draft(pk: int) -> TierDraft:
    found = TierDraft.objects.filter(pk=pk).first() if pk <= LARGEST_ID else None
    if found is None:
        raise Unknown(_("There is no such draft."), code="no_such_draft")
    return found


def _simulated(made: TierSimulation) -> dict[str, Any]:
    figures = made.figures
    return {
        "draft": made.draft_id,
        "levels_before": figures["from"],
        "levels_after": figures["to"],
        "big_customers_worse": len(figures["big_worse"]),
        "cost_before": from_minor(figures["cost_before"]),
        "cost_after": from_minor(figures["cost_after"]),
        **{name: figures[name] for name in ("table", "rises", "falls", "graced")},
    }
