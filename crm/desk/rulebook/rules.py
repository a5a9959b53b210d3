"""All rules of the mall on one page, and the versions of one kind with the way back."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Unknown
from core.rulebook import changes
from core.rulebook.kinds import Kind
from crm.desk.acting import once
from crm.desk.rulebook import kind_page, rules_page
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from crm.flows.rulebook import kinds


@needs(Permission.VIEW_RULES)
@takeable("rulebook", people=False)
def rulebook(request: StaffRequest) -> HttpResponse:
    """Every kind of rules: in force, scheduled, by whom, and what the last change did."""
    return render(request, "desk/rulebook/rules.html", {"rows": rules_page.rows(request.user, at=now())})


@needs(Permission.VIEW_RULES)
def kind(request: StaffRequest, kind: str) -> HttpResponse:
    """The versions of one kind, newest first, and what waits."""
    return render(request, "desk/rulebook/kind.html", kind_page.context_of(request, named(kind), at=now()))


def named(name: str) -> Kind:
    try:
        return kinds.named(name)
    except Unknown:
        raise Http404 from None


@needs(Permission.VIEW_RULES)
@require_POST
def roll_back(request: StaffRequest, kind: str, version: int) -> HttpResponse:
    """What the version before said is a change, worked out; the next step is to confirm it."""
    rules = named(kind)
    if not may(request.user, rules.edits):
        messages.error(request, _("You may read these rules, but not change them."))
        return redirect("desk:rulebook_kind", kind)

    def verb() -> int:
        reason = request.POST.get("reason", "")
        return changes.roll_back(rules, version, reason=reason, by=request.user, at=now()).pk

    try:
        return redirect("desk:rule_change", once(request.POST, verb))
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("desk:rulebook_kind", kind)
