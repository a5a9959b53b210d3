"""Long lists, a page at a time: by number, `?page=2`, or behind the last row seen, `?after=…`."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from django.http import HttpRequest, QueryDict

LAST_PAGE = 10_000


class Page(NamedTuple):
    """The rows of one page, the addresses of its neighbours (empty where there is none), and “51–100”."""

    rows: Sequence[Any]
    prev: str
    next: str
    text: str

    def of(self, rows: Sequence[Any]) -> "Page":
        """The same page with its rows as they are shown."""
        return self._replace(rows=rows)


EMPTY = Page([], "", "", "")


class Rows(Protocol):
    """A query set, a list, or whatever else gives the part of it that is asked for."""

    def __getitem__(self, part: slice, /) -> Iterable[Any]: ...


def page_of(request: HttpRequest, rows: Rows, size: int, name: str = "page") -> Page:
    """The page the address names, the first one when it names none. Other parts of the address are kept.

    `name` is the part of the address that turns this list, where several stand on one page. One row more than the
    page is fetched to know whether there is a next one; nothing is counted.
    """
    page = page_in(request.GET, rows, rows_at_once(request, size), name)
    _note_more(request, page)
    return page


def rows_at_once(request: HttpRequest, size: int) -> int:
    """The rows of a page of a list: `size`, or as many as may go where the page is taken away."""
    takeout = getattr(request, "takeout", None)
    return takeout.most if takeout and takeout.kind else size


def _note_more(request: HttpRequest, page: Page) -> None:
    takeout = getattr(request, "takeout", None)
    if takeout and page.next:
        takeout.goes_on = True


def page_in(query: QueryDict, rows: Rows, size: int, name: str = "page") -> Page:
    """The same for the query of an address that is not the request's own."""
    wanted = query.get(name, "")
    number = min(max(int(wanted), 1), LAST_PAGE) if wanted.isdecimal() and len(wanted) < 9 else 1
    start = (number - 1) * size
    fetched = list(rows[start : start + size + 1])
    shown = fetched[:size]
    return Page(
        rows=shown,
        prev=_address(query, **{name: str(number - 1)}) if number > 1 else "",
        next=_address(query, **{name: str(number + 1)}) if len(fetched) > size else "",
        text=f"{start + 1}–{start + len(shown)}" if shown and (number > 1 or len(fetched) > size) else "",
    )


def page_behind(request: HttpRequest, rows: Sequence[Any], cursor: str) -> Page:
    """The page of a list that goes on behind its last row, at `?after=cursor`; an empty cursor ends it.

    For lists so long that counting pages would read them: the way back leads to the first page.
    """
    page = Page(
        rows=rows,
        prev=_address(request.GET, after="") if request.GET.get("after") else "",
        next=_address(request.GET, after=cursor) if cursor else "",
        text="",
    )
    _note_more(request, page)
    return page


def _address(query: QueryDict, **changes: str) -> str:
    """The address of this page with these parts changed; an empty one is left out."""
    parts = query.copy()
    for name, value in changes.items():
        if value:
            parts[name] = value
        else:
            parts.pop(name, None)
    return f"?{parts.urlencode()}"
