"""Orders: the list, those of one customer, and one with its lines and refunds."""

from typing import Any, NamedTuple

from django import forms
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.acting import submit
from crm.desk.customers.record.forms import TestForm
from crm.desk.date_input import DateInput
from crm.desk.opening import note, opened_by
from crm.desk.paging import page_behind, page_of, rows_at_once
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


class OrderFilterForm(forms.Form):
    number = forms.CharField(
        label=gettext_lazy("Order or customer number"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    source = forms.ChoiceField(label=gettext_lazy("Source"), required=False)
    status = forms.ChoiceField(
        label=gettext_lazy("Status"), required=False, choices=[("", gettext_lazy("Any")), *Order.Status.choices]
    )
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=DateInput())
    until = forms.DateField(label=gettext_lazy("To"), required=False, widget=DateInput())

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        choices = [("", str(_("Any"))), *((name, name) for name in shop.sources())]
        self.fields["source"].choices = choices  # type: ignore[attr-defined]

    def filters(self) -> shop.Filters:
        """What can be understood; the rest is said beside its field."""
        self.is_valid()
        data = self.cleaned_data
        return shop.Filters(**{name: data[name] for name in data if data[name]})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.errors) or self.filters() != shop.Filters()


@needs(Permission.VIEW_ORDERS)
@takeable("orders")
def orders(request: StaffRequest) -> HttpResponse:
    form = OrderFilterForm(request.GET)
    filters, day, error, size = form.filters(), today(), "", rows_at_once(request, shop.PAGE)
    try:
        page = shop.page(request.user, filters, day, after=request.GET.get("after", "")[:40], size=size)
    except DomainError as refusal:
        page, error = shop.page(request.user, filters, day), str(refusal)
    context = {
        "form": form,
        "page": page_behind(request, page.rows, page.next),
        "narrowed": form.is_narrowed,
        "error": error,
    }
    return render(request, "desk/customers/orders/list.html", context)


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
