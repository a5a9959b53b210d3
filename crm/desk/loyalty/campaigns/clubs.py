"""Clubs with their members and meetings, and what partners give to a level."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out, press, submit
from crm.desk.loyalty.campaigns import club_page
from crm.desk.loyalty.campaigns.forms import ClubForm, EventForm, PartnerForm
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import scope_filter, visible_to
from customers.models import Customer
from loyalty import clubs as verbs
from loyalty.models import Club, ClubEvent, ClubVisit, PartnerBenefit


@needs(Permission.VIEW_CAMPAIGNS)
@takeable("clubs", people=False)
def club_list(request: StaffRequest) -> HttpResponse:
    """The clubs, and what partners give."""
    return _list(request)


def _list(
    request: StaffRequest, *, club_form: ClubForm | None = None, partner_form: PartnerForm | None = None
) -> HttpResponse:
    """The page; a form that was refused stands on it as it was typed."""
    return render(
        request,
        "desk/loyalty/clubs/clubs.html",
        {
            "rows": club_page.club_list(),
            "partners": club_page.partner_list(),
            "club_form": club_form or ClubForm(),
            "partner_form": partner_form or PartnerForm(initial={"starts_on": today()}),
        },
        status=422 if club_form or partner_form else 200,
    )


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def new(request: StaffRequest) -> HttpResponse:
    form = ClubForm(request.POST)
    if founded := carried_out(form, lambda data: verbs.found(by=request.user, at=now(), **data)):
        return redirect("desk:club", founded.result.pk)
    return _list(request, club_form=form)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def agree(request: StaffRequest) -> HttpResponse:
    """A partner gives something from a level on."""
    form = PartnerForm(request.POST)

    def agree(data: dict[str, Any]) -> PartnerBenefit:
        return verbs.agree(by=request.user, at=now(), **data)

    return redirect("desk:clubs") if submit(request, form, agree, _("Saved")) else _list(request, partner_form=form)


@needs(Permission.VIEW_CAMPAIGNS)
@takeable("club")
def club(request: StaffRequest, pk: int) -> HttpResponse:
    """Members in reach, what is planned, and who has a seat."""
    return _page(request, get_object_or_404(Club, pk=pk))


def _page(request: StaffRequest, club: Club, *, event_form: EventForm | None = None) -> HttpResponse:
    return render(
        request,
        "desk/loyalty/clubs/club.html",
        {**club_page.context(request, club), "event_form": event_form or EventForm()},
        status=422 if event_form else 200,
    )


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def plan(request: StaffRequest, pk: int) -> HttpResponse:
    """A meeting with seats, or something to read."""
    club, form = get_object_or_404(Club, pk=pk), EventForm(request.POST)

    def plan(data: dict[str, Any]) -> ClubEvent:
        return verbs.plan(club, by=request.user, at=now(), **data)

    if submit(request, form, plan, _("It is planned.")):
        return redirect("desk:club", pk)
    return _page(request, club, event_form=form)


# Members, for customers in reach ------------------------------------------------------------------------------------


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def join(request: StaffRequest, pk: int) -> HttpResponse:
    club = get_object_or_404(Club, pk=pk)
    return _for_customer(request, pk, lambda who: verbs.join(club, who, by=request.user, at=now()), _("Joined"))


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def leave(request: StaffRequest, pk: int) -> HttpResponse:
    club = get_object_or_404(Club, pk=pk)
    return _for_customer(request, pk, lambda who: verbs.leave(club, who, by=request.user, at=now()), _("Left the club"))


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def seat(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the meeting's."""
    event = get_object_or_404(ClubEvent, pk=pk)
    return _for_customer(request, event.club_id, lambda who: verbs.take_seat(event, who, at=now()), _("Has a seat"))


def _for_customer(request: StaffRequest, club: int, verb: Callable[[Customer], Any], thanks: str) -> HttpResponse:
    """Do it for the customer in reach whose number was typed or chosen."""
    number = request.POST.get("customer", "").strip().upper()[:20]
    customer = visible_to(request.user, today()).filter(number=number).first()
    if customer is None:
        messages.error(request, _("There is no customer of this number."))
    else:
        press(request, lambda: verb(customer), thanks)
    return redirect("desk:club", club)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def came(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the seat's."""
    return _note_visit(request, pk, came=True)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def missed(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the seat's."""
    return _note_visit(request, pk, came=False)


def _note_visit(request: StaffRequest, pk: int, *, came: bool) -> HttpResponse:
    mine = ClubVisit.objects.filter(scope_filter(request.user, today(), "customer__")).select_related("event")
    visit = get_object_or_404(mine, pk=pk)
    verbs.note_visit(visit.pk, came=came, by=request.user, at=now())
    return redirect("desk:club", visit.event.club_id)
