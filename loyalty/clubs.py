"""Clubs and partners: who may join, who has a seat, who came, and what a customer is entitled to elsewhere."""

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import locks
from customers.models import Customer
from loyalty.models import Club, ClubEvent, ClubMember, ClubVisit, PartnerBenefit
from loyalty.tiers import membership
from loyalty.tiers.membership import Asked


def _today(at: datetime) -> date:
    return mall_day(at)


@transaction.atomic
def found(name: str, *, about: str = "", min_level: str = "", by: User, at: datetime) -> Club:
    """A new club, from this level on (empty: for everybody)."""
    if not name.strip():
        raise Invalid(_("Give the club a name."), code="name")
    if Club.objects.filter(name=name.strip()).exists():
        raise Invalid(_("There is a club of this name."), code="name_taken")
    club = Club.objects.create(name=name.strip(), about=about.strip()[:300], min_level=min_level, by=by, at=at)
    audit.record(by, "club.founded", club, at=at)
    return club


@transaction.atomic
def join(club: Club, customer: Customer, *, by: User | None, at: datetime) -> ClubMember:
    """The customer is a member from today. Telling it twice is harmless."""
    locks.hold_customers([customer.pk])
    if known := ClubMember.objects.filter(club=club, customer=customer, left_on__isnull=True).first():
        return known
    today = _today(at)
    if club.closed_on is not None and club.closed_on <= today:
        raise DomainError(_("This club is closed."), code="closed")
    if not reaches(customer, club.min_level, on=today):
        raise DomainError(_("This club is for customers of a higher level."), code="level")
    audit.record(by, "club.joined", customer, at=at, club=club.pk)
    return ClubMember.objects.create(club=club, customer=customer, joined_on=today)


@transaction.atomic
def leave(club: Club, customer: Customer, *, by: User | None, at: datetime) -> None:
    """No longer a member from today. Seats already taken stay theirs."""
    left = ClubMember.objects.filter(club=club, customer=customer, left_on__isnull=True).update(left_on=_today(at))
    if left:
        audit.record(by, "club.left", customer, at=at, club=club.pk)


@transaction.atomic
def plan(
    club: Club, name: str, *, kind: str, on: date, place: str = "", seats: int | None = None, by: User, at: datetime
) -> ClubEvent:
    """A meeting, with or without a number of seats, or something to read that is meant for every member on that day."""
    if not name.strip() or kind not in ClubEvent.Kind.values:
        raise Invalid(_("Say what is planned."), code="name")
    if on < _today(at):
        raise Invalid(_("Choose a day that is still to come."), code="on")
    if seats is not None and (seats < 1 or kind == ClubEvent.Kind.CONTENT):
        raise Invalid(_("A meeting has at least one seat; what is sent has none."), code="seats")
    event = ClubEvent.objects.create(
        club=club, kind=kind, name=name.strip()[:80], place=place.strip()[:200], on=on, seats=seats, by=by, at=at
    )
    audit.record(by, "club.planned", event, at=at)
    return event


@transaction.atomic
def take_seat(event: ClubEvent, customer: Customer, *, at: datetime) -> ClubVisit:
    """The member has a seat. Telling it twice is harmless; when all are taken, DomainError."""
    locks.hold_customers([customer.pk])
    if known := ClubVisit.objects.filter(event=event, customer=customer).first():
        return known
    if event.kind != ClubEvent.Kind.MEETING:
        raise DomainError(_("Nobody signs up for what is sent."), code="content")
    if not ClubMember.objects.filter(club=event.club_id, customer=customer, left_on__isnull=True).exists():
        raise DomainError(_("Only members of the club sign up."), code="not_a_member")
    free = ClubEvent.objects.filter(Q(seats__isnull=True) | Q(taken__lt=F("seats")), pk=event.pk)
    if not free.update(taken=F("taken") + 1):
        raise DomainError(_("All %(seats)d seats are taken.") % {"seats": event.seats or 0}, code="full")
    return ClubVisit.objects.create(event=event, customer=customer, at=at)


@transaction.atomic
def note_visit(visit_id: int, *, came: bool, by: User, at: datetime) -> ClubVisit:
    """Whether the member came."""
    visit = ClubVisit.objects.select_for_update(no_key=True, of=("self",)).select_related("customer").get(pk=visit_id)
    visit.came = came
    visit.save(update_fields=["came"])
    audit.record(by, "club.visit_noted", visit.customer, at=at, event=visit.event_id, came=came)
    return visit


@transaction.atomic
def agree(
    partner: str,
    gives: str,
    *,
    min_level: str = "",
    starts_on: date,
    ends_on: date | None = None,
    by: User,
    at: datetime,
) -> PartnerBenefit:
    """A partner gives this to our customers from that level on, until the day before `ends_on`."""
    if not partner.strip() or not gives.strip():
        raise Invalid(_("Say which partner gives what."), code="partner")
    if ends_on is not None and ends_on < starts_on:
        raise Invalid(_("It ends after it begins."), code="ends_on")
    made = PartnerBenefit.objects.create(
        partner=partner.strip()[:80],
        gives=gives.strip()[:200],
        min_level=min_level,
        starts_on=starts_on,
        ends_on=ends_on,
        by=by,
        at=at,
    )
    audit.record(by, "partner.agreed", made, at=at)
    return made


def benefits(*, on: date) -> QuerySet[PartnerBenefit]:
    """What partners give on that day, to whoever it be, by partner."""
    running = Q(ends_on__isnull=True) | Q(ends_on__gt=on)
    return PartnerBenefit.objects.filter(running, starts_on__lte=on).order_by("partner", "pk")


def benefits_of(
    customer: Customer, *, on: date, among: Iterable[PartnerBenefit] | None = None, read: Asked | None = None
) -> list[PartnerBenefit]:
    """What partners give this customer on that day, by partner; `among` and `read` where they have been read already."""
    rank, codes = _rank(customer, on, read)
    rows = benefits(on=on) if among is None else among
    return [benefit for benefit in rows if _within(benefit.min_level, rank, codes)]


def reaches(customer: Customer, min_level: str, *, on: date) -> bool:
    """Whether the customer has this level or a higher one; everybody has the empty one."""
    return not min_level or _within(min_level, *_rank(customer, on))


def _rank(customer: Customer, on: date, read: Asked | None = None) -> tuple[int, list[str]]:
    held = membership.standing(customer, on=on, read=read)
    return (held.rank, [level["code"] for level in held.rules.levels]) if held else (0, [])


def _within(min_level: str, rank: int, codes: list[str]) -> bool:
    return not min_level or (min_level in codes and rank >= codes.index(min_level))


@transaction.atomic
def merge(loser: Customer, winner: Customer) -> None:
    """Two records become one: memberships and seats move; where both had one, the winner's stays."""
    locks.hold_customers([loser.pk, winner.pk])
    theirs = ClubMember.objects.filter(customer=loser, left_on__isnull=True)
    shared = ClubMember.objects.filter(customer=winner, left_on__isnull=True).values("club")
    theirs.filter(club__in=shared).update(left_on=F("joined_on"))
    ClubMember.objects.filter(customer=loser).update(customer=winner)
    seats = ClubVisit.objects.filter(customer=loser)
    seats.exclude(event__in=ClubVisit.objects.filter(customer=winner).values("event")).update(customer=winner)
