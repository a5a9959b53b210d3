"""What an address asks of a list: conditions, a view, an order; and the addresses of everything near it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.roles import rights_of
from core.lib.conditions import address, tree
from core.lib.conditions.catalogue import NotYours
from core.lib.conditions.tree import All, Any_, BadCondition, Leaf, Node
from core.views.models import SavedView
from core.views.saved import Kept
from crm.desk.lists.definition import Column, ListDef, SystemView

EVERYBODY = [(address.GROUPS, "all()")]
ALL, ANY = "all", "any"


@dataclass(frozen=True)
class Asked:
    """A list as somebody asks for it. `problems` are sentences about parts of the address that say nothing."""

    definition: ListDef
    user: User
    tree: Node
    view: SystemView | SavedView | None = None
    sort: str = ""
    columns: tuple[Column, ...] = ()
    problems: tuple[str, ...] = ()
    hidden: str = ""
    """Why nothing may be shown: the conditions speak of what this reader may not see."""

    @property
    def mode(self) -> str:
        return ANY if isinstance(_unwrapped(self.tree), Any_) else ALL

    @cached_property
    def parts(self) -> tuple[Node, ...]:
        """What the chips are: the statements and groups of the first level."""
        node = _unwrapped(self.tree)
        return node.parts if isinstance(node, All | Any_) else (node,)

    def joined(self, parts: Sequence[Node], mode: str = "") -> Node:
        """A tree of these parts, in the way in which this one is joined unless told."""
        if (mode or self.mode) == ANY and len(parts) > 1:
            return All((Any_(tuple(parts)),))
        return tree.and_(*parts)

    @property
    def view_key(self) -> str:
        if isinstance(self.view, SavedView):
            return f"v{self.view.pk}"
        return self.view.key if self.view else ""

    @property
    def is_changed(self) -> bool:
        """Whether the list is another one than its view."""
        return self.view is not None and (
            self.tree != view_tree(self.view, self.definition) or self.sort != _sort_of(self.view, self)
        )

    @property
    def order(self) -> tuple[str, bool]:
        """The key of the column that the list is sorted by, and whether it falls; an empty key is the number."""
        return self.sort.removeprefix("-"), self.sort.startswith("-")

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the address at which this list stands, from its first page on."""
        view = [("view", self.view_key)] if self.view_key else []
        told: list[tuple[str, str]] = []
        if not self.view or self.tree != view_tree(self.view, self.definition):
            told = address.write(self.tree) or (EVERYBODY if self.view else [])
        usual = _sort_of(self.view, self)
        return [*view, *told, *([("sort", self.sort)] if self.sort != usual else [])]

    @property
    def href(self) -> str:
        try:
            return f"?{urlencode(self.pairs())}"
        except BadCondition:
            return "?"

    def with_(self, node: Node) -> "Asked":
        return replace(self, tree=node)

    def sorted_by(self, sort: str) -> "Asked":
        return replace(self, sort=sort)


def asked(definition: ListDef, user: User, query: QueryDict, kept: Kept, at: datetime) -> Asked:
    """What can be understood of the address; the rest is said."""
    pairs = _pairs(definition, query)
    view = _view(definition, kept.views, dict(pairs).get("view", ""))
    nodes, problems = _understood(definition, pairs)
    is_told = any(name in definition.catalogue.by_key or name == address.GROUPS for name, _text in pairs)
    before = definition.view(query.get(definition.before_views, "")) if definition.before_views else None
    if view is None and before is not None:
        # Such an address narrowed the view that it named.
        view, nodes, is_told = before, [before.tree, *nodes], True
    elif view is None and not is_told and definition.opens_with:
        view = definition.view(definition.opens_with(user, at))
    node: Node = tree.EVERYBODY
    if is_told:
        node = tree.and_(*nodes)
    elif view is not None:
        node = view_tree(view, definition)
    known = Asked(definition, user, bounded(definition, node), view, problems=tuple(problems))
    columns = _columns(definition, user, view, kept.columns)
    known = replace(known, columns=columns, sort=_sort(known, query.get("sort", "")))
    try:
        if isinstance(view, SavedView) and not is_told:
            definition.catalogue.parse(view.query)
        definition.catalogue.refuse_hidden(node, rights_of(user).hidden, user.pk)
    except NotYours as refusal:
        return replace(known, hidden=str(refusal))
    except BadCondition as wrong:
        gone = _("This view asks for something that is no longer there: %(what)s") % {"what": wrong.sentence}
        return replace(known, hidden=gone)
    return known


