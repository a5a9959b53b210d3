"""The list of customers, and finding one by anything that names them."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from complaints import queries as complaints
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.customers.customer_list import CUSTOMER_LIST
from crm.desk.lists import answers
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers import queries


@needs(Permission.LIST_CUSTOMERS)
@takeable("customers")
def customers(request: StaffRequest) -> HttpResponse:
    return answers.show(request, CUSTOMER_LIST, "desk/customers/customers.html")


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
