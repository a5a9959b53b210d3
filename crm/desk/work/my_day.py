"""My day: one ranked queue of work, finishable by keyboard."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import reswap, retarget, trigger_client_event

from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.jobs import runs
from core.lib.errors import DomainError
from crm.desk.acting import carried_out
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.desk.work import day
from crm.desk.work.forms import SnoozeForm
from customers import todo
from customers.models import Todo
from customers.queries import contacts_of

CONTACTS_SHOWN = 50
A_WEEK = timedelta(days=7)
LANDING = (
    (Permission.LIST_CUSTOMERS, "desk:customers"),
    (Permission.WORK_COMPLAINTS, "desk:complaints"),
    (Permission.FIND_CUSTOMER, "desk:find"),
    (Permission.ANSWER_QUESTIONS, "desk:questions"),
    (Permission.KEEP_PRIVACY, "desk:privacy"),
    (Permission.EDIT_MALL, "desk:settings"),
    (Permission.VIEW_RULES, "desk:rulebook"),
    (Permission.VIEW_NIGHTS, "desk:nights"),
)


def home(request: StaffRequest) -> HttpResponseBase:
    """My day for those who have one; otherwise the first page the role works on. A new mall begins with its first steps."""
    if may(request.user, Permission.MANAGE_STAFF) and not runs.first_night_is_over():
        return redirect("desk:first_steps")
    if may(request.user, Permission.MY_DAY):
        return my_day(request)
    for permission, page in LANDING:
        if may(request.user, permission):
            return redirect(page)
    return render(request, "403.html", status=403)


# The row of the permission table: other roles are sent to the page they work on.
home.permission = Permission.MY_DAY  # type: ignore[attr-defined]


@needs(Permission.MY_DAY)
def my_day(request: StaffRequest) -> HttpResponse:
    return render(request, "desk/work/my_day.html", day.context(request.user, request.GET))


@needs(Permission.MY_DAY)
@require_POST
def complete(request: StaffRequest, pk: int) -> HttpResponse:
    return _press(
        request,
        lambda: todo.complete(pk, by=request.user, at=now()),
        thanks=lambda item: _("Done: %(name)s") % {"name": item.customer.name},
        undo=reverse("desk:todo_reopen", args=[pk]),
    )


@needs(Permission.MY_DAY)
@require_POST
def reopen(request: StaffRequest, pk: int) -> HttpResponse:
    return _press(
        request, lambda: todo.reopen(pk, by=request.user, at=now()), thanks=lambda item: _("Back in the queue")
    )


@needs(Permission.MY_DAY)
@require_http_methods(["GET", "POST"])
def snooze(request: StaffRequest, pk: int) -> HttpResponse:
    """The form as a drawer over My day, or as a page of its own; a refused one keeps what was typed."""
    item = todo.task_for(request.user, pk, today())
    form = SnoozeForm(request.POST if request.method == "POST" else None, initial={"until": today() + A_WEEK})
    if form.is_bound and carried_out(
        form,
        lambda data: todo.snooze(pk, by=request.user, at=now(), **data),
        beside={"snooze_reason": "reason", "snooze_day": "until", "already_closed": "until"},
    ):
        text = _("Put off until %(day)s: %(name)s") % {
            "day": form.cleaned_data["until"].isoformat(),
            "name": item.customer.name,
        }
        response = answer(request, text, undo=reverse("desk:todo_reopen", args=[pk]))
        return trigger_client_event(response, "closeDrawer") if request.htmx else response
    template = "desk/work/snooze.html#form" if request.htmx else "desk/work/snooze.html"
    context = {"form": form, "row": day.row(item, request.user, today())}
    return render(request, template, context, status=422 if form.errors else 200)


def _press(
    request: StaffRequest, verb: Callable[[], Todo], *, thanks: Callable[[Todo], str], undo: str = ""
) -> HttpResponse:
    try:
        item = verb()
    except DomainError as refusal:
        return answer(request, str(refusal), tone="error")
    return answer(request, thanks(item), undo=undo)


def answer(request: StaffRequest, text: str, *, tone: str = "success", undo: str = "") -> HttpResponse:
    """The day as it now is, with a word on what happened and the way back; a plain form is sent to the page."""
    if not request.htmx:
        messages.add_message(request, messages.ERROR if tone == "error" else messages.SUCCESS, text, extra_tags=undo)
        return redirect("desk:my_day")
    view = QueryDict(urlsplit(request.htmx.current_url or "").query)
    response = render(request, "desk/work/my_day.html#day", day.context(request.user, view))
    toast: dict[str, Any] = {"text": text, "tone": tone}
    if undo:
        toast["undo"] = {"url": undo, "target": "#day", "swap": "outerHTML"}
    return retarget(reswap(trigger_client_event(response, "toast", toast), "outerHTML"), "#day")


@needs(Permission.MY_DAY)
@takeable("contacts")
def contacts(request: StaffRequest) -> HttpResponse:
    """The talks that My day counts."""
    rows = contacts_of(request.user, today(), days=day.CONTACT_DAYS)
    context = {"days": day.CONTACT_DAYS, "count": rows.count(), "page": page_of(request, rows, CONTACTS_SHOWN)}
    return render(request, "desk/work/contacts.html", context)
