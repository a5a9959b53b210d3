"""Give the demo mall its coupons, draws and credit accounts."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.accounts.archive import seals
from crm.demo import campaigns as demo_campaigns


class Command(BaseCommand):
    help = (
        "Adds made-up coupon campaigns, draws and credit accounts to the demo mall. "
        "Exit status 0 also when there were campaigns already, and nothing was added."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        made = demo_campaigns.load(at=timezone.now(), say=self.stdout.write)
        if made:
            seals.seal(at=timezone.now())  # nobody is told that the past of a made-up mall was left unsealed
        self.stdout.write(
            "Campaigns are there." if made else "There are campaigns already, or no orders: nothing was added."
        )
