"""Visits of a leader: who was promised one this year, who has had it, and who is to go."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from care import leaders, plans
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.takeout.taking import takeable
from crm.desk.today import today

# From September on what is open is proposed.
PROPOSED_FROM = 9


@needs(Permission.WORK_PLAN)
@require_safe
@takeable("leader-visits")
def leader_visits(request: StaffRequest) -> HttpResponse:
    rows = leaders.due(plans.visible_to(request.user, today()), today().year)
    context = {
        "rows": rows,
        "figure": leaders.figure(rows),
        "year": today().year,
        "proposed": leaders.least_busy(today()) if today().month >= PROPOSED_FROM else None,
    }
    return render(request, "desk/plan/leaders.html", context)
