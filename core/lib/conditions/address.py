"""Conditions in an address: `class=big,active&quiet=gt.60`, and groups as `q=any(class:big;not(quiet:gt.60))`.

A flat list is all of its statements. `!` before a sign takes its meaning away: `bought=has.A!,B`. What is longer than
an address should be has to be saved (as a view, as a segment) and is named instead.
"""

import re
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from core.lib.conditions.kinds import NAMES
from core.lib.conditions.tree import (
    MOST_DEPTH,
    All,
    Any_,
    BadCondition,
    Leaf,
    Node,
    Not,
    and_,
    check_size,
)

LONGEST = 1500
GROUPS = "q"
_SIGNS = re.compile(r"([!,;:()~.])")
_EXTRAS = {"within": "within", "least": "at_least", "money": "money"}
# Operators that say something without a value.
_ALONE = ("unknown", "has", "never")
Pairs = Iterable[tuple[str, str]]


def write(node: Node) -> list[tuple[str, str]]:
    """The parameters of an address that `read` understands; raises BadCondition where they would be too long."""
    if isinstance(node, All) and all(isinstance(part, Leaf) for part in node.parts):
        pairs = [(part.field, _statement(part)) for part in node.parts if isinstance(part, Leaf)]
    else:
        pairs = [(GROUPS, _group(node))]
    if sum(len(name) + len(value) + 2 for name, value in pairs) > LONGEST:
        raise BadCondition("", _("These conditions are too long for an address: save them under a name."))
    return pairs


def read(pairs: Pairs, fields: Sequence[str]) -> Node:
    """The tree that these parameters of an address say; parameters of other names mean something else.

    Raises BadCondition with the name of the parameter, or the place in it, as the path.
    """
    told = [(name, value) for name, value in pairs if (name in fields or name == GROUPS) and value]
    if sum(len(name) + len(value) + 2 for name, value in told) > LONGEST:
        raise BadCondition("", _("This address is too long. Save the conditions under a name."))
    parts: list[Node] = []
    for name, value in told:
        reader = _Reader(value, name)
        parts.append(reader.node(0) if name == GROUPS else reader.statement(name))
        reader.end()
    node = and_(*parts)
    check_size(node)
    return node


def escaped(text: str) -> str:
    """The value as an address holds it: no sign of it means anything."""
    return _SIGNS.sub(r"!\1", text)


def _statement(leaf: Leaf) -> str:
    words = ",".join(escaped(value) for value in leaf.values)
    text = f"{leaf.op}.{words}" if words else leaf.op
    for name, attribute in _EXTRAS.items():
        if (value := getattr(leaf, attribute)) is not None:
            text += f"~{name}.{escaped(str(value))}"
    return text


def _group(node: Node) -> str:
    match node:
        case Leaf():
            return f"{node.field}:{_statement(node)}"
        case Not(part):
            return f"not({_group(part)})"
        case All(parts) | Any_(parts):
            name = "all" if isinstance(node, All) else "any"
            return f"{name}({';'.join(_group(part) for part in parts)})"


class _Reader:
    """Reads one parameter from left to right."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name, self.at = text, name, 0

    def node(self, depth: int) -> Node:
        if depth > 2 * MOST_DEPTH:
            raise self.wrong()
        word = self.word(also=".")
        if word in ("all", "any", "not") and self.takes("("):
            parts: list[Node] = []
            while not self.takes(")"):
                if parts and not self.takes(";"):
                    raise self.wrong()
                parts.append(self.node(depth + 1))
            return self._made(word, parts)
        if not self.takes(":"):
            raise self.wrong()
        return self.statement(word)

    def _made(self, word: str, parts: list[Node]) -> Node:
        if word == "all":
            return All(tuple(parts))
        if not parts or (word == "not" and len(parts) > 1):
            raise self.wrong()
        return Any_(tuple(parts)) if word == "any" else Not(parts[0])

    def statement(self, field: str) -> Leaf:
        """`big,active` is `any.big,active`: the first word is an operator only where a dot, or nothing, follows it."""
        start = self.at
        op = self.word()
        values: list[str] = []
        if op in NAMES and self.takes("."):
            values = self.values()
        elif op not in _ALONE or self.here() not in ("", "~", ";", ")"):
            op, self.at = "any", start
            values = self.values()
        extras: dict[str, str] = {}
        while self.takes("~"):
            name = self.word()
            if name not in _EXTRAS or name in extras or not self.takes("."):
                raise self.wrong()
            extras[name] = self.word(also=".")
        return Leaf(
            field,
            op,
            tuple(values),
            self._number(extras.get("within")),
            self._number(extras.get("least")),
            extras.get("money"),
        )

    def values(self) -> list[str]:
        values = [self.word(also=".")]
        while self.takes(","):
            values.append(self.word(also="."))
        if any(not value for value in values):
            raise self.wrong()
        return values

    def _number(self, text: str | None) -> int | None:
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise self.wrong()
        return int(text)

    def word(self, also: str = "") -> str:
        """Everything up to the next sign that means something; `also` is a sign that means nothing here."""
        signs: list[str] = []
        while (sign := self.here()) and (sign in also or sign not in ",;:()~."):
            if sign == "!":
                self.at += 1
                if not (sign := self.here()):
                    raise self.wrong()
            signs.append(sign)
            self.at += 1
        return "".join(signs)

    def here(self) -> str:
        return self.text[self.at : self.at + 1]

    def takes(self, sign: str) -> bool:
        if self.here() != sign:
            return False
        self.at += 1
        return True

    def end(self) -> None:
        if self.at < len(self.text):
            raise self.wrong()

    def wrong(self) -> BadCondition:
        return BadCondition(
            f"{self.name}[{self.at}]", _("This part of the address cannot be understood. Choose the condition again.")
        )
