"""My day: one ranked queue of work, finishable by keyboard."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import reswap, retarget, trigger_client_event

from complaints.queries import Filters, cases_for, in_order
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, mask, may, needs
from core.accounts.roles import Field, Permission, Scope, rights_of
from core.lib.errors import DomainError
from crm.desk.paging import page_of
from crm.desk.today import now, today
from customers import todo
from customers.models import Standing, Todo
from customers.queries import contacts_of
from segmentation import queries

SHOWN = 25
CONTACTS_SHOWN = 50
CONTACT_DAYS = 7
URGENT = 3
A_WEEK = timedelta(days=7)
LANDING = (
    (Permission.LIST_CUSTOMERS, "desk:customers"),
    (Permission.WORK_COMPLAINTS, "desk:complaints"),
    (Permission.FIND_CUSTOMER, "desk:find"),
    (Permission.VIEW_RULES, "desk:rules"),
    (Permission.VIEW_NIGHTS, "desk:nights"),
)


ICONS = {"alert": "alert-triangle", "promise": "clock", "contact": "phone", "tier": "chart-bar"}


class SnoozeForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why it can wait"), max_length=200, widget=forms.TextInput(attrs={"autofocus": True})
    )
    until = forms.DateField(
        label=gettext_lazy("Show again on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


def home(request: StaffRequest) -> HttpResponse:
    """My day for those who have one; otherwise the first page the role works on."""
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
    return render(request, "desk/work/my_day.html", _day(request, request.GET))


def _day(request: StaffRequest, view: QueryDict) -> dict[str, Any]:
    """The day as it stands; `view` narrows the queue to one reason or shows all of it."""
    user, day = request.user, today()
    queue = todo.queue(user, day)
    counts = dict(queue.order_by().values_list("reason").annotate(Count("pk")))
    chosen = view.get("reason", "") if view.get("reason") in counts else ""
    if chosen:
        queue = queue.filter(reason=chosen)
    waiting = counts[chosen] if chosen else sum(counts.values())
    shown = list(queue if view.get("show") == "all" else queue[:SHOWN])
    book = queries.standings(user, day)
    cases = cases_for(user, now(), Filters(open=True))
    return {
        "today": day,
        "rows": [_row(item, user, day) for item in shown],
        "waiting": waiting,
        "rest": _address(view, show="all") if waiting > len(shown) else "",
        "reasons": [
            {"label": label, "count": counts[value], "url": f"?reason={value}", "active": value == chosen}
            for value, label in Todo.Reason.choices
            if value in counts
        ],
        "all_count": sum(counts.values()),
        "all_active": not chosen,
        **book.aggregate(book=Count("pk"), big=Count("pk", filter=Q(customer_class=Standing.Class.BIG))),
        "capacity": user.capacity if rights_of(user.role).scope == Scope.OWN else None,
        "alerts": queries.open_alerts(user, day).count(),
        **cases.aggregate(complaints=Count("pk"), missed=Count("pk", filter=Q(breached=True))),
        "urgent": in_order(cases.filter(served_as=Standing.Class.BIG)).select_related("customer")[:URGENT],
        "contacts": contacts_of(user, day, days=CONTACT_DAYS).count(),
        "contact_days": CONTACT_DAYS,
        "finished": [_row(item, user, day) for item in todo.finished(user, day)[:SHOWN]],
        "put_off": [_row(item, user, day) for item in todo.put_off(user, day)[:SHOWN]],
    }


def _address(view: QueryDict, **changes: str) -> str:
    kept = view.copy()
    kept.update(changes)
    return f"?{kept.urlencode()}"


def _row(item: Todo, user: User, day: Any) -> dict[str, Any]:
    late = item.reason == Todo.Reason.PROMISE and item.is_late(now())
    return {
        "todo": mask(user, item, at_stake=Field.VALUE),
        "customer": item.customer,
        "reason": reason(item),
        "icon": ICONS.get(item.reason, "trending-up"),
        "tone": "red" if late else "amber" if item.reason == "alert" else "blue",
        "pinned": late,
        "age": (day - item.due_on).days,
    }


def reason(item: Todo) -> str:
    """The one-line reason of a task, in the reader's language."""
    text = item.text
    if item.reason == Todo.Reason.ALERT and "usual_days" in text:
        return _("Usually buys every %(usual)d days; quiet for %(quiet)d, personal limit %(limit)d.") % {
            "usual": round(text["usual_days"]),
            "quiet": text["quiet_days"],
            "limit": round(text["limit_days"]),
        }
    if item.reason == Todo.Reason.PROMISE:
        return _("Promised: %(text)s") % {"text": text.get("promise") or text.get("text") or text.get("words") or "…"}
    if item.reason == Todo.Reason.TIER:
        return _("%(level)s ends unless %(missing)s more is bought by %(by)s.") % text
    return str(item.get_reason_display())


