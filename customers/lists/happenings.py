"""Something that happened to a customer, so often, for so much, in the last so many days: rows of a table, counted."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from core.lib.conditions.fields import Context, Where, days_before
from core.lib.conditions.tree import Leaf
from core.lib.periods import mall_midnight

Rows = Callable[[Sequence[str]], QuerySet[Any]]


def happening(
    rows: Rows, *, on: str = "", at: str = "", customer: str = "customer", times: str = "pk", paid: str = ""
) -> Where:
    """A condition of the kind HAPPENING on rows that have a day (`on`) or a moment (`at`).

    `rows` gives those of the chosen things, or of all where nothing is chosen; `times` is what is counted (a column,
    each value once), `paid` what is added up.
    """

    def where(leaf: Leaf, context: Context) -> Q:
        of_them = rows(leaf.values).filter(**{customer: OuterRef("customer_id")})
        if leaf.within is not None:
            first = days_before(context.today, leaf.within - 1)
            after = days_before(context.today, -1)
            of_them = of_them.filter(**_between(on, at, first, after))
        if leaf.op == "never":
            return Q(~Exists(of_them))
        if (leaf.at_least or 1) == 1 and leaf.money is None:
            return Q(Exists(of_them))
        grouped = of_them.order_by().values(customer)
        if leaf.at_least is not None:
            grouped = grouped.annotate(times=Count(times, distinct=times != "pk")).filter(times__gte=leaf.at_least)
        if leaf.money is not None and paid:
            grouped = grouped.annotate(amount=Sum(paid)).filter(amount__gte=Decimal(leaf.money))
        return Q(Exists(grouped))

    return where


def _between(on: str, at: str, first: date, after: date) -> dict[str, Any]:
    if on:
        return {f"{on}__gte": first, f"{on}__lt": after}
    return {f"{at}__gte": mall_midnight(first), f"{at}__lt": mall_midnight(after)}


def times_of(of_them: QuerySet[Any], leaf: Leaf, customer: str = "customer") -> Q:
    """A condition of the kind NUMBER on how many of these rows somebody has; without one it is 0, never unknown."""
    grouped = of_them.order_by().values(customer).annotate(number=Count("pk"))
    return of_zero(leaf.op, [int(value) for value in leaf.values], grouped.filter, "number")


def of_zero(op: str, numbers: Sequence[Any], rows: Callable[[Q], QuerySet[Any]], column: str) -> Q:
    """Whose number compares so, where those without a row have 0: asked of the rows in the way that finds them."""
    low, high = _bounds(op, numbers)
    inside = Q()
    if low is not None:
        inside &= Q(**{f"{column}__{low[0]}": low[1]})
    if high is not None:
        inside &= Q(**{f"{column}__{high[0]}": high[1]})
    if not _holds(op, numbers, 0):
        return Q(Exists(rows(inside)))
    return Q(~Exists(rows(~inside)))


def _bounds(op: str, numbers: Sequence[Any]) -> tuple[tuple[str, Any] | None, tuple[str, Any] | None]:
    if op == "between":
        return ("gte", numbers[0]), ("lte", numbers[1])
    bound = ({"ge": "gte", "gt": "gt", "le": "lte", "lt": "lt"}[op], numbers[0])
    return (bound, None) if op in ("ge", "gt") else (None, bound)


def _holds(op: str, numbers: Sequence[Any], value: int) -> bool:
    match op:
        case "ge":
            return bool(value >= numbers[0])
        case "gt":
            return bool(value > numbers[0])
        case "le":
            return bool(value <= numbers[0])
        case "lt":
            return bool(value < numbers[0])
    return bool(numbers[0] <= value <= numbers[1])
