"""What a list declares of itself: its rows, its columns, what may be asked of them, and the views it comes with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field as Personal
from core.accounts.roles import Permission
from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.kinds import Words
from core.lib.conditions.tree import Leaf, Node
from customers.models import Customer


@dataclass(frozen=True)
class Column:
    """`kind` says how a cell is drawn. `path` is the column of the row; one that is `sorts` orders the list.

    `load` gives the values of a page's rows by their ids in one query, where the row does not hold them; `tell` works
    one out of the row, the day and the reader. `then` are columns of the row that order what is equal in `path`. A cell that is
    more than its value has a `template`, which finds the `row` and the `cell`.
    """

    key: str
    label: Words
    kind: str = "text"
    path: str = ""
    sorts: bool = False
    needs: Personal | None = None
    load: Callable[[Sequence[int], date], Mapping[int, Any]] | None = None
    tell: Callable[[Any, date, User], Any] | None = None
    then: tuple[str, ...] = ()
    template: str = ""

    @property
    def is_number(self) -> bool:
        return self.kind in ("money", "cents", "number")


@dataclass(frozen=True)
class SystemView:
    """A view that comes with the list. One that is `counted` says how many it has; `when_some`: only where it has any."""

    key: str
    label: Words
    tree: Node
    sort: str = ""
    columns: tuple[str, ...] = ()
    counted: bool = False
    when_some: bool = False


# What an address of before this language asks for: each takes the place of the parameter of its name.
OfBefore = Callable[[QueryDict], list[tuple[str, str]]]


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

    Its routes are named after `stem`: `desk:order` opens a row of the list `desk:orders`. `called` gives the name of a
    row and what stands beside it; `person` is the customer whom it tells of. `opens_with` gives the key of the view
    that is shown where nothing is asked; of a list without one that is everything. `before_views` is the parameter
    that named a view before. Rows so many that a condition on one of the fields `bound_by` has to hold them together
    have a `window`, which stands where none does.
    `bulk` are the kinds of bulk runs that may be asked for over it; `numbers` says how its rows are called on paper, and
    `counted` how many of them there are, in words: “3 complaints”.
    """

    key: str
    stem: str
    title: Words
    rows: Callable[[User, date], QuerySet[Any]]
    catalogue: Catalogue
    columns: tuple[Column, ...]
    default_columns: tuple[str, ...]
    views: tuple[SystemView, ...]
    default_sort: tuple[tuple[str, Personal | None], ...]
    called: Callable[[Any], tuple[str, str]]
    person: Callable[[Any], Customer | None]
    nothing_yet: str
    related: tuple[str, ...] = ()
    of_before: OfBefore = lambda query: []
    opens_with: Callable[[User, datetime], str] | None = None
    before_views: str = ""
    tabs: int = 6
    searched: str = "text"
    window: Leaf | None = None
    bound_by: tuple[str, ...] = ()
    deeds: str = ""
    bulk: tuple[Bulk, ...] = ()
    numbers: Callable[[Sequence[int]], Mapping[int, str]] = lambda ids: {pk: str(pk) for pk in ids}
    counted: Callable[[int], str] = str

    def columns_for(self, user: User) -> list[Column]:
        """Those that this reader may see, in the order of the list."""
        return [column for column in self.columns if column.needs is None or sees(user, column.needs)]

    def sort_for(self, user: User) -> str:
        """What the list is sorted by for this reader when nothing else is asked."""
        return next((key for key, needs in self.default_sort if needs is None or sees(user, needs)), "")

    def view(self, key: str) -> SystemView | None:
        return next((view for view in self.views if view.key == key), None)

    @property
    def routes(self) -> Mapping[str, str]:
        """The names of its routes by what they do, for templates: `list.routes.count`."""
        of_list = {name: f"desk:{self.stem}s_{name}" for name in ("count", "condition", "columns")}
        deeds = ("save", "pin", "unpin", "update", "share", "copy", "archive")
        of_views = {name: f"desk:{self.stem}_view_{name}" for name in deeds}
        opened = {"list": f"desk:{self.stem}s", "row": f"desk:{self.stem}"}
        return {
            **opened,
            **of_list,
            **of_views,
            "preview": f"desk:{self.stem}_preview",
            "views": f"desk:{self.stem}_views",
        }
