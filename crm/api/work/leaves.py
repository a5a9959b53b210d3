"""REST for days away: who is away and who stands in, noted by a program that knows it first, and ended."""

from typing import Any, cast

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.leaves.covers import stand_in
from core.accounts.models import Absence, User
from core.accounts.permissions import may
from core.accounts.roles import ApiScope, Permission, Scope, rights_of
from crm.api.base import ByMethodView, StrictView, body, customer_named, today
from crm.api.serializers.campaigns import NoBody
from crm.api.serializers.customers import Strict, Words
from customers import managers
from customers.books import leaves

LARGEST_ID = 2**63 - 1
MOST = 500


class LeaveIn(Strict):
    """`user` is away and `cover` stands in, by their user names."""

    user = Words(max_length=150)
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    cover = Words(max_length=150, required=False, help_text="Needed for who looks after customers")


class LeaveOut(serializers.Serializer[Any]):
    """`stands_in` is who does today, or on the first day of days to come; null where nobody does."""

    id = serializers.IntegerField()
    user = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user")
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    stands_in = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_stands_in(self, leave: Absence) -> str | None:
        cover = stand_in(leave.user, max(today(), leave.starts_on))
        return cover.username if cover else None


class ManagerOut(serializers.Serializer[Any]):
    """Whom to ask for about a customer today: the manager, or who stands in for them."""

    manager = serializers.CharField(allow_null=True)
    since = serializers.DateField(allow_null=True)
    stands_in = serializers.CharField(allow_null=True)


class LeavesView(ByMethodView):
    scopes = {"GET": ApiScope.WORK_READ, "POST": ApiScope.WORK_WRITE}

    @extend_schema(
        operation_id="leaves_list",
        responses=LeaveOut(many=True),
        summary="Who is away or will be, within the reach of the token's user",
    )
    def get(self, request: Request) -> Response:
        rows = _reached(user_of(request)).filter(ends_on__gte=today()).order_by("starts_on", "pk")
        return Response(LeaveOut(rows[:MOST], many=True).data)

    @extend_schema(
        operation_id="leave_note",
        request=LeaveIn,
        responses={201: LeaveOut},
        summary="Somebody is away on these days",
        description="The same days told again are found again. Days that overlap others are refused (409).",
    )
    def post(self, request: Request) -> Response:
        data = dict(body(LeaveIn, request).validated_data)
        person = person_named(request, data.pop("user"), "user")
        cover = person_named(request, data.pop("cover"), "cover") if "cover" in data else None
        if not leads(user_of(request)):
            raise PermissionDenied
        known = Absence.objects.filter(user=person, **data).first()
        row = known or leaves.note(person, **data, cover=cover, by=user_of(request), at=timezone.now())
        return Response(LeaveOut(row).data, status=201)


class LeaveEndView(StrictView):
    scope = ApiScope.WORK_WRITE

    @extend_schema(
        operation_id="leave_end",
        request=NoBody,
        responses={204: None},
        summary="The person is here from today on, and nobody stands in any more",
    )
    def post(self, request: Request, pk: int) -> Response:
        body(NoBody, request)
        if pk > LARGEST_ID or not _reached(user_of(request)).filter(pk=pk).exists():
            raise Http404
        leaves.back(pk, by=user_of(request), at=timezone.now())
        return Response(status=204)


class CustomerManagerView(StrictView):
    scope = ApiScope.CUSTOMERS_READ

    @extend_schema(
        operation_id="customer_manager",
        responses=ManagerOut,
        summary="Who looks after this customer, and who stands in today",
    )
    def get(self, request: Request, number: str) -> Response:
        customer = customer_named(request, number)
        manager = customer.manager
        cover = stand_in(manager, today()) if manager else None
        told = {
            "manager": manager.username if manager else None,
            "since": customer.manager_since,
            "stands_in": cover.username if cover else None,
        }
        return Response(ManagerOut(told).data)


def leads(user: User) -> bool:
    """Whether the token's user has a say in other people's days and books: a lead, or a program of the mall."""
    return Scope.ALL in rights_of(user).scopes or may(user, Permission.HAND_OVER_BOOKS)


def user_of(request: Request) -> User:
    return cast(User, request.user)


def _reached(user: User) -> Any:
    """Of everybody, for who sees every customer; else of whom the token's user leads, and their own."""
    rows = Absence.objects.select_related("user")
    if Scope.ALL in rights_of(user).scopes:
        return rows
    mine = rows.filter(user=user)
    return mine | rows.filter(user__in=managers.choosable(user).order_by().values("pk")) if leads(user) else mine


def person_named(request: Request, username: str, field: str) -> User:
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None or not managers.may_choose(person, user_of(request)):
        raise serializers.ValidationError(
            {field: [_("Nobody of that user name works here within your reach.")]}, "unknown"
        )
    return person
