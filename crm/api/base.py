"""What every REST view stands on: strict bodies and addresses, and customers by number."""

from datetime import date
from functools import reduce
from operator import or_
from typing import Any, TypeVar, cast

from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from core.accounts.models import ApiToken, User
from core.accounts.roles import ApiScope, Scope, rights_of
from core.accounts.tokens import reaches
from core.lib.errors import DomainError, Unknown
from core.lib.periods import mall_day
from core.lib.problems import Busy
from crm import turns
from crm.api import limits
from crm.api.bodies import BoundedJSONParser
from crm.api.serializers.customers import NoQuery, Strict
from customers.access import reached, visible_to
from customers.models import Customer

Row = TypeVar("Row", bound=Model)
Sent = TypeVar("Sent", bound=BaseSerializer[Any])


class OutOfTurn(Busy):
    """Only this kind of request has to come again."""

    status_code = 429


class StrictView(APIView):
    """An unknown parameter in the address is an error before anything is done. A GET that knows some names them in `query`.

    Each request costs its token's budget `cost`; what `is_long` has to have a turn, and is answered 429 without one.
    """

    parser_classes = [BoundedJSONParser]
    query: type[Strict] = NoQuery
    is_long = False
    budget: limits.Budget | None = None

    def cost(self, request: Request) -> int:
        return 1

    def parameters_of(self, request: Request) -> dict[str, Any]:
        """The parameters of the address that `query` has to know."""
        return request.query_params.dict()

    def check_throttles(self, request: Request) -> None:
        missed = turns.missed(request)
        if missed == turns.Turn.TAKEN:
            raise OutOfTurn(
                _("Laoke is at work on other long requests: nothing was stored. Send this one again in a few seconds.")
            )
        if missed == turns.Turn.GONE:
            raise Busy(
                _("The work on this was cut off: some of it may be stored. Send the same again in a few seconds.")
            )
        super().check_throttles(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.budget.headers if self.budget else {}).items():
            answer[name] = value
        return answer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        query = (self.query if request.method == "GET" else NoQuery)(data=self.parameters_of(request))
        query.is_valid(raise_exception=True)
        self.params: dict[str, Any] = query.validated_data
        if "source" in kwargs:
            hold_to_sources(request, kwargs["source"])


def body(kind: type[Sent], request: Request) -> Sent:
    """What the request sends, checked: raises the errors of each field (400) before anything is done.

    Raises NotYours (403) where it speaks of a source, or of an order of a source, that the token is not bound to.
    """
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    sent = serializer.validated_data
    if "source" in sent:
        hold_to_sources(request, sent["source"])
    if "order_ref" in sent:
        hold_to_sources(request, sent["order_ref"].partition(":")[0])
    return serializer


class NotYours(DomainError):
    code = "source_not_allowed"
    status = 403


def hold_to_sources(request: Request, source: str) -> None:
    """Raises NotYours when the token is bound to other sources than this one."""
    if not reaches(cast(ApiToken, request.auth), source):
        raise NotYours(_("This token is not for the source “%(source)s”.") % {"source": source[:40]})


def of_mine(request: Request, rows: QuerySet[Row], customer: str = "customer__") -> QuerySet[Row]:
    """The rows whose customer the token's user may see; `customer` is the way from a row to it.

    What stays under the number of a merged record is of the one it went into.
    """
    if sees_everybody(request):
        return rows
    return rows.filter(reached(cast(User, request.user), today(), customer))


def of_my_orders(request: Request, rows: QuerySet[Row], customer: str = "customer__") -> QuerySet[Row]:
    """Those of them whose `order_ref` names an order of a source that the token is bound to."""
    orders = [Q(order_ref__startswith=f"{source}:") for source in cast(ApiToken, request.auth).sources]
    return of_mine(request, rows, customer).filter(reduce(or_, orders, Q()))


def sees_everybody(request: Request) -> bool:
    return Scope.ALL in rights_of(cast(User, request.user)).scopes


def hold_to_mine(request: Request, customer_id: int) -> None:
    """Raises Unknown (404) when the token's user may not see the customer: within the transaction it takes back."""
    if sees_everybody(request):
        return
    if not visible_to(cast(User, request.user), today()).filter(pk=customer_id).exists():
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")


def page_of(rows: QuerySet[Row], size: int, *, by: str, before: int | None) -> tuple[list[Row], int | None]:
    """The newest `size` rows, by this column older than `before`; and what the next page is before, None at the end.

    Rows that are written meanwhile neither repeat nor hide any.
    """
    if before is not None:
        rows = rows.filter(**{f"{by}__lt": before})
    page = list(rows.order_by(f"-{by}")[: size + 1])
    return page[:size], getattr(page[size - 1], by) if len(page) > size else None


def named(number: str) -> Q:
    """The customer of this number, or the one it was merged into."""
    return Q(number=number) | Q(merged__number=number)


def customer_named(request: Request, number: str, people: QuerySet[Customer] | None = None) -> Customer:
    """The customer of this number, or the one it was merged into.

    Raises Unknown (404) when there is none, or none that the token's user may see.
    """
    rows = visible_to(cast(User, request.user), today()) if people is None else people
    customer = rows.filter(named(number)).first() if number.isprintable() else None
    if customer is None:
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")
    return customer


def today() -> date:
    return mall_day(timezone.now())


class ByMethodView(StrictView):
    """A view whose scope depends on what is done."""

    scopes: dict[str, ApiScope] = {}

    @property
    def scope(self) -> ApiScope | None:
        return self.scopes.get(self.request.method or "")


class UnknownAddressView(APIView):
    """What no other address below /api/ answers: a program is told in its own language, by any method."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Unknown(_("There is nothing at this address. See /api/v1/docs/ for those there are."), code="not_found")
