"""Run the timetable."""

from typing import Any

from celery.apps.beat import Beat
from django.core.management.base import BaseCommand

from crm.celery import app


class Timetable(Beat):
    """Celery's beat, which sends the names of tasks and so needs to load none of them."""

    def init_loader(self) -> None:
        app.finalize()


class Command(BaseCommand):
    help = (
        "Send each look of the timetable when its time has come. Like `celery -A crm beat`, in a third of its memory. "
        "Runs until it is stopped; one of it, however many workers there are."
    )

    # They load every page; what must not start is refused before (`crm.checks.refuse_to_start`).
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        Timetable(app=app, quiet=True).run()
