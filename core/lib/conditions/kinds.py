"""Kinds of fields: which operators each has, what values these take, and what they say in words."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum

from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib.conditions.tree import BadCondition, Leaf

Words = str | Lazy
MOST_NUMBER = 10**12
MOST_DAYS = 36_500
MOST_TIMES = 10_000
# A phone, like an e-mail, does not belong in an address or a saved view. Eight digits may be one, unless a letter in
# front of them makes them the number of something: C10000000; a mobile behind a letter is still one.
CONTACT_DATA = re.compile(r"@|(?:\d\D*){8}")
NUMBERED = re.compile(r"[A-Za-z]{1,2}-?(?!1[3-9]\d{9}$)\d{1,12}")


class Kind(StrEnum):
    CHOICE = "choice"
    NUMBER = "number"
    MONEY = "money"
    DAY = "day"
    YEARLY = "yearly"
    SET = "set"
    HAPPENING = "happening"
    TEXT = "text"


class Takes(StrEnum):
    """What stands behind an operator."""

    NOTHING = "nothing"
    MANY = "many"
    NUMBER = "number"
    TWO = "two"
    DAY = "day"
    DAYS = "days"
    MONTH = "month"
    THINGS = "things"
    TEXT = "text"


_NUMBERS = {"ge": Takes.NUMBER, "gt": Takes.NUMBER, "le": Takes.NUMBER, "lt": Takes.NUMBER, "between": Takes.TWO}
OPERATORS: Mapping[Kind, Mapping[str, Takes]] = {
    Kind.CHOICE: {"any": Takes.MANY, "none": Takes.MANY, "unknown": Takes.NOTHING},
    Kind.NUMBER: {**_NUMBERS, "unknown": Takes.NOTHING},
    Kind.MONEY: {**_NUMBERS, "unknown": Takes.NOTHING},
    Kind.DAY: {
        "last": Takes.DAYS,
        "ago": Takes.DAYS,
        "next": Takes.DAYS,
        "from": Takes.DAY,
        "before": Takes.DAY,
        "unknown": Takes.NOTHING,
    },
    Kind.YEARLY: {"next": Takes.DAYS, "month": Takes.MONTH, "unknown": Takes.NOTHING},
    Kind.SET: {"any": Takes.MANY, "all": Takes.MANY, "none": Takes.MANY},
    Kind.HAPPENING: {"has": Takes.THINGS, "never": Takes.THINGS},
    Kind.TEXT: {"has": Takes.TEXT},
}
NAMES: Mapping[str, Words] = {
    "any": gettext_lazy("is one of"),
    "none": gettext_lazy("is none of"),
    "unknown": gettext_lazy("is not known"),
    "ge": gettext_lazy("at least"),
    "gt": gettext_lazy("more than"),
    "le": gettext_lazy("at most"),
    "lt": gettext_lazy("less than"),
    "between": gettext_lazy("from … to"),
    "last": gettext_lazy("in the last … days"),
    "ago": gettext_lazy("more than … days ago"),
    "next": gettext_lazy("in the next … days"),
    "from": gettext_lazy("on or after"),
    "before": gettext_lazy("before"),
    "month": gettext_lazy("in the month"),
    "has": gettext_lazy("has"),
    "never": gettext_lazy("never"),
    "all": gettext_lazy("has all of"),
}
_OF_A_SET: Mapping[str, Words] = {"any": gettext_lazy("has any of"), "none": gettext_lazy("has none of")}


def name_of(kind: Kind, op: str) -> Words:
    """The operator as a chooser shows it."""
    return (_OF_A_SET.get(op) if kind is Kind.SET else None) or NAMES[op]


def check(kind: Kind, leaf: Leaf, path: str) -> Leaf:
    """The leaf with its values in their one spelling. Raises BadCondition with the path of what is wrong."""
    takes = OPERATORS[kind].get(leaf.op)
    if takes is None:
        raise BadCondition(f"{path}.op", _("This comparison does not exist for this field."))
    values = _COUNTS[takes](takes, leaf.values, f"{path}.value", kind)
    if takes is not Takes.THINGS:
        for name in ("within", "at_least", "money"):
            if getattr(leaf, name) is not None:
                raise BadCondition(f"{path}.{name}", _("This is not known here."))
        return Leaf(leaf.field, leaf.op, values)
    if leaf.op == "never" and (leaf.at_least is not None or leaf.money is not None):
        raise BadCondition(f"{path}.at_least", _("“Never” has no number of times and no amount."))
    return Leaf(
        leaf.field,
        leaf.op,
        values,
        _bounded(leaf.within, MOST_DAYS, f"{path}.within"),
        _bounded(leaf.at_least, MOST_TIMES, f"{path}.at_least"),
        None if leaf.money is None else _money(leaf.money, f"{path}.money"),
    )


def _bounded(value: int | None, most: int, path: str) -> int | None:
    if value is not None and not 1 <= value <= most:
        raise BadCondition(path, _("Give a whole number from 1 to %(most)d.") % {"most": most})
    return value


def _nothing(takes: Takes, values: tuple[str, ...], path: str, kind: Kind) -> tuple[str, ...]:
    if values:
        raise BadCondition(path, _("This comparison takes no value."))
    return ()


def _many(takes: Takes, values: tuple[str, ...], path: str, kind: Kind) -> tuple[str, ...]:
    if not values and takes is Takes.MANY:
        raise BadCondition(path, _("Choose at least one value."))
    return tuple(dict.fromkeys(values))


def _numbers(takes: Takes, values: tuple[str, ...], path: str, kind: Kind) -> tuple[str, ...]:
    count = 2 if takes is Takes.TWO else 1
    if len(values) != count:
        raise BadCondition(path, _("Give one number.") if count == 1 else _("Give two numbers, from and to."))
    read = tuple((_money if kind is Kind.MONEY else _number)(value, path) for value in values)
    if count == 2 and Decimal(read[0]) > Decimal(read[1]):
        raise BadCondition(path, _("The first number is greater than the second."))
    return read


def _single(takes: Takes, values: tuple[str, ...], path: str, kind: Kind) -> tuple[str, ...]:
    if len(values) != 1:
        raise BadCondition(path, _("Give one value."))
    value = values[0]
    if takes is Takes.DAY:
        return (_day(value, path),)
    if takes is Takes.TEXT:
        value = unicodedata.normalize("NFKC", value).strip()
        if CONTACT_DATA.search(value) and not NUMBERED.fullmatch(value):
            raise BadCondition(
                path, _("Look for a phone or an e-mail in the search at the top: it does not belong in an address.")
            )
        return (value,)
    most = 12 if takes is Takes.MONTH else MOST_DAYS
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= most:
        raise BadCondition(path, _("Give a whole number from 1 to %(most)d.") % {"most": most})
    return (str(int(value)),)


def _number(value: str, path: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,13}", value) or abs(int(value)) > MOST_NUMBER:
        raise BadCondition(path, _("Give a whole number."))
    return str(int(value))


def _money(value: str, path: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,2})?", value):
        raise BadCondition(path, _("Give an amount with at most two decimals, such as 100.00."))
    return f"{Decimal(value):.2f}"


def _day(value: str, path: str) -> str:
    try:
        return date.fromisoformat(value).isoformat() if len(value) == 10 else _no_day(path)
    except ValueError:
        return _no_day(path)


def _no_day(path: str) -> str:
    raise BadCondition(path, _("Give a day as year-month-day."))


_COUNTS = {
    Takes.NOTHING: _nothing,
    Takes.MANY: _many,
    Takes.THINGS: _many,
    Takes.NUMBER: _numbers,
    Takes.TWO: _numbers,
    Takes.DAY: _single,
    Takes.DAYS: _single,
    Takes.MONTH: _single,
    Takes.TEXT: _single,
}
