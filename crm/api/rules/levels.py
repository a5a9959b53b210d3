"""REST for the rules of the levels: versions, drafts, what a draft would do, and publishing by a second person.

The verbs and refusals are those of the pages. A token works with the rights of its user, so that a draft written with one
person's token is published with another's; the token of a shop may do neither.
"""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.idempotency import KEY, key_of
from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import ApiScope, Field, Permission
from core.lib.errors import Unknown
from core.lib.money import from_minor
from core.lib.periods import mall_day
from crm.api.rules.base import ByRightsView, RuleReasonIn
from crm.api.serializers.campaigns import NoBody
from crm.api.serializers.customers import Money, Strict, Words
from customers.access import visible_to
from customers.models import Customer
from loyalty.maths.tiers import Basis
from loyalty.models import TierDraft, TierRules, TierSimulation
from loyalty.tier_rules import Content
from loyalty.tiers import simulation as tier_whatif

LARGEST_ID = 2**63 - 1
VERSIONS = 100


class VersionOut(serializers.Serializer[Any]):
    """`state`: scheduled, in_force, past, or withdrawn before it began."""

    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["scheduled", "in_force", "past", "withdrawn"])
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(allow_null=True, help_text="The first day on which it no longer holds")
    reason = serializers.CharField()
    notice = serializers.CharField()
    drafted_by = serializers.CharField()
    published_by = serializers.CharField()
    published_at = serializers.DateTimeField()
    content = serializers.DictField(help_text="Levels, benefits and options")


class CustomerMoveOut(serializers.Serializer[Any]):
    customer = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    amount = serializers.CharField()
    value = Money(allow_null=True, min_value=None)


class GapOut(serializers.Serializer[Any]):
    customer = serializers.CharField()
    gap = serializers.CharField()


class NearOut(serializers.Serializer[Any]):
    level = serializers.CharField()
    count = serializers.IntegerField()
    nearest = GapOut(many=True)


class SparedOut(serializers.Serializer[Any]):
    level = serializers.CharField()
    at = serializers.CharField()


class SimulationOut(serializers.Serializer[Any]):
    """What the first night would do. `table` has a row per level before and a column per level after.

    Amounts are yuan, or orders where the rules count orders; costs are yuan a year. Customers are named as far as the
    token's user may see them: the counts are of everybody.
    """

    id = serializers.IntegerField()
    computed_on = serializers.DateField()
    customers = serializers.IntegerField()
    levels_before = serializers.ListField(child=serializers.CharField())
    levels_after = serializers.ListField(child=serializers.CharField())
    table = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    rises = serializers.IntegerField()
    falls = serializers.IntegerField()
    graced = serializers.IntegerField()
    promised = serializers.IntegerField()
    cost_before = Money(min_value=None)
    cost_after = Money(min_value=None)
    credit_before = Money(min_value=None)
    credit_after = Money(min_value=None)
    big_worse_count = serializers.IntegerField()
    big_worse = CustomerMoveOut(many=True)
    near = NearOut(many=True)
    spared = SparedOut(many=True)


