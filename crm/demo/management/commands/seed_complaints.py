"""Set up the complaint desk, and for the demo give it six weeks of work."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from complaints.setup import defaults
from core.lib import mall
from core.lib.errors import DomainError
from crm.demo import complaints as demo_complaints


class Command(BaseCommand):
    help = (
        "Sets up the complaint desk: calendars, queues, categories, promises. With --demo also made-up cases. "
        "Exit status 0 also when that was done before; 1 when the demo has no staff yet."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="six weeks of made-up complaints of the demo mall")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["demo"]:
            try:
                made = demo_complaints.load(at=timezone.now(), say=self.stdout.write)
            except DomainError as refusal:
                raise CommandError(str(refusal)) from refusal
            self.stdout.write(
                f"The desk has {made} cases." if made else "The desk has cases already: nothing was added."
            )
        elif defaults.install(at=timezone.now(), language=mall.facts().language):
            self.stdout.write("The desk is set up. Confirm its holidays and add members to its queues.")
        else:
            self.stdout.write("The desk was set up before: nothing was changed.")
