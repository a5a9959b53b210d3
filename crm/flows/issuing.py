"""Tells the workers what waits, by the names of their tasks: whoever only tells loads none of the work."""

from typing import Any

from celery import current_app
from django.utils import timezone

from core.jobs import bulk, runs
from customers.imports import waiting

NIGHT = "nightly"


def issue(*, expires: float = 30, **sending: Any) -> int:
    """Tell the workers of every night, import and bulk run that somebody should look at now; returns how many there are.

    After `expires` seconds, when the next look has come, a message that nobody took is dropped; `sending` is Celery's.
    """
    nights = [(run.business_date.isoformat(),) for run in runs.to_issue(NIGHT, at=timezone.now())]
    files = [(pk,) for pk in waiting.to_issue()]
    many = [(pk,) for pk in bulk.to_issue(at=timezone.now())]
    for night in nights:
        current_app.send_task("crm.flows.tasks.work_night", night, expires=expires, **sending)
    for file in files:
        current_app.send_task("crm.flows.tasks.work_import", file, expires=expires, **sending)
    for run in many:
        current_app.send_task("crm.desk.bulk.tasks.work_bulk", run, expires=expires, **sending)
    return len(nights) + len(files) + len(many)
