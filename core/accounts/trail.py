"""Reading the audit trail: narrowed by person, action, subject and time, a page of rows behind the last one seen.

Every question is answered from the newest row backwards along an index, so that five million rows cost no more than
the page that is shown.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from core.accounts.models import AuditEntry
from core.lib.periods import mall_moment, mall_zone

EXPORT_CHUNK = 2000


@dataclass(frozen=True)
class Search:
    """What the trail is narrowed to; None or empty means anything. Days are the mall's, both included."""

    actor_id: int | None = None
    nobody: bool = False
    actions: Sequence[str] = ()
    subject_type: str = ""
    subject_id: int | None = None
    since: date | None = None
    until: date | None = None


class Place(NamedTuple):
    """The row a page ends with."""

    at: datetime
    pk: int


def entries(search: Search) -> QuerySet[AuditEntry]:
    """The lines that were asked for, the newest first."""
    rows = AuditEntry.objects.select_related("actor").order_by("-at", "-pk")
    if search.nobody:
        rows = rows.filter(actor__isnull=True)
    elif search.actor_id:
        rows = rows.filter(actor=search.actor_id)
    if search.actions:
        rows = rows.filter(action__in=search.actions)
    if search.subject_type:
        rows = rows.filter(subject_type=search.subject_type)
    if search.subject_id is not None:
        rows = rows.filter(subject_id=search.subject_id)
    if search.since:
        rows = rows.filter(at__gte=mall_moment(search.since, 0))
    if search.until:
        rows = rows.filter(at__lt=mall_moment(search.until + timedelta(days=1), 0))
    return rows


def behind(rows: QuerySet[AuditEntry], place: Place | None) -> QuerySet[AuditEntry]:
    """The rows after this one in the order of `entries`."""
    if place is None:
        return rows
    return rows.filter(Q(at__lt=place.at) | Q(at=place.at, pk__lt=place.pk)).filter(at__lte=place.at)


def all_of(search: Search, *, most: int) -> Iterator[AuditEntry]:
    """At most `most` lines, fetched in pieces that hold no cursor open."""
    place: Place | None = None
    while most > 0:
        piece = list(behind(entries(search), place)[: min(EXPORT_CHUNK, most)])
        yield from piece
        if len(piece) < EXPORT_CHUNK:
            return
        most -= len(piece)
        place = Place(piece[-1].at, piece[-1].pk)


class PerDay(NamedTuple):
    """How often a person did something on a day of the mall."""

    on: date
    person_id: int
    often: int


def per_day(actions: Iterable[str], *, since: date) -> list[PerDay]:
    """How often each person did one of these on each day since then, the newest day and the most first."""
    rows = (
        AuditEntry.objects.filter(action__in=list(actions), at__gte=mall_moment(since, 0), actor__isnull=False)
        .annotate(on=TruncDate("at", tzinfo=mall_zone()))
        .values_list("on", "actor_id")
        .annotate(often=Count("pk"))
        .order_by("-on", "-often", "actor_id")
    )
    return [PerDay(*row) for row in rows]
