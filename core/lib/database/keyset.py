"""A page of a list behind the last row of another one: by one column and the id, forward and back, never counted."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, Field, Q, QuerySet
from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from core.lib.money import MoneyField


@dataclass(frozen=True)
class Order:
    """By a column of the row, then by that of `then`, at the end by id; an empty `path` is the id alone.

    What is not known comes last.
    """

    path: str = ""
    falling: bool = False
    nullable: bool = False
    then: "Order | None" = None

    @classmethod
    def of(cls, rows: QuerySet[Any], path: str, falling: bool, *then: str) -> "Order":
        """`then` are the columns for what is equal, in the same direction."""
        if path in ("", "pk"):
            return cls("", falling)
        behind = cls.of(rows, then[0], falling, *then[1:]) if then else None
        return cls(path, falling, bool(_field(rows, path).null), behind)

    def columns(self) -> "list[Order]":
        """Each column of it, the most important first; without the id."""
        if not self.path:
            return []
        return [self, *(self.then.columns() if self.then else [])]


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
    falls = order.falling != back
    if not order.path:
        return ["-pk" if falls else "pk"]
    behind = _by(order.then or Order(), back=back)
    if not order.nullable:
        return [f"{'-' if falls else ''}{order.path}", *behind]
    column = F(order.path)
    # Backwards everything stands on its head, and so does what is not known.
    nulls = {"nulls_first": True} if back else {"nulls_last": True}
    return [column.desc(**nulls) if falls else column.asc(**nulls), *behind]


def _beyond(order: Order, values: Sequence[Any], pk: int, *, back: bool) -> Q:
    falls = order.falling != back
    if not order.path:
        return Q(pk__lt=pk) if falls else Q(pk__gt=pk)
    value, *rest = values
    behind = _beyond(order.then or Order(), rest, pk, back=back)
    unknown = Q(**{f"{order.path}__isnull": True})
    if value is None:
        return (unknown & behind) | ~unknown if back else unknown & behind
    ahead = Q(**{f"{order.path}__{'lt' if falls else 'gt'}": value})
    if not order.nullable:
        # The bound that an index walks to stands apart.
        bound = Q(**{f"{order.path}__{'lte' if falls else 'gte'}": value})
        return bound & (ahead | behind)
    same = Q(**{order.path: value}) & behind
    return ahead | same if back else ahead | same | unknown


def _field(rows: QuerySet[Any], path: str) -> "Field[Any, Any]":
    model = rows.model
    *joins, name = path.split("__")
    for join in joins:
        model = model._meta.get_field(join).related_model
    return model._meta.get_field(name)  # type: ignore[no-any-return]


def _written(order: Order, row: Any) -> str:
    told = []
    for column in order.columns():
        value = row
        for name in column.path.split("__"):
            value = getattr(value, name)
        told.append(str(value) if isinstance(value, date | Decimal) else value)
    # Of a list by number the place of the column is empty.
    text = json.dumps([*(told or [None]), row.pk], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(rows: QuerySet[Any], order: Order, cursor: str) -> tuple[list[Any], int]:
    try:
        data = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        *told, pk = data
        if not isinstance(data, list) or not isinstance(pk, int) or isinstance(pk, bool) or not 0 <= pk < 2**63:
            raise ValueError(cursor)
        columns = order.columns()
        if not columns:
            if told != [None]:
                raise ValueError(cursor)
            return [], pk
        return [_value(rows, column, value) for column, value in zip(columns, told, strict=True)], pk
    except (ValueError, TypeError, ArithmeticError, binascii.Error, RecursionError, Invalid):
        raise Invalid(_("This page link is not complete. Start again at the first page."), code="bad_cursor") from None


def _value(rows: QuerySet[Any], order: Order, value: Any) -> Any:
    if value is None:
        if not order.nullable:
            raise ValueError(value)
        return None
    field = _field(rows, order.path)
    if isinstance(field, MoneyField):
        amount = Decimal(str(value))
        if not amount.is_finite() or abs(amount) > 10**15:
            raise ValueError(value)
        return amount
    kind = field.get_internal_type()
    if kind == "DateField":
        return date.fromisoformat(str(value))
    if kind == "DateTimeField":
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is None:
            raise ValueError(value)
        return moment
    if kind == "CharField":
        text = str(value)
        if "\x00" in text:
            raise ValueError(value)
        return text
    number = float(value) if kind == "FloatField" else int(value)
    if not abs(number) < 2**31:
        raise ValueError(value)
    return number
