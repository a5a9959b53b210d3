"""REST: who a customer is to us. Every view names the scope its token needs."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import cast

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import User
from core.accounts.roles import ApiScope
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import Unknown
from core.lib.periods import mall_day
from crm.api.base import StrictView, body, customer_named, today
from crm.api.serializers.customers import CustomerOut, FindIn, FindOut
from crm.api.serializers.record import CustomerPath, LifeDatesIn, LifeDatesOut, SourceCustomerIn, WrittenOut
from customers import contact_points, managers
from customers.access import visible_to
from customers.models import ContactPoint, Customer
from customers.record import life_dates, writing
from customers.record.facts import Facts
from customers.record.writing import Written

MOST_FOUND = 20


class CustomerView(StrictView):
    scope = ApiScope.CUSTOMERS_READ

    @extend_schema(operation_id="customer_get", responses=CustomerOut, summary="Who a customer is to us")
    def get(self, request: Request, number: str) -> Response:
        return Response(CustomerOut(customer_named(request, number, _readable(request))).data)


class CustomerFindView(StrictView):
    scope = ApiScope.CUSTOMERS_READ

    @extend_schema(
        operation_id="customer_find",
        request=FindIn,
        responses=FindOut,
        summary="Recognise a customer by the whole phone or e-mail",
        description="A POST, because personal data does not belong in addresses and logs.",
    )
    def post(self, request: Request) -> Response:
        [(kind, value)] = body(FindIn, request).validated_data.items()
        people = _readable(request).filter(pk__in=contact_points.find(kind, value)).order_by("pk")[:MOST_FOUND]
        return Response(FindOut({"results": people}).data)


class SourceCustomerView(StrictView):
    scope = ApiScope.CUSTOMERS_WRITE

    @extend_schema(
        operation_id="customer_put",
        request=SourceCustomerIn,
        responses={200: WrittenOut, 201: WrittenOut},
        summary="Tell of a customer, whether or not they have bought",
        description="Recognised by this id, else by phone or e-mail, as for an order; made when nobody is. Repeating is "
        "harmless. Fields that are not sent or empty stay, and what is changed keeps what it said before. "
        "Phones, e-mails and addresses are added, never taken away; one that cannot be used answers 422.",
    )
    def put(self, request: Request, source: str, external_id: str) -> Response:
        return _written(request, source, external_id, _put, clears=False)

    @extend_schema(
        operation_id="customer_patch",
        request=SourceCustomerIn,
        responses=WrittenOut,
        summary="Change what is sent of a customer whom the source has told",
        description="An empty field or null clears what is on record.",
    )
    def patch(self, request: Request, source: str, external_id: str) -> Response:
        return _written(request, source, external_id, writing.patch, clears=True)


class LifeDatesView(StrictView):
    scope = ApiScope.CUSTOMERS_WRITE

    @extend_schema(
        operation_id="customer_life_dates_put",
        request=LifeDatesIn,
        responses=LifeDatesOut,
        summary="Tell of the days of somebody's life that come every year",
        description="These, and of what programs told before no other. Repeating is harmless. What a colleague has put "
        "down or confirmed stays, and wins. The own birthday is told with the record. A solar or lunar day, with a leap "
        "month where it is one; the year where it is known.",
    )
    def put(self, request: Request, number: str) -> Response:
        told = body(LifeDatesIn, request).told()
        customer = customer_named(request, number)
        changed = life_dates.tell(
            customer, told, by=cast(User, request.user), at=timezone.now(), today=mall_day(timezone.now())
        )
        return Response(
            LifeDatesOut({"number": customer.number, "outcome": "updated" if changed else "unchanged"}).data
        )


def _put(source: str, external_id: str, facts: Facts, *, by: User, at: datetime, today: date) -> Written:
    manager = managers.book_of(by, today)
    return writing.put(source, external_id, facts, by=by, at=at, today=today, manager=manager)


def _written(
    request: Request, source: str, external_id: str, verb: Callable[..., Written], *, clears: bool
) -> Response:
    CustomerPath(data={"source": source, "external_id": external_id}).is_valid(raise_exception=True)
    facts = body(SourceCustomerIn, request).facts(clears=clears)
    written = _within_reach(cast(User, request.user), partial(verb, source, external_id, facts), at=timezone.now())
    outcome = "created" if written.created else "updated" if written.fields else "unchanged"
    data = {"number": written.customer.number, "outcome": outcome, "fields_changed": written.fields}
    return Response(WrittenOut(data).data, status=201 if written.created else 200)


@again_after_deadlock
@transaction.atomic
def _within_reach(user: User, verb: Callable[..., Written], *, at: datetime) -> Written:
    """What the verb wrote; nothing, and Unknown (404), when it was somebody whom the token's user may not see."""
    written = verb(by=user, at=at, today=mall_day(at))
    if not visible_to(user, mall_day(at)).filter(pk=written.customer.pk).exists():
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")
    return written


def _readable(request: Request) -> QuerySet[Customer]:
    return (
        visible_to(cast(User, request.user), today())
        .select_related("standing", "manager")
        .prefetch_related(Prefetch("contact_points", ContactPoint.objects.order_by("pk")))
    )
