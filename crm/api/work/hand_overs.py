"""REST for hand-overs: a colleague's customers proposed to others, who decide in the desk, and how far they are."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.roles import ApiScope
from crm.api.base import ByMethodView, body
from crm.api.serializers.customers import Strict, Words
from crm.api.work.leaves import leads, person_named, user_of
from crm.flows import books
from customers import managers
from customers.models import BookHandOver, HandOverLine

MOST = 200
State = HandOverLine.State


class HandOverIn(Strict):
    """All customers of `giver` who are proposed to nobody yet, shared out among `to` by the room in their books."""

    giver = Words(max_length=150)
    to = serializers.ListField(child=Words(max_length=150), min_length=1, max_length=50)
    reason = Words(max_length=200)
    over = serializers.BooleanField(default=False, help_text="Also where a book becomes fuller than agreed")


class HandOverOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    giver = serializers.CharField(source="giver.username")
    receiver = serializers.CharField(source="receiver.username")
    at = serializers.DateTimeField()
    reason = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True)
    customers = serializers.IntegerField()
    undecided = serializers.IntegerField()
    accepted = serializers.IntegerField()
    refused = serializers.IntegerField()


class HandOversView(ByMethodView):
    scopes = {"GET": ApiScope.WORK_READ, "POST": ApiScope.WORK_WRITE}

    @extend_schema(
        operation_id="hand_overs_list",
        responses=HandOverOut(many=True),
        summary="Proposed hand-overs within the reach of the token's user, the newest first",
    )
    def get(self, request: Request) -> Response:
        user = user_of(request)
        rows = BookHandOver.objects.filter(giver=user) | BookHandOver.objects.filter(receiver=user)
        if leads(user):
            rows |= BookHandOver.objects.filter(giver__in=managers.choosable(user).order_by().values("pk"))
        return _answer(rows, status=200)

    @extend_schema(
        operation_id="hand_over_propose",
        request=HandOverIn,
        responses={201: HandOverOut(many=True)},
        summary="Customers of a colleague are proposed to others",
        description="They stay where they are until the new manager has read what they must know and says yes.",
    )
    def post(self, request: Request) -> Response:
        data, user = body(HandOverIn, request).validated_data, user_of(request)
        if not leads(user):
            raise PermissionDenied
        giver = person_named(request, data["giver"], "giver")
        to = [person_named(request, name, "to") for name in data["to"]]
        told = {"reason": data["reason"], "over": data["over"], "seen": None, "at": timezone.now()}
        made = books.propose(giver, books.Part(), to=to, by=user, **told)
        return _answer(BookHandOver.objects.filter(pk__in=[row.pk for row in made]), status=201)


def _answer(rows: Any, *, status: int) -> Response:
    found = books.counted(rows).select_related("giver", "receiver").order_by("-at", "-pk")[:MOST]
    return Response(HandOverOut(found, many=True).data, status=status)
