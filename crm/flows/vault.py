"""A new key for the vault: everything that is encrypted at rest goes from the old keys to the current one.

The work is a run of the table of jobs: cut into chunks whose cursor commits with them, so that it can be killed and
started again, beside pages, orders and imports that go on. It passes over all rows until one pass finds nothing under
an old key, for a process that was restarted last may have written behind the cursor. Then the old keys can go.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction

from complaints.attachments import files
from core.accounts.own import second_factor
from core.jobs import runs
from core.jobs.models import JobRun
from core.lib import sealing
from core.lib.deadlock import again_after_deadlock
from core.lib.sealing import Reseal, Resealed
from core.mall.models import VaultKey
from core.outbox import webhooks
from crm import checks
from crm.flows.bulk import parts
from customers import contact_points
from customers.imports import contents
from customers.letters import writing as letters
from customers.models import ContactPoint
from loyalty.campaigns.draws import proof

JOB = "rotate_vault"
CHUNK = 500
# Every table that holds something encrypted, in the order in which they are worked.
TABLES: dict[str, Reseal] = {
    "webhooks": webhooks.reseal,
    "draws": proof.reseal,
    "second factors": second_factor.reseal,
    "contact points": contact_points.reseal,
    "files of imports": contents.reseal,
    "files of complaints": files.reseal,
    "letters": letters.reseal,
    "files of lists": parts.reseal,
}


class Progress(NamedTuple):
    table: str
    seen: int
    changed: int


def rotate(today: date, *, now: Callable[[], datetime], tell: Callable[[Progress], None]) -> JobRun | None:
    """Nothing is under an old key any more; None while another process is at it.

    A run that was killed goes on where it stopped, once it has been silent for as long as a night's worker may be.
    Raises InvalidTag when something is under none of the keys.
    """
    unfinished = runs.to_issue(JOB, at=now())
    business_date = unfinished[0].business_date if unfinished else today
    planned = runs.plan(JOB, business_date, at=now())
    run = runs.claim(planned.pk, at=now(), holder=runs.holder_name(), again=True)
    if run is None:
        return None
    if run.cursor.get("key") != sealing.fingerprint():
        # Begun for another key: what it has passed is not under this one.
        runs.note(run, at=now(), key=sealing.fingerprint(), after={}, counted={}, changed_in_pass=0)
    try:
        while _pass(run, now=now, tell=tell):
            pass
    except Exception as error:
        runs.fail(run, error=f"{type(error).__name__}: {error}", at=now())
        raise
    VaultKey.objects.exclude(fingerprint=sealing.fingerprint()).delete()
    note_key(at=now())
    runs.finish(run, at=now())
    return run


def note_key(*, at: datetime) -> None:
    """The database knows the key that this process encrypts with, once anything is under its keys: from then on no
    process that lacks it reads or writes here.
    """
    if ContactPoint.objects.exists() and not checks.vault_opens(None, ["default"]):
        VaultKey.objects.get_or_create(fingerprint=sealing.fingerprint(), defaults={"since": at})


def _pass(run: JobRun, *, now: Callable[[], datetime], tell: Callable[[Progress], None]) -> bool:
    """Every row has been looked at; whether anything was under an old key."""
    for table in TABLES:
        while _chunk(run, table, now()).last is not None:
            tell(Progress(table, *_counted(run, table)))
    again = bool(run.cursor.get("changed_in_pass"))
    runs.note(run, at=now(), changed_in_pass=0, after={})
    return again


def _counted(run: JobRun, table: str) -> tuple[int, int]:
    seen, changed = run.cursor["counted"][table]
    return seen, changed


@again_after_deadlock
@transaction.atomic
def _chunk(run: JobRun, table: str, at: datetime) -> Resealed:
    """Some rows of the table, and in the same transaction how far that is."""
    runs.hold(run, at=at)
    after: dict[str, int] = run.cursor.get("after", {})
    done = TABLES[table](after.get(table, 0), CHUNK)
    if done.last is not None:
        counted: dict[str, tuple[int, int]] = run.cursor.get("counted", {})
        seen, changed = counted.get(table, (0, 0))
        runs.note(
            run,
            at=at,
            after=after | {table: done.last},
            changed_in_pass=run.cursor.get("changed_in_pass", 0) + done.changed,
            counted=counted | {table: (seen + done.seen, changed + done.changed)},
        )
    return done
