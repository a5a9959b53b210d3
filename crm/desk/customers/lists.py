"""The list of customers, and finding one by anything that names them."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from complaints import queries as complaints
from core.accounts.permissions import StaffRequest, needs, sees
from core.accounts.roles import Field, Permission
from core.lib.errors import DomainError
from crm.desk.customers.forms import FilterForm
from crm.desk.paging import page_behind, rows_at_once
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers import queries

COUNT_UP_TO = 1000


@needs(Permission.LIST_CUSTOMERS)
@takeable("customers")
def customers(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET, user=request.user)
    filters, day, error, size = form.filters(), today(), "", rows_at_once(request, queries.PAGE)
    try:
        rows = queries.page(request.user, filters, day, after=form.cleaned_data.get("after", ""), size=size)
    except DomainError as refusal:
        rows, error = queries.page(request.user, filters, day), str(refusal)
    count = queries.standings(request.user, filters, day)[: COUNT_UP_TO + 1].count()
    context = {
        "form": form,
        "page": page_behind(request, rows.rows, rows.next),
        "count": count,
        "by_value": sees(request.user, Field.VALUE),
        "count_is_capped": count > COUNT_UP_TO,
        "capped_at": COUNT_UP_TO,
        "narrowed": form.is_narrowed,
        "error": error,
    }
    return render(request, "desk/customers/customers.html", context)


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