@needs(Permission.MY_DAY)
@require_POST
def complete(request: StaffRequest, pk: int) -> HttpResponse:
    try:
        item = todo.complete(pk, by=request.user, at=now())
    except DomainError as refusal:
        return _answer(request, str(refusal), tone="error")
    return _answer(
        request, _("Done: %(name)s") % {"name": item.customer.name}, undo=reverse("desk:todo_reopen", args=[pk])
    )


@needs(Permission.MY_DAY)
@require_POST
def reopen(request: StaffRequest, pk: int) -> HttpResponse:
    try:
        todo.reopen(pk, by=request.user, at=now())
    except DomainError as refusal:
        return _answer(request, str(refusal), tone="error")
    return _answer(request, _("Back in the queue"))


@needs(Permission.MY_DAY)
@require_http_methods(["GET", "POST"])
def snooze(request: StaffRequest, pk: int) -> HttpResponse:
    """The form as a drawer over My day, or as a page of its own; a refused one keeps what was typed."""
    item = todo.task_for(request.user, pk, today())
    form = SnoozeForm(request.POST if request.method == "POST" else None, initial={"until": today() + A_WEEK})
    if request.method == "POST" and form.is_valid():
        try:
            todo.snooze(pk, by=request.user, at=now(), **form.cleaned_data)
        except DomainError as refusal:
            form.add_error("reason" if getattr(refusal, "code", "") == "snooze_reason" else "until", str(refusal))
        else:
            text = _("Put off until %(day)s: %(name)s") % {
                "day": form.cleaned_data["until"].isoformat(),
                "name": item.customer.name,
            }
            answer = _answer(request, text, undo=reverse("desk:todo_reopen", args=[pk]))
            return trigger_client_event(answer, "closeDrawer") if request.htmx else answer
    template = "desk/work/snooze.html#form" if request.htmx else "desk/work/snooze.html"
    context = {"form": form, "row": _row(item, request.user, today())}
    return render(request, template, context, status=422 if form.errors else 200)


def _answer(request: StaffRequest, text: str, *, tone: str = "success", undo: str = "") -> HttpResponse:
    """The day as it now is, with a word on what happened and the way back; a plain form is sent to the page."""
    if not request.htmx:
        messages.add_message(request, messages.ERROR if tone == "error" else messages.SUCCESS, text, extra_tags=undo)
        return redirect("desk:my_day")
    seen = urlsplit(request.htmx.current_url or "")
    answer = render(request, "desk/work/my_day.html#day", _day(request, QueryDict(seen.query)))
    told: dict[str, Any] = {"text": text, "tone": tone}
    if undo:
        told["undo"] = {"url": undo, "target": "#day", "swap": "outerHTML"}
    return retarget(reswap(trigger_client_event(answer, "toast", told), "outerHTML"), "#day")


@needs(Permission.MY_DAY)
def contacts(request: StaffRequest) -> HttpResponse:
    """The talks that My day counts."""
    talks = contacts_of(request.user, today(), days=CONTACT_DAYS)
    context = {"days": CONTACT_DAYS, "count": talks.count(), "page": page_of(request, talks, CONTACTS_SHOWN)}
    return render(request, "desk/work/contacts.html", context)
