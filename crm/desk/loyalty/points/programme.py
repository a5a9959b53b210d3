"""The programme of points: what it owes, what waits for a decision, and its rules in versions."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.desk.acting import press, submit
from crm.desk.editing import edit
from crm.desk.loyalty.points.forms import RulesForm
from crm.desk.loyalty.points.programme_page import context_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import customer_for
from loyalty import rulebook
from loyalty.models import PointAdjustment, PointRules
from loyalty.points import adjustments
from loyalty.points import rules as point_rules


@needs(Permission.VIEW_POINT_REPORTS)
@takeable("points")
def programme(request: StaffRequest) -> HttpResponse:
    return _page(request)


def _page(request: StaffRequest, *, form: RulesForm | None = None) -> HttpResponse:
    rules = point_rules.in_force(now())
    context = context_of(request, rules, at=now())
    context["waits"] = changes.waiting(rulebook.RULES)
    context["rules_form"] = form or RulesForm(instance=rules, initial={"reason": ""})
    return render(request, "desk/loyalty/points/programme.html", context, status=422 if form and form.errors else 200)


@needs(Permission.EDIT_POINTS)
@require_POST
def save_rules(request: StaffRequest) -> HttpResponse:
    """A change of the version in force by what was changed in the form: worked out, it waits for a second person."""
    form, at, last = RulesForm(request.POST), now(), point_rules.in_force(now())
    proposed: list[RuleChange] = []

    def save(data: dict[str, Any]) -> None:
        content = rulebook.content_of(PointRules(**{name: data[name] for name in rulebook.FIELDS if name in data}))
        change = changes.propose(
            rulebook.RULES, content, starts_on=data["starts_on"], reason=data["reason"], by=request.user, at=at
        )
        proposed.append(change)

    def save_after(before: PointRules, data: dict[str, Any]) -> None:
        if PointRules.objects.filter(version__gt=before.version, starts_at__lte=at).exists():
            raise DomainError(
                _("Somebody has just put another version in force. Save again to change that one."), code="changed"
            )
        save(data)

    done = edit(request, form, last, save_after, "") if last else submit(request, form, save, "")
    return redirect("desk:rule_change", proposed[0].pk) if done else _page(request, form=form)


@needs(Permission.APPROVE_POINTS)
@require_POST
def agree(request: StaffRequest, pk: int) -> HttpResponse:
    """The points move: a second person has agreed."""
    return _decide(request, pk, agreed=True)


@needs(Permission.APPROVE_POINTS)
@require_POST
def refuse(request: StaffRequest, pk: int) -> HttpResponse:
    """Nothing moves: a second person has refused."""
    return _decide(request, pk, agreed=False)


def _decide(request: StaffRequest, pk: int, *, agreed: bool) -> HttpResponse:
    adjustment = PointAdjustment.objects.filter(pk=pk).first()
    if adjustment is None:
        raise Http404
    customer_for(request.user, adjustment.account_id, today())
    press(
        request,
        lambda: adjustments.decide(pk, agreed=agreed, by=request.user, at=now()),
        lambda decided: str(PointAdjustment.State(decided.state).label),
    )
    return redirect("desk:point_programme")
