"""Bring a backup back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from crm.operating import backup
from crm.operating.database import DatabaseToolError


class Command(BaseCommand):
    help = (
        "Make the database of DATABASE_URL and MEDIA_ROOT what a backup holds, and compare every table. "
        "A database that is not empty is refused unless its name is said."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="one backup, as `backup` made it")
        parser.add_argument("--overwrite", default="", metavar="NAME", help="the database of this name may be replaced")
        parser.add_argument(
            "--check", action="store_true", help="only try it, in a database made for that and dropped afterwards"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["folder"]
        try:
            if options["check"]:
                backup.check(folder)
                self.stdout.write(f"{folder} is good: every table is as it was saved, and the books are right.")
                return
            manifest = backup.restore(folder, overwrite=options["overwrite"])
        except (backup.BackupError, DatabaseToolError) as error:
            raise CommandError(str(error)) from error
        rows = sum(count for count, _ in manifest["tables"].values())
        name = connection.settings_dict["NAME"]
        self.stdout.write(f"{name} is what it was at {manifest['made_at']}: {rows} rows, every table compared.")
        self.stdout.write("What was done since then is not in it. Run migrate when the code is newer than the backup.")
