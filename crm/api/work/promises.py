"""REST for what was promised to customers: made, kept, moved to another time, released. Each is a task of its keeper.

A promise is known by the Idempotency-Key of the request that made it: told twice it is made once, and the same key with
another content is answered with 422.
"""

from datetime import datetime
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
from core.accounts.permissions import may
from core.accounts.roles import ApiScope, Permission
from crm.api.base import ByMethodView, StrictView, body, customer_named, page_of, today
from crm.api.serializers.campaigns import NoBody
from crm.api.serializers.customers import AwareTime, Strict, Words
from customers import todo
from customers.models import Promise
from customers.promises import ledger

LARGEST_ID = 2**63 - 1
PAGE = 50


class PromiseQuery(Strict):
    """`mine`: those that the token's user keeps."""

    state = serializers.ChoiceField(choices=Promise.State.choices, required=False)
    mine = serializers.BooleanField(default=False)
    cursor = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, required=False, help_text="As `next` gives it")
    limit = serializers.IntegerField(min_value=1, max_value=200, default=PAGE)


class PromiseToCustomerOut(serializers.Serializer[Any]):
    """`to_the_hour` is false where only the day was promised: then it is due when the desk closes."""

    id = serializers.IntegerField()
    customer = serializers.CharField(source="customer.number")
    words = serializers.CharField()
    due_at = serializers.DateTimeField()
    to_the_hour = serializers.SerializerMethodField()
    state = serializers.CharField()
    keeper = serializers.CharField(source="owner", help_text="Who keeps it")
    made_at = serializers.DateTimeField()
    moves = serializers.IntegerField(help_text="How often it was moved to another time")
    done_at = serializers.DateTimeField(allow_null=True)
    how = serializers.CharField(help_text="Why it was released, or how it was kept")

    def get_to_the_hour(self, promise: Promise) -> bool:
        return promise.grain == Promise.Grain.HOUR


class PromisesToCustomersOut(serializers.Serializer[Any]):
    """`next` is the address of the older ones; null at the end."""

    results = PromiseToCustomerOut(many=True)
    next = serializers.URLField(allow_null=True)


class DueIn(Strict):
    """By when: a moment, or a day of the mall; one of the two."""

    due_at = AwareTime(required=False)
    due_on = serializers.DateField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"due_at", "due_on"}) != 1:
            raise serializers.ValidationError({"due_at": [_("Say by when: either due_at or due_on.")]}, "due")
        return attrs

    def due(self, *, at: datetime) -> ledger.Due:
        """What valid data say."""
        data = self.validated_data
        return ledger.to_the_hour(data["due_at"]) if "due_at" in data else ledger.on_day(data["due_on"], at=at)


class PromiseIn(DueIn):
    words = Words(max_length=200)


class MoveIn(DueIn):
    reason = Words(max_length=200)
    agreed_with_customer = serializers.BooleanField(help_text="Only what the customer agreed to is moved")


class ReleaseIn(Strict):
    how = Words(max_length=200, help_text="Why it need not be kept")


class PromisesView(StrictView):
    scope = ApiScope.WORK_READ
    query = PromiseQuery

    @extend_schema(
        operation_id="promises_list",
        parameters=[PromiseQuery],
        responses=PromisesToCustomersOut,
        summary="Promises that the token's user keeps, or whose customer they see; the newest first",
        description="Follow `next` until it is null. Promises made meanwhile neither repeat nor hide any.",
    )
    def get(self, request: Request) -> Response:
        return _listed(request, self.params, ledger.visible_to(_user(request), today()))


