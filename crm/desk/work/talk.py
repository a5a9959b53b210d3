"""What is done about a row without leaving the queue: a talk logged, an alert decided, in a drawer over My day."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out
from crm.desk.today import now, today
from crm.desk.work import day
from crm.desk.work.forms import DecideForm, TalkForm
from crm.desk.work.my_day import answer
from crm.flows import call
from customers import todo
from customers.models import Todo
from segmentation import alerts


@needs(Permission.LOG_CONTACT)
@require_http_methods(["GET", "POST"])
def talk(request: StaffRequest, pk: int) -> HttpResponse:
    """A talk about the row; saved, the row is done with it unless somebody says otherwise, and the next one is at hand."""
    item = todo.task_for(request.user, pk, today())
    form = TalkForm(request.POST if request.method == "POST" else None, task=item)

    def log(data: dict[str, Any]) -> call.Talked:
        closes = data.pop("closes", False)
        return call.talk(pk, closes=closes, by=request.user, at=now(), **data)

    beside = {"day_past": "promise_due_on", "hour_past": "promise_due_time", "promise_incomplete": "promise"}
    done = carried_out(form, log, beside=beside) if form.is_bound else None
    if done:
        text = _("Logged, and done: %(name)s") if done.result.closed else _("Logged; the task stays open: %(name)s")
        return _back(request, text % {"name": item.customer.name})
    return _form(
        request, form, item, title=_("Log contact"), button=_("Save"), url=reverse("desk:todo_talk", args=[pk])
    )


@needs(Permission.DECIDE_ALERTS)
@require_http_methods(["GET", "POST"])
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    """What is done about the alert of this row, by whom and until when: the row comes back on that day."""
    item = todo.task_for(request.user, pk, today())
    form = DecideForm(
        request.POST if request.method == "POST" else None, by=request.user, customer=item.customer, today=today()
    )

    def carry_out(data: dict[str, Any]) -> Any:
        return alerts.decide(item.alert_id or 0, by=request.user, at=now(), **data)

    if form.is_bound and carried_out(form, carry_out, beside={"decision_day": "due_on"}):
        return _back(request, _("Decided: %(name)s") % {"name": item.customer.name})
    return _form(request, form, item, title=_("Decide"), button=_("Decide"), url=reverse("desk:todo_decide", args=[pk]))


def _back(request: StaffRequest, text: str) -> HttpResponse:
    response = answer(request, text)
    return trigger_client_event(response, "closeDrawer") if request.htmx else response


def _form(request: StaffRequest, form: Any, item: Todo, *, title: str, button: str, url: str) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "button": button,
        "url": url,
        "name": item.customer.name,
        "words": day.row(item, request.user, today()).reason,
        "back": _("My day"),
        "back_url": reverse("desk:my_day"),
    }
    template = "desk/work/drawer.html#form" if request.htmx else "desk/work/drawer.html"
    return render(request, template, context, status=422 if form.errors else 200)
