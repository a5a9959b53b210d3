"""A virus scanner is asked about every file, if the mall has one: clamd on a socket, or a command."""

import logging
import shlex
import socket
import struct
import subprocess
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from core.lib.errors import DomainError, Invalid

log = logging.getLogger(__name__)
# A scanner that says nothing for so long cannot be asked.
PATIENCE = 20
PIECE = 64 * 1024


class CannotAsk(DomainError):
    """The scanner does not answer: what it has not seen is not taken."""

    code = "scanner_away"

    def __init__(self) -> None:
        super().__init__(_("Files cannot be checked for viruses at this moment. Try again later."))


def check(data: bytes) -> None:
    """The scanner named in VIRUS_SCANNER has found nothing; without one nothing is asked.

    Waits on the network: never call it in a transaction. Raises Invalid for a virus, CannotAsk without an answer.
    """
    scanner: str = settings.VIRUS_SCANNER
    if not scanner:
        return
    try:
        clean = _by_clamd(scanner, data) if scanner.startswith("clamd:") else _by_command(scanner, data)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.warning("the virus scanner cannot be asked: %s", type(error).__name__)
        raise CannotAsk from None
    if not clean:
        raise Invalid(_("The virus scanner refuses this file."), code="file_virus")


def _by_clamd(scanner: str, data: bytes) -> bool:
    """clamd://host:3310 or clamd:///run/clamav/clamd.sock, by its INSTREAM command."""
    where = urlsplit(scanner)
    if where.hostname:
        line = socket.create_connection((where.hostname, where.port or 3310), timeout=PATIENCE)
    else:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(PATIENCE)
        line.connect(where.path)
    with line:
        line.sendall(b"zINSTREAM\0")
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            line.sendall(struct.pack("!I", len(piece)) + piece)
        line.sendall(struct.pack("!I", 0))
        answer = _all_of(line).rstrip(b"\0\n ")
    if answer.endswith(b"FOUND"):
        return False
    if answer.endswith(b"OK"):
        return True
    raise ValueError("no verdict")


def _all_of(line: socket.socket) -> bytes:
    pieces = []
    while piece := line.recv(4096):
        pieces.append(piece)
    return b"".join(pieces)


def _by_command(command: str, data: bytes) -> bool:
    """The command reads the file from its input and ends with 0 (clean), 1 (a virus) or something else (no verdict)."""
    done = subprocess.run(shlex.split(command), input=data, timeout=PATIENCE, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise ValueError("no verdict")
    return done.returncode == 0
