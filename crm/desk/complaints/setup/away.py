"""From when until when somebody of the queues is away: told by the head of the desk, who hands the cases out."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints.models import QueueMember
from core.accounts import staff
from core.accounts.models import Absence
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.complaints.setup.forms import AwayForm
from crm.desk.complaints.setup.settings import members_page
from crm.desk.today import now
from customers.books import leaves


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def note(request: StaffRequest, pk: int) -> HttpResponse:
    """On these days the member is handed no cases, in any queue."""
    member = get_object_or_404(QueueMember.objects.select_related("user"), pk=pk)
    form = AwayForm(request.POST, auto_id=f"away-{pk}-%s")

    def verb(data: dict[str, object]) -> Absence:
        return staff.set_away(member.user, **data, by=request.user, at=now())  # type: ignore[arg-type]

    if submit(request, form, verb, _("Saved"), beside={"ends_on": "ends_on"}):
        return redirect("desk:complaint_settings", "members")
    return members_page(request, away=(pk, form))


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    """They are here after all."""
    row = get_object_or_404(Absence, pk=pk, user__in=QueueMember.objects.values("user"))
    press(request, lambda: leaves.back(row.pk, by=request.user, at=now()), _("Here after all"))
    return redirect("desk:complaint_settings", "members")
