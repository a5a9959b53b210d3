"""Prove the audit trail."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.accounts.archive import proof


class Command(BaseCommand):
    help = (
        "Read the audit trail from its first line on, archive files and table as one, and hold it against its seals. "
        "The exit status is 1 when a line was changed, left out or added, or a seal or a file is not what it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head", default="", metavar="CHAIN", help="a chain that the log has told: it must be among the seals"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        told = proof.prove(head=options["head"])
        for sentence in told.wrong:
            self.stderr.write(sentence)
        self.stdout.write(f"{told.lines} lines under {told.seals} seals, {told.open} not sealed yet. Head: {told.head}")
        if told.wrong:
            raise CommandError("The audit trail is not what was sealed.")
