"""Causes that keep coming back, and what is done about each: planned, done, worked, given up."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints.afterwards import root_causes
from complaints.models import CorrectiveAction
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.choices import read_once
from crm.desk.complaints.forms import PlanForm
from crm.desk.today import now, today

ENDED = 20


class Row(NamedTuple):
    action: CorrectiveAction
    late: bool
    cases: int
    href: str
    form: PlanForm
    mine: bool


@needs(Permission.WORK_COMPLAINTS)
def actions(request: StaffRequest) -> HttpResponse:
    rows = CorrectiveAction.objects.select_related("root_cause__department", "owner").prefetch_related("cases")
    running = rows.filter(status__in=root_causes.RUNNING).order_by("due_on", "pk")
    ended = rows.exclude(status__in=root_causes.RUNNING).order_by("-ended_on")[:ENDED]
    shown = [_row(action, request.user) for action in running]
    read_once(row.form for row in shown)
    return render(request, "desk/complaints/actions.html", {"rows": shown, "ended": ended})


def _row(action: CorrectiveAction, user: User) -> Row:
    return Row(
        action,
        late=action.status == CorrectiveAction.Status.OPEN and action.due_on < today(),
        cases=len(action.cases.all()),
        href=_cases_of(action),
        form=PlanForm(
            auto_id=f"plan-{action.pk}-%s",
            initial={
                "title": action.title,
                "owner": action.owner_id,
                "due_on": action.due_on,
                "target_rate": round(action.target_rate, 2),
            },
        ),
        mine=_may_act(user, action),
    )


def _cases_of(action: CorrectiveAction) -> str:
    query: dict[str, Any] = {"list": "every", "root_cause": action.root_cause_id}
    if action.product_ref:
        query["product"] = action.product_ref
    return f"{reverse('desk:complaints')}?{urlencode(query)}"


def _may_act(user: User, action: CorrectiveAction) -> bool:
    """The head of the desk, or the one who sees to it."""
    return may(user, Permission.LEAD_COMPLAINTS) or action.owner_id == user.pk


def _action_for(user: User, pk: int) -> CorrectiveAction:
    action = CorrectiveAction.objects.filter(pk=pk).first()
    if action is None or not _may_act(user, action):
        raise Http404
    return action


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def plan(request: StaffRequest, pk: int) -> HttpResponse:
    action = _action_for(request.user, pk)
    form = PlanForm(request.POST)
    if form.is_valid():
        data: dict[str, Any] = form.cleaned_data
        press(request, lambda: root_causes.plan_action(action.pk, by=request.user, at=now(), **data), _("Stored"))
    else:
        messages.error(request, _("Say what is to change, by whom and until when."))
    return redirect("desk:complaint_actions")


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def done(request: StaffRequest, pk: int) -> HttpResponse:
    action = _action_for(request.user, pk)
    press(request, lambda: root_causes.mark_done(action.pk, by=request.user, on=today(), at=now()), _("Stored"))
    return redirect("desk:complaint_actions")


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def close(request: StaffRequest, pk: int) -> HttpResponse:
    """It worked."""
    action = _action_for(request.user, pk)
    press(request, lambda: root_causes.close_action(action.pk, by=request.user, on=today(), at=now()), _("Stored"))
    return redirect("desk:complaint_actions")


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    """Given up, with the reason on record."""
    action = _action_for(request.user, pk)
    reason = request.POST.get("reason", "")[:200]
    press(
        request,
        lambda: root_causes.drop_action(action.pk, by=request.user, on=today(), at=now(), reason=reason),
        _("Stored"),
    )
    return redirect("desk:complaint_actions")
