"""Contact plans: the list behind the figure, one customer's own plan, and the rules."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from care import plans, rules
from care.models import CustomerPlan, PlanDue
from care.rulebook import RULES
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.desk.acting import carried_out, press, where_it_stood
from crm.desk.paging import page_of
from crm.desk.plan.answers import asked
from crm.desk.plan.forms import OwnPlanForm, RulesForm
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows.planning.days_off import working_days
from customers.access import customer_for

SHOWN = 50


class Row(NamedTuple):
    plan: PlanDue
    late: int


@needs(Permission.WORK_PLAN)
@require_safe
@takeable("plans")
def contact_plans(request: StaffRequest) -> HttpResponse:
    """Everybody with a plan: in time or late, those who wait longest first."""
    everybody, who = plans.visible_to(request.user, today()), request.GET.get("who", "")
    if who.isdecimal() and len(who) <= 18:
        everybody = everybody.filter(owner=int(who))
    kept, which = plans.kept(everybody, today()), request.GET.get("show", "")
    rows = everybody
    if which == "late":
        rows = rows.exclude(plans.in_time(today()))
    elif which == "kept":
        rows = rows.filter(plans.in_time(today()))
    page = page_of(request, rows.select_related("customer__standing", "owner").order_by("due_on", "pk"), SHOWN)
    context = {
        "page": page.of([Row(plan, max(0, (today() - plan.due_on).days)) for plan in page.rows]),
        "kept": kept,
        "who": f"&who={who}" if who.isdecimal() else "",
        "late": kept.of - kept.in_time,
        "a_week": round(kept.a_week),
        "is_late": which == "late",
        "is_kept": which == "kept",
        "is_all": which not in ("late", "kept"),
    }
    return render(request, "desk/plan/plans.html", context)


@needs(Permission.WORK_PLAN)
@require_http_methods(["GET", "POST"])
def own_plan(request: StaffRequest, pk: int) -> HttpResponse:
    """A plan of this customer's own."""
    customer = customer_for(request.user, pk, today())
    row = CustomerPlan.objects.filter(customer=customer).first() or PlanDue.objects.filter(customer=customer).first()
    names = ("every_days", "means", "who", "visits_a_year", "leader_visits_a_year", "until", "why")
    initial = {name: getattr(row, name) for name in names if hasattr(row, name)}
    form = OwnPlanForm(request.POST if request.method == "POST" else None, initial=initial)

    def verb(data: dict[str, Any]) -> CustomerPlan:
        return plans.set_own(
            customer, form.asked(), by=request.user, today=today(), at=now(), days=working_days(today())
        )

    return asked(
        request,
        form,
        verb,
        lambda plan: _("%(name)s has a plan of their own") % {"name": customer.name},
        context={
            "title": _("Contact plan"),
            "name": customer.name,
            "button": _("Save"),
            "back": customer.name,
            "words": _("Instead of what the rules ask."),
            "url": reverse("desk:own_plan", args=[pk]),
        },
        back=reverse("desk:customer", args=[pk]),
        beside={"plan_every": "every_days", "plan_why": "why", "day_past": "until", "plan_visits": "visits_a_year"},
    )


@needs(Permission.WORK_PLAN)
@require_POST
def end_own_plan(request: StaffRequest, pk: int) -> HttpResponse:
    """The rules hold again."""
    customer = customer_for(request.user, pk, today())
    press(
        request,
        lambda: plans.end_own(customer, by=request.user, today=today(), at=now(), days=working_days(today())),
        _("The rules hold for them again"),
    )
    return redirect(where_it_stood(request, reverse("desk:customer", args=[pk])))


@needs(Permission.VIEW_RULES)
@require_safe
def plan_rules(request: StaffRequest) -> HttpResponse:
    """How often whom, in the order in which it is asked."""
    return _rules(request, RulesForm(table=rules.in_force(at=now())))


@needs(Permission.EDIT_RULES)
@require_POST
def propose(request: StaffRequest) -> HttpResponse:
    """Other rules wait for a second person, with what they would ask of whom."""
    form = RulesForm(request.POST, table=rules.in_force(at=now()))

    def verb(data: dict[str, Any]) -> RuleChange:
        content = {"rows": form.rows()}
        return changes.propose(
            RULES, content, starts_on=data["starts_on"], reason=data["reason"], by=request.user, at=now()
        )

    done = carried_out(form, verb, beside={"reason_missing": "reason", "starts_on": "starts_on"})
    if done:
        return redirect("desk:rule_change", done.result.pk)
    if form.table.errors and any(form.table.errors):
        messages.error(request, _("Look at the rows: a number is missing or too large."))
    return _rules(request, form)


def _rules(request: StaffRequest, form: RulesForm) -> HttpResponse:
    table = rules.in_force(at=now())
    context = {
        "form": form,
        "version": table.version,
        "rows": [(rules.whom(row), rules.asks(row)) for row in table.rows],
        "editable": may(request.user, Permission.EDIT_RULES),
        "waits": changes.waiting(RULES),
    }
    return render(request, "desk/plan/rules.html", context, status=422 if form.is_bound else 200)
