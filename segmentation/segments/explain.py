"""Why somebody is in a segment or not: every line of its tree, true or not of this customer, with the value in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, Case, CharField, F, Q, QuerySet, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.lib import mall
from core.lib.conditions import tree
from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import Context, Field
from core.lib.conditions.kinds import Kind
from core.lib.conditions.tree import All, Any_, Leaf, Node, Not
from customers.models import Standing

MOST_CHOICES = 40


@dataclass(frozen=True)
class Verdict:
    """One line or group: whether it is true, what it says, what is known of the customer, and what it consists of."""

    kind: str
    holds: bool
    text: str = ""
    value: str = ""
    parts: tuple["Verdict", ...] = ()


def explain(
    rows: QuerySet[Standing], customer_id: int, node: Node, catalogue: Catalogue, context: Context
) -> Verdict | None:
    """The tree with ✓ and ✗ for one of `rows`, by one query; None where the customer is not among them."""
    node = catalogue.in_full(node, context.reader)
    told: dict[str, Any] = {}
    for number, (_path, leaf) in enumerate(tree.leaves(node)):
        field = catalogue.by_key[leaf.field]
        told[f"holds_{number}"] = _truth(field.where(leaf, context))
        if known := _known(field, context):
            told[f"value_{number}"] = known
    row = rows.filter(customer_id=customer_id).annotate(**told).values("customer_id", *told).first()
    if row is None:
        return None
    return _Drawing(row, catalogue, context).of(node)


def _truth(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _known(field: Field, context: Context) -> Any:
    """What the database knows of the customer for a field, where it is one value."""
    if field.kind is Kind.CHOICE and field.options:
        choices = [key for key, _label in field.options() if key != "me"][:MOST_CHOICES]
        cases = [When(field.where(Leaf(field.key, "any", (key,)), context), then=Value(key)) for key in choices]
        return Case(*cases, default=Value(""), output_field=CharField()) if cases else None
    if field.since:
        return F(field.since)
    return F(field.path) if field.path and field.kind in (Kind.NUMBER, Kind.MONEY, Kind.DAY) else None


class _Drawing:
    def __init__(self, row: Mapping[str, Any], catalogue: Catalogue, context: Context) -> None:
        self.row, self.catalogue, self.context, self.number = row, catalogue, context, -1

    def of(self, node: Node) -> Verdict:
        match node:
            case Leaf():
                self.number += 1
                field = self.catalogue.by_key[node.field]
                text, value = self.catalogue.words(node), self.row.get(f"value_{self.number}", _Missing)
                words = "" if value is _Missing else _in_words(field, node, value, self.context.today)
                return Verdict("leaf", bool(self.row[f"holds_{self.number}"]), text, words)
            case Not(part):
                inner = self.of(part)
                return Verdict("not", not inner.holds, parts=(inner,))
            case All(parts):
                inside = tuple(self.of(part) for part in parts)
                return Verdict("all", all(part.holds for part in inside), parts=inside)
            case Any_(parts):
                inside = tuple(self.of(part) for part in parts)
                return Verdict("any", any(part.holds for part in inside), parts=inside)


_Missing = object()


def _in_words(field: Field, leaf: Leaf, value: Any, today: date) -> str:
    if value is None or value == "":
        return _("not known")
    if field.kind is Kind.CHOICE:
        return field.names([value])[value]
    if field.kind is Kind.MONEY:
        return mall.priced(value if isinstance(value, Decimal) else Decimal(value))
    if isinstance(value, date):
        return _since(leaf, value, today)
    return f"{value:,}" if isinstance(value, int | float | Decimal) else str(value)


def _since(leaf: Leaf, day: date, today: date) -> str:
    """A day, and how far it is from today; where a number of days is missing, how many are to go."""
    days = (today - day).days
    if days < 0:
        away = ngettext("%(day)s, in %(n)d day", "%(day)s, in %(n)d days", -days) % {"day": day, "n": -days}
    else:
        away = ngettext("%(day)s, %(n)d day ago", "%(day)s, %(n)d days ago", days) % {"day": day, "n": days}
    limit = int(leaf.values[0]) if leaf.values and leaf.values[0].isdecimal() else 0
    if leaf.op in ("gt", "ge", "ago") and 0 <= days <= limit:
        left = limit - days + (1 if leaf.op != "ge" else 0)
        if left:
            return ngettext("%(away)s, %(n)d to go", "%(away)s, %(n)d to go", left) % {"away": away, "n": left}
    return away
