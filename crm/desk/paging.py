"""Long lists, a page at a time: by number, `?page=2`, or behind the last row seen, `?after=…`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest

LAST_PAGE = 10_000


class Page(NamedTuple):
    """The rows of one page, the addresses of its neighbours (empty where there is none), and “51–100”."""

    rows: Sequence[Any]
    prev: str
    next: str
    text: str


def page_of(request: HttpRequest, rows: QuerySet[Any], size: int) -> Page:
    """The page the address names, the first one when it names none. Other parts of the address are kept.

    One row more than the page is fetched to know whether there is a next one; nothing is counted.
    """
    wanted = request.GET.get("page", "")
    number = min(max(int(wanted), 1), LAST_PAGE) if wanted.isdecimal() and len(wanted) < 9 else 1
    start = (number - 1) * size
    fetched = list(rows[start : start + size + 1])
    shown = fetched[:size]
    return Page(
        rows=shown,
        prev=_address(request, page=str(number - 1)) if number > 1 else "",
        next=_address(request, page=str(number + 1)) if len(fetched) > size else "",
        text=f"{start + 1}–{start + len(shown)}" if shown and (number > 1 or len(fetched) > size) else "",
    )


def page_behind(request: HttpRequest, rows: Sequence[Any], cursor: str) -> Page:
    """The page of a list that goes on behind its last row, at `?after=cursor`; an empty cursor ends it.

    For lists so long that counting pages would read them: the way back leads to the first page.
    """
    return Page(
        rows=rows,
        prev=_address(request, after="") if request.GET.get("after") else "",
        next=_address(request, after=cursor) if cursor else "",
        text="",
    )


def _address(request: HttpRequest, **changes: str) -> str:
    """The address of this page with these parts changed; an empty one is left out."""
    parts = request.GET.copy()
    for name, value in changes.items():
        if value:
            parts[name] = value
        else:
            parts.pop(name, None)
    return f"?{parts.urlencode()}"