class CustomerPromisesView(ByMethodView):
    scopes = {"GET": ApiScope.WORK_READ, "POST": ApiScope.WORK_WRITE}
    query = PromiseQuery

    @extend_schema(
        operation_id="customer_promises_list",
        parameters=[PromiseQuery],
        responses=PromisesToCustomersOut,
        summary="What was promised to this customer, the newest first",
    )
    def get(self, request: Request, number: str) -> Response:
        return _listed(request, self.params, Promise.objects.filter(customer=customer_named(request, number)))

    @extend_schema(
        operation_id="customer_promise_make",
        parameters=[KEY],
        request=PromiseIn,
        responses={201: PromiseToCustomerOut},
        summary="Something was promised to this customer",
        description="It is the task of who promised it, where they work in the desk; else of the customer's manager, "
        "or of whoever leads.",
    )
    def post(self, request: Request, number: str) -> Response:
        sent, at, user = body(PromiseIn, request), timezone.now(), _user(request)
        customer = customer_named(request, number)
        keeper = ledger.keeper_of(customer, user) if may(user, Permission.MY_DAY) else None
        promise = ledger.make_once(
            customer,
            key=key_of(request),
            words=sent.validated_data["words"],
            due=sent.due(at=at),
            owner=keeper or ledger.somebody(customer.manager),
            by=user,
            at=at,
        )
        return Response(PromiseToCustomerOut(promise).data, status=201)


class KeepView(StrictView):
    scope = ApiScope.WORK_WRITE

    @extend_schema(
        operation_id="promise_keep",
        request=NoBody,
        responses=PromiseToCustomerOut,
        summary="It is done: kept if its hour has not passed, else kept late",
        description="One that is settled already, or is kept by giving a remedy in its case, is refused (409).",
    )
    def post(self, request: Request, pk: int) -> Response:
        body(NoBody, request)
        promise = _promise(request, pk)
        todo.complete(promise.todo.pk, by=_user(request), at=timezone.now())
        return Response(PromiseToCustomerOut(_promise(request, pk)).data)


class MoveView(StrictView):
    scope = ApiScope.WORK_WRITE

    @extend_schema(
        operation_id="promise_move",
        request=MoveIn,
        responses=PromiseToCustomerOut,
        summary="The customer agreed to another time",
        description="Moved once and before its hour it counts at the new one; otherwise where it stood.",
    )
    def post(self, request: Request, pk: int) -> Response:
        sent, at = body(MoveIn, request), timezone.now()
        data = sent.validated_data
        moved = ledger.move(
            _promise(request, pk).pk,
            due=sent.due(at=at),
            reason=data["reason"],
            agreed_with_customer=data["agreed_with_customer"],
            by=_user(request),
            at=at,
        )
        return Response(PromiseToCustomerOut(moved).data)


class ReleaseView(StrictView):
    scope = ApiScope.WORK_WRITE

    @extend_schema(
        operation_id="promise_release",
        request=ReleaseIn,
        responses=PromiseToCustomerOut,
        summary="The customer does not need it any more, and said so",
    )
    def post(self, request: Request, pk: int) -> Response:
        how = body(ReleaseIn, request).validated_data["how"]
        released = ledger.release(_promise(request, pk).pk, how=how, by=_user(request), at=timezone.now())
        return Response(PromiseToCustomerOut(released).data)


def _user(request: Request) -> User:
    return cast(User, request.user)


def _promise(request: Request, pk: int) -> Promise:
    """Http404 where it is missing or out of reach."""
    if pk > LARGEST_ID:
        raise Http404
    return ledger.promise_for(_user(request), pk, today())


def _listed(request: Request, params: dict[str, Any], rows: QuerySet[Promise]) -> Response:
    size = params["limit"]
    if "state" in params:
        rows = rows.filter(state=params["state"])
    if params["mine"]:
        rows = rows.filter(owner=_user(request))
    page, cursor = page_of(rows.select_related("customer", "owner"), size, by="pk", before=params.get("cursor"))
    kept = {name: params[name] for name in ("state", "mine") if params.get(name)}
    further = {**kept, "limit": size, "cursor": cursor}
    address = f"{request.path}?" + "&".join(f"{name}={str(value).lower()}" for name, value in further.items())
    data = {"results": page, "next": request.build_absolute_uri(address) if cursor else None}
    return Response(PromisesToCustomersOut(data).data)
