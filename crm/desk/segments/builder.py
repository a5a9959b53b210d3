"""The builder as a template draws it: each line with its fields, comparisons and values to choose from."""

from dataclasses import dataclass, field
from typing import Any

from core.accounts.models import User
from core.accounts.roles import rights_of
from core.lib.conditions.fields import Field
from core.lib.conditions.kinds import OPERATORS, Kind, Takes, name_of
from core.lib.conditions.tree import MOST_DEPTH, BadCondition, Node
from core.lib.conditions.words import MONTHS
from crm.desk.segments import counting
from crm.desk.segments.draft import ROOT, Draft, unfinished
from crm.desk.today import now, today
from crm.flows.catalogue import CUSTOMERS
from segmentation.segments import inside, reach

Choice = tuple[str, Any, bool]
# More are a list to scroll in.
MOST_BOXES = 8


@dataclass
class Row:
    """A line or a group of the form; `path` begins the names of its inputs."""

    path: str
    draft: Draft
    depth: int
    first: bool = True
    last: bool = True
    rows: list["Row"] = field(default_factory=list)
    groups: list[tuple[Any, list[Choice]]] = field(default_factory=list)
    ops: list[Choice] = field(default_factory=list)
    takes: str = ""
    choices: list[Choice] = field(default_factory=list)
    is_money: bool = False
    unit: Any = ""
    note: Any = ""

    @property
    def is_group(self) -> bool:
        return self.draft.is_group

    @property
    def may_nest(self) -> bool:
        return self.depth < MOST_DEPTH - 1

    @property
    def boxes(self) -> bool:
        return 0 < len(self.choices) <= MOST_BOXES

    @property
    def value(self) -> str:
        return self.draft.values[0] if self.draft.values else ""

    @property
    def until(self) -> str:
        return self.draft.values[1] if len(self.draft.values) > 1 else ""

    @property
    def typed(self) -> str:
        return ", ".join(self.draft.values)


def editor(user: User, draft: Draft, node: Node, code: str = "") -> dict[str, Any]:
    """What the builder and the panel beside it are drawn from; `code` is that of the segment that is edited."""
    panel = counting.panel(user, node, today(), at=now(), exact=False)
    if stored := stored_of(user, code):
        counting.compare(panel, user, node, *stored, today())
    return {
        "root": Builder(user, code=code).row(draft),
        "panel": panel,
        "unfinished": unfinished(draft),
        "code": code,
    }


def stored_of(user: User, code: str) -> tuple[Node, int] | None:
    """What one's own segment of this code says now, and the number of that version."""
    segment = reach.seen_by(user).filter(code=code, owner=user).first() if code else None
    if segment is None:
        return None
    last = segment.versions.latest("n")
    try:
        return CUSTOMERS.parse(last.tree), last.n
    except BadCondition:
        return None


class Builder:
    """Draws drafts for one reader: the fields they may see, the segments they may use."""

    def __init__(self, user: User, *, code: str = "") -> None:
        self.fields = CUSTOMERS.seen_by(rights_of(user).hidden)
        self.user, self.code = user, code
        self._options: dict[str, list[tuple[str, Any]]] = {}

    def row(self, draft: Draft, path: str = ROOT, depth: int = 0) -> Row:
        row = Row(path, draft, depth)
        if draft.is_group:
            row.rows = [self.row(part, f"{path}-{number}", depth + 1) for number, part in enumerate(draft.parts)]
            for number, part in enumerate(row.rows):
                part.first, part.last = number == 0, number == len(row.rows) - 1
            return row
        row.groups = self._groups(draft.key)
        known = CUSTOMERS.by_key.get(draft.key)
        if known is not None:
            self._fill(row, draft, known)
        return row

    def _groups(self, chosen: str) -> list[tuple[Any, list[Choice]]]:
        groups: dict[str, list[Choice]] = {}
        for known in self.fields:
            groups.setdefault(str(known.group), []).append((known.key, known.label, known.key == chosen))
        return list(groups.items())

    def _fill(self, row: Row, draft: Draft, known: Field) -> None:
        takes = OPERATORS[known.kind][draft.op]
        row.ops = [(op, name_of(known.kind, op), op == draft.op) for op in known.operators]
        row.takes, row.is_money = takes.value, known.kind in (Kind.MONEY, Kind.HAPPENING)
        row.unit, row.note = known.unit, known.note
        if takes is Takes.MONTH:
            row.choices = [(str(n), name, [str(n)] == draft.values) for n, name in enumerate(MONTHS, 1)]
        elif takes in (Takes.MANY, Takes.THINGS):
            row.choices = [(key, label, key in draft.values) for key, label in self._known(known)]

    def _known(self, known: Field) -> list[tuple[str, Any]]:
        if known.key not in self._options:
            options = list(known.options()) if known.options else []
            if known.key == inside.KEY:
                own = reach.seen_by(self.user).exclude(code=self.code).order_by("name", "pk")
                options = list(own.values_list("code", "name"))
            self._options[known.key] = options
        return self._options[known.key]
