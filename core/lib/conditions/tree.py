"""What somebody wants of the rows of a list, as a tree: all of these, any of these, not this, and one thing at the leaf.

The tree is data (`parse`, `dump`): it is stored, sent and compared. It knows no fields; what a leaf may say is asked by
the catalogue (`catalogue.Catalogue`).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.lib.errors import Invalid

VERSION = 1
MOST_DEPTH = 5
MOST_LEAVES = 40
MOST_VALUES = 500
MOST_TEXT = 60
# From a version to the next: each takes the stored tree and gives it in the words of the version after it.
UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


class BadCondition(Invalid):
    """A condition that cannot be understood. `path` says where in the tree, for example `all[2].value`."""

    code = "bad_condition"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path, self.sentence = path, message


@dataclass(frozen=True)
class Leaf:
    """One statement. Values are written as in an address: `60`, `100.00`, `2026-11-17`, `big`.

    `within`, `at_least` and `money` are of happenings: in the last so many days, so many times, for so much.
    """

    field: str
    op: str
    values: tuple[str, ...] = ()
    within: int | None = None
    at_least: int | None = None
    money: str | None = None


@dataclass(frozen=True)
class All:
    """Each of them is true; of none at all, everybody."""

    parts: tuple["Node", ...] = ()


@dataclass(frozen=True)
class Any_:
    """At least one of them is true."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    """Exactly everybody else."""

    part: "Node"


Node = All | Any_ | Not | Leaf
EVERYBODY = All()


def leaves(node: Node, path: str = "") -> Iterator[tuple[str, Leaf]]:
    """Each statement with its path, in the order of the tree."""
    match node:
        case Leaf():
            yield path, node
        case Not(part):
            yield from leaves(part, _below(path, "not"))
        case All(parts) | Any_(parts):
            name = "all" if isinstance(node, All) else "any"
            for number, part in enumerate(parts):
                yield from leaves(part, f"{_below(path, name)}[{number}]")


def and_(*nodes: Node) -> All:
    """All of them, in one level where some are all of something already."""
    parts: list[Node] = []
    for node in nodes:
        parts.extend(node.parts if isinstance(node, All) else [node])
    return All(tuple(parts))


def parse(data: object) -> Node:
    """The tree of stored or sent data. Raises BadCondition with the path of what is wrong."""
    if isinstance(data, Mapping) and "v" in data:
        data = _of_this_version(dict(data))
    node = _node(data, "", 1)
    check_size(node)
    return node


def check_size(node: Node) -> None:
    """Raises BadCondition where the tree is deeper or longer than anybody can read."""
    if sum(1 for _leaf in leaves(node)) > MOST_LEAVES:
        raise BadCondition("", _("There are more than %(most)d conditions. Take some away.") % {"most": MOST_LEAVES})
    if _depth(node) > MOST_DEPTH:
        raise BadCondition("", _("Groups are more than %(most)d deep. Take one away.") % {"most": MOST_DEPTH})


def dump(node: Node) -> dict[str, Any]:
    """As data that `parse` understands, with the version of the language."""
    return {"v": VERSION, **_data(node)}


def digest(node: Node) -> str:
    """The same for the same tree, whenever and wherever it is asked."""
    text = json.dumps(dump(node), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# Reading ------------------------------------------------------------------------------------------------------------


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _of_this_version(data: dict[str, Any]) -> dict[str, Any]:
    version = data.pop("v")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION:
        raise BadCondition("v", _("This version of the conditions is not known."))
    while version < VERSION:
        data, version = UPGRADES[version](data), version + 1
    return data


def _node(data: object, path: str, depth: int) -> Node:
    if not isinstance(data, Mapping):
        raise BadCondition(path, _("A condition is an object with a field, or with all, any or not."))
    if depth > 2 * MOST_DEPTH:
        raise BadCondition(path, _("Groups are more than %(most)d deep. Take one away.") % {"most": MOST_DEPTH})
    names = set(data)
    if names == {"all"} or names == {"any"}:
        name = names.pop()
        parts = _parts(data[name], _below(path, name), depth)
        if name == "any" and not parts:
            raise BadCondition(_below(path, name), _("A group needs at least one condition."))
        return All(parts) if name == "all" else Any_(parts)
    if names == {"not"}:
        return Not(_node(data["not"], _below(path, "not"), depth + 1))
    return _leaf(data, path)


def _parts(data: object, path: str, depth: int) -> tuple[Node, ...]:
    if not isinstance(data, list):
        raise BadCondition(path, _("A group is a list of conditions."))
    if len(data) > MOST_LEAVES:
        raise BadCondition(path, _("There are more than %(most)d conditions. Take some away.") % {"most": MOST_LEAVES})
    return tuple(_node(part, f"{path}[{number}]", depth + 1) for number, part in enumerate(data))


def _leaf(data: Mapping[str, Any], path: str) -> Leaf:
    for name in sorted(map(str, set(data) - {"field", "op", "value", "within", "at_least", "money"})):
        raise BadCondition(_below(path, name), _("This is not known here."))
    for name in ("field", "op"):
        if not isinstance(data.get(name), str):
            raise BadCondition(_below(path, name), _("This is missing."))
    return Leaf(
        data["field"],
        data["op"],
        _values(data.get("value"), _below(path, "value")),
        _whole(data.get("within"), _below(path, "within")),
        _whole(data.get("at_least"), _below(path, "at_least")),
        _scalar(data["money"], _below(path, "money")) if data.get("money") is not None else None,
    )


def _values(data: object, path: str) -> tuple[str, ...]:
    if data is None:
        return ()
    values: Sequence[object] = data if isinstance(data, list) else [data]
    if len(values) > MOST_VALUES:
        raise BadCondition(path, _("There are more than %(most)d values.") % {"most": MOST_VALUES})
    return tuple(_scalar(value, path) for value in values)


def _scalar(value: object, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadCondition(path, _("A value is a text or a whole number; money is a text such as “100.00”."))
    text = str(value).strip()
    if not text or len(text) > MOST_TEXT or not text.isprintable():
        raise BadCondition(path, _("A value has 1 to %(most)d characters.") % {"most": MOST_TEXT})
    return text


def _whole(value: object, path: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadCondition(path, _("This is a whole number."))
    return value


def _depth(node: Node) -> int:
    """How many groups lie in each other; one statement, or one level of them, is 1."""
    match node:
        case Leaf():
            return 0
        case Not(part):
            return _depth(part) + (0 if isinstance(part, Leaf) else 1)
        case All(parts) | Any_(parts):
            return 1 + max((_depth(part) for part in parts), default=0)


# Writing ------------------------------------------------------------------------------------------------------------


def _data(node: Node) -> dict[str, Any]:
    match node:
        case All(parts):
            return {"all": [_data(part) for part in parts]}
        case Any_(parts):
            return {"any": [_data(part) for part in parts]}
        case Not(part):
            return {"not": _data(part)}
        case Leaf():
            told = {"value": list(node.values), "within": node.within, "at_least": node.at_least, "money": node.money}
            return {"field": node.field, "op": node.op} | {name: value for name, value in told.items() if value}
