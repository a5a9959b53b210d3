"""REST: orders in, customers out. Every view names the scope its token needs."""

from collections.abc import Callable
from datetime import date
from typing import Any, cast

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError
from rest_framework.views import APIView

from crm.accounts.models import User
from crm.accounts.roles import ApiScope
from crm.lib.errors import DomainError, Unknown
from crm.lib.periods import mall_day
from customers import contact_points, orders
from customers.access import visible_to
from customers.models import Customer
from customers.orders import Outcome, Recorded
from customers.serializers import (
    CLASS_NAMES,
    BatchIn,
    BatchItemOut,
    BatchOut,
    CustomerOut,
    FindIn,
    FindOut,
    NoQuery,
    OrderIn,
    OrderItemIn,
    OrderOut,
    OrderPath,
    Strict,
)  # fmt: skip

MOST_FOUND = 20


class BoundedJSONParser(JSONParser):
    """Bodies nested deeper than Python reads are refused, not an error of ours."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError from None


class StrictView(APIView):
    """An unknown parameter in the address is an error before anything is done. A GET that knows some names them in `query`."""

    parser_classes = [BoundedJSONParser]
    query: type[Strict] = NoQuery

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        asked = (self.query if request.method == "GET" else NoQuery)(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        self.asked: dict[str, Any] = asked.validated_data


def customer_named(request: Request, number: str, people: QuerySet[Customer] | None = None) -> Customer:
    """The customer of this number, or the one it was merged into.

    Raises Unknown (404) when there is none, or none that the token's user may see.
    """
    rows = visible_to(cast(User, request.user), _today()) if people is None else people
    found = rows.filter(Q(number=number) | Q(merged__number=number)).first() if number.isprintable() else None
    if found is None:
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")
    return found


def _today() -> date:
    return mall_day(timezone.now())


def _status(outcome: Outcome) -> int:
    return 201 if outcome == Outcome.CREATED else 200


Record = Callable[..., Recorded]


class OrderView(StrictView):
    scope = ApiScope.ORDERS_WRITE
    record: Record = staticmethod(orders.record_order)
    out: type[OrderOut] = OrderOut

    @extend_schema(
        operation_id="order_put",
        request=OrderIn,
        responses={200: OrderOut, 201: OrderOut},
        summary="Store one order in its newest version",
        description="Send the whole order each time something changes, with a higher `version`. Repeating is harmless.",
    )
    def put(self, request: Request, source: str, external_id: str) -> Response:
        OrderPath(data={"source": source, "external_id": external_id}).is_valid(raise_exception=True)
        order = OrderIn(data=request.data)
        order.is_valid(raise_exception=True)
        at = timezone.now()
        today = mall_day(at)
        recorded = self.record(order.fact(source, external_id), at=at, today=today)
        return Response(self.out(self.told(recorded)).data, status=_status(recorded.outcome))

    def told(self, recorded: Recorded) -> dict[str, Any]:
        """What the client is answered; other rooms may add to it."""
        return _told(recorded)


def _told(recorded: Recorded) -> dict[str, Any]:
    order, customer = recorded.order, recorded.customer
    return {
        "source": order.source,
        "external_id": order.external_id,
        "version": order.version,
        "outcome": recorded.outcome,
        "customer": customer.number,
        "customer_class": CLASS_NAMES[customer.standing.customer_class],
    }


class OrderBatchView(StrictView):
    scope = ApiScope.ORDERS_WRITE
    record: Record = staticmethod(orders.record_order)

    @extend_schema(
        operation_id="order_batch",
        request=BatchIn(),
        responses={200: BatchOut},
        summary="Store up to 500 orders, each for itself",
        description="Items are orders with their `external_id`. One result per item, in the order sent.",
    )
    def post(self, request: Request, source: str) -> Response:
        OrderPath(data={"source": source}).is_valid(raise_exception=True)
        batch = BatchIn(data=request.data)
        batch.is_valid(raise_exception=True)
        items = enumerate(batch.validated_data["orders"])
        results = [_batch_item(index, source, item, self.record) for index, item in items]
        return Response({"results": BatchItemOut(results, many=True).data})


def _batch_item(index: int, source: str, item: dict[str, Any], record: Record) -> dict[str, Any]:
    result = {"index": index, "external_id": None, "outcome": None, "customer": None, "code": None, "detail": None}
    order = OrderItemIn(data=item)
    try:
        order.is_valid(raise_exception=True)
        external_id = order.validated_data["external_id"]
        result["external_id"] = external_id
        at = timezone.now()
        today = mall_day(at)
        recorded = record(order.fact(source, external_id), at=at, today=today)
    except ValidationError as error:
        path, first = _first(error.detail)
        return result | {"status": 400, "code": first.code, "detail": f"{path}: {first}" if path else str(first)}
    except DomainError as error:
        return result | {"status": error.status, "code": error.code, "detail": str(error)}
    return result | {
        "status": _status(recorded.outcome), "outcome": recorded.outcome, "customer": recorded.customer.number,
    }  # fmt: skip


def _first(detail: Any, path: str = "") -> tuple[str, Any]:
    """The first error of nested validation errors and the path to its field."""
    while isinstance(detail, dict | list):
        if isinstance(detail, dict):
            key, detail = next((k, d) for k, d in detail.items() if d)
            path = f"{path}.{key}".strip(".") if key != "non_field_errors" else path
        else:
            index, detail = next((i, d) for i, d in enumerate(detail) if d)
            path = f"{path}.{index}" if isinstance(detail, dict) else path
    return path, detail


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
        wanted = FindIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        [(kind, value)] = wanted.validated_data.items()
        people = _readable(request).filter(pk__in=contact_points.find(kind, value)).order_by("pk")[:MOST_FOUND]
        return Response(FindOut({"results": people}).data)


def _readable(request: Request) -> QuerySet[Customer]:
    return (
        visible_to(cast(User, request.user), _today())
        .select_related("standing", "manager")
        .prefetch_related("contact_points")
    )