class DraftOut(serializers.Serializer[Any]):
    """`by` wrote the last word: somebody else has to publish. `simulation`: the newest one of what it says now, or null."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=TierDraft.State.choices)
    starts_on = serializers.DateField()
    reason = serializers.CharField()
    notice = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    rolls_back = serializers.IntegerField(allow_null=True, help_text="The version it takes back")
    content = serializers.DictField()
    simulation = SimulationOut(allow_null=True)


class RulesOut(serializers.Serializer[Any]):
    versions = VersionOut(many=True)
    drafts = DraftOut(many=True)


class DraftIn(Strict):
    """What is left out stays as it is. `content` is the whole content, as a version or draft tells it."""

    content = serializers.DictField(required=False)
    starts_on = serializers.DateField(required=False)
    reason = Words(max_length=300, required=False, allow_blank=True)
    notice = serializers.CharField(max_length=500, required=False, allow_blank=True)


class PublishIn(Strict):
    falls = serializers.IntegerField(min_value=0, help_text="How many members fall, as the simulation says")
    because = Words(
        max_length=200, required=False, help_text="Why the only person who may publish does so with their own draft"
    )


class RulesView(ByRightsView):
    """Reading needs tiers:read, everything else tiers:write; beyond that the right that the page would ask for."""

    permissions: dict[str, Permission] = {}

    @property
    def scope(self) -> ApiScope:
        return ApiScope.TIERS_READ if self.request.method == "GET" else ApiScope.TIERS_WRITE

    @property
    def permission(self) -> Permission:
        return self.permissions.get(self.request.method or "", Permission.VIEW_RULES)

    def draft_response(self, draft: TierDraft, *, status: int = 200) -> Response:
        return Response(DraftOut(_draft_data(draft, self.user)).data, status=status)


class TierRulesView(RulesView):
    @extend_schema(
        operation_id="tier_rules_list",
        responses=RulesOut,
        summary="Versions of the rules of the levels, and open drafts",
    )
    def get(self, request: Request) -> Response:
        drafts = TierDraft.objects.filter(state=TierDraft.State.OPEN).select_related("by", "rolls_back").order_by("-pk")
        data = {
            "versions": [_version_data(rules) for rules in _versions().order_by("-version")[:VERSIONS]],
            "drafts": [_draft_data(draft, self.user) for draft in drafts],
        }
        return Response(RulesOut(data).data)


class DraftsView(RulesView):
    permissions = {"POST": Permission.EDIT_RULES}

    @extend_schema(
        operation_id="tier_draft_create",
        parameters=[KEY],
        request=NoBody,
        responses={201: DraftOut},
        summary="A draft that says what the newest version says",
    )
    def post(self, request: Request) -> Response:
        self.body(NoBody)
        draft = tier_whatif.new_draft(by=self.user, at=timezone.now(), client_key=key_of(request))
        return self.draft_response(draft, status=201)


class DraftView(RulesView):
    permissions = {"PATCH": Permission.EDIT_RULES, "DELETE": Permission.EDIT_RULES}

    @extend_schema(operation_id="tier_draft_get", responses=DraftOut, summary="What a draft says, and would do")
    def get(self, request: Request, pk: int) -> Response:
        return self.draft_response(_draft(pk))

    @extend_schema(
        operation_id="tier_draft_save",
        request=DraftIn,
        responses=DraftOut,
        summary="Change a draft",
        description="Whoever saved last cannot publish it. A change makes an earlier simulation stale.",
    )
    def patch(self, request: Request, pk: int) -> Response:
        data = self.body(DraftIn)
        tier_whatif.save_draft(_draft(pk).pk, by=self.user, at=timezone.now(), **data)
        return self.draft_response(_draft(pk))

    @extend_schema(operation_id="tier_draft_drop", responses={204: None}, summary="Drop a draft")
    def delete(self, request: Request, pk: int) -> Response:
        self.body(NoBody)
        tier_whatif.drop_draft(_draft(pk).pk, by=self.user, at=timezone.now())
        return Response(status=204)


class SimulateView(RulesView):
    is_long = True

    permissions = {"POST": Permission.EDIT_RULES}

    @extend_schema(
        operation_id="tier_draft_simulate",
        request=NoBody,
        responses={201: SimulationOut},
        summary="What the first night under this draft would do",
        description="Worked out by the code of that night. Good for publishing for a week, while nothing has changed.",
    )
    def post(self, request: Request, pk: int) -> Response:
        self.body(NoBody)
        simulation = tier_whatif.simulate(_draft(pk).pk, by=self.user, at=timezone.now())
        return Response(SimulationOut(_simulation_data(simulation, self.user)).data, status=201)


class PublishView(RulesView):
    permissions = {"POST": Permission.PUBLISH_TIERS}

    @extend_schema(
        operation_id="tier_draft_publish",
        request=PublishIn,
        responses={201: VersionOut},
        summary="Put a draft in force from its day on",
        description="By somebody who did not write it, with a fresh simulation. A draft is published once.",
    )
    def post(self, request: Request, pk: int) -> Response:
        sent = self.body(PublishIn)
        rules = tier_whatif.publish(
            _draft(pk).pk, by=self.user, falls=sent["falls"], at=timezone.now(), because=sent.get("because", "")
        )
        return Response(VersionOut(_version_data(rules)).data, status=201)


class VersionView(RulesView):
    @extend_schema(operation_id="tier_version_get", responses=VersionOut, summary="One version of the rules")
    def get(self, request: Request, version: int) -> Response:
        return Response(VersionOut(_version_data(_version(version))).data)


class WithdrawView(RulesView):
    permissions = {"POST": Permission.PUBLISH_TIERS}

    @extend_schema(
        operation_id="tier_version_withdraw",
        request=RuleReasonIn,
        responses=VersionOut,
        summary="Take back a version that has not begun",
    )
    def post(self, request: Request, version: int) -> Response:
        reason = self.reason()
        rules = tier_whatif.withdraw(_version(version).pk, reason=reason, by=self.user, at=timezone.now())
        return Response(VersionOut(_version_data(rules)).data)


class RollBackView(RulesView):
    permissions = {"POST": Permission.EDIT_RULES}

    @extend_schema(
        operation_id="tier_version_roll_back",
        parameters=[KEY],
        request=RuleReasonIn,
        responses={201: DraftOut},
        summary="A simulated draft that says what the version before said",
        description="Whoever lost a level to the version in force gets it back. It is published like any draft.",
    )
    def post(self, request: Request, version: int) -> Response:
        reason = self.reason()
        draft = tier_whatif.roll_back(
            _version(version).pk, by=self.user, reason=reason, at=timezone.now(), client_key=key_of(request)
        )
        return self.draft_response(draft, status=201)


def _versions() -> QuerySet[TierRules]:
    return TierRules.objects.select_related("drafted_by", "published_by")


def _version(number: int) -> TierRules:
    rules = _versions().filter(version=number).first() if number <= 2**31 - 1 else None
    if rules is None:
        raise Unknown(_("There is no such version."), code="version_unknown")
    return rules


def _draft(pk: int) -> TierDraft:
    rows = TierDraft.objects.select_related("by", "rolls_back")
    draft = rows.filter(pk=pk).first() if pk <= LARGEST_ID else None
    if draft is None:
        raise Unknown(_("There is no such draft."), code="draft_unknown")
    return draft


def _version_data(rules: TierRules) -> dict[str, Any]:
    today = mall_day(timezone.now())
    if rules.withdrawn_at is not None:
        state = "withdrawn"
    elif rules.starts_on > today:
        state = "scheduled"
    else:
        state = "in_force" if rules.ends_on is None or rules.ends_on > today else "past"
    fields = (
        "version",
        "starts_on",
        "ends_on",
        "reason",
        "notice",
        "drafted_by",
        "published_by",
        "published_at",
        "content",
    )
    return {name: getattr(rules, name) for name in fields} | {"state": state}


def _draft_data(draft: TierDraft, user: User) -> dict[str, Any]:
    today = mall_day(timezone.now())
    fresh = tier_whatif.fresh(draft, today=today) if draft.state == TierDraft.State.OPEN else None
    fields = ("id", "state", "starts_on", "reason", "notice", "by", "at", "content")
    return {name: getattr(draft, name) for name in fields} | {
        "rolls_back": draft.rolls_back.version if draft.rolls_back else None,
        "simulation": _simulation_data(fresh, user) if fresh else None,
    }


def _simulation_data(simulation: TierSimulation, user: User) -> dict[str, Any]:
    figures, content = simulation.figures, simulation.draft.content
    levels = [level["name"] for level in content["levels"]]
    near_ids = [row["customer"] for near in figures["near"] for row in near["nearest"]]
    numbers = _numbers(user, [row["customer"] for row in figures["big_worse"]] + near_ids)
    shown = sees(user, Field.VALUE)

    def amount(minor: int) -> str:
        return _amount(content, minor)

    names = ("customers", "table", "rises", "falls", "graced", "promised")
    costs = ("cost_before", "cost_after", "credit_before", "credit_after")
    return {
        "id": simulation.pk,
        "computed_on": simulation.computed_on,
        "levels_before": figures["from"],
        "levels_after": figures["to"],
        **{name: figures[name] for name in names},
        **{name: from_minor(figures[name]) for name in costs},
        "big_worse_count": len(figures["big_worse"]),
        "big_worse": [
            {
                "customer": numbers[row["customer"]],
                "before": levels[row["before"]],
                "after": levels[row["after"]],
                "amount": amount(row["amount"]),
                "value": from_minor(row["value"]) if shown else None,
            }
            for row in figures["big_worse"]
            if row["customer"] in numbers
        ],
        "near": [
            {
                "level": near["name"],
                "count": near["count"],
                "nearest": [
                    {"customer": numbers[row["customer"]], "gap": amount(row["gap"])}
                    for row in near["nearest"]
                    if row["customer"] in numbers
                ],
            }
            for near in figures["near"]
        ],
        "spared": [{"level": row["name"], "at": amount(row["at"])} for row in figures["spared"]],
    }


def _amount(content: Content, minor: int) -> str:
    return str(minor) if content["basis"] == Basis.ORDERS else str(from_minor(minor))


def _numbers(user: User, ids: list[int]) -> dict[int, str]:
    """The numbers of these customers, as far as the user may see them."""
    today = mall_day(timezone.now())
    people = visible_to(user, today) if ids else Customer.objects.none()
    return dict(people.filter(pk__in=ids).values_list("pk", "number"))
