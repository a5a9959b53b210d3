"""Measure the rules on what has come since a day."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.lib.errors import DomainError
from segmentation import backtest


class Command(BaseCommand):
    help = (
        "Measure the alert rule, the value and the classes on the shop's own history, cut at one day. "
        "Exit status 1 when that day leaves too little to learn from or to compare with."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--cut", type=date.fromisoformat, required=True, metavar="DATE", help="learn until this day"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            table = backtest.run(options["cut"], by=None, at=timezone.now()).table
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        out = self.stdout.write
        out(f"{table['customers']} customers, cut {table['cut_on']}, until {table['until']}\n")
        out("  a_max  alerts   right  precision  reach  a month")
        for row in table["alerts"]:
            mark = " *" if row["chosen"] else ""
            out(
                f"  {row['a_max']:5.2f}  {row['alerts']:6d}  {row['right']:6d}  {row['precision']:9.3f}"
                f"  {row['reach']:5.3f}  {row['per_month']:7.1f}{mark}"
            )
        for row in table["value"]:
            out(
                f"  {row['method']:20} mean absolute error {row['error'] / 100:10.2f}  top fifth {row['top_fifth']:.3f}"
            )
        for row in table["calibration"]:
            out(f"  no purchase: forecast {row['forecast']:.3f} observed {row['observed']:.3f} ({row['customers']})")
