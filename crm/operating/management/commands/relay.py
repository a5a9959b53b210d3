"""Tell the workers of work that waits."""

import logging
import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from crm.flows import issuing
from crm.operating.watch.away import Watcher

LOOK_EVERY = timedelta(minutes=1)
# Seconds after which it says that all is well.
SPEAKS_EVERY = 600
log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Watch the job table and tell the workers to look. The only process that publishes to Redis besides beat. "
        "Once a minute it looks whether something burns, and tells the operators. "
        "Runs until it is stopped; while the database or Redis is away it goes on looking, and every ten minutes it "
        "says how often it has looked and told."
    )

    # They load every page; what must not start is refused before (`crm.checks.refuse_to_start`).
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between looks")

    def handle(self, *args: Any, **options: Any) -> None:
        log.info("relay: looking every %s s", options["every"])
        watcher = Watcher(every=LOOK_EVERY)
        spoken, looks, told, away = time.monotonic(), 0, 0, ""
        while True:
            try:
                told += issuing.issue(expires=max(10, 2 * options["every"]), retry=False)
                looks += 1
                if away:
                    log.info("relay: %s answers again", away)
                away = ""
            except (OperationalError, BrokerError) as error:
                # The rows stay; the next look tries again.
                away = "Redis" if isinstance(error, BrokerError) else "the database"
                log.warning("relay: %s does not answer, looking again", away)
                close_old_connections()
            try:
                watcher.look_if_due(now=timezone.now)
            except Exception as error:  # a fault of the watch must not end the relay
                log.exception("relay: the watch failed: %s", type(error).__name__)
            if time.monotonic() - spoken >= SPEAKS_EVERY:
                log.info("relay: looked %d times, told %d pieces of work", looks, told)
                spoken, looks, told = time.monotonic(), 0, 0
            time.sleep(options["every"])
