"""What erasing a customer would take away and leave, before somebody proposes it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import submit
from crm.desk.oversight.forms import EraseForm
from crm.desk.today import now
from crm.flows.record import erasure
from customers.models import Erasure, PrivacyRequest


@needs(Permission.KEEP_PRIVACY)
@never_cache
def erase(request: StaffRequest, pk: int) -> HttpResponse:
    """The preview; a POST proposes it, and a second person decides on the list of approvals."""
    rows = PrivacyRequest.objects.select_related("customer")
    asked = get_object_or_404(rows, pk=pk, kind=PrivacyRequest.Kind.ERASE)
    form = EraseForm(request.POST or None)

    def propose(data: dict[str, Any]) -> Erasure:
        return erasure.propose(asked.pk, by=request.user, reason=data["reason"], at=now())

    thanks = _("Proposed: it waits for a second person on the list of approvals.")
    if request.method == "POST" and submit(request, form, propose, thanks, beside={"reason_missing": "reason"}):
        return redirect("desk:privacy")
    context = {"asked": asked, "form": form, "outlook": erasure.outlook(asked.customer)}
    return render(request, "desk/oversight/erase.html", context, status=422 if form.errors else 200)
