"""REST: what a customer agreed to, and what they say now."""

from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import User
from core.accounts.roles import ApiScope
from core.lib.errors import Invalid
from crm.api.base import ByMethodView, body, customer_named
from crm.api.serializers.customers import AwareTime, Strict
from customers.letters import consent
from customers.letters.consent import Source
from customers.models import Consent, ConsentWording, Customer
from customers.models.consent import ASKED_FOR, BY_CONSENT, ConsentState

CHANNELS = [(channel.value, channel.label) for channel in BY_CONSENT]
PURPOSES = [(purpose.value, purpose.label) for purpose in ASKED_FOR]
SOURCES = [(source.value, source.label) for source in (Source.REST, Source.SHOP, Source.SPAM)]


class ConsentOut(serializers.Serializer[Any]):
    channel = serializers.CharField()
    purpose = serializers.CharField()
    state = serializers.ChoiceField(ConsentState.choices)
    since = serializers.DateTimeField()


class ConsentsOut(serializers.Serializer[Any]):
    """What is not in the list was never spoken of, and means no."""

    customer = serializers.CharField()
    consents = ConsentOut(many=True)


class ConsentIn(Strict):
    channel = serializers.ChoiceField(CHANNELS)
    purpose = serializers.ChoiceField(PURPOSES)
    state = serializers.ChoiceField(ConsentState.choices)
    said_at = AwareTime(required=False, help_text="When the customer said so; now unless told. The later word holds")
    told_by = serializers.ChoiceField(SOURCES, required=False, default=Source.REST)
    wording = serializers.CharField(max_length=40, required=False, help_text="Code of the words they were asked by")
    language = serializers.CharField(max_length=10, required=False, help_text="Of these words")
    evidence = serializers.CharField(max_length=200, required=False, help_text="A yes needs it, or a wording")


class ConsentSaidOut(ConsentsOut):
    created = serializers.BooleanField(help_text="False: this was on record already")
    letters_withdrawn = serializers.IntegerField()
    letters_on_their_way = serializers.IntegerField()


class ConsentsView(ByMethodView):
    scopes = {"GET": ApiScope.CONSENTS_READ, "POST": ApiScope.CONSENTS_WRITE}

    @extend_schema(operation_id="consents_get", responses=ConsentsOut, summary="What a customer agreed to")
    def get(self, request: Request, number: str) -> Response:
        return Response(ConsentsOut(_held(customer_named(request, number))).data)

    @extend_schema(
        operation_id="consent_say",
        request=ConsentIn,
        responses={200: ConsentSaidOut, 201: ConsentSaidOut},
        summary="What a customer says about being written to",
        description="Repeating is harmless. A no takes back the letters that wait; one that is older than what holds "
        "is on record and changes nothing.",
    )
    def post(self, request: Request, number: str) -> Response:
        told = body(ConsentIn, request).validated_data
        customer = customer_named(request, number)
        at = timezone.now()
        done = consent.record(
            customer,
            {(told["channel"], told["purpose"]): told["state"]},
            source=told["told_by"],
            said_at=told.get("said_at", at),
            at=at,
            by=cast(User, request.user),
            wording=_wording(told),
            evidence={"where": told["evidence"]} if told.get("evidence") else None,
        )
        data = _held(customer) | {
            "created": bool(done.entries),
            "letters_withdrawn": done.withdrawn,
            "letters_on_their_way": done.on_its_way,
        }
        return Response(ConsentSaidOut(data).data, status=201 if done.entries else 200)


def _held(customer: Customer) -> dict[str, Any]:
    rows = Consent.objects.filter(customer=customer).order_by("channel", "purpose")
    return {"customer": customer.number, "consents": list(rows)}


def _wording(told: dict[str, Any]) -> ConsentWording | None:
    """The newest version of the words that are named. Raises Invalid when there are none."""
    if not told.get("wording"):
        return None
    rows = ConsentWording.objects.filter(code=told["wording"], channel=told["channel"], purpose=told["purpose"])
    row = rows.filter(language=told["language"]).order_by("-n").first() if told.get("language") else rows.last()
    if row is None:
        raise Invalid(_("There are no words under this code, for this channel and purpose."), code="no_wording")
    return row
