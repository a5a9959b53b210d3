"""What is shared of all lists, for who keeps order among it: names and owners, and putting one away."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.views import saved
from crm.desk.acting import press
from crm.desk.paging import page_of
from crm.desk.today import now

SHOWN = 100
LISTS = {
    "customers": gettext_lazy("Customers"),
    "cases": gettext_lazy("Complaints"),
    "alerts": gettext_lazy("Alerts"),
    "orders": gettext_lazy("Orders"),
}


@needs(Permission.MANAGE_STAFF)
def shared_views(request: StaffRequest) -> HttpResponse:
    page = page_of(request, saved.shared(), SHOWN)
    rows = [{"view": view, "list": LISTS.get(view.list, view.list)} for view in page.rows]
    return render(request, "desk/lists/shared.html", {"page": page.of(rows)})


@needs(Permission.MANAGE_STAFF)
@require_POST
def archive(request: StaffRequest, pk: int) -> HttpResponse:
    press(request, lambda: saved.archive_shared(request.user, pk, at=now()), _("The view is gone."))
    return redirect("desk:shared_views")
