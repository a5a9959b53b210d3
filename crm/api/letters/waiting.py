"""REST for the shop's own chat: the letters that it is to show."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from complaints import queries
from core.accounts.roles import ApiScope
from core.lib.errors import DomainError
from crm.api.base import StrictView, of_mine
from crm.api.serializers.customers import Strict
from customers.letters import shop
from customers.models import Letter
from customers.models.consent import Channel


class WaitingQuery(Strict):
    channel = serializers.ChoiceField([Channel.SHOP.value])


class WaitingOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="letter.pk", help_text="By it the shop knows a letter that it has already")
    channel = serializers.CharField(source="letter.channel")
    customer = serializers.CharField(source="letter.customer.number")
    purpose = serializers.CharField(source="letter.purpose")
    subject = serializers.CharField()
    text = serializers.CharField()
    valid_until = serializers.DateTimeField(source="letter.valid_until", help_text="Later it is not shown any more")


class WaitingListOut(serializers.Serializer[Any]):
    results = WaitingOut(many=True)


class WaitingView(StrictView):
    scope = ApiScope.LETTERS_WRITE
    query = WaitingQuery
    # Of a mall whose shop has no chat.
    refuses_reading = frozenset({DomainError.status})

    @extend_schema(
        operation_id="letters_waiting",
        parameters=[WaitingQuery],
        responses=WaitingListOut,
        summary="Take the letters that the shop shows in its own chat",
        description="What is listed may go at this moment and counts as handed over. Until `letters/receipts` says what "
        "became of it, it is listed again under the same id. A webhook `letter.waiting` says when to look.",
    )
    def get(self, request: Request) -> Response:
        mine = of_mine(request, Letter.objects.all())
        rows = shop.fetch(mine, at=timezone.now(), open_cases=queries.who_complain)
        return Response(WaitingListOut({"results": rows}).data)
