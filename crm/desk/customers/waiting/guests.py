"""Orders of nobody: the list, one of them, and giving it to the customer whose it is."""

from collections.abc import Iterable

from django.db.models import QuerySet
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
from customers import keys, queries
from customers.access import customer_for
from customers.intake import guests
from customers.models import Customer, GuestOrder

SHOWN = 50


@needs(Permission.MERGE_CUSTOMERS)
@takeable("orders-of-nobody")
@require_safe
def guest_orders(request: StaffRequest) -> HttpResponse:
    """The newest first; `q` is an order number, in any spelling that a door would take."""
    text = request.GET.get("q", "")[:120]
    rows = GuestOrder.objects.order_by("-ordered_at", "-pk")
    if text.strip():
        rows = rows.filter(external_id=keys.order_key(text))
    context = {"page": page_of(request, rows, SHOWN), "q": text, "count": _capped(GuestOrder.objects.all())}
    return render(request, "desk/customers/guest_orders.html", context)


@needs(Permission.MERGE_CUSTOMERS)
@require_safe
def guest_order(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(GuestOrder, pk=pk))


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def find_customer(request: StaffRequest, pk: int) -> HttpResponse:
    """What is searched for may be a phone: it is posted, never part of an address."""
    guest = get_object_or_404(GuestOrder, pk=pk)
    text = request.POST.get("q", "")[:120]
    return _page(request, guest, queries.search(request.user, text, today()), text)


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def assign(request: StaffRequest, pk: int, customer: int) -> HttpResponse:
    """The order is this customer's from now on."""
    person = customer_for(request.user, customer, today())
    guest = GuestOrder.objects.filter(pk=pk).first()
    number = guest.external_id if guest else ""
    if press(
        request,
        lambda: arrival.assign_guest(pk, person, by=request.user, at=now(), today=today()),
        _("Order %(order)s is %(name)s’s now") % {"order": number, "name": person.name or person.number},
    ):
        return redirect("desk:customer", person.pk)
    return redirect("desk:guest_orders")


def _page(request: StaffRequest, guest: GuestOrder, people: Iterable[Customer] = (), text: str = "") -> HttpResponse:
    fact = guests.fact_of(guest)
    context = {"guest": guest, "lines": fact.lines, "refunds": fact.refunds, "people": people, "q": text}
    return render(request, "desk/customers/guest_order.html", context)


def _capped(rows: QuerySet[GuestOrder], most: int = 1000) -> str:
    count = rows[: most + 1].count()
    return f"{most}+" if count > most else str(count)
