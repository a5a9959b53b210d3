"""Give the mall of crm.demo a past: the last 45 nights."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.lib.periods import mall_day
from crm.demo import nights
from customers.models import Customer
from segmentation.models import Night


class Command(BaseCommand):
    help = (
        "Works the nights of the last weeks, as if they had been worked in time. "
        "Exit status 0 also where a night has been worked or nobody is on record, and nothing was added."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--nights", type=int, default=nights.NIGHTS, help=f"how many, default {nights.NIGHTS}")

    def handle(self, *args: Any, **options: Any) -> None:
        if Night.objects.exists() or not Customer.objects.exists():
            self.stdout.write("The nights of this mall are its own already: nothing was added.")
            return
        worked = nights.work(mall_day(timezone.now()), nights=options["nights"])
        self.stdout.write(f"{worked} nights have been worked.")
