"""Import a file of orders."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.flows import arrival
from customers.imports import plan
from customers.imports import runs as imports
from customers.imports.reading.charsets import ENCODINGS
from customers.imports.reading.shape import How, Opened
from customers.models import Import, ImportQuestion

HOW = tuple(How().__dataclass_fields__)


class Command(BaseCommand):
    help = (
        "Import a file of orders (CSV, xlsx, xls, ods): one order or one line of an order per row, columns guessed. "
        "Exit status 1 when the file cannot be read or its columns are not understood; refused rows are counted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file")
        parser.add_argument("--source", default="file", help="whose order numbers these are")
        parser.add_argument("--map", action="append", default=[], metavar="COL=FIELD", help="what a column holds")
        parser.add_argument("--encoding", default="", help=f"what the signs of the file are: {', '.join(ENCODINGS)}")
        parser.add_argument("--separator", default="", help="what parts the cells of a line")
        parser.add_argument("--sheet", default="", help="the sheet of a workbook")
        parser.add_argument("--header-line", default=0, type=int, help="the line that names the columns")
        parser.add_argument(
            "--yes",
            action="append",
            default=[],
            metavar="KIND",
            help=f"store rows that would wait because of this alone: all, {', '.join(ImportQuestion.Kind.values)}",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, store no order")
        parser.add_argument("--rejected", type=Path, metavar="FILE", help="write the refused rows here")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        today = mall_day(at)
        try:
            run = self._upload(options["file"], How(**{name: options[name] for name in HOW}), options["source"], at)
            imports.map_columns(run, run.mapping | self._mapping(options["map"]))
            plan.accept(run, options["yes"])
            if options["dry_run"]:
                imports.check(run, at=at)
            else:
                arrival.file(run, by=None, at=at, today=today)
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in run.counts.items()))
        for kind, count in plan.kinds(run).items():
            self.stdout.write(f"{count} wait: {ImportQuestion.Kind(kind).label} (--yes {kind})")
        if options["rejected"]:
            options["rejected"].write_bytes(imports.rejected_csv(run))

    def _upload(self, path: Path, how: How, source: str, at: datetime) -> Import:
        with path.open("rb") as file:
            content = Opened(file, path.stat().st_size)
            run = imports.upload(path.name, content, source=source, by=None, at=at, how=how)
        for note in imports.notes(run):
            self.stderr.write(note)
        return run

    def _mapping(self, pairs: list[str]) -> dict[str, str]:
        split = [pair.rpartition("=") for pair in pairs]
        if any(not (column and field) for column, _equals, field in split):
            raise CommandError("Write --map as column=field.")
        return {field: column for column, _equals, field in split}
