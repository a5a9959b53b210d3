"""Take an import back."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.flows import arrival
from customers.models import Import


class Command(BaseCommand):
    help = (
        "Undo an import of the last seven days: orders it made go, orders it changed are what they were, people it made "
        "who have nothing else go. Exit status 1 when there is no such import or its seven days are over."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("import_id", type=int, help="the number of the import, as its page has it in the address")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        run = Import.objects.filter(pk=options["import_id"]).first()
        if run is None:
            raise CommandError("There is no such import.")
        try:
            done = arrival.undo_file(run, by=None, at=at, today=mall_day(at))
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in done.undone.items()))
