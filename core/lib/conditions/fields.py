"""What a condition may speak of: a field of one row, declared by the floor whose matter it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from core.lib.conditions.kinds import OPERATORS, Kind, Words
from core.lib.conditions.tree import Leaf, Node
from core.lib.periods import mall_midnight

Options = Callable[[], Sequence[tuple[str, Words]]]
ME = "me"
# What an operator on numbers asks of an expression and each of its bounds.
LOOKUPS = {
    "ge": (GreaterThanOrEqual,),
    "gt": (GreaterThan,),
    "le": (LessThanOrEqual,),
    "lt": (LessThan,),
    "between": (GreaterThanOrEqual, LessThanOrEqual),
}


class Cost(StrEnum):
    """What the database does for it: compares a column, looks into an index, or adds up rows."""

    PLAIN = "plain"
    PROBE = "probe"
    HEAVY = "heavy"


class Fresh(StrEnum):
    LIVE = "live"
    NIGHT = "night"


@dataclass(frozen=True)
class Context:
    """Who asks, on which day of the mall. `reader` is what `me` stands for, or None where nobody in person asks.

    `at` is the moment of that day for what is due by the hour; where none is told it is the beginning of the day.
    """

    today: date
    reader: int | None = None
    at: datetime | None = None

    @property
    def moment(self) -> datetime:
        return self.at or mall_midnight(self.today)


Where = Callable[[Leaf, Context], Q]
# The tree that a leaf is short for, as a reader may use it; of None nobody is asked.
StandsFor = Callable[[Leaf, int | None], Node]


@dataclass(frozen=True)
class Field:
    """`where` gives a condition on the rows of the list, true where it is known to be true, else false or unknown.

    `called` gives the names of some values where there are too many to choose from.

    `needs` names the personal field that a reader has to see. `options` are the values to choose from; of a field that
    is `open` any other text is a value too. `path` is the column of the row that holds the value, where there is one:
    lists sort by it and show it. `says` are sentences for operators where the general one would be clumsy. A leaf of a
    field that `stands_for` a tree means that tree, whatever `where` says; one that `speaks_of` a tree says something else
    of it, for who may use it. `since` is the column with the day that a
    number of days counts from.
    """

    key: str
    label: Words
    kind: Kind
    where: Where
    group: Words = ""
    needs: str = ""
    fresh: Fresh = Fresh.LIVE
    cost: Cost = Cost.PLAIN
    unknown: bool = False
    path: str = ""
    options: Options | None = None
    open: bool = False
    called: Callable[[Sequence[str]], Mapping[str, str]] | None = None
    says: Mapping[str, Words] = field(default_factory=dict)
    unit: Words = ""
    note: Words = ""
    stands_for: StandsFor | None = None
    speaks_of: StandsFor | None = None
    since: str = ""

    @property
    def operators(self) -> list[str]:
        return [op for op in OPERATORS[self.kind] if op != "unknown" or self.unknown]

    def names(self, values: Sequence[str]) -> dict[str, str]:
        """What these values are called; a value that is no longer there is called what it is."""
        known: Mapping[str, str] = {}
        if self.called:
            known = self.called(values)
        elif self.options:
            known = {key: str(label) for key, label in self.options()}
        return {value: known.get(value, value) for value in values}


# Conditions on a column ---------------------------------------------------------------------------------------------


def compared(leaf: Leaf, path: str, of: Callable[[str], Any]) -> Q:
    """A number or an amount against what the leaf says; NULL satisfies nothing but `unknown`."""
    return compare(leaf.op, path, [of(value) for value in leaf.values])


def compare(op: str, path: str, numbers: Sequence[Any]) -> Q:
    match op:
        case "ge":
            return Q(**{f"{path}__gte": numbers[0]})
        case "gt":
            return Q(**{f"{path}__gt": numbers[0]})
        case "le":
            return Q(**{f"{path}__lte": numbers[0]})
        case "lt":
            return Q(**{f"{path}__lt": numbers[0]})
        case "between":
            return Q(**{f"{path}__gte": numbers[0], f"{path}__lte": numbers[1]})
    return Q(**{f"{path}__isnull": True})


def compared_with(leaf: Leaf, number: QuerySet[Any, Any]) -> Q:
    """A whole number that a subquery of one row and column gives, against what the leaf says."""
    bounds = [Value(int(value)) for value in leaf.values]
    return Q(*(lookup(number, bound) for lookup, bound in zip(LOOKUPS[leaf.op], bounds, strict=True)))


def span(leaf: Leaf, today: date) -> tuple[date | None, date | None]:
    """The days that the leaf means: the first one, and the first one after it that is not meant; None is no bound."""
    value = leaf.values[0]
    match leaf.op:
        case "from":
            return date.fromisoformat(value), None
        case "before":
            return None, date.fromisoformat(value)
        case "last":
            return days_before(today, int(value) - 1), days_before(today, -1)
        case "ago":
            return None, days_before(today, int(value))
    return today, days_before(today, -int(value))


def days_before(today: date, days: int) -> date:
    """So many days before today, or as far as the calendar goes."""
    return date.fromordinal(min(max(today.toordinal() - days, 1), date.max.toordinal()))


def number(path: str) -> Where:
    return lambda leaf, context: compared(leaf, path, int)


def money(path: str) -> Where:
    return lambda leaf, context: compared(leaf, path, Decimal)


def day(path: str) -> Where:
    """A column with a day of the mall."""

    def where(leaf: Leaf, context: Context) -> Q:
        if leaf.op == "unknown":
            return Q(**{f"{path}__isnull": True})
        first, after = span(leaf, context.today)
        return between_days(path, first, after)

    return where


def moment(path: str) -> Where:
    """A column with an instant, by the day of the mall that it lies in."""

    def where(leaf: Leaf, context: Context) -> Q:
        if leaf.op == "unknown":
            return Q(**{f"{path}__isnull": True})
        first, after = (mall_midnight(day) if day else None for day in span(leaf, context.today))
        return between_days(path, first, after)

    return where


def between_days(path: str, first: Any, after: Any) -> Q:
    """From `first` on and before `after`, either of which may be None."""
    condition = Q()
    if first is not None:
        condition &= Q(**{f"{path}__gte": first})
    if after is not None:
        condition &= Q(**{f"{path}__lt": after})
    return condition


def days_since(path: str) -> Where:
    """How many days a column's day lies back, as a number."""

    def where(leaf: Leaf, context: Context) -> Q:
        if leaf.op == "unknown":
            return Q(**{f"{path}__isnull": True})
        days = [days_before(context.today, int(value)) for value in leaf.values]
        mirrored = {"ge": "le", "gt": "lt", "le": "ge", "lt": "gt"}
        if leaf.op == "between":
            return compare("between", path, days[::-1])
        return compare(mirrored[leaf.op], path, days)

    return where


def choice(path: str, to_stored: Callable[[str, Context], Any] | None = None, *, blank: Any = None) -> Where:
    """A column with one of several values; `blank` is what it holds, beside NULL, where the value is not known."""

    def where(leaf: Leaf, context: Context) -> Q:
        unknown = Q(**{f"{path}__isnull": True})
        if blank is not None:
            unknown |= Q(**{path: blank})
        if leaf.op == "unknown":
            return unknown
        values = [to_stored(value, context) if to_stored else value for value in leaf.values]
        among = Q(**{f"{path}__in": [value for value in values if value is not None]})
        return among if leaf.op == "any" else ~unknown & ~among

    return where


def numbered(path: str) -> Where:
    """A column with one of several whole numbers, such as the id of another row."""
    return choice(path, lambda value, _context: int(value) if value.isdecimal() and len(value) < 19 else None)
