"""Import a file of orders."""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.flows import arrival
from customers.imports import fields, plan
from customers.imports import runs as imports
from customers.imports.choices import PRICES, Choices
from customers.imports.reading.charsets import ENCODINGS
from customers.imports.reading.shape import How, Opened
from customers.imports.spellings import amounts, dates, statuses
from customers.imports.understanding import Findings
from customers.models import Import, ImportQuestion

OPTION = "Say it with --encoding."
HOW = tuple(How().__dataclass_fields__)


class Command(BaseCommand):
    kind = "orders"
    help = (
        "Import a file of orders (CSV, xlsx, xls, ods): one order or one line of an order per row, columns guessed. "
        "Exit status 1 when the file cannot be read or its columns are not understood; refused rows are counted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file")
        parser.add_argument("--source", default="file", help="whose order numbers these are")
        parser.add_argument("--map", action="append", default=[], metavar="COL=FIELD", help="what a column holds")
        parser.add_argument("--profile", default="", help="by which profile the file is understood")
        parser.add_argument("--date-order", default="", choices=["", *dates.ORDERS], help="where 08/10/2026 is open")
        parser.add_argument("--decimal", default="", choices=["", *amounts.DECIMALS], help="where 1.234 is open")
        parser.add_argument("--price", default="", choices=["", *PRICES], help="whether amounts are of lines or pieces")
        parser.add_argument(
            "--status",
            action="append",
            default=[],
            metavar="WORD=MEANING",
            help=f"one of {', '.join(statuses.CHOICES)}",
        )
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
            self.kind = options.get("kind", self.kind)
            run = self._upload(options["file"], How(**{name: options[name] for name in HOW}), options["source"], at)
            self._choose(run, options)
            plan.accept(run, options["yes"])
            if options["dry_run"]:
                arrival.check_file(run, at=at, today=today)
            else:
                arrival.file(run, by=None, at=at, today=today)
        except (DomainError, OSError) as error:
            advice = f" {OPTION}" if getattr(error, "code", "") == "encoding_open" else ""
            raise CommandError(f"{error}{advice}") from error
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in run.counts.items()))
        for kind, count in plan.kinds(run).items():
            self.stdout.write(f"{count} wait: {ImportQuestion.Kind(kind).label} (--yes {kind})")
        if options["rejected"]:
            options["rejected"].write_bytes(imports.rejected_csv(run))

    def _upload(self, path: Path, how: How, source: str, at: datetime) -> Import:
        with path.open("rb") as file:
            content = Opened(file, path.stat().st_size)
            run = imports.upload(
                path.name, content, source=source, by=None, at=at, how=how, choices=Choices(kind=self.kind)
            )
        for note in imports.notes(run):
            self.stderr.write(note)
        return run

    def _choose(self, run: Import, options: dict[str, Any]) -> None:
        """The file is understood as the options say; what they leave open is told."""
        if options["profile"]:
            imports.use_profile(run, options["profile"])
        given = self._pairs("map", options["map"], "column=field")
        columns = imports.columns(run)
        # A field may stand on either side, as long as the other is a column.
        said = {
            left if left in fields.headers(run.kind) and right in columns else right: right
            if right in columns
            else left
            for left, right in given
        }
        imports.map_columns(run, fields.remapped(run.mapping, said))
        choices = Choices.of_json(run.choices)
        words = dict(self._pairs("status", options["status"], "word=meaning"))
        values = {name: options[name] for name in ("date_order", "decimal", "price") if options[name]}
        imports.choose(run, replace(choices, **values, statuses={**choices.statuses, **words}))
        for text in self._open(imports.findings(run)):
            self.stderr.write(text)

    def _open(self, findings: Findings) -> Iterator[str]:
        if findings.kinds:
            yield f"Not known: what the rows are. Taken as {findings.kinds[0]}; say --kind: {', '.join(findings.kinds)}."
        for word, count in findings.unknown.items():
            yield f"Not known: status {word!r} ({count} rows). Say --status {word!r}=paid or what else it means."
        if findings.date_orders:
            orders, samples = ", ".join(findings.date_orders), ", ".join(findings.date_samples)
            yield f"Not known: the order of day and month in {samples}. Say --date-order: {orders}."
        if findings.decimals:
            yield f"Not known: the decimal sign in {', '.join(findings.decimal_samples)}. Say --decimal."
        if findings.price_column:
            yield f"Not known: whether {findings.price_column!r} is of the line or of a piece. Say --price."
        if findings.repeated:
            yield f"Rows of one order say the same amount ({findings.repeated[0]}): taken as that of the order."

    def _pairs(self, option: str, pairs: list[str], shape: str) -> list[tuple[str, str]]:
        split = [pair.rpartition("=") for pair in pairs]
        if any(not (left and right) for left, _equals, right in split):
            raise CommandError(f"Write --{option} as {shape}.")
        return [(left, right) for left, _equals, right in split]
