"""The Celery doors of the watch. That they are taken from their queues is itself what is watched."""

from celery import shared_task
from django.utils import timezone

from core.accounts.archive import months, seals
from crm.operating import retention
from crm.operating.watch import looking
from crm.operating.watch.conditions import CLOCKS, LONG, OUT


@shared_task
def watch() -> None:
    looking.look(now=timezone.now)


@shared_task
def forget() -> None:
    retention.work_due(now=timezone.now)


@shared_task
def keep_audit() -> None:
    """Seals what the trail says, makes the coming months, and archives those whose days in the database are over."""
    at = timezone.now()
    seals.seal(at=at)
    months.prepare(at=at)
    months.archive_due(at=at)


@shared_task
def alive_clocks() -> None:
    looking.heard(CLOCKS, at=timezone.now())


@shared_task
def alive_long() -> None:
    looking.heard(LONG, at=timezone.now())


@shared_task
def alive_out() -> None:
    looking.heard(OUT, at=timezone.now())
