"""The work list and the board: the same named lists, the same order, the same counts."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import lifecycle, routing
from complaints.models import Case, Queue, QueueMember
from complaints.models.cases import OPEN
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.complaints.wording import Status, in_words
from crm.desk.lists import answers, page
from crm.desk.lists.definition import SystemView
from crm.desk.lists.page import Tab
from crm.desk.paging import Page, page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from crm.flows import call
from customers import todo
from customers.models import Todo

TILES = 20
CALLS = 20
UNCOUNTED = ("finished", "every")
COLUMNS = (Status.NEW, Status.IN_PROGRESS, Status.WAITING_CUSTOMER, Status.WAITING_INTERNAL, Status.RESOLVED)


def _which(request: StaffRequest) -> SystemView:
    """The list asked for, or the one that the page opens with."""
    view = CASE_LIST.view(request.GET.get("list", ""))
    usual = CASE_LIST.opens_with(request.user, now()) if CASE_LIST.opens_with else ""
    return view or CASE_LIST.view(usual) or CASE_LIST.views[0]


def _tabs(request: StaffRequest, chosen: str) -> list[Tab]:
    """The views of the list as tabs of the board, with the same numbers."""
    numbers = page.lengths(CASE_LIST, request.user, now())
    return [
        Tab(view.label, view.key, f"?list={view.key}", view.key == chosen, numbers.get(view.key, ""))
        for view in CASE_LIST.views
        if not view.when_some or numbers[view.key] or view.key == chosen
    ]


@needs(Permission.WORK_COMPLAINTS)
@takeable("complaints")
def queue(request: StaffRequest) -> HttpResponse:
    return answers.show(request, CASE_LIST, "desk/complaints/queue.html", calls=_calls(request))


@dataclass(frozen=True)
class Column:
    label: str
    count: int
    rows: list[Case]
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
    view, user = _which(request), request.user
    rows = page.of_view(CASE_LIST, user, view.key, now())
    shown = COLUMNS if view.key in UNCOUNTED else [status for status in COLUMNS if status in OPEN]
    columns = []
    for status in shown:
        here = rows.filter(status=status)
        count = here.count()
        top = queries.in_order(here).select_related("customer", "owner")[:TILES]
        columns.append(Column(str(status.label), count, list(top), max(0, count - TILES)))
    return render(
        request,
        "desk/complaints/board.html",
        {
            "chosen": view.key,
            "tabs": _tabs(request, view.key),
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
