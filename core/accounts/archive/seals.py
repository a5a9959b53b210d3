"""The chain: what the trail said up to here cannot be changed, left out, added to or put in another order unnoticed.

A line that a running transaction has not committed yet may have a lower number than one that is there: so the end of what
is sealed is taken while nobody writes, which takes no longer than a look; if it would, the next hour seals.
"""

import hashlib
import hmac
import logging
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from django.db import OperationalError, connection, transaction

from core.accounts.archive import lines
from core.accounts.archive.lines import Line
from core.accounts.models import AuditSeal
from core.lib import sealing

TABLE = "accounts_auditentry"
USE = b"audit seal"
LINES = 5000
WAIT = "500ms"
log = logging.getLogger(__name__)


def seal(*, at: datetime) -> int:
    """Every line that is committed now is under a seal; returns how many new seals that took. Twice at once is once."""
    try:
        end = _end()
    except OperationalError:
        log.info("audit: somebody writes, the next hour seals")
        return 0
    made = 0
    while _seal_next(end, at):
        made += 1
    return made


@transaction.atomic
def _end() -> int:
    """The highest id, of which no lower one is still to come."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{WAIT}'")
        cursor.execute(f"LOCK TABLE ONLY {TABLE} IN SHARE MODE")
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {TABLE}")  # noqa: S608 (a name of ours)
        return int(cursor.fetchone()[0])


@transaction.atomic
def _seal_next(end: int, at: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('laoke.audit.seal'))")
    last = newest()
    after = last.last_id if last else 0
    taken = list(islice(lines.of_table(TABLE, after=after, until=end), LINES))
    if not taken:
        return False
    count, digest = lines.digest(taken)
    row = AuditSeal(
        number=last.number + 1 if last else 1, first_id=after + 1, last_id=taken[-1].id, count=count, digest=digest
    )
    row.chain = chained(last.chain if last else "", row)
    row.signature, row.key, row.at = signature(row.chain), sealing.fingerprint(), at
    row.save(force_insert=True)
    # The head of the chain, outside of the database: whoever rebuilds all of it does not rebuild the log.
    log.info("audit: sealed %s to line %s: %s", row.number, row.last_id, row.chain)
    return True


def newest() -> AuditSeal | None:
    return AuditSeal.objects.order_by("-number").first()


def chained(before: str, row: AuditSeal) -> str:
    told = f"{before}|{row.number}|{row.first_id}|{row.last_id}|{row.count}|{row.digest}"
    return hashlib.sha256(told.encode()).hexdigest()


def signature(chain: str, key: bytes | None = None) -> str:
    return hmac.new(key or sealing.key(USE), chain.encode(), hashlib.sha256).hexdigest()


def wrong_with(row: AuditSeal, before: str, taken: Iterator[Line]) -> list[str]:
    """What is not as this seal says, of its lines and of itself."""
    count, digest = lines.digest(taken)
    wrong = []
    if count != row.count:
        wrong.append(f"lines {row.first_id} to {row.last_id}: {count} instead of {row.count}")
    elif digest != row.digest:
        wrong.append(f"lines {row.first_id} to {row.last_id}: not what was sealed")
    if chained(before, row) != row.chain:
        wrong.append(f"seal {row.number}: not the next of the chain")
    elif row.key in sealing.fingerprints():
        key = sealing.keys(USE)[sealing.fingerprints().index(row.key)]
        if not hmac.compare_digest(signature(row.chain, key), row.signature):
            wrong.append(f"seal {row.number}: not signed with the vault key")
    return wrong
