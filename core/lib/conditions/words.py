"""A tree of conditions as a sentence, as a manager would say it, in the language of the reader."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib import mall
from core.lib.conditions.fields import Field
from core.lib.conditions.kinds import OPERATORS, Kind, Takes, Words
from core.lib.conditions.tree import All, Any_, Leaf, Node, Not

SHOWN = 5
MONTHS = (
    *(gettext_lazy("January"), gettext_lazy("February"), gettext_lazy("March"), gettext_lazy("April")),
    *(gettext_lazy("May"), gettext_lazy("June"), gettext_lazy("July"), gettext_lazy("August")),
    *(gettext_lazy("September"), gettext_lazy("October"), gettext_lazy("November"), gettext_lazy("December")),
)
# The sentence of each operator, where the field has none of its own.
_SAID: Mapping[tuple[Kind, str], Words] = {
    (Kind.CHOICE, "any"): gettext_lazy("%(field)s: %(value)s"),
    (Kind.CHOICE, "none"): gettext_lazy("%(field)s: not %(value)s"),
    (Kind.SET, "any"): gettext_lazy("%(field)s: %(value)s"),
    (Kind.SET, "all"): gettext_lazy("%(field)s: all of %(value)s"),
    (Kind.SET, "none"): gettext_lazy("%(field)s: none of %(value)s"),
    (Kind.DAY, "last"): gettext_lazy("%(field)s in the last %(value)s days"),
    (Kind.DAY, "ago"): gettext_lazy("%(field)s more than %(value)s days ago"),
    (Kind.DAY, "next"): gettext_lazy("%(field)s in the next %(value)s days"),
    (Kind.DAY, "from"): gettext_lazy("%(field)s on or after %(value)s"),
    (Kind.DAY, "before"): gettext_lazy("%(field)s before %(value)s"),
    (Kind.YEARLY, "next"): gettext_lazy("%(field)s in the next %(value)s days"),
    (Kind.YEARLY, "month"): gettext_lazy("%(field)s in %(value)s"),
    (Kind.TEXT, "has"): gettext_lazy("%(field)s: “%(value)s”"),
    (Kind.HAPPENING, "has"): gettext_lazy("%(field)s: %(value)s"),
    (Kind.HAPPENING, "never"): gettext_lazy("%(field)s: never %(value)s"),
}
_NUMBERS: Mapping[str, Words] = {
    "ge": gettext_lazy("%(field)s at least %(value)s"),
    "gt": gettext_lazy("%(field)s more than %(value)s"),
    "le": gettext_lazy("%(field)s at most %(value)s"),
    "lt": gettext_lazy("%(field)s less than %(value)s"),
    "between": gettext_lazy("%(field)s %(value)s to %(until)s"),
}
_UNKNOWN = gettext_lazy("%(field)s not known")
ANYTHING = gettext_lazy("anything")


def statement(field: Field, leaf: Leaf) -> str:
    """One statement in words, with the names of its values."""
    said = field.says.get(leaf.op) or _said(field.kind, leaf.op)
    value, until = _value(field, leaf)
    text = str(said) % {"field": field.label, "value": value, "until": until, "unit": field.unit}
    return " ".join([text, *_extras(leaf)]) if leaf.op != "unknown" else text


def sentence(node: Node, fields: Mapping[str, Field]) -> str:
    return _said_of(node, fields, within=None)


def joined(names: Sequence[str], last: str) -> str:
    """“a, b and c”: `last` is the word before the last, with its blanks where the language has any."""
    if len(names) < 2:
        return "".join(names)
    return _(", ").join(names[:-1]) + last + names[-1]


def _said(kind: Kind, op: str) -> Words:
    if op == "unknown":
        return _UNKNOWN
    return _NUMBERS[op] if kind in (Kind.NUMBER, Kind.MONEY) else _SAID[kind, op]


def _said_of(node: Node, fields: Mapping[str, Field], within: type | None) -> str:
    match node:
        case Leaf():
            return statement(fields[node.field], node)
        case Not(part):
            return _("not (%(condition)s)") % {"condition": _said_of(part, fields, None)}
        case All(parts) | Any_(parts):
            last = _(", and ") if isinstance(node, All) else _(", or ")
            text = last.join(_said_of(part, fields, type(node)) for part in parts)
            is_inside = within is not None and within is not type(node) and len(parts) > 1
            return _("(%(condition)s)") % {"condition": text} if is_inside else text


def _value(field: Field, leaf: Leaf) -> tuple[str, str]:
    takes = OPERATORS[field.kind][leaf.op]
    if not leaf.values:
        return str(ANYTHING), ""
    if takes in (Takes.NUMBER, Takes.TWO):
        numbers = [_number(field.kind, value) for value in leaf.values]
        return numbers[0], numbers[-1]
    if takes is Takes.MONTH:
        return str(MONTHS[int(leaf.values[0]) - 1]), ""
    if takes in (Takes.MANY, Takes.THINGS):
        return _names(field, leaf), ""
    return leaf.values[0], ""


def _names(field: Field, leaf: Leaf) -> str:
    known = field.names(leaf.values)
    names = [known[value] for value in leaf.values[:SHOWN]]
    if len(leaf.values) > SHOWN:
        names.append(_("%(count)d more") % {"count": len(leaf.values) - SHOWN})
    return joined(names, _(" and ") if leaf.op == "all" else _(" or "))


def _number(kind: Kind, value: str) -> str:
    return mall.priced(Decimal(value)) if kind is Kind.MONEY else f"{int(value):,}"


def _extras(leaf: Leaf) -> list[str]:
    told = []
    if leaf.at_least is not None:
        told.append(_("at least %(count)d times") % {"count": leaf.at_least})
    if leaf.money is not None:
        told.append(_("for at least %(amount)s") % {"amount": mall.priced(Decimal(leaf.money))})
    if leaf.within is not None:
        told.append(_("in the last %(days)d days") % {"days": leaf.within})
    return told
