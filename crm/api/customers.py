"""REST: who a customer is to us. Every view names the scope its token needs."""

from typing import cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import User
from core.accounts.roles import ApiScope
from crm.api.base import StrictView, body, customer_named, today
from crm.api.serializers.customers import CustomerOut, FindIn, FindOut
from customers import contact_points
from customers.access import visible_to
from customers.models import Customer

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


def _readable(request: Request) -> QuerySet[Customer]:
    return (
        visible_to(cast(User, request.user), today())
        .select_related("standing", "manager")
        .prefetch_related("contact_points")
    )
