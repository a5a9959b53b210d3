"""Whether this process can do its work now: what a load balancer, a service manager and an upgrade ask."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from core.jobs.models import JobRun
from core.lib.database.base import WrongClock, WrongKeys
from crm import checks
from crm.operating.models import Trouble

BACKUP = "backup"
# A backup is made every day; two hours are for a slow one.
STALE_AFTER = timedelta(hours=26)
# Seconds that the database and Redis may take to answer.
DATABASE_SECONDS, REDIS_SECONDS = 3, 1
OK = "ok"
WRONG_KEYS = "VAULT_KEY is not the key of the data"


def readiness(*, at: datetime) -> tuple[bool, dict[str, str]]:
    """Whether requests can be answered, and how each part is. Of a part only what to do is said, never a value.

    Redis may be away and the last backup old: then work comes late or a loss would cost more, and pages still answer.
    """
    parts: dict[str, str] = {}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{DATABASE_SECONDS}s"])
            for name, look in NEEDED.items():
                parts[name] = look()
            backup, burning = _backup(at), _burning()
    except WrongClock:
        return False, {"database": "its clock is not this machine's: set the one that is wrong (timedatectl)"}
    except WrongKeys:
        return False, {"vault": WRONG_KEYS}
    except DatabaseError:
        parts.setdefault("database", "does not answer")
        parts.setdefault("migrations", "cannot be asked now")
        return False, parts
    is_ready = all(said == OK for said in parts.values())
    return is_ready, parts | {"redis": _redis(), "backup": backup, "watch": burning}


def last_backup() -> datetime | None:
    """When the newest backup that is good began."""
    done = JobRun.objects.filter(job=BACKUP, state=JobRun.State.DONE).order_by("-business_date")
    return done.values_list("started_at", flat=True).first()


def newest_backup() -> JobRun | None:
    """The backup that was tried last, good or not."""
    return JobRun.objects.filter(job=BACKUP).order_by("-business_date").first()


def backup_is_stale(*, at: datetime) -> bool:
    """Whether the newest good backup is missing or older than a day and two hours."""
    last = last_backup()
    return last is None or at - last > STALE_AFTER


def backup_notice(*, at: datetime) -> str:
    """What an administrator has to know of the backups; nothing while they are fresh, or while the mall is made up."""
    if settings.DEMO or not backup_is_stale(at=at):
        return ""
    newest, last = newest_backup(), last_backup()
    if newest and newest.state == JobRun.State.FAILED:
        return _("The newest backup failed: %(error)s") % {"error": newest.error}
    if last is None:
        return _("No backup has been made. What is stored here would be lost with this machine.")
    return _("The last good backup is %(hours)d hours old.") % {"hours": int((at - last).total_seconds() // 3600)}


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        (is_copy,) = cursor.fetchone()
    return "is a read-only copy" if is_copy else OK


@cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _migrations() -> str:
    """Whether the tables are those of this code; those of newer code do as well, for an upgrade adds first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
        (is_there,) = cursor.fetchone()
        if not is_there:
            return "none applied: run manage.py migrate"
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = _newest_migrations() - set(cursor.fetchall())
    return (
        f"not applied in {', '.join(sorted({app for app, _name in missing}))}: run manage.py migrate" if missing else OK
    )


def _cache() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [str(settings.CACHES["default"].get("LOCATION", ""))])
        (is_there,) = cursor.fetchone()
    return OK if is_there else "its table is missing: run manage.py createcachetable"


def _vault() -> str:
    return WRONG_KEYS if checks.vault_opens(None, ["default"]) else OK


def _redis() -> str:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        ) as client:
            client.ping()
    except redis.RedisError:
        return "does not answer: work comes late, none is lost"
    return OK


def _backup(at: datetime) -> str:
    last = last_backup()
    if last is None:
        return "none yet: run manage.py backup"
    return f"the last good one is {(at - last).total_seconds() / 3600:.0f} hours old" if backup_is_stale(at=at) else OK


def _burning() -> str:
    """What the watch has told and is not over: names of conditions, and no figure."""
    told = Trouble.objects.filter(ended_at=None, told_at__isnull=False).order_by("what")
    names = sorted(set(told.values_list("what", flat=True)))
    return f"{', '.join(names)}: the page Health says what to do" if names else OK


# Without these no page can be answered, or only wrongly.
NEEDED: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "cache": _cache,
    "vault": _vault,
}


def shown(at: datetime) -> tuple[int, dict[str, Any]]:
    """The answer of /readyz: its status, and its body."""
    is_ready, parts = readiness(at=at)
    return (200, {"status": "ready", "parts": parts}) if is_ready else (503, {"status": "not ready", "parts": parts})
