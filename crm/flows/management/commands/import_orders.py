"""Import a file of orders."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.flows import arrival
from customers.imports import runs as imports


class Command(BaseCommand):
    help = (
        "Import a file of orders (CSV, xlsx, xls, ods): one order or one line of an order per row, columns guessed. "
        "Exit status 1 when the file cannot be read or its columns are not understood; refused rows are counted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file")
        parser.add_argument("--source", default="file", help="whose order numbers these are")
        parser.add_argument("--map", action="append", default=[], metavar="COL=FIELD", help="what a column holds")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, store no order")
        parser.add_argument("--rejected", type=Path, metavar="FILE", help="write the refused rows here")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        today = mall_day(at)
        try:
            run = imports.upload(
                options["file"].name, options["file"].read_bytes(), source=options["source"], by=None, at=at
            )
            imports.map_columns(run, run.mapping | self._mapping(options["map"]))
            if options["dry_run"]:
                imports.check(run, at=at)
            else:
                arrival.file(run, by=None, at=at, today=today)
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in run.counts.items()))
        if options["rejected"]:
            options["rejected"].write_bytes(imports.rejected_csv(run))

    def _mapping(self, pairs: list[str]) -> dict[str, str]:
        split = [pair.rpartition("=") for pair in pairs]
        if any(not (column and field) for column, _equals, field in split):
            raise CommandError("Write --map as column=field.")
        return {field: column for column, _equals, field in split}
