"""What the watch has to look at beyond the tables: disks, the clock of the database, the certificate."""

import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from django.conf import settings
from django.db import DatabaseError, connection, transaction

SECONDS, PORT = 5, 443
ANYBODY = {"*", ""}


class Disk(NamedTuple):
    """What is free, of bytes and of files the smaller share, in per cent; `free` in bytes."""

    path: str
    percent: float
    free: int


def disks() -> list[Disk]:
    """One for each file system on which something of Laoke grows, as far as this machine sees it."""
    seen: dict[int, Disk] = {}
    for path in _growing():
        try:
            device, usage, files = path.stat().st_dev, shutil.disk_usage(path), os.statvfs(path)
        except OSError:
            continue
        shares = [usage.free / usage.total] if usage.total else []
        shares += [files.f_favail / files.f_files] if files.f_files else []
        if shares and device not in seen:
            seen[device] = Disk(str(path), 100 * min(shares), usage.free)
    return list(seen.values())


def _growing() -> Iterator[Path]:
    database = _database_folder()
    if database:
        yield database
    # The first folder there is: a folder that nothing was put into yet is made by whoever puts something there.
    yield next((path for path in (settings.MEDIA_ROOT, *settings.MEDIA_ROOT.parents) if path.is_dir()), Path("/"))
    # Uploads and workbooks pass through it.
    yield Path(tempfile.gettempdir())


def _database_folder() -> Path | None:
    """Where PostgreSQL keeps its data, when it runs on this machine and says so (to a member of pg_read_all_settings)."""
    host = str(connection.settings_dict["HOST"])
    if host and not host.startswith("/") and host not in ("localhost", "127.0.0.1", "::1"):
        return None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('data_directory', true)")
            (told,) = cursor.fetchone()
    except DatabaseError:
        return None
    return Path(told) if told else None


def database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def seconds_apart(now: datetime) -> float:
    """By how much this machine's clock is ahead of the database's; negative when it is behind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    return float((now - theirs).total_seconds())


def certificate_ends() -> tuple[str, datetime] | None:
    """The public name of Laoke, and until when the certificate that is shown there is good; None when nobody answers."""
    host = next((host for host in settings.ALLOWED_HOSTS if host not in ANYBODY and not host.startswith(".")), "")
    if not settings.HTTPS or not host:
        return None
    context = ssl.create_default_context()
    # It is read, not trusted: also one that has run out, or is of a house's own authority, says until when.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, PORT), timeout=SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            told = secure.getpeercert(binary_form=True)
    except OSError:
        return None
    return (host, x509.load_der_x509_certificate(told).not_valid_after_utc.astimezone(UTC)) if told else None
