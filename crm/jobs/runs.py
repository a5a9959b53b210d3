"""Planning, claiming and finishing runs. A run belongs to whoever holds its newest fence."""

import os
import socket
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from crm.jobs.models import JobRun

SILENT_AFTER = timedelta(seconds=90)
GIVE_UP_AFTER = 3


class Superseded(Exception):
    """Another worker has taken the run over: whatever this one still does must not be kept."""


def plan(job: str, business_date: date, *, at: datetime) -> JobRun:
    """The run of this job and date; planning it again changes nothing."""
    run, _ = JobRun.objects.get_or_create(job=job, business_date=business_date, defaults={"planned_at": at})
    return run


def holder_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


@transaction.atomic
def claim(run_id: int, *, at: datetime, holder: str, again: bool = False) -> JobRun | None:
    """Take a run that waits, failed less than three times, or whose holder fell silent; None if it is not to be had.

    `again` also takes a finished run, for the person who asks for the same night once more.
    """
    run = JobRun.objects.select_for_update(skip_locked=True).filter(pk=run_id).first()
    if run is None:
        return None
    silent = run.heartbeat_at is None or run.heartbeat_at < at - SILENT_AFTER
    free = (
        run.state == JobRun.State.WAITING
        or (run.state == JobRun.State.RUNNING and silent)
        or (run.state == JobRun.State.FAILED and run.attempts < GIVE_UP_AFTER)
        or (again and run.state in (JobRun.State.DONE, JobRun.State.FAILED))
    )
    if not free:
        return None
    if run.state == JobRun.State.DONE:
        run.step, run.cursor, run.counts, run.attempts = "", {}, {}, 0
    run.state, run.holder, run.error = JobRun.State.RUNNING, holder, ""
    run.fence += 1
    run.attempts += 1
    run.started_at = run.heartbeat_at = at
    run.finished_at = None
    run.save()
    return run


def hold(run: JobRun, *, at: datetime) -> None:
    """Call inside the transaction that writes: locks the run's row and raises Superseded if it has a newer fence."""
    kept = JobRun.objects.select_for_update().filter(pk=run.pk, fence=run.fence, state=JobRun.State.RUNNING)
    if not kept.update(heartbeat_at=at):
        raise Superseded(f"{run} is held by another worker")


def advance(run: JobRun, *, step: str, at: datetime, **counts: object) -> None:
    """Store within the same transaction that this step is done and what it counted."""
    hold(run, at=at)
    run.step = step
    run.cursor = {**run.cursor, "done": [*run.cursor.get("done", []), step]}
    run.counts = {**run.counts, **counts}
    JobRun.objects.filter(pk=run.pk).update(step=step, cursor=run.cursor, counts=run.counts)


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
    """Runs somebody should look at now, oldest date first."""
    return list(
        JobRun.objects.filter(
            Q(state=JobRun.State.WAITING)
            | Q(state=JobRun.State.RUNNING, heartbeat_at__lt=at - SILENT_AFTER)
            | Q(state=JobRun.State.FAILED, attempts__lt=GIVE_UP_AFTER),
            job=job,
        ).order_by("business_date")
    )


