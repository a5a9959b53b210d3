"""Who is in a tracked segment, since when and why: worked out in one statement, at night and when its rule changes."""

import logging
import time
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet

from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import Context
from core.lib.errors import DomainError
from customers.models import Standing
from segmentation.models import Segment, SegmentDay, SegmentMember, SegmentVersion
from segmentation.segments import reach

Why = SegmentMember.Why
# Moves that say nothing about the customers: they never count as having entered.
UNTOLD = (Why.FIRST, Why.RULE, Why.MERGE)
MOVE = """
WITH inside AS MATERIALIZED ({inside}),
gone AS (
    UPDATE segmentation_segmentmember m
       SET left_on = greatest(%(on)s, m.entered_on), left_at = %(at)s, left_why = %(why)s
     WHERE m.segment_id = %(segment)s AND m.left_on IS NULL
       AND NOT EXISTS (SELECT 1 FROM inside WHERE inside.customer_id = m.customer_id)
 RETURNING 1
),
come AS (
    INSERT INTO segmentation_segmentmember
           (segment_id, customer_id, version_id, entered_on, entered_at, why, left_why)
    SELECT %(segment)s, inside.customer_id, %(version)s, %(on)s, %(at)s, %(why)s, ''
      FROM inside
     WHERE NOT EXISTS (SELECT 1 FROM segmentation_segmentmember m
                        WHERE m.segment_id = %(segment)s AND m.left_on IS NULL
                          AND m.customer_id = inside.customer_id)
     ORDER BY inside.customer_id
 RETURNING 1
)
SELECT (SELECT count(*) FROM inside), (SELECT count(*) FROM come), (SELECT count(*) FROM gone)
"""
# A segment that takes longer is left as it is, and said.
LONGEST_SECONDS = 120
QUERY_CANCELED = "57014"
NOBODY = "SELECT NULL::bigint AS customer_id WHERE false"


log = logging.getLogger(__name__)


class Moved(NamedTuple):
    size: int
    entered: int
    left: int


@transaction.atomic
def evaluate(segment_id: int, catalogue: Catalogue, *, as_of: date, at: datetime, why: Why) -> Moved | None:
    """Who is in the segment now is in it since `as_of`, who is not has left it; doing it again changes nothing.

    None where it is not tracked, or where a later day has been worked out already: the past is not written anew.
    """
    segment = Segment.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=segment_id)
    days = SegmentDay.objects.filter(segment=segment)
    if not segment.tracked or days.filter(on__gt=as_of).exists():
        return None
    version = segment.versions.latest("n")
    begun = time.perf_counter()
    context = Context(as_of, segment.owner_id)
    rows = reach.within(segment, as_of).filter(catalogue.compile(catalogue.parse(version.tree), context))
    moved = _move(rows, segment, version, as_of, at, why)
    day, _is_new = days.get_or_create(
        on=as_of, defaults={"segment": segment, "version": version, "size": moved.size, "entered": 0, "left": 0}
    )
    day.size, day.version = moved.size, version
    day.entered, day.left = day.entered + moved.entered, day.left + moved.left
    day.seconds = round(time.perf_counter() - begun, 3)
    day.save()
    return moved


def tracked() -> list[int]:
    """The ids of the segments whose members are kept."""
    return list(Segment.objects.filter(tracked=True).order_by("pk").values_list("pk", flat=True))


