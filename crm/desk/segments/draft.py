"""A tree of conditions while somebody edits it: as a form holds it, with lines that are not finished yet."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.http import QueryDict

from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.kinds import OPERATORS, Kind, Takes
from core.lib.conditions.tree import MOST_DEPTH, MOST_LEAVES, All, Any_, BadCondition, Leaf, Node, Not

ROOT = "t"
# Into one value of a line goes so much, and so many lines and groups into one group.
MOST_TEXT, MOST_PARTS = 60, MOST_LEAVES


@dataclass
class Draft:
    """A line (`leaf`) or a group (`all`, `any`), or the opposite of it; `problem` says why a line is left out."""

    kind: str
    negated: bool = False
    parts: list["Draft"] = field(default_factory=list)
    key: str = ""
    op: str = ""
    values: list[str] = field(default_factory=list)
    within: str = ""
    at_least: str = ""
    money: str = ""
    problem: str | None = None

    @property
    def is_group(self) -> bool:
        return self.kind != "leaf"


def of(node: Node) -> Draft:
    """The tree as a form shows it: always a group at the top."""
    draft = _of(node)
    return draft if draft.is_group and not draft.negated else Draft("all", parts=[draft])


def _of(node: Node) -> Draft:
    match node:
        case Leaf():
            return Draft(
                "leaf",
                key=node.field,
                op=node.op,
                values=list(node.values),
                within=str(node.within or ""),
                at_least=str(node.at_least or ""),
                money=node.money or "",
            )
        case Not(part):
            inner = _of(part)
            return Draft("all", True, [inner]) if inner.negated else replace(inner, negated=True)
        case All(parts):
            return Draft("all", parts=[_of(part) for part in parts])
        case Any_(parts):
            return Draft("any", parts=[_of(part) for part in parts])


def read(data: QueryDict, catalogue: Catalogue, path: str = ROOT, depth: int = 0) -> Draft:
    """What the form holds. A line whose field was changed begins anew, with the first comparison of that field."""
    kind = data.get(f"{path}:kind", "all")
    negated = data.get(f"{path}:not") == "1"
    if kind != "leaf":
        draft = Draft("any" if data.get(f"{path}:join", kind) == "any" else "all", negated)
        number = 0
        while f"{path}-{number}:kind" in data and number < MOST_PARTS and depth <= 2 * MOST_DEPTH:
            draft.parts.append(read(data, catalogue, f"{path}-{number}", depth + 1))
            number += 1
        return draft
    known = catalogue.by_key.get(data.get(f"{path}:field", ""))
    if known is None:
        return Draft("leaf", negated)
    op = data.get(f"{path}:op", "")
    if data.get(f"{path}:was") != known.key or op not in known.operators:
        return Draft("leaf", negated, key=known.key, op=known.operators[0])
    takes = OPERATORS[known.kind][op]
    draft = Draft("leaf", negated, key=known.key, op=op, values=_values(data.getlist(f"{path}:v"), takes))
    if takes is Takes.THINGS:
        draft.within, draft.at_least, draft.money = (
            data.get(f"{path}:{name}", "").strip()[:MOST_TEXT] for name in ("within", "least", "money")
        )
    return draft


def _values(told: list[str], takes: Takes) -> list[str]:
    if takes in (Takes.MANY, Takes.THINGS):
        told = [value for text in told for value in text.replace("，", ",").split(",")]
    values = [value.strip()[:MOST_TEXT] for value in told]
    return [value for value in values if value]


def tree(draft: Draft, catalogue: Catalogue) -> Node:
    """What the finished lines say; an unfinished one is left out and told its problem. Empty groups say nothing."""
    return _tree(draft, catalogue) or All()


def _tree(draft: Draft, catalogue: Catalogue) -> Node | None:
    if draft.is_group:
        parts = tuple(part for part in (_tree(part, catalogue) for part in draft.parts) if part is not None)
        if not parts:
            return None
        node: Node | None = All(parts) if draft.kind == "all" else Any_(parts)
    else:
        node = _leaf(draft, catalogue)
    return Not(node) if node is not None and draft.negated else node


def _leaf(draft: Draft, catalogue: Catalogue) -> Node | None:
    draft.problem = ""
    if not draft.key:
        return None
    try:
        leaf = Leaf(
            draft.key,
            draft.op,
            tuple(draft.values),
            _whole(draft.within),
            _whole(draft.at_least),
            _amount(draft.money) if catalogue.by_key[draft.key].kind is Kind.HAPPENING else None,
        )
        checked = catalogue.checked(leaf)
    except BadCondition as problem:
        draft.problem = problem.sentence
        return None
    draft.problem = None
    return checked


def _whole(text: str) -> int | None:
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _amount(text: str) -> str | None:
    return text or None


# What a press of a button does ----------------------------------------------------------------------------------------


def press(draft: Draft, told: str) -> None:
    """“condition t-0”, “group …”, “not …”, “up …”, “down …”, “remove …”: done to the node of that path, if it is there."""
    name, _blank, path = told.partition(" ")
    steps = [int(step) for step in path.split("-")[1:] if step.isdecimal()]
    deed = _DEEDS.get(name)
    above, node = None, draft
    for step in steps:
        if step >= len(node.parts):
            return
        above, node = node, node.parts[step]
    if deed:
        deed(above, node)


def _add(above: Draft | None, node: Draft) -> None:
    node.parts.append(Draft("leaf", problem=""))


def _add_group(above: Draft | None, node: Draft) -> None:
    other = "any" if node.kind == "all" else "all"
    node.parts.append(Draft(other, parts=[Draft("leaf", problem="")]))


def _negate(above: Draft | None, node: Draft) -> None:
    if above is not None:
        node.negated = not node.negated


def _remove(above: Draft | None, node: Draft) -> None:
    if above is not None:
        above.parts[:] = [part for part in above.parts if part is not node]


def _up(above: Draft | None, node: Draft) -> None:
    _move(above, node, -1)


def _down(above: Draft | None, node: Draft) -> None:
    _move(above, node, 1)


def _move(above: Draft | None, node: Draft, by: int) -> None:
    if above is None:
        return
    place = next(number for number, part in enumerate(above.parts) if part is node)
    if 0 <= place + by < len(above.parts):
        above.parts[place], above.parts[place + by] = above.parts[place + by], above.parts[place]


_DEEDS: dict[str, Callable[[Draft | None, Draft], None]] = {
    "condition": _add,
    "group": _add_group,
    "not": _negate,
    "remove": _remove,
    "up": _up,
    "down": _down,
}


def unfinished(draft: Draft) -> int:
    """How many lines are left out; ask after `tree`."""
    own = 1 if not draft.is_group and draft.problem is not None else 0
    return own + sum(unfinished(part) for part in draft.parts)
