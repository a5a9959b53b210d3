"""Long lists, a page at a time: `?page=2`."""

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
    asked = request.GET.get("page", "")
    number = min(max(int(asked), 1), LAST_PAGE) if asked.isdecimal() and len(asked) < 9 else 1
    start = (number - 1) * size
    found = list(rows[start : start + size + 1])
    shown = found[:size]

    def address(page: int) -> str:
        kept = request.GET.copy()
        kept["page"] = str(page)
        return f"?{kept.urlencode()}"

    return Page(
        rows=shown,
        prev=address(number - 1) if number > 1 else "",
        next=address(number + 1) if len(found) > size else "",
        text=f"{start + 1}–{start + len(shown)}" if shown and (number > 1 or len(found) > size) else "",
    )
