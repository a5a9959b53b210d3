"""REST for the mall's mail and message systems: what became of a letter, and what was answered to one."""

from typing import Any, cast
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import User
from core.accounts.roles import ApiScope
from crm.api.base import StrictView, body, of_mine, today
from crm.api.serializers.customers import AwareTime, Strict
from customers.access import visible_to
from customers.letters import delivery, replies
from customers.models import Letter

MOST = 500
# What is told, and what it makes of the letter; that it was read is on record, and changes nothing.
STATES = {"delivered": "delivered", "failed": "bounced", "refused": "refused", "read": ""}


class ReceiptIn(Strict):
    id = serializers.CharField(max_length=200, help_text="Of the letter, or the Message-ID of the mail")
    state = serializers.ChoiceField(list(STATES))
    code = serializers.CharField(max_length=40, required=False, default="")
    at = AwareTime()


class ReceiptsIn(Strict):
    receipts = serializers.ListField(child=ReceiptIn(), max_length=MOST, min_length=1)


class ReceiptsOut(serializers.Serializer[Any]):
    new = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Told before: nothing changed")
    unknown = serializers.ListField(child=serializers.CharField(), help_text="Ids of no letter of ours")


class ReceiptsView(StrictView):
    scope = ApiScope.LETTERS_WRITE

    @extend_schema(
        operation_id="letter_receipts",
        request=ReceiptsIn,
        responses=ReceiptsOut,
        summary="What became of letters",
        description="In any order, as often as you like: a later state never goes back.",
    )
    def post(self, request: Request) -> Response:
        told = body(ReceiptsIn, request).validated_data["receipts"]
        letters = _named(of_mine(request, Letter.objects.all()), [row["id"] for row in told])
        unknown = [row["id"] for row in told if row["id"] not in letters]
        new = [delivery.receipt(letters[row["id"]], **_said(row)) for row in told if row["id"] in letters]
        return Response(ReceiptsOut({"new": sum(new), "known": len(new) - sum(new), "unknown": unknown}).data)


def _said(row: dict[str, Any]) -> dict[str, Any]:
    key = f"{row['id']}:{row['state']}:{row['at'].isoformat()}"
    return {"state": STATES[row["state"]], "code": row["code"], "key": key[-160:], "at": row["at"]}


def _named(letters: QuerySet[Letter], names: list[str]) -> dict[str, UUID]:
    """The letters by what they were named: their id, or their Message-ID with or without its brackets."""
    ids = {name: number for name in names if (number := _uuid(name))}
    mails = {f"<{name.strip('<>')}>": name for name in names if name not in ids}
    rows = letters.filter(Q(pk__in=ids.values()) | Q(own_id__in=mails)).values_list("pk", "own_id")
    by_id = {pk for pk, _own in rows}
    found = {name: number for name, number in ids.items() if number in by_id}
    return found | {mails[own]: pk for pk, own in rows if own in mails}


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


class ReplyIn(Strict):
    channel = serializers.ChoiceField(["sms"])
    sender = serializers.CharField(max_length=40, help_text="The phone number it came from")
    text = serializers.CharField(max_length=1000)
    at = AwareTime()


class ReplyOut(serializers.Serializer[Any]):
    stopped = serializers.IntegerField(help_text="Customers of this number who get no offers by text message any more")
    noted = serializers.BooleanField(help_text="Other words: they stand in the customer's history")


class RepliesView(StrictView):
    scope = ApiScope.CONSENTS_WRITE

    @extend_schema(
        operation_id="consent_replies",
        request=ReplyIn,
        responses=ReplyOut,
        summary="What was answered to a text message",
        description="T, TD, N, R, 退订 and 拒收 end offers by text message for everybody who has the number.",
    )
    def post(self, request: Request) -> Response:
        told, user = body(ReplyIn, request).validated_data, cast(User, request.user)
        done = replies.heard(
            told["sender"],
            told["text"],
            of=visible_to(user, today()),
            said_at=told["at"],
            at=timezone.now(),
            by=user,
        )
        return Response(ReplyOut(done._asdict()).data)
