"""The table of what is at stake: read by all who read rules, changed by an administrator and a second person."""

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.desk.acting import carried_out
from crm.desk.today import now
from crm.desk.work.forms import RisksForm
from customers.models import Todo
from customers.rulebook.stakes import RULES
from customers.work import stakes


@needs(Permission.VIEW_RULES)
@require_safe
def risk_rules(request: StaffRequest) -> HttpResponse:
    """The table in force, with where each risk comes from."""
    return _page(request, RisksForm(table=stakes.in_force(at=now())))


@needs(Permission.EDIT_RULES)
@require_POST
def propose(request: StaffRequest) -> HttpResponse:
    """The table waits for a second person, with what it would do to everybody's queue."""
    form = RisksForm(request.POST, table=stakes.in_force(at=now()))

    def verb(data: dict[str, Any]) -> RuleChange:
        content = {"shares": form.shares()}
        return changes.propose(
            RULES, content, starts_on=data["starts_on"], reason=data["reason"], by=request.user, at=now()
        )

    done = carried_out(form, verb, beside={"reason_missing": "reason", "starts_on": "starts_on"})
    return redirect("desk:rule_change", done.result.pk) if done else _page(request, form)


def _page(request: StaffRequest, form: RisksForm) -> HttpResponse:
    table = stakes.in_force(at=now())
    context = {
        "form": form,
        "version": table.version,
        "rows": [
            (Todo.Reason(reason).label, _percent(table.shares.get(reason)), risk.source)
            for reason, risk in stakes.RISKS.items()
        ],
        "editable": may(request.user, Permission.EDIT_RULES),
        "waits": changes.waiting(RULES),
    }
    return render(request, "desk/work/risks.html", context, status=422 if form.errors else 200)


def _percent(share: Decimal | None) -> str:
    return f"{stakes.percent(share)} %" if share is not None else ""
