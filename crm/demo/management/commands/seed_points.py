"""For the demo: seven months of points."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from crm.demo import points as demo_points


class Command(BaseCommand):
    help = (
        "Gives the demo mall a points programme that has run for seven months. "
        "Exit status 0 also when there were points already, and nothing was added."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        made = demo_points.load(at=timezone.now(), say=self.stdout.write)
        self.stdout.write("Points are in use." if made else "There are points already: nothing was added.")
