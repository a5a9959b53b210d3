"""Customers who have no manager yet: who would get whom, and assigned as shown."""

from typing import Any, NamedTuple

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy, ngettext

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import submit
from crm.desk.today import now, today
from customers.access import visible_to
from customers.books import entry as verbs
from customers.books import moving
from customers.models import Customer

NAMED = 10


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200)
    seen = forms.CharField(max_length=40)


class Row(NamedTuple):
    """Who gets how many, and the most valuable of them by name."""

    manager: User
    before: int
    gets: int
    after: int
    most: int
    first: list[Customer]


@needs(Permission.ASSIGN_MANAGER)
def entry(request: StaffRequest) -> HttpResponse:
    """GET shows who would get whom, POST does what was seen."""
    people = visible_to(request.user, today())
    form = ReasonForm(request.POST or None)

    def assign(data: dict[str, Any]) -> int:
        told = verbs.assign(people, by=request.user, on=today(), at=now(), **data)
        return sum(len(ids) for ids in told.values())

    def thanks(n: int) -> str:
        return ngettext("%(n)d customer has a manager now", "%(n)d customers have a manager now", n) % {"n": n}

    if request.method == "POST" and submit(request, form, assign, thanks, beside={"reason_missing": "reason"}):
        return redirect("desk:entry")
    shares = verbs.shares(people, request.user, on=today(), at=now())
    placed, waiting = sum(len(share.customers) for share in shares), verbs.waiting(people).count()
    plan = moving.plan_of(shares)
    context = {
        "form": form,
        "plan": plan,
        "rows": _rows(shares),
        "waiting": waiting,
        "placed": placed,
        "left": waiting - placed,
    }
    return render(request, "desk/books/entry.html", context, status=422 if form.errors else 200)


def _rows(shares: list[moving.Share]) -> list[Row]:
    names = Customer.objects.in_bulk([pk for share in shares for pk in share.customers[:NAMED]])
    return [
        Row(
            share.manager,
            share.before,
            len(share.customers),
            share.after,
            share.most,
            [names[pk] for pk in share.customers[:NAMED]],
        )
        for share in shares
    ]
