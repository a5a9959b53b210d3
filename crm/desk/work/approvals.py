"""Everything that waits for a decision, on one list, decided in place by the verb of its own room."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.deciding import Waiting
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.acting import once
from crm.desk.today import now, today
from crm.flows import waiting
from customers.access import in_reach


@needs(Permission.READ_MESSAGES)
def approvals(request: StaffRequest) -> HttpResponse:
    return render(request, "desk/work/approvals.html", _context(request))


@needs(Permission.READ_MESSAGES)
@require_POST
def approve(request: StaffRequest, kind: str, pk: int) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _decide(
        request, kind, pk, lambda: waiting.approve(kind, pk, by=request.user, at=now(), reason=reason), _("Approved")
    )


@needs(Permission.READ_MESSAGES)
@require_POST
def refuse(request: StaffRequest, kind: str, pk: int) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _decide(
        request, kind, pk, lambda: waiting.refuse(kind, pk, by=request.user, at=now(), reason=reason), _("Refused")
    )


@needs(Permission.READ_MESSAGES)
@require_POST
def withdraw(request: StaffRequest, kind: str, pk: int) -> HttpResponse:
    """Who proposed it takes it back."""
    return _decide(request, kind, pk, lambda: waiting.withdraw(kind, pk, by=request.user, at=now()), _("Taken back"))


def _decide(request: StaffRequest, kind: str, pk: int, verb: Callable[[], Any], thanks: str) -> HttpResponse:
    """The list as it then is; a refusal stands on its row, with what was typed."""
    if kind not in waiting.ROOMS:
        raise Http404
    try:
        once(request.POST, verb)
    except DomainError as refusal:
        context, key = _context(request), f"{kind}-{pk}"
        typed = {
            "key": key,
            "text": str(refusal),
            "reason": request.POST.get("reason", "")[:200],
            "shown": any(item.key == key for item in context["items"]),
        }
        return render(request, "desk/work/approvals.html", context | {"refused": typed}, status=422)
    messages.success(request, thanks)
    return redirect("desk:approvals")


def _context(request: StaffRequest) -> dict[str, Any]:
    at = now()
    return {
        "items": _leading(request.user, waiting.for_user(request.user, at=at)),
        "mine": _leading(request.user, waiting.proposed_by(request.user, at=at)),
        "at": at,
    }


def _leading(user: User, items: list[Waiting]) -> list[Waiting]:
    """The same, leading nowhere where the customer is out of the reader's reach by now."""
    reach = in_reach([user], {item.customer_id for item in items if item.customer_id}, today())[user.pk]
    return [item if item.customer_id in {None, *reach} else replace(item, url="") for item in items]
