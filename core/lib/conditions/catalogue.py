"""All fields of a list together: what conditions may say, what they mean to the database, and what they say in words."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import BooleanField, Case, Q, Value, When
from django.utils.translation import gettext as _

from core.lib.conditions import address, kinds, tree, words
from core.lib.conditions.fields import Context, Cost, Field
from core.lib.conditions.kinds import Kind, Takes
from core.lib.conditions.tree import All, Any_, BadCondition, Leaf, Node, Not
from core.lib.errors import DomainError


class NotYours(DomainError):
    """A condition speaks of what this reader may not see: no rows, no count, and not the rest of it either."""

    code = "hidden_field"
    status = 422


@dataclass(frozen=True)
class Catalogue:
    """The fields of one list, from all floors, by their keys."""

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        if len(self.by_key) < len(self.fields):
            raise ValueError("two fields of one catalogue have the same key")

    @cached_property
    def by_key(self) -> Mapping[str, Field]:
        return {field.key: field for field in self.fields}

    def seen_by(self, hidden: Collection[str]) -> list[Field]:
        """The fields that somebody may use from whom these personal fields are hidden."""
        return [field for field in self.fields if field.needs not in hidden]

    # Reading

    def parse(self, data: object) -> Node:
        """The tree of stored or sent data, every leaf of it understood. Raises BadCondition with its path."""
        return self.checked(tree.parse(data))

    def read(self, pairs: Iterable[tuple[str, str]]) -> Node:
        """The tree of the parameters of an address. Raises BadCondition with its path."""
        return self.checked(address.read(pairs, list(self.by_key)))

    def checked(self, node: Node, path: str = "") -> Node:
        """The same tree with each value in its one spelling. Raises BadCondition for what no field understands."""
        match node:
            case Leaf():
                return self._checked(node, path)
            case Not(part):
                return Not(self.checked(part, f"{path}.not".lstrip(".")))
            case All(parts) | Any_(parts):
                name = f"{path}.{'all' if isinstance(node, All) else 'any'}".lstrip(".")
                told = tuple(self.checked(part, f"{name}[{number}]") for number, part in enumerate(parts))
                return All(told) if isinstance(node, All) else Any_(told)

    def _checked(self, leaf: Leaf, path: str) -> Leaf:
        field = self.by_key.get(leaf.field)
        if field is None:
            raise BadCondition(f"{path}.field".lstrip("."), _("There is no field “%(name)s”.") % {"name": leaf.field})
        place = path or leaf.field
        if field.kind is Kind.TEXT and leaf.op == "any":  # as somebody writes it into an address
            leaf = replace(leaf, op="has")
        if leaf.op == "unknown" and not field.unknown:
            raise BadCondition(f"{place}.op", _("This is always known."))
        leaf = kinds.check(field.kind, leaf, place)
        if field.speaks_of and not leaf.values:
            raise BadCondition(f"{place}.value", _("Choose at least one value."))
        if field.options and not field.open and kinds.OPERATORS[field.kind][leaf.op] in (Takes.MANY, Takes.THINGS):
            known = {key for key, _label in field.options()}
            for value in leaf.values:
                if value not in known:
                    raise BadCondition(f"{place}.value", _("“%(value)s” is not one of the choices.") % {"value": value})
        return leaf

    def refuse_hidden(self, node: Node, hidden: Collection[str], reader: int | None = None) -> None:
        """Raises NotYours where a leaf speaks of a personal field that is hidden from the reader, or stands for one.

        `reader` is the key of who asks, whose segments a leaf may stand for; of None they all are.
        """
        for _path, leaf in tree.leaves(node):
            field = self.by_key[leaf.field]
            if field.needs in hidden:
                raise NotYours(_("You may not filter by “%(field)s”.") % {"field": field.label})
            if self._is_of_hidden(leaf, hidden, reader, frozenset()):
                raise NotYours(_("You may not use “%(name)s” here.") % {"name": ", ".join(leaf.values)})

    def _is_of_hidden(self, leaf: Leaf, hidden: Collection[str], reader: int | None, seen: frozenset[Leaf]) -> bool:
        """Whether the leaf, or a tree that it stands for or speaks of, is about a hidden field, however deep."""
        field = self.by_key.get(leaf.field)
        if field is None or leaf in seen:
            return False
        told = field.stands_for or field.speaks_of
        parts = [part for _path, part in tree.leaves(told(leaf, reader))] if told else []
        return field.needs in hidden or any(self._is_of_hidden(part, hidden, reader, seen | {leaf}) for part in parts)

    def cost(self, node: Node) -> Cost:
        """The dearest of its leaves."""
        costs = [self.by_key[leaf.field].cost for _path, leaf in tree.leaves(self.in_full(node))]
        return max(costs, key=list(Cost).index, default=Cost.PLAIN)

    # Meaning

    def in_full(self, node: Node, reader: int | None = None) -> Node:
        """The tree with each leaf that stands for a tree replaced by it. Raises BadCondition for what has gone."""
        match node:
            case Leaf():
                field = self.by_key[node.field]
                return self.checked(field.stands_for(node, reader)) if field.stands_for else node
            case Not(part):
                return Not(self.in_full(part, reader))
            case All(parts):
                return All(tuple(self.in_full(part, reader) for part in parts))
            case Any_(parts):
                return Any_(tuple(self.in_full(part, reader) for part in parts))

    def compile(self, node: Node, context: Context) -> Q:
        """The tree as a condition for `filter`. Two-valued: what is not known satisfies nothing, and its opposite all."""
        return Q() if node == tree.EVERYBODY else self._compiled(self.in_full(node, context.reader), context)

    def _compiled(self, node: Node, context: Context) -> Q:
        match node:
            case Leaf():
                return self.by_key[node.field].where(node, context)
            case Not(part):
                return otherwise(self._compiled(part, context))
            case All(parts):
                return Q(*(self._compiled(part, context) for part in parts)) if parts else Q(TRUE)
            case Any_(parts):
                return Q(*(self._compiled(part, context) for part in parts), _connector=Q.OR)

    # Words

    def sentence(self, node: Node) -> str:
        """The whole tree as somebody would say it, in the reader's language; empty for everybody."""
        return words.sentence(node, self.by_key)

    def words(self, leaf: Leaf) -> str:
        """One statement, as a chip shows it."""
        return words.statement(self.by_key[leaf.field], leaf)


TRUE = Value(True, output_field=BooleanField())


def otherwise(condition: Q) -> Q:
    """Exactly the rows for which the condition is not true: also those for which it is not known."""
    return Q(Case(When(condition, then=Value(False)), default=Value(True), output_field=BooleanField()))
