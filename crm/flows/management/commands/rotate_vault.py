"""A new key for the vault: see docs/operations.md."""

import time
from argparse import ArgumentParser
from typing import Any

from cryptography.exceptions import InvalidTag
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.lib.periods import mall_day
from crm.flows import vault


class Command(BaseCommand):
    help = "Everything encrypted at rest goes under VAULT_KEY; VAULT_KEY_FALLBACKS can be dropped afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between lines of progress")

    def handle(self, *args: Any, **options: Any) -> None:
        told_at = 0.0

        def tell(progress: vault.Progress) -> None:
            nonlocal told_at
            if time.monotonic() >= told_at + options["every"]:
                told_at = time.monotonic()
                self.stdout.write(f"{progress.table}: {progress.seen} looked at, {progress.changed} under the new key")
                self.stdout.flush()

        try:
            run = vault.rotate(mall_day(timezone.now()), now=timezone.now, tell=tell)
        except InvalidTag as error:
            raise CommandError(
                "Something is under none of the keys. Add the key it was sealed with to VAULT_KEY_FALLBACKS."
            ) from error
        if run is None:
            raise CommandError("Another process rotates the vault. If it has died, start again in two minutes.")
        for table, (_seen, changed) in run.cursor.get("counted", {}).items():
            self.stdout.write(f"{table}: {changed} brought under the new key")
        self.stdout.write("Nothing is under an old key. VAULT_KEY_FALLBACKS can be emptied.")
