"""Causes that keep coming back, and what is done about each: planned, done, worked, given up."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints.afterwards import root_causes
from complaints.models import CorrectiveAction
from complaints.queries import Filters
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.choices import read_once
from crm.desk.complaints.forms import PlanForm
from crm.desk.complaints.queue.links import address_of
from crm.desk.editing import edit
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
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
@takeable("corrective-actions", people=False)
def actions(request: StaffRequest) -> HttpResponse:
    return _page(request)


def _page(request: StaffRequest, refused: CorrectiveAction | None = None, form: PlanForm | None = None) -> HttpResponse:
    """The page; a plan that was refused stands on it as it was typed."""
    rows = CorrectiveAction.objects.select_related("root_cause__department", "owner")
    running = rows.filter(status__in=root_causes.RUNNING).order_by("due_on", "pk")
    ended = rows.exclude(status__in=root_causes.RUNNING).order_by("-ended_on", "-pk")
    counts = root_causes.cases_behind(request.user, running, at=now())
    shown = [_row(action, request.user, counts, form if action == refused else None) for action in running]
    read_once(row.form for row in shown)
    context = {"rows": shown, "ended": page_of(request, ended, ENDED)}
    return render(request, "desk/complaints/actions.html", context, status=422 if form else 200)


def _row(action: CorrectiveAction, user: User, counts: Mapping[int, int], form: PlanForm | None) -> Row:
    return Row(
        action,
        late=action.status == CorrectiveAction.Status.OPEN and action.due_on < today(),
        cases=counts.get(action.pk, 0),
        href=address_of(Filters(matter=root_causes.behind(action, at=now()))),
        form=form or _form(action),
        mine=_may_act(user, action),
    )


def _form(action: CorrectiveAction, data: QueryDict | None = None) -> PlanForm:
    form = PlanForm(data, auto_id=f"plan-{action.pk}-%s")
    form.initial = form.shown(action)
    return form


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
    form = _form(action, request.POST)

    def plan(row: CorrectiveAction, data: dict[str, Any]) -> CorrectiveAction:
        if data["target_rate"] == form.shown(row)["target_rate"]:
            data["target_rate"] = row.target_rate  # the form shows it rounded
        return root_causes.plan_action(row.pk, by=request.user, at=now(), **data)

    return (
        redirect("desk:complaint_actions")
        if edit(request, form, action, plan, _("Stored"))
        else _page(request, action, form)
    )


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
