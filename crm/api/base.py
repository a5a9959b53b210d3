"""What every REST view stands on: strict bodies and addresses, and customers by number."""

from datetime import date
from typing import Any, cast

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.views import APIView

from core.accounts.models import User
from core.accounts.roles import ApiScope
from core.lib.errors import Unknown
from core.lib.periods import mall_day
from crm.api.serializers.customers import NoQuery, Strict
from customers.access import visible_to
from customers.models import Customer


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
    rows = visible_to(cast(User, request.user), today()) if people is None else people
    found = rows.filter(Q(number=number) | Q(merged__number=number)).first() if number.isprintable() else None
    if found is None:
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")
    return found


def today() -> date:
    return mall_day(timezone.now())


class ByMethodView(StrictView):
    """A view whose scope depends on what is done."""

    scopes: dict[str, ApiScope] = {}

    @property
    def scope(self) -> ApiScope | None:
        return self.scopes.get(self.request.method or "")
