"""One change of rules: what it says, what it would do, and the second person's word."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from core.rulebook import changes
from core.rulebook.kinds import Kind
from core.rulebook.models import RuleChange
from crm.desk.acting import once, press
from crm.desk.rulebook import change_page
from crm.desk.today import now
from crm.flows.rulebook.kinds import named


@needs(Permission.VIEW_RULES)
def change(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, pk)


def _page(request: StaffRequest, pk: int, *, refusal: str = "") -> HttpResponse:
    row = get_object_or_404(RuleChange.objects.select_related("by", "decided_by", "ended_by"), pk=pk)
    context = change_page.context_of(request, named(row.kind), row, at=now())
    context |= {"refused": refusal, "typed": request.POST.get("because", "")}
    return render(request, "desk/rulebook/change.html", context, status=422 if refusal else 200)


def _kind_of(request: StaffRequest, pk: int, *, right: Callable[[Kind], Permission]) -> Kind:
    """The kind of the change, for who has that right about it."""
    kind = named(get_object_or_404(RuleChange, pk=pk).kind)
    if not may(request.user, right(kind)):
        raise PermissionDenied
    return kind


@needs(Permission.VIEW_RULES)
@require_POST
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    """The change is the next version: by somebody who did not write it, or by the only one who may, with a reason."""
    kind = _kind_of(request, pk, right=lambda kind: kind.confirms)

    def verb() -> RuleChange:
        because = request.POST.get("because", "")
        return changes.confirm(kind, pk, by=request.user, at=now(), meant="meant" in request.POST, because=because)

    try:
        once(request.POST, verb)
    except DomainError as refusal:
        return _page(request, pk, refusal=str(refusal))
    return redirect("desk:rule_change", pk)


@needs(Permission.VIEW_RULES)
@require_POST
def look_again(request: StaffRequest, pk: int) -> HttpResponse:
    """The figures are those of this moment."""
    kind = _kind_of(request, pk, right=lambda kind: kind.confirms)
    return _pressed(request, pk, lambda: changes.look_again(kind, pk, at=now()), "")


@needs(Permission.VIEW_RULES)
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    """The change will never be."""
    kind = _kind_of(request, pk, right=lambda kind: kind.confirms)
    return _pressed(request, pk, lambda: changes.drop(kind, pk, by=request.user, at=now()), _("Dropped"))


@needs(Permission.VIEW_RULES)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """A version that has not begun never begins."""
    kind = _kind_of(request, pk, right=lambda kind: kind.confirms)
    thanks = _("Withdrawn: the version before goes on")
    reason = request.POST.get("reason", "")
    return _pressed(request, pk, lambda: changes.withdraw(kind, pk, reason=reason, by=request.user, at=now()), thanks)


def _pressed(request: StaffRequest, pk: int, verb: Callable[[], Any], thanks: str) -> HttpResponse:
    press(request, verb, thanks)
    return redirect("desk:rule_change", pk)
