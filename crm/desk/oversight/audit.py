"""The audit trail: searched by person, action, subject and day, and taken out as a file."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.accounts import audit as trail_of
from core.accounts import trail
from core.accounts.archive import months as kept_months
from core.accounts.archive import seals
from core.accounts.models import AuditArchive, AuditEntry
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.accounts.trail import Place, Search
from core.lib import csv_cells
from core.lib.errors import DomainError
from core.lib.periods import mall_time
from crm.desk.oversight.forms import LAOKE, SearchForm
from crm.desk.oversight.particulars import particulars, staff_names
from crm.desk.oversight.words import SUBJECTS, action
from crm.desk.paging import Page, page_behind
from crm.desk.today import now
from customers.identity import number_of
from customers.privacy import requests

SHOWN = 50
MOST_EXPORTED = 100_000


class Line(NamedTuple):
    """One entry as it is read: when, who, what, about what, and the rest."""

    at: datetime
    who: str
    what: str
    about: str
    detail: str


@needs(Permission.VIEW_AUDIT)
@never_cache
def audit(request: StaffRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    search = _search(form)
    page = _page(request, search) if search else Page([], "", "", "")
    context = {"form": form, "page": page, "narrowed": any(request.GET.get(name) for name in form.fields)}
    return render(request, "desk/oversight/audit.html", context, status=200 if search else 422)


@needs(Permission.VIEW_AUDIT)
def months(request: StaffRequest) -> HttpResponse:
    """Where the months of the trail are, and how far they are sealed."""
    newest = seals.newest()
    context = {
        "months": kept_months.months(),
        "archived": AuditArchive.objects.order_by("-until"),
        "folder": kept_months.folder(),
        "seal": newest,
        "open": AuditEntry.objects.filter(pk__gt=newest.last_id if newest else 0).count(),
    }
    return render(request, "desk/oversight/months.html", context)


def _search(form: SearchForm) -> Search | None:
    """None when the form is not valid; its errors then say why."""
    if not form.is_valid():
        return None
    data = form.cleaned_data
    try:
        about, subject_id = _subject(data["about"], data["number"])
    except DomainError as refusal:
        form.add_error("number", str(refusal))
        return None
    person = data["person"]
    return Search(
        actor_id=int(person) if person and person != LAOKE else None,
        nobody=person == LAOKE,
        actions=[data["action"]] if data["action"] else [],
        subject_type=about,
        subject_id=subject_id,
        since=data["since"],
        until=data["until"],
    )


def _subject(about: str, number: str) -> tuple[str, int | None]:
    """C0000012 is a customer, C-31 a complaint, a plain number the one of what was chosen."""
    written = number.strip().upper()
    if not written:
        return about, None
    if written.startswith("C-") and written[2:].isdecimal() and len(written) < 20:
        return "case", int(written[2:])
    if written.isdecimal() and len(written) < 19 and about:
        return about, int(written)
    return "customer", requests.customer_numbered(written).pk


def _page(request: StaffRequest, search: Search) -> Page:
    rows = list(trail.behind(trail.entries(search), _place(request.GET.get("after", "")))[: SHOWN + 1])
    shown = rows[:SHOWN]
    cursor = f"{shown[-1].at.timestamp():.6f}_{shown[-1].pk}" if len(rows) > SHOWN else ""
    return page_behind(request, list(lines(shown)), cursor)


def _place(cursor: str) -> Place | None:
    moment, _sign, pk = cursor.partition("_")
    try:
        return Place(datetime.fromtimestamp(float(moment), tz=timezone.get_default_timezone()), int(pk))
    except (ValueError, OverflowError, OSError):
        return None


def lines(entries: Iterable[AuditEntry]) -> Iterator[Line]:
    """The entries in the reader's language."""
    staff = staff_names()
    return (_line(entry, staff) for entry in entries)


def _line(entry: AuditEntry, staff: Mapping[int, str]) -> Line:
    return Line(
        entry.at,
        str(entry.actor) if entry.actor else _("Laoke itself"),
        action(entry.action),
        _about(entry),
        particulars(entry.action, entry.detail, staff),
    )


def _about(entry: AuditEntry) -> str:
    if not entry.subject_type or entry.subject_id is None:
        return ""
    words = str(SUBJECTS.get(entry.subject_type, entry.subject_type))
    if entry.subject_type == "customer":
        return f"{words} {number_of(entry.subject_id)}"
    return f"{words} C-{entry.subject_id}" if entry.subject_type == "case" else f"{words} {entry.subject_id}"


@needs(Permission.VIEW_AUDIT)
@require_POST
def export(request: StaffRequest) -> HttpResponseBase:
    """The lines that were asked for as a file, at most a hundred thousand; taking it out is itself on record."""
    form = SearchForm(request.POST)
    search = _search(form)
    if search is None:
        context = {"form": form, "page": Page([], "", "", ""), "narrowed": True}
        return render(request, "desk/oversight/audit.html", context, status=422)
    asked = {name: str(value) for name, value in form.cleaned_data.items() if value}
    trail_of.record(request.user, "trail.exported", None, at=now(), asked=asked)
    entries = trail.all_of(search, most=MOST_EXPORTED)
    response = StreamingHttpResponse(csv_cells.lines(_cells(entries)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _cells(entries: Iterable[AuditEntry]) -> Iterator[list[str]]:
    yield [_("When"), _("Who"), _("What"), _("About"), _("Details"), _("Code")]
    staff = staff_names()
    for entry in entries:
        row = _line(entry, staff)
        when = mall_time(entry.at).isoformat(sep=" ", timespec="seconds")
        yield [when, row.who, row.what, row.about, row.detail, entry.action]