def bounded(definition: ListDef, node: Node) -> Node:
    """The tree with the window of the list, where nothing else in it holds the rows together."""
    if definition.window is None or bounds_of(definition, node):
        return node
    return tree.and_(definition.window, node)


def bounds_of(definition: ListDef, node: Node) -> list[Node]:
    """The statements of the first level that hold the rows of such a list together."""
    parts = node.parts if isinstance(node, All) else (node,)
    return [part for part in parts if isinstance(part, Leaf) and part.field in definition.bound_by]


def _pairs(definition: ListDef, query: QueryDict) -> list[tuple[str, str]]:
    """The parameters of the address, those of before in the words of today."""
    told = [(name, value) for name, value in definition.of_before(query) if value]
    names = {name for name, _value in told}
    pairs = [(name, value) for name, values in query.lists() for value in values if name not in names]
    return [*pairs, *told]


def view_tree(view: SystemView | SavedView, definition: ListDef) -> Node:
    """What a view asks for; everybody where it speaks of what is no more: then `asked` shows nobody, and says so."""
    if isinstance(view, SystemView):
        return view.tree
    try:
        return bounded(definition, definition.catalogue.parse(view.query))
    except BadCondition:
        return tree.EVERYBODY


def _unwrapped(node: Node) -> Node:
    """`any` stands alone within an `all` in an address."""
    if isinstance(node, All) and len(node.parts) == 1 and isinstance(node.parts[0], Any_):
        return node.parts[0]
    return node


def _view(definition: ListDef, views: Sequence[SavedView], key: str) -> SystemView | SavedView | None:
    if not key:
        return None
    saved: list[SystemView | SavedView] = [view for view in views if f"v{view.pk}" == key]
    return next(iter(saved), next((view for view in definition.views if view.key == key), None))


def _understood(definition: ListDef, pairs: Sequence[tuple[str, str]]) -> tuple[list[Node], list[str]]:
    nodes: list[Node] = []
    problems: list[str] = []
    for pair in pairs:
        try:
            nodes.append(definition.catalogue.read([pair]))
        except BadCondition as wrong:
            problems.append(wrong.sentence)
    try:
        tree.check_size(tree.and_(*nodes))
    except BadCondition as wrong:
        return [], [*problems, wrong.sentence]
    return nodes, problems


def _columns(
    definition: ListDef, user: User, view: SystemView | SavedView | None, preferred: Sequence[str]
) -> tuple[Column, ...]:
    """Of the view, else of the reader, else of the list; and only those that the reader may see."""
    chosen = (view.columns if view else ()) or preferred
    allowed = {column.key: column for column in definition.columns_for(user)}
    shown = [allowed[key] for key in chosen or definition.default_columns if key in allowed]
    first = definition.columns[0]
    return (first, *(column for column in shown if column.key != first.key))


def _sort_of(view: SystemView | SavedView | None, known: Asked) -> str:
    """What a view, or the list, is sorted by for this reader."""
    wanted = view.sort if view else ""
    return wanted if _may_sort(known, wanted) else known.definition.sort_for(known.user)


def _sort(known: Asked, wanted: str) -> str:
    return wanted if wanted and _may_sort(known, wanted) else _sort_of(known.view, known)


def _may_sort(known: Asked, sort: str) -> bool:
    key = sort.removeprefix("-")
    return any(column.key == key and column.sorts for column in known.definition.columns_for(known.user))
