"""REST: the lists of customers, orders and alerts, asked in the language of their pages: the same rows."""

from typing import cast

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import ApiToken, User
from core.accounts.roles import ApiScope
from crm.api.base import today
from crm.api.lists.asking import ConditionsView, parameters
from crm.api.lists.serializers import AlertsOut, CustomersOut, OrdersOut
from crm.flows.catalogue import ALERTS, CUSTOMERS, ORDERS, rows
from customers.access import standings_of

ASKED = (
    "A parameter is a field with what it has to be: `class=big,active`, `quiet=gt.60`, `province=浙江`; all of them "
    "together, and groups as `q=any(class:big;not(quiet:gt.60))`. 422 `bad_condition` for what cannot be understood and "
    "`hidden_field` for what the token's user may not see: then there are no rows at all."
)


class CustomersView(ConditionsView):
    scope = ApiScope.CUSTOMERS_READ
    catalogue = CUSTOMERS
    is_long = True

    @extend_schema(
        operation_id="customer_list",
        parameters=parameters(CUSTOMERS),
        responses=CustomersOut,
        summary="Customers of whom something is so",
        description=ASKED,
    )
    def get(self, request: Request) -> Response:
        standings = self.narrowed(request, standings_of(cast(User, request.user), today()))
        part = self.page(request, standings, "customer__manager")
        people = []
        for standing in part.rows:
            standing.customer.standing = standing
            people.append(standing.customer)
        prefetch_related_objects(people, "contact_points")
        return Response(CustomersOut({"results": people, "cursor": part.after or None}).data)


class OrdersView(ConditionsView):
    scope = ApiScope.ORDERS_READ
    catalogue = ORDERS
    is_long = True

    @extend_schema(
        operation_id="order_list",
        parameters=parameters(ORDERS),
        responses=OrdersOut,
        summary="Orders of which something is so",
        description=f"{ASKED} A token for some sources reads the orders of those.",
    )
    def get(self, request: Request) -> Response:
        orders = self.narrowed(request, rows.orders_of(cast(User, request.user), today()))
        if sources := cast(ApiToken, request.auth).sources:
            orders = orders.filter(source__in=sources)
        part = self.page(request, orders, "customer")
        return Response(OrdersOut({"results": part.rows, "cursor": part.after or None}).data)


class AlertsView(ConditionsView):
    scope = ApiScope.WORK_READ
    catalogue = ALERTS

    @extend_schema(
        operation_id="alert_list",
        parameters=parameters(ALERTS),
        responses=AlertsOut,
        summary="Alerts of which something is so",
        description=ASKED,
    )
    def get(self, request: Request) -> Response:
        alerts = self.narrowed(request, rows.alerts_of(cast(User, request.user), today()))
        part = self.page(request, alerts, "customer__standing")
        data = {"results": part.rows, "cursor": part.after or None}
        return Response(AlertsOut(data, context={"user": request.user}).data)
