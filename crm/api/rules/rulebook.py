"""REST for rules of every kind: what is in force, and changes that are proposed, confirmed, withdrawn and rolled back.

The verbs and refusals are those of the pages. A token works with the rights of its user, so that a change proposed with
one person's token is confirmed with another's; the token of a shop may do neither. Levels have `tier-rules`.
"""

from collections.abc import Callable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.idempotency import KEY, key_of
from core.accounts.permissions import may
from core.accounts.roles import ApiScope, Permission
from core.lib.errors import Unknown
from core.lib.periods import mall_day
from core.rulebook import changes
from core.rulebook.kinds import Kind, Version
from core.rulebook.models import RuleChange
from crm.api.rules.base import ByRightsView, RuleReasonIn
from crm.api.serializers.campaigns import NoBody
from crm.api.serializers.customers import Strict, Words
from crm.flows.rulebook import kinds as rulebook

LARGEST_ID = 2**63 - 1
LARGEST_VERSION = 2**31 - 1
SHOWN = 50


class RuleVersionOut(serializers.Serializer[Any]):
    """`starts_at` is null for the version that was always there; `by` where Laoke itself made it."""

    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["scheduled", "in_force", "past"])
    starts_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    by = serializers.CharField(allow_null=True)
    content = serializers.DictField()


class RuleKindOut(serializers.Serializer[Any]):
    """`first_day`: from when on a change that is proposed now can hold; the rules in force promise it."""

    kind = serializers.CharField()
    title = serializers.CharField()
    first_day = serializers.DateField()
    in_force = RuleVersionOut(allow_null=True)
    scheduled = RuleVersionOut(allow_null=True)
    waiting = serializers.ListField(child=serializers.IntegerField(), help_text="Changes that a second person decides")


class RuleKindsOut(serializers.Serializer[Any]):
    kinds = RuleKindOut(many=True)


class FigureOut(serializers.Serializer[Any]):
    """One figure: under the rules in force, under these, and as it came; null while it has not."""

    name = serializers.CharField()
    title = serializers.CharField()
    before = serializers.FloatField()
    after = serializers.FloatField()
    came = serializers.FloatField(allow_null=True)


