"""A look: what holds now is noted, and told when it begins, once a day while it goes on, and when it is over.

Told in Laoke to every administrator, and by mail to the operators, each in their own language. A look is taken by a
worker every five minutes and by the relay every minute; the second of two at the same time leaves it to the first.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import DatabaseError, connection, transaction

from core.accounts.models import Role
from core.accounts.roles import holders
from core.outbox import bell, delivery
from core.outbox.kinds import Kind
from crm.flows import notices
from crm.flows.notices import Burning
from crm.operating.models import Heartbeat, Trouble
from crm.operating.watch import mails
from crm.operating.watch.conditions import BY_NAME, CONDITIONS, Condition, Found, limit

# What is seen once may be the blink of a restart: it is told when a look a minute later still sees it, and is over
# when none has seen it for ten minutes.
CONFIRMED = timedelta(minutes=1)
CALM = timedelta(minutes=10)
WATCH = "watch"
# The night itself rings for a broken law, naming it.
RUNG_BY_OTHERS = {Burning.LAW}
log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """What one check found; None when it could not be asked."""

    condition: Condition
    found: list[Found] | None


def heard(name: str, *, at: datetime) -> None:
    """This part of Laoke is alive."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at})


def see(*, at: datetime, far: bool = True) -> list[Seen]:
    """What holds at this moment. Nothing is noted; a check that fails says nothing, and stops no other."""
    seen = []
    for condition in CONDITIONS:
        if condition.is_far and not far:
            continue
        try:
            with transaction.atomic():
                seen.append(Seen(condition, list(condition.check(at))))
        except (DatabaseError, ArithmeticError, LookupError, OSError, TypeError, ValueError) as error:
            log.exception("watch: %s could not be asked: %s", condition.what.value, type(error).__name__)
            seen.append(Seen(condition, None))
    return seen


def look(*, now: Callable[[], datetime]) -> list[Trouble]:
    """See, note, tell. Returns what has been told and is not over."""
    note(see(at=now()), at=now())
    mails.deliver_due(now=now)
    return list(Trouble.objects.filter(ended_at=None, told_at__isnull=False).order_by("began_at", "pk"))


@transaction.atomic
def note(seen: Iterable[Seen], *, at: datetime) -> None:
    """What was seen stands in the table, and whoever has to know is told with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('laoke.watch'))")
        (is_ours,) = cursor.fetchone()
    if not is_ours:
        return
    heard(WATCH, at=at)
    known = {(row.what, row.about): row for row in Trouble.objects.filter(ended_at=None).order_by("pk")}
    for condition, found in seen:
        if found is None:
            known = {key: row for key, row in known.items() if key[0] != condition.what}
            continue
        for one in found:
            row = known.pop((condition.what.value, one.about[:120]), None)
            _goes_on(row or _begun(condition, one, at), one, at)
    for row in known.values():
        if (row.what in BY_NAME and at - row.seen_at >= CALM) or row.what not in BY_NAME:
            _over(row, at)


def _begun(condition: Condition, found: Found, at: datetime) -> Trouble:
    return Trouble(what=condition.what.value, about=found.about[:120], began_at=at)


def _goes_on(row: Trouble, found: Found, at: datetime) -> None:
    row.case, row.params, row.seen_at = found.case, found.params, at
    is_first, repeat = row.told_at is None, timedelta(hours=limit("repeat_hours"))
    is_due = at - row.began_at >= CONFIRMED if row.told_at is None else at - row.told_at >= repeat
    if is_due:
        row.told_at = at
    row.save()
    if is_due:
        log.warning("watch: %s", row)
        mails.write(row, "begun" if is_first else "again", at=at)
        _ring(row, at)


def _over(row: Trouble, at: datetime) -> None:
    row.ended_at = at
    row.save(update_fields=["ended_at"])
    if row.told_at is None:
        return
    log.warning("watch: over: %s", row)
    mails.write(row, "over", at=at)
    bell.settle(_thread(row), at=at)
    if row.what not in RUNG_BY_OTHERS:
        _tell(row, notices.TROUBLE_OVER, f"{_thread(row)}:over", at)


def _ring(row: Trouble, at: datetime) -> None:
    if row.what not in RUNG_BY_OTHERS:
        _tell(row, notices.TROUBLE, _thread(row), at)


def _thread(row: Trouble) -> str:
    return f"trouble:{row.pk}"


def _tell(row: Trouble, kind: Kind, thread: str, at: datetime) -> None:
    admins = holders(Role.ADMINISTRATOR).values_list("pk", flat=True)
    key = f"{thread}:{at.isoformat()}"
    delivery.tell(admins, kind, {"what": row.what}, key=key, thread=thread, at=at, link="/health/")
