"""Work one night."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.flows import nightly


class Command(BaseCommand):
    help = (
        "Work the night: summaries, fit, scores, alerts. Safe to repeat. "
        "Exit status 1 when a step failed (the next call goes on there), 0 also when another process works this night."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of", type=date.fromisoformat, help="business date, default today in the mall, none that has not come"
        )
        parser.add_argument("--rebuild", action="store_true", help="recompute everything from all orders")

    def handle(self, *args: Any, **options: Any) -> None:
        today = mall_day(timezone.now())
        as_of = options["as_of"] or today
        try:
            nightly.refuse_ahead(as_of, today=today)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        run = nightly.run(as_of, again=True, rebuild=options["rebuild"])
        if run is None:
            self.stdout.write(f"The night of {as_of} is being worked by another process.")
            return
        seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0
        self.stdout.write(f"night of {as_of} done in {seconds:.1f} s")
        for name, count in run.counts.items():
            self.stdout.write(f"  {name:18} {count}")