class RuleChangeOut(serializers.Serializer[Any]):
    """`by` wrote it: somebody else has to confirm. `stays`: what a roll back does not take back."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=RuleChange.State.choices)
    starts_on = serializers.DateField()
    reason = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    rolls_back = serializers.IntegerField(allow_null=True, help_text="The version it takes back")
    version = serializers.IntegerField(allow_null=True, help_text="The version it became")
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    alone_because = serializers.CharField(allow_blank=True)
    ended_by = serializers.CharField(allow_null=True)
    ended_because = serializers.CharField(allow_blank=True)
    differences = serializers.ListField(child=serializers.CharField())
    doubts = serializers.ListField(
        child=serializers.CharField(), help_text="Confirming needs `meant` where there are any"
    )
    stays = serializers.ListField(child=serializers.CharField())
    figures = FigureOut(many=True)
    moved = serializers.IntegerField(help_text="Customers whom the rule moves")
    foretold_at = serializers.DateTimeField()
    content = serializers.DictField()


class RuleKindDetailOut(RuleKindOut):
    versions = RuleVersionOut(many=True)


class ProposeIn(Strict):
    content = serializers.DictField(help_text="The whole content, as a version tells it")
    starts_on = serializers.DateField(required=False, help_text="Left out: the first day that can be kept")
    reason = Words(max_length=300)


class ConfirmIn(Strict):
    meant = serializers.BooleanField(required=False, default=False)
    because = Words(max_length=200, required=False, help_text="Why the only person who may confirm does so alone")


class RulebookView(ByRightsView):
    """Reading needs rules:read, everything else rules:write; beyond that the right that the page would ask for."""

    permission = Permission.VIEW_RULES

    @property
    def scope(self) -> ApiScope:
        return ApiScope.RULES_READ if self.request.method == "GET" else ApiScope.RULES_WRITE

    def hold_to(self, permission: Permission) -> None:
        if not may(self.user, permission):
            raise PermissionDenied(_("You may read these rules, but not change them."))

    def decided(self, pk: int, right: Callable[[Kind], Permission], verb: Callable[[Kind], Any]) -> Response:
        """What the verb has made of the change, for whom has that right about its kind."""
        kind = rulebook.named(_change(pk).kind)
        self.hold_to(right(kind))
        verb(kind)
        return _answer(_change(pk))


class KindsView(RulebookView):
    @extend_schema(operation_id="rules_list", responses=RuleKindsOut, summary="Every kind of rules, and what waits")
    def get(self, request: Request) -> Response:
        return Response(RuleKindsOut({"kinds": [_kind_data(kind) for kind in rulebook.standing()]}).data)


class KindView(RulebookView):
    @extend_schema(
        operation_id="rules_get",
        responses=RuleKindDetailOut,
        summary="The versions of one kind of rules",
        description="As the list names it, or `coupons-<id>` for one campaign of coupons.",
    )
    def get(self, request: Request, kind: str) -> Response:
        rules = rulebook.named(kind)
        data = _kind_data(rules) | {"versions": [_version_data(rules, row) for row in rules.versions(SHOWN)]}
        return Response(RuleKindDetailOut(data).data)


class ProposeView(RulebookView):
    is_long = True

    @extend_schema(
        operation_id="rules_propose",
        parameters=[KEY],
        request=ProposeIn,
        responses={201: RuleChangeOut},
        summary="A change of rules, worked out: it waits for a second person",
    )
    def post(self, request: Request, kind: str) -> Response:
        rules, sent, at = rulebook.named(kind), self.body(ProposeIn), timezone.now()
        self.hold_to(rules.edits)
        change = changes.propose(
            rules,
            sent["content"],
            starts_on=sent.get("starts_on"),
            reason=sent["reason"],
            by=self.user,
            at=at,
            client_key=key_of(request),
        )
        return _answer(change, status=201)


class ChangeView(RulebookView):
    @extend_schema(operation_id="rule_change_get", responses=RuleChangeOut, summary="What a change says, and would do")
    def get(self, request: Request, pk: int) -> Response:
        return _answer(_change(pk))


class ConfirmView(RulebookView):
    is_long = True

    @extend_schema(
        operation_id="rule_change_confirm",
        request=ConfirmIn,
        responses=RuleChangeOut,
        summary="The change is the next version",
        description="By somebody who did not write it. `meant` where there are doubts.",
    )
    def post(self, request: Request, pk: int) -> Response:
        sent = self.body(ConfirmIn)

        def verb(kind: Kind) -> None:
            changes.confirm(
                kind, pk, by=self.user, at=timezone.now(), meant=sent["meant"], because=sent.get("because", "")
            )

        return self.decided(pk, lambda kind: kind.confirms, verb)


class LookAgainView(RulebookView):
    is_long = True

    @extend_schema(
        operation_id="rule_change_look_again",
        request=NoBody,
        responses=RuleChangeOut,
        summary="What a change would do is worked out as things stand now",
    )
    def post(self, request: Request, pk: int) -> Response:
        self.body(NoBody)
        return self.decided(
            pk, lambda kind: kind.confirms, lambda kind: changes.look_again(kind, pk, at=timezone.now())
        )


class DropView(RulebookView):
    @extend_schema(
        operation_id="rule_change_drop",
        request=RuleReasonIn,
        responses=RuleChangeOut,
        summary="A change that waits will never be",
    )
    def post(self, request: Request, pk: int) -> Response:
        reason = self.reason()
        return self.decided(
            pk,
            lambda kind: kind.confirms,
            lambda kind: changes.drop(kind, pk, by=self.user, at=timezone.now(), reason=reason),
        )


class WithdrawView(RulebookView):
    @extend_schema(
        operation_id="rule_change_withdraw",
        request=RuleReasonIn,
        responses=RuleChangeOut,
        summary="A confirmed change that has not begun never begins",
    )
    def post(self, request: Request, pk: int) -> Response:
        reason = self.reason()
        return self.decided(
            pk,
            lambda kind: kind.confirms,
            lambda kind: changes.withdraw(kind, pk, reason=reason, by=self.user, at=timezone.now()),
        )


class BackView(RulebookView):
    is_long = True

    @extend_schema(
        operation_id="rules_roll_back",
        parameters=[KEY],
        request=RuleReasonIn,
        responses={201: RuleChangeOut},
        summary="A change that says what the version before said",
        description="Of the version in force. It is confirmed like any change.",
    )
    def post(self, request: Request, kind: str, version: int) -> Response:
        rules, reason = rulebook.named(kind), self.reason()
        self.hold_to(rules.edits)
        change = changes.roll_back(
            rules, version, reason=reason, by=self.user, at=timezone.now(), client_key=key_of(request)
        )
        return _answer(change, status=201)


def _change(pk: int) -> RuleChange:
    rows = RuleChange.objects.select_related("by", "decided_by", "ended_by")
    change = rows.filter(pk=pk).first() if pk <= LARGEST_ID else None
    if change is None:
        raise Unknown(_("There is no such change."), code="change_unknown")
    return change


def _answer(change: RuleChange, *, status: int = 200) -> Response:
    return Response(RuleChangeOut(_change_data(change)).data, status=status)


def _change_data(change: RuleChange) -> dict[str, Any]:
    kind = rulebook.named(change.kind)
    before = next((row.content for row in kind.versions(SHOWN) if row.number == change.based_on), None)
    is_open = change.state == RuleChange.State.OPEN
    fields = (
        *("id", "kind", "state", "starts_on", "reason", "by", "at", "rolls_back", "version", "decided_by"),
        *("decided_at", "alone_because", "ended_by", "ended_because", "foretold_at", "content"),
    )
    return {name: getattr(change, name) for name in fields} | {
        "differences": kind.differences(before, change.content),
        "doubts": kind.doubts(change.content, changes.figures_of(change)) if is_open else [],
        "stays": kind.stays(change.rolls_back) if change.rolls_back else [],
        "moved": len(change.moves),
        "figures": [
            row._asdict() | {"title": str(kind.figures[row.name])}
            for row in changes.compared(kind, change, at=timezone.now())
        ],
    }


def _kind_data(kind: Kind) -> dict[str, Any]:
    at = timezone.now()
    in_force, newest = changes.in_force(kind, at=at), changes.newest(kind)
    scheduled = newest if newest is not None and newest.starts_at is not None and newest.starts_at > at else None
    return {
        "kind": kind.name,
        "title": str(kind.label),
        "first_day": changes.first_day(kind, today=mall_day(at)),
        "in_force": in_force and _version_data(kind, in_force),
        "scheduled": scheduled and _version_data(kind, scheduled),
        "waiting": list(changes.waiting(kind).values_list("pk", flat=True)),
    }


def _version_data(kind: Kind, row: Version) -> dict[str, Any]:
    at = timezone.now()
    current = changes.in_force(kind, at=at)
    state = "scheduled" if row.starts_at is not None and row.starts_at > at else "past"
    if current is not None and current.number == row.number:
        state = "in_force"
    fields = ("starts_at", "reason", "by", "content")
    return {"version": row.number, "state": state} | {name: getattr(row, name) for name in fields}
