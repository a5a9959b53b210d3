"""Tell the workers of work that waits."""

import logging
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections
from kombu.exceptions import OperationalError as BrokerError

from crm.flows import tasks

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Watch the job table and tell the workers to look. The only process that publishes to Redis besides beat. "
        "Runs until it is stopped; while the database or Redis is away it goes on looking."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between looks")

    def handle(self, *args: Any, **options: Any) -> None:
        log.info("relay: looking every %s s", options["every"])
        while True:
            try:
                tasks.issue(expires=max(10, 2 * options["every"]), retry=False)
            except (OperationalError, BrokerError) as error:
                # The rows stay; the next look tries again.
                away = "the database" if isinstance(error, OperationalError) else "Redis"
                log.warning("relay: %s does not answer, looking again", away)
                close_old_connections()
            time.sleep(options["every"])
