"""The list of customers, and finding one by anything that names them."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from complaints import queries as complaints
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.customers.customer_list import CUSTOMER_LIST
from crm.desk.lists import answers, keeping
from crm.desk.opening import opened_by
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers import queries


@needs(Permission.LIST_CUSTOMERS)
@takeable("customers")
def customers(request: StaffRequest) -> HttpResponse:
    return answers.show(request, CUSTOMER_LIST, "desk/customers/customers.html")


@needs(Permission.LIST_CUSTOMERS)
def customers_count(request: StaffRequest) -> HttpResponse:
    return answers.count(request, CUSTOMER_LIST)


@needs(Permission.LIST_CUSTOMERS)
def customers_condition(request: StaffRequest) -> HttpResponse:
    return answers.condition(request, CUSTOMER_LIST)


@needs(Permission.LIST_CUSTOMERS)
def customer_preview(request: StaffRequest, pk: int) -> HttpResponse:
    """The quick facts of a row, beside the list: what its cells are in any column that the reader may see."""
    return answers.preview(request, CUSTOMER_LIST, opened_by(request, pk).pk)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customers_columns(request: StaffRequest) -> HttpResponse:
    return keeping.columns(request, CUSTOMER_LIST)


@needs(Permission.LIST_CUSTOMERS)
def customer_views(request: StaffRequest) -> HttpResponse:
    return keeping.manage(request, CUSTOMER_LIST)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customer_view_save(request: StaffRequest) -> HttpResponse:
    return keeping.save(request, CUSTOMER_LIST)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customer_view_pin(request: StaffRequest, key: str) -> HttpResponse:
    return keeping.pin(request, CUSTOMER_LIST, key, up=True)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customer_view_unpin(request: StaffRequest, key: str) -> HttpResponse:
    return keeping.pin(request, CUSTOMER_LIST, key, up=False)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customer_view_update(request: StaffRequest, pk: int) -> HttpResponse:
    return keeping.update(request, CUSTOMER_LIST, pk)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customer_view_share(request: StaffRequest, pk: int) -> HttpResponse:
    return keeping.share(request, CUSTOMER_LIST, pk)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customer_view_copy(request: StaffRequest, pk: int) -> HttpResponse:
    return keeping.copy(request, CUSTOMER_LIST, pk)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def customer_view_archive(request: StaffRequest, pk: int) -> HttpResponse:
    return keeping.archive(request, CUSTOMER_LIST, pk)


@needs(Permission.FIND_CUSTOMER)
@require_http_methods(["GET", "POST"])
def find(request: StaffRequest) -> HttpResponse:
    """What is searched for may be a phone: it is posted, never part of an address. The number of a case opens it."""
    text = request.POST.get("q", "")[:120]
    people = queries.search(request.user, text, today()) if text else []
    case = complaints.named(request.user, text, now()) if text else None
    if case and (not people or complaints.is_case_number(text)):
        return redirect("desk:complaint", case.pk)
    if len(people) == 1 and not case:
        return redirect("desk:customer", people[0].pk)
    context = {"people": people, "case": case, "searched": bool(text), "q": text}
    return render(request, "desk/customers/find.html", context)
