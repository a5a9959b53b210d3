"""The months of the trail: made ahead, and once their days in the database are over, written to a file and dropped."""

import gzip
import hashlib
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import OperationalError, connection, transaction

from core.accounts import audit
from core.accounts.archive import lines, seals
from core.accounts.archive.lines import Line
from core.accounts.models import AuditArchive

TABLE = seals.TABLE
REST = f"{TABLE}_default"
AHEAD = 3
WAIT = "3s"
INDEXES = {
    "audit_subject": "(subject_type, subject_id, at DESC)",
    "audit_actor": "(actor_id, at DESC, id DESC)",
    "audit_action": "(action, at DESC, id DESC)",
    "audit_newest": "(at DESC, id DESC)",
}
PARTITIONS = """
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
    FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = %s::regclass ORDER BY c.relname
"""
log = logging.getLogger(__name__)


class ArchiveError(RuntimeError):
    """A month cannot be archived; the text says why."""


class Month(NamedTuple):
    """A partition: its table, from when (None: all before) to before when (None: what fits no other), about how many lines."""

    table: str
    since: datetime | None
    until: datetime | None
    lines: int
    size: int

    @property
    def name(self) -> str:
        return self.table.removeprefix(f"{TABLE}_").replace("_", "-")


def months() -> list[Month]:
    """The partitions that are in the database, oldest first, that for the rest at the end."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS, [TABLE])
        found = [Month(name, *_bounds(told), count, size) for name, told, count, size in cursor.fetchall()]
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda month: (month.until or last, month.table))


def _bounds(told: str) -> tuple[datetime | None, datetime | None]:
    """Of "FOR VALUES FROM ('2026-11-01 00:00:00+00') TO (…)"; as the session's time zone writes it."""
    told_moments = re.findall(r"'([^']+)'", told)
    moments = [datetime.fromisoformat(moment).astimezone(UTC) for moment in told_moments]
    if not moments:
        return None, None
    return (moments[0] if len(moments) > 1 else None), moments[-1]


def first_of(at: datetime, ahead: int = 0) -> datetime:
    """The first moment (UTC) of the month of this moment, or of one so many months later."""
    number = at.astimezone(UTC).year * 12 + at.astimezone(UTC).month - 1 + ahead
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def prepare(*, at: datetime) -> list[str]:
    """There is a partition for this month and the next three; returns the names of those that are new.

    A month of which lines stand among the rest already (a clock was wrong) stays there.
    """
    covered = [(month.since, month.until) for month in months() if month.until]
    made = []
    for ahead in range(AHEAD + 1):
        since, until = first_of(at, ahead), first_of(at, ahead + 1)
        if any((one is None or one < until) and since < two for one, two in covered if two):
            continue
        if _make(since, until):
            made.append(f"{since:%Y-%m}")
    return made


@transaction.atomic
def _make(since: datetime, until: datetime) -> bool:
    table, suffix = f"{TABLE}_{since:%Y_%m}", f"{since:%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{WAIT}'")
        cursor.execute(f"SELECT EXISTS (SELECT FROM {REST} WHERE at >= %s AND at < %s)", [since, until])  # noqa: S608
        if cursor.fetchone()[0]:
            return False
        cursor.execute(f"CREATE TABLE {table} (LIKE {TABLE} INCLUDING DEFAULTS)")
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (id, at)")
        for name, columns in INDEXES.items():
            cursor.execute(f"CREATE INDEX {name}_{suffix} ON {table} {columns}")
        cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {table} FOR VALUES FROM (%s) TO (%s)", [since, until])
        cursor.execute(
            f"CREATE TRIGGER pgtrigger_never_emptied_db8fc BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION pgtrigger_never_emptied_db8fc()"
        )
    return True


def folder() -> Path:
    return Path(settings.AUDIT_ARCHIVE)


def archive_due(*, at: datetime) -> list[str]:
    """Months whose days in the database are over, and that are sealed to their end, are files; returns their names."""
    days = settings.KEEP_DAYS["audit"]
    if not days:
        return []
    sealed, before = seals.newest(), at - timedelta(days=days)
    due = [month for month in months() if month.until and month.until <= before]
    return [month.name for month in due if sealed and archive(month, sealed_to=sealed.last_id, at=at)]


def archive(month: Month, *, sealed_to: int, at: datetime) -> bool:
    """The lines of this partition stand in a file that was read again and is the same; the partition is gone.

    False while some are not sealed, and when there are none: then it is gone without a file. Raises ArchiveError when the
    file is not what the table says, or somebody writes.
    """
    count, digest = lines.digest(lines.of_table(month.table))
    span = _span(month.table)
    if count and span[1] > sealed_to:
        return False
    if not count:
        _drop(month, None, at)
        return False
    path = folder() / f"audit-{month.name}.jsonl.gz"
    _write(path, month.table)
    if lines.digest(of_file(path)) != (count, digest):
        raise ArchiveError(f"{path} is not what {month.table} says: nothing was dropped.")
    row = AuditArchive(name=month.name, since=month.since, count=count, first_id=span[0], last_id=span[1], at=at)
    row.until, row.file, row.sha256 = month.until or at, path.name, sha256(path)
    _drop(month, row, at)
    return True


def _span(table: str) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM "{table}"')  # noqa: S608
        first, last = cursor.fetchone()
    return int(first), int(last)


@transaction.atomic
def _drop(month: Month, row: AuditArchive | None, at: datetime) -> None:
    """In one transaction with its note; whatever came in since the file was written keeps the partition."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{WAIT}'")
        try:
            cursor.execute(f'LOCK TABLE "{month.table}" IN ACCESS EXCLUSIVE MODE')
        except OperationalError:
            raise ArchiveError(f"{month.table} is in use: the next day archives it.") from None
        cursor.execute(f'SELECT count(*) FROM "{month.table}"')  # noqa: S608
        if cursor.fetchone()[0] != (row.count if row else 0):
            raise ArchiveError(f"{month.table} has got lines meanwhile: the next day archives it.")
        cursor.execute(f'ALTER TABLE {TABLE} DETACH PARTITION "{month.table}"')
        cursor.execute(f'DROP TABLE "{month.table}"')
    if row:
        row.save(force_insert=True)
        audit.record(None, "trail.archived", None, at=at, month=month.name, lines=row.count)
    log.info("audit: %s is archived", month.name)


def _write(path: Path, table: str) -> None:
    """Whole or not at all, readable by the service alone, and on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
            for line in lines.of_table(table):
                packed.write(line.text.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def of_file(path: Path) -> Iterator[Line]:
    """The lines of an archive. Raises OSError, EOFError or ValueError for what is no whole one."""
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        for text in file:
            yield lines.read(text.rstrip("\n"))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
