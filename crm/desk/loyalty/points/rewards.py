"""What points buy, and what many purchase days are worth."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db.models import Q, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.editing import edit
from crm.desk.loyalty.points.forms import RewardForm, StepForm
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from loyalty.models import Redemption, Reward, VisitStep
from loyalty.points import catalogue as verbs

LATELY = timedelta(days=90)
SHOWN = 100


@needs(Permission.VIEW_POINT_REPORTS)
@takeable("rewards", people=False)
def catalogue(request: StaffRequest) -> HttpResponse:
    """What points buy, and what was redeemed in three months."""
    return _page(request, _empty())


def _empty() -> RewardForm:
    return RewardForm(initial={"key": uuid4()})


def _page(
    request: StaffRequest, form: RewardForm, editing: Reward | None = None, step_form: StepForm | None = None
) -> HttpResponse:
    lately = Q(redemptions__state=Redemption.State.DONE, redemptions__at__gt=now() - LATELY)
    rows = Reward.objects.annotate(taken=Sum("redemptions__quantity", filter=lately))
    context = {
        "page": page_of(request, rows.order_by("-active", "points", "pk"), SHOWN),
        "form": form,
        "editing": editing,
        "action": reverse("desk:reward", args=[editing.pk]) if editing else reverse("desk:reward_new"),
        "days": LATELY.days,
        "steps": VisitStep.objects.all(),
        "step_form": step_form or StepForm(),
    }
    refused = form.errors or (step_form and step_form.errors)
    return render(request, "desk/loyalty/points/rewards.html", context, status=422 if refused else 200)


@needs(Permission.EDIT_POINTS)
def new(request: StaffRequest) -> HttpResponse:
    form = RewardForm(request.POST) if request.method == "POST" else _empty()

    def offer(data: dict[str, Any]) -> Reward:
        return verbs.offer(by=request.user, at=now(), **_keyed(data))

    if request.method == "POST" and submit(request, form, offer, _saved):
        return redirect("desk:rewards")
    return _page(request, form)


@needs(Permission.EDIT_POINTS)
def reward(request: StaffRequest, pk: int) -> HttpResponse:
    """One reward in the form beside the list; what is sold while it stands there stays sold."""
    opened = get_object_or_404(Reward, pk=pk)
    row = get_object_or_404(Reward, pk=pk)
    form = RewardForm(request.POST or None, instance=row, initial={"key": uuid4()})

    def change(row: Reward, data: dict[str, Any]) -> Reward:
        return verbs.change(row.pk, by=request.user, at=now(), **_keyed(data))

    if request.method == "POST" and edit(request, form, opened, change, _saved):
        return redirect("desk:rewards")
    return _page(request, form, opened)


def _keyed(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"key": str(data["key"] or uuid4())}


def _saved(reward: Reward) -> str:
    if reward.stock is None:
        return _("%(reward)s is saved.") % {"reward": reward}
    return _("%(reward)s is saved, %(stock)d in stock.") % {"reward": reward, "stock": reward.stock}


@needs(Permission.EDIT_POINTS)
@require_POST
def add_step(request: StaffRequest) -> HttpResponse:
    """A new step of the ladder."""
    form = StepForm(request.POST)

    def add(data: dict[str, Any]) -> VisitStep:
        return verbs.add_step(by=request.user, at=now(), **data)

    if submit(request, form, add, _("Saved")):
        return redirect("desk:rewards")
    return _page(request, _empty(), step_form=form)


@needs(Permission.EDIT_POINTS)
@require_POST
def remove_step(request: StaffRequest, pk: int) -> HttpResponse:
    """One step of the ladder is taken away. Points already given stay."""
    get_object_or_404(VisitStep, pk=pk)
    press(request, lambda: verbs.remove_step(pk, by=request.user, at=now()), _("Removed"))
    return redirect("desk:rewards")
