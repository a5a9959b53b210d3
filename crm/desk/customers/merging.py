"""One person under two numbers: find the other record, see what the one that stays will have, make them one."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import submit
from crm.desk.customers.forms import MergeForm, UnmergeForm
from crm.desk.today import now, today
from crm.flows.record import merging, unmerging
from customers import merging as records
from customers import queries
from customers.access import customer_for
from customers.models import Customer, Merge


@needs(Permission.MERGE_CUSTOMERS)
def merge(request: StaffRequest, pk: int) -> HttpResponse:
    """The record of the address stays. `other` is the one that goes into it; without one, those alike are offered."""
    winner = customer_for(request.user, pk, today())
    other = request.GET.get("other", "")
    if other.isdecimal() and int(other[:18]) == pk:
        messages.error(request, _("A customer cannot be merged with themselves."))
        return redirect("desk:merge", pk)
    if other.isdecimal() and len(other) <= 18:
        return _compared(request, winner, customer_for(request.user, int(other), today()), MergeForm())
    return _offered(request, winner, records.alike(winner, request.user, today()))


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def find_other(request: StaffRequest, pk: int) -> HttpResponse:
    """What is searched for may be a phone: it is posted, never part of an address."""
    winner = customer_for(request.user, pk, today())
    text = request.POST.get("q", "").strip()
    if not text:
        return redirect("desk:merge", pk)
    return _offered(request, winner, queries.search(request.user, text, today()), text)


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def merge_other(request: StaffRequest, pk: int, other: int) -> HttpResponse:
    """The record of the address has all that the other one had, and the other number leads to it."""
    winner = customer_for(request.user, pk, today())
    loser = customer_for(request.user, other, today())
    form = MergeForm(request.POST)
    if submit(
        request,
        form,
        lambda data: merging.merge(loser, winner, by=request.user, at=now(), **data),
        _("%(old)s is now part of %(new)s") % {"old": loser.number, "new": winner.number},
    ):
        return redirect("desk:customer", winner.pk)
    return _compared(request, winner, loser, form, status=422)


@needs(Permission.MERGE_CUSTOMERS)
def undo(request: StaffRequest, pk: int) -> HttpResponse:
    """What goes back to the record that went into another one, and what stays; POST takes them apart."""
    merge = get_object_or_404(Merge.objects.select_related("loser", "winner", "by"), pk=pk, undone_at=None)
    customer_for(request.user, merge.winner_id, today())
    form = UnmergeForm(request.POST or None)
    if request.method == "POST" and submit(
        request,
        form,
        lambda data: unmerging.undo(pk, by=request.user, at=now(), **data),
        _("%(old)s is a record of its own again") % {"old": merge.loser.number},
    ):
        return redirect("desk:customer", merge.winner_id)
    context = {"merge": merge, "form": form, "outlook": unmerging.outlook(merge)}
    return render(request, "desk/customers/unmerge.html", context, status=422 if form.errors else 200)


def _offered(request: StaffRequest, winner: Customer, people: Iterable[Customer], text: str = "") -> HttpResponse:
    others = [person for person in people if person.pk != winner.pk]
    return render(request, "desk/customers/merge.html", {"winner": winner, "people": others, "text": text})


def _compared(
    request: StaffRequest, winner: Customer, loser: Customer, form: MergeForm, status: int = 200
) -> HttpResponse:
    context = {"winner": winner, "loser": loser, "form": form, "counts": merging.consequences(loser, winner)}
    return render(request, "desk/customers/merge.html", context, status=status)
