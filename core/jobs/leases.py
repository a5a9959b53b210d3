"""Work belongs to whoever took it for as long as that process is alive: shown by a heartbeat, or granted for a term.

A holder that dies says nothing more. Long work is then taken over once its heartbeat is old, and given up when several
holders in a row died over it; a short attempt is free again when its term is over.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from core.jobs.models import Leased

SILENT_AFTER = timedelta(seconds=settings.JOB_SILENT_SECONDS)
GIVE_UP_AFTER = 3
TERM = timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
T = TypeVar("T", bound=Leased)


# Long work, with a heartbeat ----------------------------------------------------------------------------------------


def to_be_had(at: datetime | Now) -> Q:
    """Work that waits, or is running in the hands of somebody who has not spoken for long (or never)."""
    silent = Q(heartbeat_at__isnull=True) | Q(heartbeat_at__lt=at - SILENT_AFTER)
    return Q(state="waiting") | Q(state="running") & silent


def is_silent(heartbeat_at: datetime | None, *, at: datetime) -> bool:
    return heartbeat_at is None or heartbeat_at < at - SILENT_AFTER


def is_worn_out(attempts: int) -> bool:
    """Whether so many holders failed or died over it, one after the other, that it is given up."""
    return attempts >= GIVE_UP_AFTER


def let_go_after(silence: timedelta) -> None:
    """For this transaction: PostgreSQL ends it, and so frees what it holds, when its process is silent for so long.

    Without it a frozen process keeps its locks, and nobody can take its work over.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = %s", [round(silence.total_seconds() * 1000)])


# One attempt, for a term --------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def take(rows: QuerySet[T], *, at: datetime) -> T | None:
    """The first of these rows that nobody holds is this process's for a term, and the attempt is counted: committed.

    Refused within a transaction of the caller, whose locks would last as long as the attempt.
    """
    free = rows.filter(Q(claimed_until__isnull=True) | Q(claimed_until__lte=at))
    row = free.select_for_update(skip_locked=True, of=("self",)).first()
    if row is not None:
        row.attempts += 1
        row.claimed_until = at + TERM
        row.save(update_fields=["attempts", "claimed_until"])
    return row


def still_held(row: T) -> QuerySet[T]:
    """This row, unless somebody has taken it since: where it is noted that the attempt failed."""
    return type(row)._default_manager.filter(pk=row.pk, attempts=row.attempts, claimed_until__isnull=False)
