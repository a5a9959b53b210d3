"""Customers proposed to a new manager: the list of proposals, and the page with the packs on which they are decided."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission, rights_of
from core.lib.errors import Invalid
from crm.desk.acting import press
from crm.desk.books.pack import packs
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows.books import counted
from customers import managers
from customers.books import handing as verbs
from customers.models import BookHandOver, HandOverLine

SHOWN = 20
MOST = 500
State = HandOverLine.State


def in_reach(user: User) -> QuerySet[BookHandOver]:
    """What is proposed to this person, from them or by them, and for who leads what concerns their team."""
    reached = Q(receiver=user) | Q(giver=user) | Q(by=user)
    if may(user, Permission.HAND_OVER_BOOKS):
        reached |= Q(giver__in=managers.choosable(user).order_by().values("pk"))
    return BookHandOver.objects.filter(reached).select_related("giver", "receiver", "by")


@needs(Permission.READ_MESSAGES)
@takeable("hand-overs", people=False)
def hand_overs(request: StaffRequest) -> HttpResponse:
    """Proposals, the undecided first."""
    rows = counted(in_reach(request.user)).order_by(F("ended_at").desc(nulls_first=True), "-at", "-pk")
    return render(request, "desk/books/hand_overs.html", {"page": page_of(request, rows, 50)})


@needs(Permission.READ_MESSAGES)
@never_cache
def hand_over(request: StaffRequest, pk: int) -> HttpResponse:
    """The packs of one proposal; whoever receives them reads and decides here."""
    row = _hand_over(request.user, pk)
    whole = request.GET.get("show") == "all"
    page = page_of(request, row.lines.order_by("pk"), MOST if whole else SHOWN)
    names = rights_of(request.user).sees_customers
    receives = row.receiver_id == request.user.pk and row.ended_at is None
    context = {
        "row": row,
        "page": page.of(packs(list(page.rows), request.user, today()) if names else []),
        "whole": whole,
        "receives": receives,
        "proposes": row.ended_at is None and _proposes(request.user, row),
    }
    return render(request, "desk/books/hand_over.html", context)


def _hand_over(user: User, pk: int) -> BookHandOver:
    return get_object_or_404(counted(in_reach(user)), pk=pk)


def _proposes(user: User, row: BookHandOver) -> bool:
    """Who may add words and take it back: who proposed it, whose customers they are, and who leads them."""
    leads = may(user, Permission.HAND_OVER_BOOKS) and managers.may_choose(row.giver, user)
    return leads or user.pk in (row.by_id, row.giver_id)


def _meant(data: QueryDict) -> list[int] | None:
    """The lines that are ticked; None for all of them. Raises Invalid where it is neither."""
    if data.get("all"):
        return None
    ticked = [int(value) for value in data.getlist("line") if value.isdecimal() and len(value) < 18]
    if not ticked:
        raise Invalid(_("Tick whom you mean."), code="nobody_meant")
    return ticked


@needs(Permission.READ_MESSAGES)
@require_POST
def accept(request: StaffRequest, pk: int) -> HttpResponse:
    _received(request.user, pk)

    def thanks(move: Any) -> str:
        count = len(move.customers)
        return ngettext("%(n)d customer is yours", "%(n)d customers are yours", count) % {"n": count}

    press(
        request,
        lambda: verbs.accept(pk, only=_meant(request.POST), by=request.user, on=today(), at=now()),
        thanks,
    )
    return redirect("desk:hand_over_proposed", pk)


@needs(Permission.READ_MESSAGES)
@require_POST
def refuse(request: StaffRequest, pk: int) -> HttpResponse:
    _received(request.user, pk)
    why = request.POST.get("why", "")
    press(
        request,
        lambda: verbs.refuse(pk, only=_meant(request.POST), why=why, by=request.user, at=now()),
        lambda n: ngettext("%(n)d customer refused", "%(n)d customers refused", n) % {"n": n},
    )
    return redirect("desk:hand_over_proposed", pk)


@needs(Permission.READ_MESSAGES)
@require_POST
def read(request: StaffRequest, pk: int) -> HttpResponse:
    _received(request.user, pk)
    press(
        request,
        lambda: verbs.mark_read(pk, only=_meant(request.POST), by=request.user, at=now()),
        lambda n: ngettext("%(n)d pack read", "%(n)d packs read", n) % {"n": n},
    )
    return redirect("desk:hand_over_proposed", pk)


def _received(user: User, pk: int) -> BookHandOver:
    row = _hand_over(user, pk)
    if row.receiver_id != user.pk:
        raise PermissionDenied
    return row


@needs(Permission.READ_MESSAGES)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    row = _hand_over(request.user, pk)
    if not _proposes(request.user, row):
        raise PermissionDenied
    press(
        request,
        lambda: verbs.withdraw(pk, by=request.user, at=now()),
        lambda n: ngettext("%(n)d customer stays", "%(n)d customers stay", n) % {"n": n},
    )
    return redirect("desk:hand_overs")


@needs(Permission.READ_MESSAGES)
@require_POST
def say(request: StaffRequest, pk: int) -> HttpResponse:
    """What the one who hands over has to say of one customer."""
    line = get_object_or_404(HandOverLine.objects.select_related("hand_over__giver"), pk=pk)
    row = line.hand_over
    if not in_reach(request.user).filter(pk=row.pk).exists():
        raise Http404
    if not _proposes(request.user, row):
        raise PermissionDenied
    note = request.POST.get("note", "")
    press(request, lambda: verbs.say(pk, note, by=request.user, at=now()), _("Saved"))
    return redirect("desk:hand_over_proposed", row.pk)
