"""Save everything, and prove it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.operating import backup
from crm.operating.database import DatabaseToolError


class Command(BaseCommand):
    help = (
        "Save the database and the files of one moment into a folder of their own below DIR, with a digest of each "
        "table. VAULT_KEY is not in it: keep it apart."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dir", type=Path, metavar="DIR", help="the folder of the backups")
        parser.add_argument(
            "--verify",
            action="store_true",
            help="restore it into a database made for that, compare every table, and ask the laws of the books",
        )
        parser.add_argument("--keep", type=int, default=0, metavar="N", help="delete all but the newest N (0: none)")

    def handle(self, *args: Any, **options: Any) -> None:
        start = timezone.now()
        try:
            made = backup.make(options["dir"], now=timezone.now, verify=options["verify"], keep=options["keep"])
        except (backup.BackupError, DatabaseToolError) as error:
            raise CommandError(str(error)) from error
        size = sum(path.stat().st_size for path in made.iterdir())
        rows = sum(count for count, _ in backup.opened(made)["tables"].values())
        seconds = (timezone.now() - start).total_seconds()
        proved = ", restored and compared" if options["verify"] else ""
        self.stdout.write(f"{made}: {rows} rows, {size / 1e6:.1f} MB{proved}, {seconds:.1f} s.")
        self.stdout.write("Keep VAULT_KEY apart from it: without the key the contact data of a backup cannot be read.")
