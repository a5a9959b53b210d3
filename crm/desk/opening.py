"""A customer's pages as they are opened: it goes on record who had them, and a record that was merged leads on."""

from functools import wraps
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from core.accounts import idempotency
from core.accounts.permissions import StaffRequest
from crm.desk.acting import View
from crm.desk.today import now, today
from customers.access import MergedAway, customer_for
from customers.models import Customer
from customers.privacy import opened

Row = TypeVar("Row", bound=Customer)


def opened_by(request: StaffRequest, pk: int) -> Customer:
    """The customer whose page is shown; that this person had it open today is on record. Http404 out of reach."""
    return note(request, customer_for(request.user, pk, today()))


def note(request: StaffRequest, customer: Row) -> Row:
    """The same for a page that has found its customer already, by a case or an order."""
    opened.note(customer, by=request.user, at=now(), on=today())
    return customer


def follows_merges(view: View) -> View:
    """The view; but a record that was merged leads to the one it went into, with a word, and nothing typed is lost."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except MergedAway as away:
            if request.method != "POST":
                messages.info(request, _("%(old)s was merged into this record.") % {"old": away.old.number})
                return redirect("desk:customer", away.winner.pk)
            context = {"old": away.old, "winner": away.winner, "typed": _typed(request)}
            return render(request, "desk/customers/merged.html", context, status=409)

    return answer


def _typed(request: HttpRequest) -> list[str]:
    sent = (
        text
        for name, values in request.POST.lists()
        if name not in idempotency.UNTYPED and not name.startswith("initial-")
        for text in values
    )
    return [str(text) for text in sent if str(text).strip() not in ("", "on")]
