"""What the page of a list shows: tabs, chips, rows as cells, how many there are, and why there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from core.accounts.models import User
from core.accounts.permissions import mask, may, sees
from core.accounts.roles import rights_of
from core.lib.conditions.fields import Context, Field
from core.lib.conditions.kinds import Words
from core.lib.conditions.tree import All, Leaf, Node, leaves
from core.lib.database import keyset
from core.lib.database.keyset import Order
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from core.views import saved
from core.views.models import SavedView
from crm.desk.lists.asking import ALL, ANY, Asked, asked, bounded, bounds_of
from crm.desk.lists.conditions import AT, SET, ConditionForm
from crm.desk.lists.definition import Column, ListDef, SystemView
from crm.desk.paging import Page, rows_at_once
from crm.desk.today import now
from customers.models import Standing

SIZE = 50
# Kinds of columns of which what is more, later or higher is looked for first.
FALLS_FIRST = ("money", "cents", "number", "day", "moment", "class", "type")
COUNT_UP_TO = 1000
# A count that takes longer is not worth waiting for.
COUNT_MS = 1500


@dataclass(frozen=True)
class Tab:
    label: Words
    key: str
    href: str
    active: bool
    count: int | str = ""


@dataclass(frozen=True)
class Chip:
    """A condition of the first level. `form` changes it where it is one statement; `without` is the list without it.

    Without the only one that holds the rows of a list together there is no list: it can be changed, not taken away.
    """

    text: str
    without: str
    form: ConditionForm | None = None


@dataclass(frozen=True)
class Cell:
    column: Column
    value: Any


@dataclass(frozen=True)
class Head:
    """The head of a column; `href` sorts by it, and the other way round where it does already."""

    column: Column
    href: str
    direction: str


def matching(known: Asked, today: date, node: Node | None = None) -> QuerySet[Any]:
    """The rows that are asked for, unordered: what the list shows, counts and takes away."""
    rows = known.definition.rows(known.user, today)
    if known.hidden:
        return rows.none()
    return rows.filter(
        known.definition.catalogue.compile(known.tree if node is None else node, Context(today, known.user.pk, now()))
    )


def _meaning(definition: ListDef, user: User, node: Node, at: datetime) -> Q:
    return definition.catalogue.compile(node, Context(mall_day(at), user.pk, at))


def of_view(definition: ListDef, user: User, key: str, at: datetime) -> QuerySet[Any]:
    """The rows of a view that comes with the list, unordered: their number stands on every chip that leads to it."""
    view = definition.view(key)
    rows = definition.rows(user, mall_day(at))
    return rows.filter(_meaning(definition, user, view.tree, at)) if view else rows.none()


def lengths(definition: ListDef, user: User, at: datetime) -> dict[str, int]:
    """How many each view that is counted has: those that only narrow another counted one in one statement with it."""
    counted = {view.key: view for view in definition.views if view.counted}
    parts = {key: set(_first_level(view.tree)) for key, view in counted.items()}
    wide = {key for key in counted if not any(parts[other] < parts[key] for other in counted if parts[other])}
    numbers: dict[str, int] = {}
    for key in wide:
        inside = [other for other in counted if parts[key] and parts[key] <= parts[other]] or [key]
        rows = of_view(definition, user, key, at)
        told = {
            other: Count("pk", filter=_meaning(definition, user, All(tuple(parts[other] - parts[key])), at) or None)
            for other in inside
        }
        numbers |= rows.aggregate(**told)
    return numbers


def _first_level(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, All) else (node,)


def context_of(definition: ListDef, request: HttpRequest, today: date, known: Asked) -> dict[str, Any]:
    """Everything the page of a list needs: as many statements for fifty rows as for one."""
    rows = matching(known, today)
    problems = list(known.problems)
    page, problem = _page(request, known, rows)
    problems += [problem] if problem else []
    count = 0 if known.hidden else _count(rows)
    draw(known, page.rows, today)
    # A list that opens with a view of its own says what fills it, as the others do without any condition.
    nothing_yet = bool(definition.opens_with) and isinstance(known.view, SystemView) and not known.is_changed
    return {
        "list": definition,
        "asked": known,
        "page": page,
        "count": count,
        "count_is_capped": count > COUNT_UP_TO,
        "capped_at": COUNT_UP_TO,
        "count_query": known.href,
        "narrowed": bool(known.parts) or bool(problems),
        "problems": problems,
        "chips": chips(known),
        "heads": heads(known),
        "fields": grouped(known),
        "modes": _modes(known),
        "search": None if known.hidden or _searched(known) else _search(known),
        "by_number": known.sort == "",
        "by_value": known.sort == "-value",
        "nothing_yet": nothing_yet,
        "column_choices": _column_choices(known),
        "actions": [] if known.hidden else actions(known),
        "rest": without_each(known, today) if not (page.rows or known.hidden or nothing_yet) else [],
    }


def _column_choices(known: Asked) -> list[tuple[Column, bool]]:
    """Those that are shown, in their order, then the others; the first one always stands where it is."""
    shown = list(known.columns[1:])
    others = [column for column in known.definition.columns_for(known.user)[1:] if column not in shown]
    return [*((column, True) for column in shown), *((column, False) for column in others)]


def asked_of(definition: ListDef, request: HttpRequest, user: User) -> tuple[Asked, saved.Kept]:
    """What the request asks for, and what its reader has of the list."""
    kept = saved.kept_for(user, definition.key)
    return asked(definition, user, request.GET, kept, now()), kept


@dataclass(frozen=True)
class Action:
    """What can be done with the rows that are chosen: a form that is fetched from `url`."""

    label: Words
    url: str
    key: str = ""


def actions(known: Asked) -> list[Action]:
    """What this reader may do with many rows of the list."""
    return [
        Action(kind.label, reverse("desk:bulk_ask", args=[known.definition.key, kind.name]), kind.key)
        for kind in known.definition.bulk
        if may(known.user, kind.permission) and not (kind.takes and not rights_of(known.user).takes)
    ]


# Above the rows -----------------------------------------------------------------------------------------------------


def tabs(known: Asked, kept: saved.Kept) -> tuple[list[Tab], list[Tab]]:
    """What stands above the list, and what stands behind “more”: pinned first, then what comes with the list."""
    every: list[SystemView | SavedView] = [*system_views(known.definition, known.user), *kept.views]
    usable = {_key(view): view for view in every}
    numbers = lengths(known.definition, known.user, now())
    missing = {view.key for view in known.definition.views if view.when_some and not numbers.get(view.key)}
    order = [key for key in kept.pinned if key in usable]
    order += [key for key in usable if key not in order and (key not in missing or key == known.view_key)]
    shown = order[: max(known.definition.tabs, len(kept.pinned))]
    if known.view_key and known.view_key not in shown:
        shown = [*shown[:-1], known.view_key]
    everything = [] if known.definition.opens_with else [Tab("", "", "?", known.view is None and not known.parts)]
    made = {
        key: Tab(_label(usable[key]), key, f"?view={key}", key == known.view_key, numbers.get(key, "")) for key in order
    }
    return [*everything, *(made[key] for key in shown if key in made)], [made[key] for key in order if key not in shown]


def system_views(definition: ListDef, user: User) -> list[SystemView]:
    """The views that come with the list, but for those that speak of what this reader may not see."""
    hidden, fields = rights_of(user).hidden, definition.catalogue.by_key
    return [
        view
        for view in definition.views
        if not any(fields[leaf.field].needs in hidden for _path, leaf in leaves(view.tree))
    ]


def _key(view: SystemView | SavedView) -> str:
    return view.key if isinstance(view, SystemView) else f"v{view.pk}"


def _label(view: SystemView | SavedView) -> Words:
    return view.label if isinstance(view, SystemView) else view.name


def chips(known: Asked) -> list[Chip]:
    catalogue = known.definition.catalogue
    bounds = bounds_of(known.definition, known.tree)
    made = []
    for number, part in enumerate(known.parts):
        rest = [other for place, other in enumerate(known.parts) if place != number]
        form = None
        if isinstance(part, Leaf) and not known.hidden:
            form = ConditionForm(catalogue.by_key[part.field], leaf=part, at=number)
        text = "" if known.hidden else catalogue.sentence(part)
        stays = known.definition.window is not None and bounds == [part]
        made.append(Chip(text, "" if stays else known.with_(known.joined(rest)).href, form))
    return made


def grouped(known: Asked) -> list[tuple[Words, list[Field]]]:
    """The fields that this reader may filter by, by their groups."""
    groups: dict[Words, list[Field]] = {}
    for field in known.definition.catalogue.seen_by(rights_of(known.user).hidden):
        groups.setdefault(field.group, []).append(field)
    return list(groups.items())


def _searched(known: Asked) -> bool:
    return any(isinstance(part, Leaf) and part.field == known.definition.searched for part in known.parts)


def _search(known: Asked) -> Field | None:
    """What may be looked for in the list, beside its conditions."""
    return known.definition.catalogue.by_key.get(known.definition.searched)


def _modes(known: Asked) -> list[tuple[str, str, bool]]:
    """All of the chips, or any of them: the address of each, where there are two chips to join."""
    if len(known.parts) < 2 or known.hidden:
        return []
    return [(mode, known.with_(known.joined(known.parts, mode)).href, mode == known.mode) for mode in (ALL, ANY)]


def heads(known: Asked) -> list[Head]:
    key, falling = known.order
    made = []
    for column in known.columns:
        direction = ("descending" if falling else "ascending") if column.key == key and column.sorts else ""
        begins = f"-{column.key}" if column.kind in FALLS_FIRST else column.key
        other = column.key if direction == "descending" else f"-{column.key}"
        href = known.sorted_by(other if direction else begins).href if column.sorts else ""
        made.append(Head(column, href, direction))
    return made


# The rows -----------------------------------------------------------------------------------------------------------


def _page(request: HttpRequest, known: Asked, rows: QuerySet[Any]) -> tuple[Page, str]:
    key, falling = known.order
    column = next((column for column in known.definition.columns if column.key == key), None)
    order = Order.of(rows, column.path, falling, *column.then) if column else Order("", falling)
    related = known.definition.related
    size, problem = rows_at_once(request, SIZE), ""
    try:
        part = keyset.part(
            rows, order, size, after=request.GET.get("after", ""), before=request.GET.get("before", ""), related=related
        )
    except Invalid as refusal:
        part, problem = keyset.part(rows, order, size, related=related), str(refusal)
    takeout = getattr(request, "takeout", None)
    if takeout and part.after:
        takeout.goes_on = True
    base = known.href
    joiner = "" if base.endswith("?") else "&"
    page = Page(
        part.rows,
        f"{base}{joiner}{urlencode({'before': part.before})}" if part.before else "",
        f"{base}{joiner}{urlencode({'after': part.after})}" if part.after else "",
        "",
    )
    return page, problem


def draw(known: Asked, rows: Sequence[Any], today: date) -> None:
    """Each row has its cells, masked for the reader; what the row does not hold is read once for all of them."""
    ids = [row.pk for row in rows]
    loaded = {column.key: column.load(ids, today) for column in known.columns if column.load and ids}
    masked = {column.path: column.needs for column in known.definition.columns if column.needs and column.path}
    for row in rows:
        row.called, row.beside = known.definition.called(row)
        row.cells = [Cell(column, _value(known, column, row, loaded, today)) for column in known.columns]
        mask(known.user, row, **{path: needs for path, needs in masked.items() if "__" not in path})


def in_words(cell: Cell) -> Any:
    """What a cell says in a file: numbers and days as such, else words; nothing where nothing is known."""
    value, kind = cell.value, cell.column.kind
    if value is None:
        return ""
    if kind == "class":
        return Standing.Class(value).label
    if kind == "type":
        return Standing.Type(value).label if value else ""
    if kind == "labels":
        return ", ".join(label.name for label in value)
    return value if cell.column.is_number or kind == "day" else str(value)


def _value(known: Asked, column: Column, row: Any, loaded: dict[str, Any], today: date) -> Any:
    if column.needs is not None and not sees(known.user, column.needs):
        return None
    if column.load:
        return loaded[column.key].get(row.pk)
    if column.tell:
        return column.tell(row, today, known.user)
    value = row
    for name in column.path.split("__") if column.path else ():
        value = getattr(value, name)
    return value


def _count(rows: QuerySet[Any]) -> int:
    return rows[: COUNT_UP_TO + 1].count()


def exactly(rows: QuerySet[Any]) -> int | None:
    """How many there are; None where counting takes longer than somebody waits."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(COUNT_MS)])
            count = rows.count()
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return count
    except OperationalError:
        return None


