"""The work list and the board: the same named lists, the same order, the same counts."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints import matters, queries
from complaints.cases import lifecycle, priority, routing
from complaints.matters import Matter
from complaints.models import Case, Queue, QueueMember
from complaints.models.cases import OPEN
from complaints.queries import Filters
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs, sees
from core.accounts.roles import Field, Permission
from crm.desk.acting import press
from crm.desk.complaints.forms import FilterForm
from crm.desk.complaints.wording import Status, in_words, tone_of
from crm.desk.paging import Page, page_behind, page_of, rows_at_once
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from crm.flows import call
from customers import todo
from customers.models import Todo

PAGE = 50
TILES = 20
CALLS = 20
TIMES = ("opened_from", "opened_until", "resolved_from", "resolved_until")
LISTS = {
    "mine": gettext_lazy("Mine"),
    "all": gettext_lazy("Open"),
    "unassigned": gettext_lazy("Nobody's"),
    "anonymous": gettext_lazy("Anonymous callers"),
    "due_soon": gettext_lazy("Due within the hour"),
    "breached": gettext_lazy("Promise missed"),
    "big": gettext_lazy("Big customers"),
    "look": gettext_lazy("Wrote again"),
    "asked": gettext_lazy("Asked of me"),
    "approve": gettext_lazy("To approve"),
    "give": gettext_lazy("Remedy to give"),
    "owed": gettext_lazy("Remedy late"),
    "unsent": gettext_lazy("E-mail to send"),
    "finished": gettext_lazy("Solved"),
    "every": gettext_lazy("All"),
}
WAITING = ("asked", "approve", "give", "owed", "unsent")
UNCOUNTED = ("finished", "every")
ONLY_WHEN_SOME = ("unassigned", "anonymous", "big", "look", "asked", "approve", "give", "owed", "unsent")
COLUMNS = (Status.NEW, Status.IN_PROGRESS, Status.WAITING_CUSTOMER, Status.WAITING_INTERNAL, Status.RESOLVED)


def the_list(name: str, user: User, at: datetime) -> QuerySet[Case]:
    """One of the lists, unordered: its length is the number on its tab."""
    if name in WAITING:
        return queries.cases_for(user, at).filter(pk__in=queries.waiting_for(user, at)[name])
    if name in UNCOUNTED:
        return queries.cases_for(user, at, Filters(open=False) if name == "finished" else Filters())
    return queries.cases_for(user, at, Filters(open=True)).filter(queries.work_lists(user, at)[name])


def _filters(chosen: dict[str, Any]) -> Filters:
    """What the form, or a number of the reports, narrows the list to."""
    rows = ("queue", "owner", "category", "root_cause", "department")
    more: dict[str, Any] = {f"{name}_id": chosen[name].pk for name in rows if chosen.get(name)}
    more |= {name: _instant(chosen.get(name)) for name in TIMES}
    return Filters(
        status=chosen.get("status") or "",
        served_as=chosen.get("served_as"),
        customer_id=chosen.get("customer"),
        product_ref=chosen.get("product") or "",
        reopened=bool(chosen.get("reopened")),
        open=chosen.get("open"),
        logged_late=bool(chosen.get("logged_late")),
        counted=bool(chosen.get("counted")),
        breached=True if chosen.get("breached") else None,
        unassigned=bool(chosen.get("unassigned")),
        matter=matters.read(chosen.get("matter") or ""),
        **more,
    )


def _instant(stamp: int | None) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if stamp else None


def _says_nothing(value: Any) -> bool:
    """A filter that narrows nothing. The class Random is 0, and narrows."""
    return value is None or value is False or value == ""


def address_of(filters: Filters) -> str:
    """The list behind a number: the same filter, as an address."""
    query: dict[str, Any] = {"list": "every"}
    for name, value in vars(filters).items():
        if _says_nothing(value):
            continue
        if name in TIMES:
            query[name] = int(value.timestamp())
        elif isinstance(value, Matter):
            query[name] = value.written
        else:
            query["product" if name == "product_ref" else name.removesuffix("_id")] = 1 if value is True else value
    if filters.open is False:
        query["open"] = 0
    return f"{reverse('desk:complaints')}?{urlencode(query)}"


@dataclass(frozen=True)
class Tab:
    href: str
    label: str | Promise
    count: int | str
    active: bool


def _which(request: StaffRequest) -> str:
    """The list asked for; at first what is mine, or everything open when nothing is."""
    name = request.GET.get("list", "")
    if name in LISTS:
        return name
    return "mine" if the_list("mine", request.user, now()).exists() else "all"


def _tabs(request: StaffRequest, chosen: str, page: str) -> list[Tab]:
    at = now()
    tabs: list[Tab] = []
    counts = queries.counts(request.user, at)
    counts |= {name: the_list(name, request.user, at).count() for name in WAITING}
    for name, label in LISTS.items():
        count = counts.get(name, "")
        if count == 0 and name in ONLY_WHEN_SOME and name != chosen:
            continue
        tabs.append(Tab(f"{reverse(page)}?list={name}", label, count, name == chosen))
    return tabs


@needs(Permission.WORK_COMPLAINTS)
@takeable("complaints")
def queue(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    chosen: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    name = _which(request)
    rows = queries.narrowed(the_list(name, request.user, now()), _filters(chosen))
    behind = _behind(rows, chosen.get("after", ""), newest_first=name in UNCOUNTED)
    # The order is found on the cases alone: only those of the page are joined with their people.
    size = rows_at_once(request, PAGE)
    ids = list(behind.values_list("pk", flat=True)[: size + 1])
    cases = Case.objects.select_related("customer", "category", "owner", "queue").in_bulk(ids[:size])
    shown = [_row(cases[pk], request.user) for pk in ids[:size]]
    return render(
        request,
        "desk/complaints/queue.html",
        {
            "form": form,
            "chosen": name,
            "tabs": _tabs(request, name, "desk:complaints"),
            "calls": _calls(request),
            "page": page_behind(request, shown, _cursor(shown[-1].case) if len(ids) > size else ""),
            "filtered": any(not _says_nothing(value) for key, value in chosen.items() if key != "after"),
        },
    )


def _cursor(case: Case) -> str:
    return f"{case.priority}_{case.next_due_at.timestamp() if case.next_due_at else ''}_{case.pk}"


def _behind(rows: QuerySet[Case], after: str, *, newest_first: bool) -> QuerySet[Case]:
    """The rows behind the cursor: no page is read twice and none is skipped, however long the list."""
    cursor = re.fullmatch(r"([1-4])_(\d+(?:\.\d+)?)?_(\d{1,18})", after)
    if newest_first:
        return (rows.filter(pk__lt=int(cursor[3])) if cursor else rows).order_by("-pk")
    if cursor:
        priority_, stamp, pk = int(cursor[1]), cursor[2], int(cursor[3])
        if stamp:
            due = datetime.fromtimestamp(float(stamp), UTC)
            later = Q(next_due_at__gt=due) | Q(next_due_at=due, pk__gt=pk) | Q(next_due_at__isnull=True)
        else:
            later = Q(next_due_at__isnull=True, pk__gt=pk)
        rows = rows.filter(Q(priority__gt=priority_) | Q(priority=priority_) & later)
    return queries.in_order(rows)


class Row(NamedTuple):
    case: Case
    tone: str
    why: str
    claimable: bool


def _row(case: Case, user: User) -> Row:
    why = priority.wording(case, with_value=sees(user, Field.VALUE))
    return Row(case, tone_of(case), why, claimable=case.owner_id is None and case.is_open)


@dataclass(frozen=True)
class Column:
    label: str
    count: int
    rows: list[Row]
    more: int


class Call(NamedTuple):
    """A call this person has promised."""

    todo: Todo
    case: int
    when: str
    late: bool


def _calls(request: StaffRequest) -> Page:
    return _of_calls(page_of(request, call.waiting(request.user, now()), CALLS, "calls"))


def _everybodys_calls(request: StaffRequest) -> Page:
    return _of_calls(page_of(request, call.everybodys(now()), CALLS, "all_calls"))


def _of_calls(page: Page) -> Page:
    at = now()
    return page.of([Call(row, row.text["case"], in_words(row.due_at or at), row.is_late(at)) for row in page.rows])


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def call_made(request: StaffRequest, pk: int) -> HttpResponse:
    """The promise is kept; who promised it need not have a day of their own."""
    press(
        request,
        lambda: todo.complete(pk, by=request.user, at=now()),
        lambda row: _("Done: %(name)s") % {"name": row.customer.name},
    )
    return redirect("desk:complaints")


@needs(Permission.WORK_COMPLAINTS)
def board(request: StaffRequest) -> HttpResponse:
    name = _which(request)
    user, at = request.user, now()
    rows = the_list(name, user, at)
    shown = COLUMNS if name in UNCOUNTED else [status for status in COLUMNS if status in OPEN]
    columns = []
    for status in shown:
        here = rows.filter(status=status)
        count = here.count()
        top = queries.in_order(here).select_related("customer", "owner")[:TILES]
        columns.append(Column(str(status.label), count, [_row(case, user) for case in top], max(0, count - TILES)))
    return render(
        request,
        "desk/complaints/board.html",
        {
            "chosen": name,
            "tabs": _tabs(request, name, "desk:complaint_board"),
            "columns": columns,
            "calls": _calls(request),
            "all_calls": _everybodys_calls(request) if may(user, Permission.LEAD_COMPLAINTS) else None,
            "loads": _loads() if may(user, Permission.LEAD_COMPLAINTS) else [],
        },
    )


class Load(NamedTuple):
    """What somebody has in one queue; `in_all` over all of theirs, where there are several."""

    queue: Queue
    user: User
    available: bool
    load: int
    capacity: int
    tone: str
    in_all: int | None = None


def _loads() -> list[Load]:
    """By person, so that nobody who works in several queues seems to have little."""
    loads, rows = routing.loads(), []
    members = list(QueueMember.objects.select_related("queue", "user").order_by("user__full_name", "queue__name"))
    queues = Counter(member.user_id for member in members)
    sums: Counter[int] = Counter()
    for member in members:
        sums[member.user_id] += loads.get((member.queue_id, member.user_id), 0)
    for member in members:
        load = loads.get((member.queue_id, member.user_id), 0)
        tone = "red" if load >= member.capacity else "blue"
        in_all = sums[member.user_id] if queues[member.user_id] > 1 else None
        rows.append(Load(member.queue, member.user, member.available, load, member.capacity, tone, in_all))
    return rows


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def claim(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a case from the list and stay there."""
    case = queries.case_for(request.user, pk, now())
    thanks = _("%(number)s is yours") % {"number": case.number}
    press(request, lambda: lifecycle.claim(case.pk, by=request.user, at=now()), thanks)
    return redirect(_list_of(request))


def _list_of(request: StaffRequest) -> str:
    """The list the button stood in, with its filters; never another site."""
    here = reverse("desk:complaints")
    came_from = request.META.get("HTTP_REFERER", "")
    return came_from if came_from.startswith(request.build_absolute_uri(here)) else here


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def find_number(request: StaffRequest) -> HttpResponse:
    """C-2043, or 2043, opens the case."""
    number = queries.by_number(request.POST.get("number", "")[:30])
    case = queries.cases_for(request.user, now()).filter(pk=number).first() if number else None
    if case is None:
        messages.error(request, _("There is no case with this number that you may see."))
        return redirect("desk:complaints")
    return redirect("desk:complaint", case.pk)
