"""A backup is good when it has been restored: what is saved carries a digest of every table, and a drill compares.

A folder holds `database.dump` (pg_dump's own format), `media.tar.gz` when there are files, and `manifest.json` with
the digests, all of one moment. VAULT_KEY is not in it, and has to be kept apart.
"""

import hashlib
import json
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from core.jobs import runs
from core.lib import sealing
from core.lib.periods import mall_day
from crm import checks
from crm.operating import database
from crm.operating.database import Digest
from crm.operating.health import BACKUP
from loyalty.campaigns import laws as campaign_laws
from loyalty.points import laws as point_laws

DUMP, MEDIA, MANIFEST = "database.dump", "media.tar.gz", "manifest.json"
PREFIX = "laoke-"
BLOCK = 1024 * 1024


class BackupError(RuntimeError):
    """A backup cannot be made, is not good, or may not be restored here; the text says why and what to do."""


# Making -------------------------------------------------------------------------------------------------------------


def make(folder: Path, *, now: Callable[[], datetime], verify: bool, keep: int = 0) -> Path:
    """A new backup in a folder of its own below this one, readable by its owner alone; returns it.

    Only a whole backup has that name, and only one that was restored and compared, if `verify`, counts as the last
    good one. Of older ones the newest `keep` stay (0: all).
    """
    at = now()
    run = runs.claim(runs.plan(BACKUP, mall_day(at), at=at).pk, at=at, holder=runs.holder_name(), again=True)
    if run is None:
        raise BackupError("Another backup is under way.")
    try:
        made = _made(folder, at)
        if verify:
            check(made)
    except Exception as error:
        runs.fail(run, error=str(error) if isinstance(error, BackupError) else type(error).__name__, at=now())
        raise
    runs.finish(run, at=now())
    _forget(folder, keep)
    return made


def _made(folder: Path, at: datetime) -> Path:
    made = folder / f"{PREFIX}{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
    part = made.with_suffix(".part")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part.mkdir(mode=0o700)
    try:
        manifest = {"made_at": at.isoformat(), "database": connection.settings_dict["NAME"]}
        manifest |= {"server": connection.pg_version, "vault": sealing.fingerprint()}  # type: ignore[attr-defined]
        manifest |= _dump(part / DUMP)
        if settings.MEDIA_ROOT.is_dir() and any(settings.MEDIA_ROOT.iterdir()):
            with tarfile.open(part / MEDIA, "w:gz") as archive:
                archive.add(settings.MEDIA_ROOT, arcname=".")
        files = {path.name: _sha256(path) for path in sorted(part.iterdir())}
        (part / MANIFEST).write_text(json.dumps(manifest | {"files": files}, indent=1))
        for path in part.iterdir():
            path.chmod(0o600)
        part.rename(made)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return made


