"""Fill an empty database with the made-up mall of crm.demo."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import ApiToken, Role, User
from core.accounts.roles import ApiScope
from core.lib.periods import mall_day
from crm.demo import mall as demo
from crm.demo.tables.staff import ACCOUNTS, PASSWORD
from customers.models import Customer


class Command(BaseCommand):
    help = (
        "Fills an empty database with a made-up mall: customers, orders, staff and their logins. "
        "Exit status 0 also when there were customers already, and nothing was added."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--small", action="store_true", help="about 400 customers and 4,000 orders")
        parser.add_argument("--logins", action="store_true", help="only print the logins")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["logins"]:
            self._logins()
            return
        if Customer.objects.exists():
            self.stdout.write("This database has customers already: nothing was added.")
            return
        self._fill(demo.SMALL if options["small"] else demo.FULL)

    @transaction.atomic
    def _fill(self, size: demo.Size) -> None:
        """All of it or nothing: whoever interrupts it starts anew. The token is shown before it counts."""
        began = time.perf_counter()
        now = timezone.now()
        today = mall_day(now)
        self.stdout.write(f"Making up a mall whose last orders are of the day before {today} …")
        counts = demo.load(demo.imagine(today, size), at=now, say=self.stdout.write)
        self.stdout.write(
            f"The mall stands: {counts['customers']:,} customers, {counts['orders']:,} orders, "
            f"{counts['order lines']:,} lines, {counts['refunds']:,} refunds ({time.perf_counter() - began:.1f} s)."
        )
        client = User.objects.get(username="shop")
        if not ApiToken.objects.filter(user=client).exists():
            _token, secret = tokens.issue(client, name="demo shop", scopes=list(ApiScope), at=now)
            self.stdout.write(f"API token of the client “shop”, shown only now: {secret}")

    def _logins(self) -> None:
        """One login per role, those that exist."""
        rows = []
        for role in Role.values:
            if role == Role.CLIENT:
                continue
            known = [account.username for account in ACCOUNTS if account.role == role]
            user = User.objects.filter(username__in=known, is_active=True).order_by("id").first()
            if user:
                rows.append((str(user.get_roles_display()), user.username, PASSWORD))
        if not rows:
            self.stdout.write("There are no demo accounts yet: run seed_demo.")
            return
        heads = ("role", "user name", "password")
        widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(3)]
        for row in (heads, tuple("-" * width for width in widths), *rows):
            self.stdout.write(
                "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            )
