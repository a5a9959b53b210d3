"""Tell the workers of work that waits."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections
from kombu.exceptions import OperationalError as BrokerError

from crm.flows import tasks


class Command(BaseCommand):
    help = (
        "Watch the job table and tell the workers to look. The only process that publishes to Redis besides beat. "
        "Runs until it is stopped; while the database or Redis is away it goes on looking."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between looks")

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            try:
                tasks.issue(expires=max(10, 2 * options["every"]), retry=False)
            except (OperationalError, BrokerError) as error:
                # The rows stay; the next look tries again.
                self.stderr.write(f"relay: {type(error).__name__}, looking again")
                close_old_connections()
            time.sleep(options["every"])
