"""One look by itself: for cron, or a timer of systemd. Needs PostgreSQL and a mail server, not Redis."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.operating.watch.away import Watcher
from crm.operating.watch.conditions import BY_NAME


class Command(BaseCommand):
    help = (
        "See whether something burns, tell the operators, and say it here: a line for each; the exit status is 1 then. "
        "It needs no worker and no Redis, so that it can tell of their absence."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--file", type=Path, help="where to remember that the database is away, so that it is told once"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        watcher = Watcher(every=timedelta(0), file=options["file"])
        troubles = watcher.look_if_due(now=timezone.now, name="")
        if troubles is None:
            raise CommandError("The database does not answer.", returncode=2)
        for row in troubles:
            self.stdout.write(f"{row.began_at:%Y-%m-%d %H:%M} {BY_NAME[row.what].text(row.case, row.params)}")
        if troubles:
            raise CommandError(f"{len(troubles)} to see to: the page Health says what to do.")
        self.stdout.write("Nothing burns.")
