"""Orders: the list, those of one customer, and one with its lines and refunds."""

from typing import Any, NamedTuple

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import submit
from crm.desk.customers.order_list import ORDER_LIST
from crm.desk.customers.record.forms import TestForm
from crm.desk.lists import answers
from crm.desk.opening import note, opened_by
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows.record import removal
from customers.access import customer_for
from customers.models import Order, OrderLine, Refund
from customers.record import shop

SHOWN = 25


class OrderRow(NamedTuple):
    """An order with what was bought and what went back."""

    order: Order
    lines: list[OrderLine]
    refunds: list[Refund]


def _row(order: Order) -> OrderRow:
    return OrderRow(order, list(order.lines.all()), list(order.refunds.all()))


@needs(Permission.VIEW_ORDERS)
@takeable("orders")
def orders(request: StaffRequest) -> HttpResponse:
    return answers.show(request, ORDER_LIST, "desk/customers/orders/list.html")


@needs(Permission.VIEW_CUSTOMER)
@takeable("orders-of-customer")
def customer_orders(request: StaffRequest, pk: int) -> HttpResponse:
    """Everything somebody has ordered, with lines and refunds."""
    person = opened_by(request, pk)
    page = page_of(request, shop.of_customer(person), SHOWN)
    context = {"customer": person, "page": page.of([_row(order) for order in page.rows])}
    return render(request, "desk/customers/orders/of_customer.html", context)


@needs(Permission.VIEW_CUSTOMER)
def order(request: StaffRequest, pk: int) -> HttpResponse:
    row = _order_for(request, pk)
    note(request, row.customer)
    return _page(request, row)


@needs(Permission.REMOVE_TESTS)
@require_POST
def declare_test(request: StaffRequest, pk: int) -> HttpResponse:
    """The order was only a test: cancelled for ever, and in nobody's figures."""
    row = _order_for(request, pk)
    form = TestForm(request.POST)
    if submit(
        request,
        form,
        lambda data: removal.declare_order_a_test(pk, by=request.user, at=now(), **data),
        _("A test: it counts nowhere any more"),
        beside={"number_differs": "number", "reason_missing": "reason"},
    ):
        return redirect("desk:order", pk)
    return _page(request, row, form=form, status=422)


def _order_for(request: StaffRequest, pk: int) -> Order:
    row = Order.objects.filter(pk=pk).select_related("customer").prefetch_related("lines__product", "refunds").first()
    if row is None:
        raise Http404
    customer_for(request.user, row.customer_id, today())
    return row


def _page(request: StaffRequest, row: Order, *, form: TestForm | None = None, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {
        "order": row,
        "customer": row.customer,
        "test_form": form or TestForm(),
        "lines": list(row.lines.all()),
        "refunds": list(row.refunds.all()),
    }
    return render(request, "desk/customers/orders/order.html", context, status=status)