def without_each(known: Asked, today: date) -> list[tuple[Chip, int, bool]]:
    """Of a list without rows: how many remain without each of its conditions, at most 1,000, and whether there are more."""
    if len(known.parts) < 1:
        return []
    told = []
    for number, chip in enumerate(chips(known)):
        rest = [part for place, part in enumerate(known.parts) if place != number]
        count = _count(matching(known, today, known.joined(rest)))
        told.append((chip, min(count, COUNT_UP_TO), count > COUNT_UP_TO))
    return told[:8]


# A condition that is set --------------------------------------------------------------------------------------------


def set_in(known: Asked, query: QueryDict) -> ConditionForm | Asked | None:
    """The list with the condition that the address sets (`set=quiet&op=gt&number=60`), or its form that says what is wrong.

    None where nothing is set. `at` is the chip whose place it takes; without one it is one more.
    """
    catalogue = known.definition.catalogue
    field = catalogue.by_key.get(query.get(SET, ""))
    if field is None or field.needs in rights_of(known.user).hidden:
        return None
    place = query.get(AT, "")
    at = int(place) if place.isdecimal() and len(place) < 3 and int(place) < len(known.parts) else -1
    form = ConditionForm(field, query, at=at)
    leaf = form.leaf(catalogue)
    if leaf is None:
        return form
    parts = list(known.parts)
    if at < 0:
        parts.append(leaf)
    else:
        parts[at] = leaf
    return known.with_(bounded(known.definition, known.joined(parts)))
