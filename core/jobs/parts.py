"""A step shared by several workers: each takes a part, works it and marks it in one transaction."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction

from core.jobs import leases
from core.jobs.models import JobRun, Part


def split(run: JobRun, ranges: Iterable[tuple[int, int]]) -> None:
    """The run has these parts to do; parts that were there before are gone."""
    Part.objects.filter(run=run).delete()
    Part.objects.bulk_create(Part(run=run, first_id=first, last_id=last) for first, last in ranges)


def work(run_id: int, do: Callable[[int, int], None], *, now: Callable[[], datetime]) -> int:
    """Work free parts until there is none; returns how many were worked here.

    A part in the hands of another worker is left alone. When its worker dies it is free again,
    because the mark and the lock are part of the transaction that does the work.
    """
    worked = 0
    while _work_one(run_id, do, now, wait=False):
        worked += 1
    return worked


def finish(run: JobRun, do: Callable[[int, int], None], *, now: Callable[[], datetime]) -> int:
    """Work free parts, then wait for those of other workers and take over what they drop. All are done afterwards."""
    worked = work(run.pk, do, now=now)
    while _work_one(run.pk, do, now, wait=True):
        worked += 1
    return worked


@transaction.atomic
def _work_one(run_id: int, do: Callable[[int, int], None], now: Callable[[], datetime], *, wait: bool) -> bool:
    leases.let_go_after(leases.SILENT_AFTER)
    undone = Part.objects.filter(run=run_id, done_at__isnull=True).order_by("first_id")
    part = undone.select_for_update(skip_locked=not wait).first()
    if part is None:
        return False
    do(part.first_id, part.last_id)
    part.done_at = now()
    part.save(update_fields=["done_at"])
    return True
