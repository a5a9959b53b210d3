"""What the address of a REST list says: conditions in the language of the lists, an order, a cursor, a size."""

from typing import Any, cast

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from core.accounts.models import User
from core.accounts.roles import rights_of
from core.lib.conditions import address
from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import Context
from core.lib.conditions.kinds import OPERATORS, Kind
from core.lib.conditions.tree import BadCondition
from core.lib.database import keyset
from core.lib.errors import Invalid
from crm.api.base import StrictView, today
from crm.api.serializers.customers import Strict

PAGE, MOST = 100, 500
SORTED = (Kind.NUMBER, Kind.MONEY, Kind.DAY)


class Refused(Invalid):
    """A condition that cannot be understood: 422, with the place of what is wrong."""

    code = "bad_condition"
    status = 422


class ListQuery(Strict):
    """`cursor` is that of the page before; `sort` a field that has a number, an amount or a day, `-` before it falls."""

    cursor = serializers.CharField(required=False, max_length=400)
    size = serializers.IntegerField(required=False, min_value=1, max_value=MOST)
    sort = serializers.CharField(required=False, max_length=40)


class ConditionsView(StrictView):
    """A list whose rows are asked for by the fields of a catalogue: `class=big&quiet=gt.60`, groups as `q=any(…)`.

    A field that the token's user may not see is refused with 422: no rows, and not those of the other conditions.
    """

    catalogue: Catalogue
    query: type[Strict] = ListQuery
    refuses_reading = frozenset({Refused.status})

    def parameters_of(self, request: Request) -> dict[str, Any]:
        return {name: value for name, value in request.query_params.dict().items() if not self.is_condition(name)}

    def is_condition(self, name: str) -> bool:
        return name == address.GROUPS or name in self.catalogue.by_key

    def narrowed(self, request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of which everything is true that the address says."""
        user = cast(User, request.user)
        pairs = [(name, value) for name, values in request.query_params.lists() for value in values]
        try:
            node = self.catalogue.read([(name, value) for name, value in pairs if self.is_condition(name)])
            self.catalogue.refuse_hidden(node, rights_of(user).hidden, user.pk)
            return rows.filter(self.catalogue.compile(node, Context(today(), user.pk)))
        except BadCondition as wrong:
            raise Refused(str(wrong)) from None

    def page(self, request: Request, rows: QuerySet[Any], *related: str) -> keyset.Part:
        """One page in the order that is asked for. Raises Invalid for a cursor that is none of this list."""
        size = self.params.get("size", PAGE)
        return keyset.part(rows, self._order(request, rows), size, after=self.params.get("cursor", ""), related=related)

    def _order(self, request: Request, rows: QuerySet[Any]) -> keyset.Order:
        wanted = self.params.get("sort", "")
        if not wanted:
            return keyset.Order()
        hidden = rights_of(cast(User, request.user)).hidden
        field = self.catalogue.by_key.get(wanted.removeprefix("-"))
        if field is None or field.needs in hidden or field.kind not in SORTED or not field.path or "__" in field.path:
            raise Refused(_("The list cannot be sorted by “%(field)s”.") % {"field": wanted[:40]}, code="bad_sort")
        return keyset.Order.of(rows, field.path, wanted.startswith("-"))


def parameters(catalogue: Catalogue) -> list[Any]:
    """The parameters of such a list for the schema: each field with what may stand behind it."""
    told: list[Any] = [ListQuery]
    for field in catalogue.fields:
        ops = ", ".join(op for op in OPERATORS[field.kind] if op in field.operators)
        told.append(OpenApiParameter(field.key, str, description=f"{field.kind}: {ops}", required=False, many=False))
    told.append(OpenApiParameter(address.GROUPS, str, description="Groups: `any(class:big;not(quiet:gt.60))`"))
    return told
