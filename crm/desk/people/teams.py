"""Teams, and the centres above them."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts import staff
from core.accounts.models import Team
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.editing import edit, onto
from crm.desk.people.forms import TeamForm
from crm.desk.takeout.taking import takeable
from crm.desk.today import now

BESIDE = {"name": "name", "centre": "centre"}


@needs(Permission.MANAGE_STAFF)
@takeable("teams", people=False)
def teams(request: StaffRequest) -> HttpResponse:
    """Every team with its people and their customers. POST makes one."""
    form = TeamForm(request.POST or None, label_suffix="")

    def make(data: dict[str, Any]) -> Team:
        return staff.save_team(None, **data, by=request.user, at=now())

    if request.method == "POST" and submit(request, form, make, _("Saved"), beside=BESIDE):
        return redirect("desk:teams")
    people = Count("members", filter=Q(members__is_active=True), distinct=True)
    rows = Team.objects.select_related("centre").annotate(
        people=people, customers=Count("members__book", distinct=True)
    )
    return render(
        request,
        "desk/people/teams.html",
        {"teams": rows.order_by("centre__name", "name"), "form": form},
        status=422 if form.errors else 200,
    )


@needs(Permission.MANAGE_STAFF)
def team(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Team, pk=pk)
    form = TeamForm(request.POST or None, instance=row, label_suffix="")

    def save(locked: Team, data: dict[str, Any]) -> Team:
        wanted = onto(form, locked)
        return staff.save_team(locked, name=wanted.name, centre=wanted.centre, by=request.user, at=now())

    if request.method == "POST" and edit(request, form, row, save, _("Saved")):
        return redirect("desk:teams")
    return render(
        request,
        "desk/people/team.html",
        {"team": row, "form": form, "members": row.members.filter(is_active=True).order_by("full_name")},
        status=422 if form.errors else 200,
    )


@needs(Permission.MANAGE_STAFF)
@require_POST
def drop_team(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Team, pk=pk)
    if press(request, lambda: staff.drop_team(row, by=request.user, at=now()), _("The team is gone.")):
        return redirect("desk:teams")
    return redirect("desk:team", pk)