def _dump(target: Path) -> dict[str, Any]:
    """pg_dump of one moment, and the digests of the same moment, read beside it on a connection of their own."""
    eyes = connection.get_new_connection(connection.get_connection_params())
    try:
        with eyes.cursor() as cursor:
            cursor.execute("COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"{database.PLAINLY}; SET statement_timeout = 0; SELECT pg_export_snapshot()")
            (snapshot,) = cursor.fetchone()
            command = [database.program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges"]
            command += [f"--snapshot={snapshot}", f"--file={target}"]
            name = connection.settings_dict["NAME"]
            with subprocess.Popen(
                command, env=database.surroundings(name), stderr=subprocess.PIPE, text=True
            ) as process:
                digests = {table: database.digest_of(cursor, table) for table in database.tables(cursor)}
                told = {"tables": digests, "objects": database.objects(cursor)}
                _, stderr = process.communicate()
    finally:
        eyes.close()
    if process.returncode:
        raise BackupError(f"pg_dump failed: {database.told(stderr)}")
    return told


def _sha256(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            total.update(block)
    return total.hexdigest()


def _forget(folder: Path, keep: int) -> None:
    made = sorted(path for path in folder.glob(f"{PREFIX}*") if (path / MANIFEST).exists())
    for path in made[:-keep] if keep else []:
        shutil.rmtree(path)


# Trusting -----------------------------------------------------------------------------------------------------------


def opened(folder: Path) -> dict[str, Any]:
    """The manifest of a whole backup. Raises BackupError when a file is missing, cut or changed."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise BackupError(f"{folder} is no backup: it has no {MANIFEST} that can be read.") from None
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.is_file() or _sha256(path) != digest:
            raise BackupError(f"{path} is missing or not what was saved: use another backup.")
    if manifest["vault"] not in sealing.fingerprints():
        raise BackupError(
            "The contact data of this backup is under another VAULT_KEY: set the one that was kept beside it, or name"
            " it in VAULT_KEY_FALLBACKS."
        )
    return manifest


def check(folder: Path) -> None:
    """The drill: the backup is restored into a database made for it, compared, held to the laws of the books, dropped.

    Raises BackupError with everything that is wrong.
    """
    manifest = opened(folder)
    name = f"{connection.settings_dict['NAME']}_drill_{secrets.token_hex(4)}"
    try:
        with database.scratch(name):
            _load(folder, name)
            with database.looking_at(name):
                wrong = differences(manifest) + _lawless()
    except DatabaseError as error:
        if getattr(error.__cause__, "pgcode", "") != "42501":
            raise
        raise BackupError(
            "The drill needs a database of its own: ALTER ROLE laoke CREATEDB, or check it on another server."
        ) from None
    if wrong:
        raise BackupError(f"{folder} is not good: {'; '.join(wrong)}")


def differences(manifest: dict[str, Any]) -> list[str]:
    """In which tables, indexes, constraints, triggers and sequences this database is not what was saved."""
    wrong = []
    with connection.cursor() as cursor:
        cursor.execute(f"{database.PLAINLY}; SET statement_timeout = 0")
        digests: Digest = {table: database.digest_of(cursor, table) for table in database.tables(cursor)}
        missing = set(manifest["objects"]) - set(database.objects(cursor))
        behind = database.sequences_behind(cursor)
    for table, (count, total) in manifest["tables"].items():
        rows, digest = digests.get(table, [None, None])
        if rows != count:
            wrong.append(f"{table} has {rows} rows instead of {count}" if rows is not None else f"{table} is missing")
        elif digest != total:
            wrong.append(f"{table} has as many rows, not the same")
    wrong += [f"{name} is missing" for name in sorted(missing)[:10]]
    return wrong + [f"{name} would give a number again" for name in behind]


def _lawless() -> list[str]:
    """Which laws of the books the database breaks, and whether its contact data can be read."""
    broken = [f"it is not true that {law}" for law in (*point_laws.broken(), *campaign_laws.broken())]
    return broken + [str(message.msg) for message in checks.vault_opens(None, ["default"])]


# Restoring ----------------------------------------------------------------------------------------------------------


def restore(folder: Path, *, overwrite: str = "") -> dict[str, Any]:
    """This process's database and its files are those of the backup, compared row by row; returns the manifest.

    A database that holds tables is refused, unless `overwrite` is its name; so is one that others are connected to.
    """
    manifest = opened(folder)
    name = connection.settings_dict["NAME"]
    database.run("pg_restore", "--list", "--file=/dev/null", str(folder / DUMP), database=name)
    with connection.cursor() as cursor:
        in_use = database.tables(cursor)
        if in_use and overwrite != name:
            raise BackupError(
                f"The database {name} is not empty: it has {len(in_use)} tables, which would be lost. Restore into"
                f" an empty one, or say --overwrite {name}."
            )
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (others,) = cursor.fetchone()
        if others:
            raise BackupError(f"{others} others are connected to {name}: stop web, workers, beat and relay first.")
        if in_use:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    _load(folder, name)
    if MEDIA in manifest["files"]:
        settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / MEDIA) as archive:
            archive.extractall(settings.MEDIA_ROOT, filter="data")
    wrong = differences(manifest) + _lawless()
    if wrong:
        raise BackupError(f"{name} is restored, but not as it was saved: {'; '.join(wrong)}")
    return manifest


def _load(folder: Path, name: str) -> None:
    """In one transaction: all or nothing. Afterwards the planner knows the tables."""
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", f"--dbname={name}")
    database.run("pg_restore", *options, str(folder / DUMP), database=name)
    with database.looking_at(name), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
