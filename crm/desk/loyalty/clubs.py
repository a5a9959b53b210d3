"""Clubs with their members and meetings, and what partners give to a level."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, Scope, rights_of
from core.lib.errors import DomainError
from crm.desk.loyalty.coupons import DATE
from crm.desk.today import now, today
from customers.access import scope_filter, visible_to
from customers.models import Customer
from loyalty import clubs
from loyalty.models import Club, ClubEvent, ClubMember, ClubVisit, PartnerBenefit
from loyalty.tiers import membership

SHOWN = 100


def _levels() -> list[tuple[str, Any]]:
    rules = membership.applied()
    levels = rules.levels[1:] if rules else []
    return [("", gettext_lazy("Every level")), *((level["code"], level["name"]) for level in levels)]


class LevelForm(forms.Form):
    """A form with a choice of levels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["min_level"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = _levels()


class ClubForm(LevelForm):
    name = forms.CharField(label=gettext_lazy("Name of the club"), max_length=80)
    min_level = forms.ChoiceField(label=gettext_lazy("From this level on"), required=False)
    about = forms.CharField(label=gettext_lazy("What it is about"), max_length=300, required=False)


class PartnerForm(LevelForm):
    partner = forms.CharField(label=gettext_lazy("Partner"), max_length=80)
    gives = forms.CharField(label=gettext_lazy("What the partner gives"), max_length=200)
    min_level = forms.ChoiceField(label=gettext_lazy("From this level on"), required=False)
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DATE)
    ends_on = forms.DateField(label=gettext_lazy("Until before"), widget=DATE, required=False)


class EventForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What is planned"), max_length=80)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=ClubEvent.Kind.choices)
    on = forms.DateField(label=gettext_lazy("Day"), widget=DATE)
    place = forms.CharField(label=gettext_lazy("Place or link"), max_length=200, required=False)
    seats = forms.IntegerField(label=gettext_lazy("Seats"), min_value=1, max_value=100_000, required=False)


@needs(Permission.VIEW_CAMPAIGNS)
def club_list(request: StaffRequest) -> HttpResponse:
    return _list(request)


def _list(
    request: StaffRequest,
    *,
    club_form: ClubForm | None = None,
    partner_form: PartnerForm | None = None,
    status: int = 200,
) -> HttpResponse:
    found = Club.objects.annotate(size=Count("members", filter=Q(members__left_on__isnull=True))).order_by("name")
    coming: dict[int, ClubEvent] = {}
    for event in ClubEvent.objects.filter(on__gte=today()).order_by("-on"):
        coming[event.club_id] = event
    names = {code: label for code, label in _levels() if code}
    partners = PartnerBenefit.objects.filter(Q(ends_on__isnull=True) | Q(ends_on__gt=today()))
    return render(
        request,
        "desk/loyalty/clubs/clubs.html",
        {
            "rows": [
                {"club": one, "next": coming.get(one.pk), "level": names.get(one.min_level, one.min_level)}
                for one in found
            ],
            "partners": [
                {"benefit": one, "level": names.get(one.min_level, one.min_level)}
                for one in partners.order_by("partner", "pk")
            ],
            "club_form": club_form or ClubForm(),
            "partner_form": partner_form or PartnerForm(initial={"starts_on": today()}),
        },
        status=status,
    )


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def new(request: StaffRequest) -> HttpResponse:
    form = ClubForm(request.POST)
    if form.is_valid():
        try:
            made = clubs.found(by=request.user, at=now(), **form.cleaned_data)
            return redirect("desk:club", made.pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _list(request, club_form=form, status=422)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def agree(request: StaffRequest) -> HttpResponse:
    form = PartnerForm(request.POST)
    if form.is_valid():
        try:
            clubs.agree(by=request.user, at=now(), **form.cleaned_data)
            messages.success(request, _("Saved"))
            return redirect("desk:clubs")
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _list(request, partner_form=form, status=422)


@needs(Permission.VIEW_CAMPAIGNS)
def club(request: StaffRequest, pk: int) -> HttpResponse:
    """Members in reach, what is planned, and who has a seat."""
    return _page(request, get_object_or_404(Club, pk=pk))


def _page(
    request: StaffRequest, found: Club, *, event_form: EventForm | None = None, status: int = 200
) -> HttpResponse:
    names = rights_of(request.user.role).scope != Scope.NONE
    mine = scope_filter(request.user, today(), "customer__")
    members = found.members.filter(left_on__isnull=True)
    visits = ClubVisit.objects.filter(mine, event__club=found).select_related("customer").order_by("event_id", "pk")
    events = [
        {
            "event": event,
            "over": event.on <= today(),
            "label": f"{event.taken} / {event.seats}",
            "visits": [one for one in visits if one.event_id == event.pk] if names else [],
        }
        for event in found.events.order_by("-on")[:20]
    ]
    return render(
        request,
        "desk/loyalty/clubs/club.html",
        {
            "club": found,
            "size": members.count(),
            "events": events,
            "names": names,
            "shown": SHOWN,
            "members": members.filter(mine).select_related("customer__manager").order_by("joined_on", "pk")[:SHOWN],
            "level": dict(_levels()).get(found.min_level, found.min_level) if found.min_level else "",
            "event_form": event_form or EventForm(),
        },
        status=status,
    )


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def plan(request: StaffRequest, pk: int) -> HttpResponse:
    found, form = get_object_or_404(Club, pk=pk), EventForm(request.POST)
    if form.is_valid():
        try:
            clubs.plan(found, by=request.user, at=now(), **form.cleaned_data)
            messages.success(request, _("It is planned."))
            return redirect("desk:club", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _page(request, found, event_form=form, status=422)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def act(request: StaffRequest, pk: int) -> HttpResponse:
    """Join by customer number, leave, take a seat, note who came: for customers in reach."""
    found = get_object_or_404(Club, pk=pk)
    verb, told = request.POST.get("verb", ""), request.POST
    people = visible_to(request.user, today())
    try:
        if verb in ("join", "leave"):
            person = people.filter(number=told.get("customer", "").strip().upper()[:20]).first()
            if person is None:
                messages.error(request, _("There is no customer of this number."))
            elif verb == "join":
                clubs.join(found, person, by=request.user, at=now())
                messages.success(request, _("Joined"))
            else:
                clubs.leave(found, person, by=request.user, at=now())
                messages.success(request, _("Left the club"))
        elif verb == "seat":
            person = _of(people, told.get("customer", ""))
            event = get_object_or_404(found.events.all(), pk=_number(told.get("event", "")))
            clubs.take_seat(event, person, at=now())
            messages.success(request, _("Has a seat"))
        elif verb in ("came", "missed"):
            mine = ClubVisit.objects.filter(scope_filter(request.user, today(), "customer__"), event__club=found)
            visit = get_object_or_404(mine, pk=_number(told.get("visit", "")))
            clubs.note_visit(visit.pk, came=verb == "came", by=request.user, at=now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:club", pk)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _of(people: Any, number: str) -> Customer:
    return get_object_or_404(people, number=number[:20])


def card(customer: Customer) -> dict[str, Any] | None:
    """What the customer page shows; None where there is nothing."""
    joined = ClubMember.objects.filter(customer=customer, left_on__isnull=True).select_related("club").order_by("pk")
    found = {"joined": list(joined), "partners": clubs.benefits_of(customer, on=today())}
    return found if any(found.values()) else None
