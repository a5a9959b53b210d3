"""Many customers of a colleague at once: chosen, seen who would get how many, handed over, and taken back for a day."""

from typing import Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.acting import press, submit
from crm.desk.people.forms import HandOverForm
from crm.desk.today import now, today
from crm.flows import books
from customers.books import moving as verbs
from customers.models import BookHandOver, BookMove

BESIDE = {"not_a_manager": "to", "reason_missing": "reason", "over_capacity": "over"}


class MoveRow(NamedTuple):
    """What was handed over: to whom, how many, and whether it can still be taken back."""

    move: BookMove
    receivers: str
    customers: int
    can_undo: bool


@needs(Permission.HAND_OVER_BOOKS)
def hand_over(request: StaffRequest) -> HttpResponse:
    """GET asks what is meant. POST shows who would get how many; with the plan it showed, it does it."""
    opened = {"giver": request.GET.get("giver", "")[:20]}
    form = HandOverForm(request.POST or None, by=request.user, initial=opened)
    if request.method != "POST":
        return _page(request, form)
    if request.POST.get("propose"):
        if submit(request, form, lambda data: _propose(request, form, data), _proposed, beside=BESIDE):
            return redirect("desk:hand_overs")
        return _page(request, form, shares=_shares(form), status=422)
    if request.POST.get("seen"):
        if submit(request, form, lambda data: _do(request, form, data), _thanks, beside=BESIDE):
            return redirect("desk:hand_over")
        return _page(request, form, shares=_shares(form), status=422)
    shares = _shares(form)
    return _page(request, form, shares=shares, status=422 if form.errors else 200)


def _do(request: StaffRequest, form: HandOverForm, data: dict[str, Any]) -> BookMove:
    return books.hand_over(
        data["giver"],
        form.part(),
        to=list(data["to"]),
        by=request.user,
        reason=data["reason"],
        seen=data["seen"],
        over=data["over"],
        at=now(),
    )


def _propose(request: StaffRequest, form: HandOverForm, data: dict[str, Any]) -> list[BookHandOver]:
    return books.propose(
        data["giver"],
        form.part(),
        to=list(data["to"]),
        by=request.user,
        reason=data["reason"],
        seen=request.POST.get("propose", ""),
        over=data["over"],
        at=now(),
    )


def _proposed(rows: list[BookHandOver]) -> str:
    names = str(_(", ")).join(str(row.receiver) for row in rows)
    return _("Proposed to %(names)s: they read and decide") % {"names": names}


def _thanks(move: BookMove) -> str:
    count = len(move.customers)
    words = ngettext("%(n)d customer handed over", "%(n)d customers handed over", count)
    return words % {"n": count}


def _shares(form: HandOverForm) -> list[verbs.Share]:
    """Who would get how many; empty for what the form does not say. What stands against it stands in the form."""
    if not form.is_valid() and set(form.errors) - {"__all__"}:
        return []
    data = form.cleaned_data
    try:
        among = books.chosen(data["giver"], form.part(), on=today())
        return verbs.shares(data["giver"], to=list(data["to"]), at=now(), among=among)
    except DomainError as refusal:
        form.add_error(BESIDE.get(refusal.code), str(refusal))
        return []


def _page(
    request: StaffRequest, form: HandOverForm, *, shares: list[verbs.Share] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "shares": shares or [],
        "count": sum(len(share.customers) for share in shares or []),
        "plan": verbs.plan_of(shares) if shares else "",
        "moves": _moves(request.user),
    }
    return render(request, "desk/people/hand_over.html", context, status=status)


def _moves(user: User) -> list[MoveRow]:
    moves = books.latest(user, at=now())
    named = {pk for move in moves for _customer, pk, _since in move.customers}
    names = {person.pk: str(person) for person in User.objects.filter(pk__in=named)}
    rows = []
    for move in moves:
        receivers = dict.fromkeys(names[pk] for _customer, pk, _since in move.customers)
        rows.append(MoveRow(move, str(_(", ")).join(receivers), len(move.customers), verbs.can_undo(move, at=now())))
    return rows


@needs(Permission.HAND_OVER_BOOKS)
@require_POST
def undo(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(BookMove, pk=pk)

    def thanks(count: int) -> str:
        return ngettext("%(n)d customer is back", "%(n)d customers are back", count) % {"n": count}

    press(request, lambda: books.undo(pk, by=request.user, at=now()), thanks)
    return redirect("desk:hand_over")
