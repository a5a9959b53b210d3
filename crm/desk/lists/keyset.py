"""A page of a list behind the last row of another one: by one column and the id, forward and back, never counted."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Field, Q, QuerySet
from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from core.lib.money import MoneyField


@dataclass(frozen=True)
class Order:
    """By a column of the row and then by id; `path` is empty for the id alone. What is not known comes last."""

    path: str = ""
    falling: bool = False
    nullable: bool = False

    @classmethod
    def of(cls, rows: QuerySet[Any], path: str, falling: bool) -> "Order":
        return cls(path, falling, bool(path and _field(rows, path).null))


@dataclass(frozen=True)
class Part:
    """The rows of one page, and the cursors of its neighbours, empty where there is none."""

    rows: list[Any]
    before: str
    after: str


def part(
    rows: QuerySet[Any], order: Order, size: int, *, after: str = "", before: str = "", related: Sequence[str] = ()
) -> Part:
    """The page behind the cursor `after`, the one in front of `before`, or the first one.

    What is `related` is read of the page's rows alone: joined before the order it would be read of all of them.

    Raises Invalid for a cursor that is not one of this list in this order.
    """
    back = bool(before)
    cursor = _read(rows, order, before or after) if before or after else None
    if cursor:
        rows = rows.filter(_beyond(order, *cursor, back=back))
    by = _by(order, back=back)
    page = rows.model.objects.filter(pk__in=rows.order_by(*by).values("pk")[: size + 1])
    found = list(page.select_related(*related).order_by(*by))
    more, found = len(found) > size, found[:size]
    if back:
        found.reverse()
    if not found:
        return Part([], "", "")
    has_before, has_after = (more, True) if back else (bool(after), more)
    return Part(
        found,
        _written(order, found[0]) if has_before else "",
        _written(order, found[-1]) if has_after else "",
    )


def _by(order: Order, *, back: bool) -> list[Any]:
    identity = "-pk" if back else "pk"
    if not order.path:
        return [identity]
    falls = order.falling != back
    if not order.nullable:
        return [f"{'-' if falls else ''}{order.path}", identity]
    column = F(order.path)
    # Backwards everything stands on its head, and so does what is not known.
    nulls = {"nulls_first": True} if back else {"nulls_last": True}
    return [column.desc(**nulls) if falls else column.asc(**nulls), identity]


def _beyond(order: Order, value: Any, pk: int, *, back: bool) -> Q:
    identity = Q(pk__lt=pk) if back else Q(pk__gt=pk)
    if not order.path:
        return identity
    unknown = Q(**{f"{order.path}__isnull": True})
    if value is None:
        return (unknown & identity) | ~unknown if back else unknown & identity
    falls = order.falling != back
    ahead = Q(**{f"{order.path}__{'lt' if falls else 'gt'}": value})
    if not order.nullable:
        # The bound that an index walks to stands apart.
        bound = Q(**{f"{order.path}__{'lte' if falls else 'gte'}": value})
        return bound & (ahead | identity)
    same = Q(**{order.path: value}) & identity
    return ahead | same if back else ahead | same | unknown


def _field(rows: QuerySet[Any], path: str) -> "Field[Any, Any]":
    model = rows.model
    *joins, name = path.split("__")
    for join in joins:
        model = model._meta.get_field(join).related_model
    return model._meta.get_field(name)  # type: ignore[no-any-return]


def _written(order: Order, row: Any) -> str:
    value = row
    for name in order.path.split("__") if order.path else ():
        value = getattr(value, name)
    told = None if value is row else value
    if isinstance(told, date | Decimal):
        told = str(told)
    text = json.dumps([told, row.pk], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(rows: QuerySet[Any], order: Order, cursor: str) -> tuple[Any, int]:
    try:
        data = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        value, pk = data
        if not isinstance(pk, int) or isinstance(pk, bool) or not 0 <= pk < 2**63:
            raise ValueError(cursor)
        if value is not None:
            value = _value(rows, order, value)
        elif order.path and not order.nullable:
            raise ValueError(cursor)
    except (ValueError, TypeError, ArithmeticError, binascii.Error, RecursionError, Invalid):
        raise Invalid(_("This page link is not complete. Start again at the first page."), code="bad_cursor") from None
    return value, pk


def _value(rows: QuerySet[Any], order: Order, value: Any) -> Any:
    if not order.path:
        raise ValueError(value)
    field = _field(rows, order.path)
    if isinstance(field, MoneyField):
        amount = Decimal(str(value))
        if not amount.is_finite() or abs(amount) > 10**15:
            raise ValueError(value)
        return amount
    kind = field.get_internal_type()
    if kind == "DateField":
        return date.fromisoformat(str(value))
    if kind == "CharField":
        text = str(value)
        if "\x00" in text:
            raise ValueError(value)
        return text
    number = float(value) if kind == "FloatField" else int(value)
    if not abs(number) < 2**31:
        raise ValueError(value)
    return number
