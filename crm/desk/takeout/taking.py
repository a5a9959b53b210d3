"""`takeable`: a page whose tables may be taken away as a file or printed whole, at `?as=csv`, `?as=xlsx`, `?as=print`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts import audit
from core.accounts.permissions import StaffRequest, View
from core.accounts.roles import rights_of
from core.lib.periods import mall_time
from crm.desk.takeout import tables
from crm.desk.takeout.files import Sheets, as_csv, as_workbook
from crm.desk.today import now

CSV, XLSX, PRINT = "csv", "xlsx", "print"
FILES: dict[str, tuple[Callable[[Sheets], bytes], str]] = {
    CSV: (as_csv, "text/csv; charset=utf-8"),
    XLSX: (as_workbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
# Rows of one table of figures, where no person is named.
MOST_FIGURES = 10_000


@dataclass
class Takeout:
    """What the templates and the lists of a takeable page ask: how it is asked for, and the most rows it may give.

    `goes_on` is true once a list of the page had more.
    """

    name: str
    kind: str
    most: int
    address: str
    goes_on: bool = False

    @property
    def printing(self) -> bool:
        return self.kind == PRINT


def takeable(name: str, *, people: bool = True) -> Callable[[View], View]:
    """The page's tables can be taken away by whoever may open it, as they are shown to them: same rows, same masks.

    Lists that name people end at the number of rows of the reader's role, and are not offered where that is none; who
    never reads a name takes figures. A
    file is on the audit trail: which page, how it was narrowed, how many rows. `name` is that of the file.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def taken(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            rights = rights_of(request.user)
            most = rights.takes if people and rights.sees_customers else MOST_FIGURES
            kind = request.GET.get("as", "") if request.method == "GET" else ""
            if not most:
                if kind in {*FILES, PRINT}:
                    raise PermissionDenied
                return view(request, *args, **kwargs)
            # As an attribute, as `user` and `htmx` are: what fetches the rows and what draws the page both look at it.
            request.takeout = Takeout(name, kind, most, _address(request))  # type: ignore[attr-defined]
            response = view(request, *args, **kwargs)
            if kind not in FILES or response.status_code != 200 or not isinstance(response, HttpResponse):
                return response
            return _file(request, response.content.decode(), request.takeout)  # type: ignore[attr-defined]

        taken.takeable = name  # type: ignore[attr-defined]
        return taken

    return decorate


def _address(request: StaffRequest) -> str:
    """The page as it is narrowed, from its first row on, with room for how it is asked for."""
    query = request.GET.copy()
    for part in ("as", "page", "after"):
        query.pop(part, None)
    return f"?{query.urlencode()}&as=" if query else "?as="


def _file(request: StaffRequest, page: str, takeout: Takeout) -> HttpResponse:
    content = tables.read(page)
    rows = sum(len(table.rows) for table in content.tables)
    at = now()
    foot = _foot(request, takeout, rows, mall_time(at).strftime("%Y-%m-%d %H:%M"))
    sheets = Sheets(content.title, content.tables, foot)
    write, media_type = FILES[takeout.kind]
    # By what it was narrowed, not to what: that may be a name.
    narrowed = sorted(key for key, value in request.GET.items() if key != "as" and value)
    audit.record(request.user, "page.taken_away", None, at=at, page=takeout.name, rows=rows, narrowed_by=narrowed)
    day = mall_time(at).date().isoformat()
    return HttpResponse(
        write(sheets),
        content_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{takeout.name}-{day}.{takeout.kind}"',
            "Cache-Control": "no-store",
        },
    )


def _foot(request: StaffRequest, takeout: Takeout, rows: int, when: str) -> list[str]:
    """Whose file it is, of when, and whether the list went on."""
    counted = ngettext("%(n)s row", "%(n)s rows", rows) % {"n": rows}
    lines = [f"{_('Laoke')} · {request.user} · {when} · {counted}"]
    if takeout.goes_on:
        lines.append(_("The list has more rows than your role takes away at once (%(most)s).") % {"most": takeout.most})
    return lines
