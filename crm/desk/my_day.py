"""My day: one ranked queue of work, finishable by keyboard."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from crm.accounts.permissions import StaffRequest, may, needs
from crm.accounts.roles import Permission, Scope, rights_of
from crm.desk.today import now, today
from crm.lib.errors import DomainError
from customers import todo
from customers.models import Contact, Standing, Todo
from segmentation import queries

SHOWN = 25
LANDING = (
    (Permission.LIST_CUSTOMERS, "desk:customers"),
    (Permission.FIND_CUSTOMER, "desk:find"),
    (Permission.VIEW_RULES, "desk:rules"),
    (Permission.VIEW_NIGHTS, "desk:nights"),
)


class SnoozeForm(forms.Form):
    until = forms.DateField(label=gettext_lazy("Show again on"), widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label=gettext_lazy("Why it can wait"), max_length=200)


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
    user, day = request.user, today()
    queue = todo.queue(user, day)
    everything = request.GET.get("show") == "all"
    rows = list(queue if everything else queue[: SHOWN + 1])
    more = not everything and len(rows) > SHOWN
    promises = queue.filter(reason=Todo.Reason.PROMISE).count()
    book = queries.standings(user, day)
    contacts = Contact.objects.filter(by=user, at__gte=now() - timedelta(days=7)).count()
    return render(
        request,
        "desk/my_day.html",
        {
            "today": day,
            "rows": [_row(item, day) for item in rows[:SHOWN] if item] if more else [_row(item, day) for item in rows],
            "more": more,
            "waiting": queue.count(),
            "book": book.count(),
            "capacity": user.capacity if rights_of(user.role).scope == Scope.OWN else None,
            "big": book.filter(customer_class=Standing.Class.BIG).count(),
            "alerts": queries.open_alerts(user, day).count(),
            "promises": promises,
            "contacts": contacts,
            "snooze_form": SnoozeForm(initial={"until": day + timedelta(days=7)}),
        },
    )


def _row(item: Todo, day: Any) -> dict[str, Any]:
    return {
        "todo": item,
        "customer": item.customer,
        "standing": item.customer.standing,
        "reason": reason(item),
        "icon": {"alert": "alert-triangle", "promise": "clock", "contact": "phone", "tier": "chart-bar"}.get(item.reason, "trending-up"),
        "tone": "red" if item.reason == "promise" and item.due_on < day else "amber" if item.reason == "alert" else "blue",
        "pinned": item.reason == Todo.Reason.PROMISE and item.due_on < day,
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
        todo.complete(pk, by=request.user, at=now())
        messages.success(request, _("Done"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:my_day")


@needs(Permission.MY_DAY)
@require_POST
def reopen(request: StaffRequest, pk: int) -> HttpResponse:
    try:
        todo.reopen(pk, by=request.user, at=now())
        messages.success(request, _("Back in the queue"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:my_day")


@needs(Permission.MY_DAY)
@require_POST
def snooze(request: StaffRequest, pk: int) -> HttpResponse:
    form = SnoozeForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give a day and a reason: the task stays in the queue."))
        return redirect("desk:my_day")
    try:
        todo.snooze(pk, by=request.user, at=now(), **form.cleaned_data)
        messages.success(request, _("Put off until %(day)s") % {"day": form.cleaned_data["until"].isoformat()})
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:my_day")
