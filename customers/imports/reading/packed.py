"""A text that was packed for sending: gz, or a zip of one file. Runs in the child. No Django here."""

import gzip
import zipfile
import zlib
from typing import IO

from customers.imports.reading.book import Refused

LARGEST = 400 * 1024 * 1024
STEP = 256 * 1024
MOST_FILES = 100


def unpack(file: IO[bytes], out: IO[bytes]) -> None:
    """The one text is written; refused as soon as it is larger than a file may be, whatever its head says."""
    magic = file.read(2)
    file.seek(0)
    try:
        if magic == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=file) as text:
                _pass(text, out)
            return
        with zipfile.ZipFile(file) as archive:
            names = [info for info in archive.infolist() if _is_table(info)]
            if len(names) != 1:
                raise Refused("several_files" if names else "not_csv")
            if names[0].flag_bits & 1:
                raise Refused("password")
            if names[0].file_size > LARGEST:
                raise Refused("file_too_large")
            with archive.open(names[0]) as text:
                _pass(text, out)
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, NotImplementedError):
        raise Refused("not_csv") from None


def _is_table(info: zipfile.ZipInfo) -> bool:
    hidden = info.filename.startswith("__MACOSX/") or info.filename.rpartition("/")[2].startswith(".")
    return not info.is_dir() and not hidden and info.filename.lower().endswith((".csv", ".tsv", ".txt"))


def _pass(text: "IO[bytes] | gzip.GzipFile", out: IO[bytes]) -> None:
    size = 0
    while part := text.read(STEP):
        size += len(part)
        if size > LARGEST:
            raise Refused("file_too_large")
        out.write(part)
