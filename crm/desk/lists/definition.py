"""What a list declares of itself: its rows, its columns, what may be asked of them, and the views it comes with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field as Personal
from core.accounts.roles import Permission
from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.kinds import Words
from core.lib.conditions.tree import Node


@dataclass(frozen=True)
class Column:
    """`kind` says how a cell is drawn. `path` is the column of the row; one that is `sorts` orders the list.

    `load` gives the values of a page's rows by their ids in one query, where the row does not hold them.
    """

    key: str
    label: Words
    kind: str = "text"
    path: str = ""
    sorts: bool = False
    needs: Personal | None = None
    load: Callable[[Sequence[int], date], Mapping[int, Any]] | None = None

    @property
    def is_number(self) -> bool:
        return self.kind in ("money", "number")


@dataclass(frozen=True)
class SystemView:
    """A view that comes with the list."""

    key: str
    label: Words
    tree: Node
    sort: str = ""


@dataclass(frozen=True)
class Bulk:
    """A kind of bulk run that a list offers: who may, and the key that asks for it; one that `takes` rows away is for
    whose role takes some."""

    name: str
    label: Words
    permission: Permission
    key: str = ""
    takes: bool = False


@dataclass(frozen=True)
class ListDef:
    """`rows` are those that a reader may see, whatever is asked; `of_before` says what older addresses ask for.

    `bulk` are the kinds of bulk runs that may be asked for over it; `numbers` says how its rows are called on paper.
    """

    key: str
    route: str
    views_route: str
    rows: Callable[[User, date], QuerySet[Any]]
    catalogue: Catalogue
    columns: tuple[Column, ...]
    default_columns: tuple[str, ...]
    views: tuple[SystemView, ...]
    default_sort: tuple[tuple[str, Personal | None], ...]
    related: tuple[str, ...] = ()
    of_before: Callable[[QueryDict], list[tuple[str, str]]] = lambda query: []
    bulk: tuple[Bulk, ...] = ()
    numbers: Callable[[Sequence[int]], Mapping[int, str]] = lambda ids: {pk: str(pk) for pk in ids}

    def columns_for(self, user: User) -> list[Column]:
        """Those that this reader may see, in the order of the list."""
        return [column for column in self.columns if column.needs is None or sees(user, column.needs)]

    def sort_for(self, user: User) -> str:
        """What the list is sorted by for this reader when nothing else is asked."""
        return next((key for key, needs in self.default_sort if needs is None or sees(user, needs)), "")
