"""Orders whose amount is hard to believe: somebody says that it is right, or keeps it out of the figures."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows import arrival
from customers.access import customer_for, scope_filter
from customers.intake import unusual
from customers.models import UnusualOrder

SHOWN = 50


@needs(Permission.MERGE_CUSTOMERS)
@takeable("unusual-orders")
@require_safe
def unusual_orders(request: StaffRequest) -> HttpResponse:
    """Those to be looked at first, then those that were kept out."""
    rows = UnusualOrder.objects.exclude(state=UnusualOrder.State.RIGHT).filter(
        scope_filter(request.user, today(), "order__customer__")
    )
    page = page_of(
        request, rows.select_related("order__customer", "decided_by").order_by("-state", "-asked_at", "-pk"), SHOWN
    )
    context = {"page": page, "count": rows.filter(state=UnusualOrder.State.OPEN).count()}
    return render(request, "desk/customers/unusual_orders.html", context)


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    asked = _in_reach(request, pk)
    press(
        request,
        lambda: arrival.confirm_unusual(asked.pk, by=request.user, at=now(), today=today()),
        _("Order %(order)s counts now") % {"order": asked.order.external_id},
    )
    return redirect("desk:unusual_orders")


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def keep_out(request: StaffRequest, pk: int) -> HttpResponse:
    asked = _in_reach(request, pk)
    press(
        request,
        lambda: unusual.keep_out(asked.pk, by=request.user, at=now()),
        _("Order %(order)s stays out of all figures") % {"order": asked.order.external_id},
    )
    return redirect("desk:unusual_orders")


def _in_reach(request: StaffRequest, pk: int) -> UnusualOrder:
    """The question about an order of a customer that the user sees, or Http404."""
    asked = get_object_or_404(UnusualOrder.objects.select_related("order"), pk=pk)
    customer_for(request.user, asked.order.customer_id, today())
    return asked
