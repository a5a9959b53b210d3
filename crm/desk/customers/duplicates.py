"""Records that may be one person: the list of the night, and what somebody who has looked says of them."""

from typing import NamedTuple

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import NotTheSame, PossibleDuplicate
from customers.record import duplicates as verbs

SHOWN = 50


class Row(NamedTuple):
    """A pair, and the reasons in words."""

    pair: PossibleDuplicate | NotTheSame
    reasons: list[str]


@needs(Permission.MERGE_CUSTOMERS)
@takeable("duplicates")
def duplicates(request: StaffRequest) -> HttpResponse:
    """Those that wait for somebody to look, or with `?list=apart` those of which somebody has said that they are two."""
    apart = request.GET.get("list") == "apart"
    waiting = verbs.pairs_for(request.user, today())
    page = page_of(request, verbs.apart_for(request.user, today()) if apart else waiting, SHOWN)
    rows = [Row(pair, [str(verbs.REASONS[name]) for name in getattr(pair, "reasons", ())]) for pair in page.rows]
    context = {"page": page.of(rows), "apart": apart, "count": waiting.count()}
    return render(request, "desk/customers/duplicates.html", context)


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def not_the_same(request: StaffRequest, pk: int, other: int) -> HttpResponse:
    """These are two people."""
    one, two = customer_for(request.user, pk, today()), customer_for(request.user, other, today())
    press(
        request,
        lambda: verbs.not_the_same(one, two, by=request.user, at=now()),
        _("Two people: they are not proposed again"),
    )
    return redirect("desk:duplicates")


@needs(Permission.MERGE_CUSTOMERS)
@require_POST
def maybe_the_same(request: StaffRequest, pk: int, other: int) -> HttpResponse:
    """What was said of them is taken back."""
    one, two = customer_for(request.user, pk, today()), customer_for(request.user, other, today())
    press(
        request,
        lambda: verbs.maybe_the_same(one, two, by=request.user, at=now()),
        _("Taken back: the next night may propose them"),
    )
    return redirect("desk:duplicates")
