"""Planning, claiming and finishing runs. A run belongs to whoever holds its newest fence."""

import os
import socket
from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from core.jobs import leases
from core.jobs.models import JobRun
from core.lib.periods import mall_day


class Superseded(Exception):
    """Another worker has taken the run over: whatever this one still does must not be kept."""


def plan(job: str, business_date: date, *, at: datetime) -> JobRun:
    """The run of this job and date; planning it again changes nothing."""
    run, _ = JobRun.objects.get_or_create(job=job, business_date=business_date, defaults={"planned_at": at})
    return run


def ask_for(job: str, business_date: date, *, at: datetime) -> JobRun:
    """The run a person wants waits for a worker: planned, once more to be tried if it was given up, and from its
    first step if it is done. One that is being worked stays as it is.
    """
    run = plan(job, business_date, at=at)
    asked = JobRun.objects.filter(pk=run.pk)
    asked.filter(state=JobRun.State.FAILED).update(state=JobRun.State.WAITING, attempts=0)
    asked.filter(state=JobRun.State.DONE).update(
        state=JobRun.State.WAITING, attempts=0, step="", cursor={}, counts={}, planned_at=at, finished_at=None
    )
    run.refresh_from_db()
    return run


def holder_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


@transaction.atomic
def claim(run_id: int, *, at: datetime, holder: str, again: bool = False) -> JobRun | None:
    """Take a run that waits, failed less than three times, or whose holder fell silent; None if it is not to be had.

    Runs of one job follow each other, oldest date first: two at a time would work on each other's half-made rows.
    A run over which three holders in a row fell silent within the same step is given up, not taken.
    `again` is for the person who asks for this date: it also takes a finished or a given-up run, and
    earlier ones that wait or lie dead are given up as overtaken.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('laoke.jobs.claim'))")
    run = JobRun.objects.select_for_update(skip_locked=True).filter(pk=run_id).first()
    if run is None:
        return None
    silent = run.state == JobRun.State.RUNNING and leases.is_silent(run.heartbeat_at, at=at)
    if silent and leases.is_worn_out(run.attempts) and not again:
        fail(run, error=_("Its worker died %(times)d times in the same step.") % {"times": run.attempts}, at=at)
        return None
    free = (
        silent
        or run.state == JobRun.State.WAITING
        or (run.state == JobRun.State.FAILED and not leases.is_worn_out(run.attempts))
        or (again and run.state != JobRun.State.RUNNING)
    )
    if not free or _another_is_worked(run, at):
        return None
    earlier = JobRun.objects.filter(_unfinished(), job=run.job, business_date__lt=run.business_date)
    if again:
        error = _("Overtaken by the run of %(date)s.") % {"date": run.business_date}
        earlier.update(state=JobRun.State.FAILED, attempts=leases.GIVE_UP_AFTER, error=error, finished_at=at)
    elif earlier.exists():
        return None
    if run.state == JobRun.State.DONE:
        run.step, run.cursor, run.counts = "", {}, {}
    if again:
        run.attempts = 0
    run.state, run.holder, run.error = JobRun.State.RUNNING, holder, ""
    run.fence += 1
    run.attempts += 1
    run.started_at = run.heartbeat_at = at
    run.finished_at = None
    run.save()
    return run


def _unfinished() -> Q:
    return Q(state__in=(JobRun.State.WAITING, JobRun.State.RUNNING)) | _to_try_again()


def _to_try_again() -> Q:
    return Q(state=JobRun.State.FAILED, attempts__lt=leases.GIVE_UP_AFTER)


def _another_is_worked(run: JobRun, at: datetime) -> bool:
    """Whether a run of another date is in living hands: it spoke lately, or its row is locked by a long step."""
    for other in JobRun.objects.filter(job=run.job, state=JobRun.State.RUNNING).exclude(pk=run.pk):
        silent = leases.is_silent(other.heartbeat_at, at=at)
        if not silent or not JobRun.objects.select_for_update(skip_locked=True).filter(pk=other.pk).exists():
            return True
    return False


def hold(run: JobRun, *, at: datetime) -> None:
    """Call inside the transaction that writes: locks the run's row and raises Superseded if it has a newer fence."""
    held = JobRun.objects.filter(pk=run.pk, fence=run.fence, state=JobRun.State.RUNNING)
    if not held.update(heartbeat_at=at):
        raise Superseded(f"{run} is held by another worker")


def advance(run: JobRun, *, step: str, at: datetime, **counts: int) -> None:
    """Store within the same transaction that this step is done and what it counted; the next has all its attempts."""
    hold(run, at=at)
    run.step, run.attempts = step, 1
    run.cursor = {**run.cursor, "done": [*run.cursor.get("done", []), step]}
    run.counts = _added(run.counts, counts)
    JobRun.objects.filter(pk=run.pk).update(step=step, attempts=1, cursor=run.cursor, counts=run.counts)


def count(run: JobRun, *, at: datetime, **counts: int) -> None:
    """Store within the same transaction what a part of a step counted; what the step itself counts is added to it.

    A part that is done is done: whoever takes over has all attempts for the rest.
    """
    hold(run, at=at)
    run.attempts, run.counts = 1, _added(run.counts, counts)
    JobRun.objects.filter(pk=run.pk).update(attempts=1, counts=run.counts)


def _added(before: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return {**before, **{name: before.get(name, 0) + number for name, number in more.items()}}


def note(run: JobRun, *, at: datetime, **remembered: object) -> None:
    """Store what the rest of the run, whoever works it, has to go by."""
    hold(run, at=at)
    run.cursor = {**run.cursor, **remembered}
    JobRun.objects.filter(pk=run.pk).update(cursor=run.cursor)


def finish(run: JobRun, *, at: datetime) -> None:
    JobRun.objects.filter(pk=run.pk, fence=run.fence).update(state=JobRun.State.DONE, finished_at=at, heartbeat_at=at)
    run.refresh_from_db()


def fail(run: JobRun, *, error: str, at: datetime) -> None:
    JobRun.objects.filter(pk=run.pk, fence=run.fence).update(
        state=JobRun.State.FAILED, error=error[:2000], finished_at=at, heartbeat_at=at
    )
    run.refresh_from_db()


def to_issue(job: str, *, at: datetime) -> list[JobRun]:
    """Runs somebody should look at now, oldest date first; none of a day that has not come."""
    due = JobRun.objects.filter(job=job, business_date__lte=mall_day(at))
    return list(due.filter(leases.to_be_had(at) | _to_try_again()).order_by("business_date"))


def first_night_is_over() -> bool:
    """Whether a night that found customers has run to its end, so that there are figures."""
    return JobRun.objects.filter(job="nightly", state=JobRun.State.DONE, counts__customers__gt=0).exists()