def work(segment_id: int, catalogue: Catalogue, *, as_of: date, at: datetime) -> dict[str, int]:
    """One segment of a night, as `evaluate` does it; returns what the night counts.

    A segment that cannot be asked any more (a field has gone, its owner may not use one) or takes too long stays as it
    is: one of them holds up no other.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [LONGEST_SECONDS * 1000])
            moved = evaluate(segment_id, catalogue, as_of=as_of, at=at, why=Why.NIGHT)
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except DomainError as refusal:
        log.warning("segment %s was left as it is: %s", segment_id, refusal.code)
        return {"segments_left": 1}
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", "") != QUERY_CANCELED:
            raise
        log.warning("segment %s was left as it is: it took more than %s seconds", segment_id, LONGEST_SECONDS)
        return {"segments_left": 1}
    if moved is None:
        return {"segments": 0}
    return {"segments": 1, "segments_entered": moved.entered, "segments_gone": moved.left}


def _move(
    rows: QuerySet[Standing], segment: Segment, version: SegmentVersion, on: date, at: datetime, why: Why
) -> Moved:
    with connection.cursor() as cursor:
        try:
            sql, params = rows.order_by().values("customer_id").query.sql_with_params()
            inside = cursor.mogrify(sql, params).decode()
        except EmptyResultSet:
            inside = NOBODY
        told: dict[str, Any] = {"segment": segment.pk, "version": version.pk, "on": on, "at": at, "why": why}
        cursor.execute(MOVE.format(inside=inside.replace("%", "%%")), told)
        return Moved(*cursor.fetchone())


def close(segment: Segment, *, on: date, at: datetime) -> None:
    """Nobody is in it any more: what was known stays as history."""
    _leave(SegmentMember.objects.filter(segment=segment, left_on__isnull=True), Why.ASKED, on=on, at=at)


def erase(customer_ids: Collection[int], *, on: date, at: datetime) -> None:
    """These customers are in no segment any more."""
    rows = SegmentMember.objects.filter(customer__in=customer_ids, left_on__isnull=True)
    _leave(rows, Why.ERASED, on=on, at=at)


def merge(loser_id: int, winner_id: int, *, on: date, at: datetime) -> None:
    """The winner is in whatever the loser was in, since the earlier of the two days; the loser's rows are closed."""
    rows = SegmentMember.objects.filter(left_on__isnull=True)
    for row in rows.filter(customer=loser_id).order_by("segment"):
        same = rows.filter(customer=winner_id, segment=row.segment_id)
        if not same.exists():
            SegmentMember.objects.create(
                segment_id=row.segment_id,
                customer_id=winner_id,
                version_id=row.version_id,
                entered_on=row.entered_on,
                entered_at=at,
                why=Why.MERGE,
            )
        same.filter(entered_on__gt=row.entered_on).update(entered_on=row.entered_on)
    _leave(rows.filter(customer=loser_id), Why.MERGE, on=on, at=at)


def unmerge(loser_id: int, winner_id: int, *, merged_at: datetime, on: date, at: datetime) -> None:
    """What the merge closed is open again, and what it opened is closed."""
    brought = SegmentMember.objects.filter(
        customer=winner_id, why=Why.MERGE, entered_at=merged_at, left_on__isnull=True
    )
    _leave(brought, Why.MERGE, on=on, at=at)
    closed = SegmentMember.objects.filter(customer=loser_id, left_why=Why.MERGE, left_at=merged_at)
    closed.filter(segment__tracked=True).update(left_on=None, left_at=None, left_why="")


def _leave(rows: QuerySet[SegmentMember], why: Why, *, on: date, at: datetime) -> None:
    rows.filter(entered_on__lte=on).update(left_on=on, left_at=at, left_why=why)
    rows.filter(entered_on__gt=on).update(left_on=F("entered_on"), left_at=at, left_why=why)


# Reading ------------------------------------------------------------------------------------------------------------


def members(segment: Segment, on: date | None = None) -> QuerySet[SegmentMember]:
    """Who is in it now, or who was at the end of a day."""
    rows = SegmentMember.objects.filter(segment=segment)
    if on is None:
        return rows.filter(left_on__isnull=True)
    return rows.filter(Q(left_on__isnull=True) | Q(left_on__gt=on), entered_on__lte=on)


def entered_since(segment: Segment, moment: datetime) -> QuerySet[SegmentMember]:
    """Who came in after a moment of their own accord: not with the first night, a new rule or a merged record."""
    return members(segment).filter(entered_at__gt=moment).exclude(why__in=UNTOLD)
