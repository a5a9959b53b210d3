"""Clubs and partners in rows: who is a member, what is planned, and what a customer has of it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from core.accounts.permissions import StaffRequest
from core.accounts.roles import rights_of
from crm.desk.loyalty.campaigns.forms import level_choices, level_name
from crm.desk.paging import Page, page_of
from crm.desk.today import today
from customers.access import scope_filter
from customers.models import Customer
from loyalty import clubs
from loyalty.models import Club, ClubEvent, ClubMember, ClubVisit, PartnerBenefit
from loyalty.tiers import membership

MEMBERS_SHOWN = 100
EVENTS_SHOWN = 20


@dataclass(frozen=True)
class ClubRow:
    """A club, its next meeting, and the level it begins with."""

    club: Club
    next: ClubEvent | None
    level: str


@dataclass(frozen=True)
class PartnerRow:
    benefit: PartnerBenefit
    level: str


@dataclass(frozen=True)
class EventRow:
    """What is planned or was, and those with a seat whom the reader may see."""

    event: ClubEvent
    over: bool
    label: str
    visits: list[ClubVisit]


@dataclass(frozen=True)
class Card:
    """Clubs and partners of one customer."""

    joined: list[ClubMember]
    partners: list[PartnerBenefit]


def club_list() -> list[ClubRow]:
    coming: dict[int, ClubEvent] = {}
    for event in ClubEvent.objects.filter(on__gte=today()).order_by("-on"):
        coming[event.club_id] = event
    levels = dict(level_choices()) | {"": ""}
    size = Count("members", filter=Q(members__left_on__isnull=True))
    return [
        ClubRow(club, coming.get(club.pk), levels.get(club.min_level, club.min_level))
        for club in Club.objects.annotate(size=size).order_by("name")
    ]


def partner_list() -> list[PartnerRow]:
    """What partners give now or will."""
    levels = dict(level_choices()) | {"": ""}
    benefits = PartnerBenefit.objects.filter(Q(ends_on__isnull=True) | Q(ends_on__gt=today()))
    return [
        PartnerRow(benefit, levels.get(benefit.min_level, benefit.min_level))
        for benefit in benefits.order_by("partner", "pk")
    ]


def context(request: StaffRequest, club: Club) -> dict[str, Any]:
    """Members in reach, what is planned, and who has a seat."""
    mine = scope_filter(request.user, today(), "customer__")
    names = rights_of(request.user).sees_customers
    members = club.members.filter(left_on__isnull=True)
    reached = members.filter(mine).select_related("customer__manager").order_by("joined_on", "pk")
    visits = ClubVisit.objects.filter(mine, event__club=club).select_related("customer").order_by("event_id", "pk")
    return {
        "club": club,
        "size": members.count(),
        "events": _events(request, club, list(visits) if names else []),
        "names": names,
        "members": page_of(request, reached, MEMBERS_SHOWN, "members"),
        "level": level_name(club.min_level),
    }


def _events(request: StaffRequest, club: Club, visits: list[ClubVisit]) -> Page:
    page = page_of(request, club.events.order_by("-on", "-pk"), EVENTS_SHOWN)
    return page.of(
        [
            EventRow(
                event,
                over=event.on <= today(),
                label=f"{event.taken} / {event.seats}",
                visits=[visit for visit in visits if visit.event_id == event.pk],
            )
            for event in page.rows
        ]
    )


class Asked(NamedTuple):
    joined: QuerySet[ClubMember]
    benefits: QuerySet[PartnerBenefit]


def asked(customer: Customer) -> Asked:
    """What `card` shows, to be read with the rest of the page."""
    joined = ClubMember.objects.filter(customer=customer, left_on__isnull=True).select_related("club").order_by("pk")
    return Asked(joined, clubs.benefits(on=today()))


def card(customer: Customer, rows: Asked, level: membership.Asked) -> Card | None:
    """What the customer page shows; None where there is nothing."""
    shown = Card(list(rows.joined), clubs.benefits_of(customer, on=today(), among=rows.benefits, read=level))
    return shown if shown.joined or shown.partners else None
