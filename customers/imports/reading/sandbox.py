"""The parent's side of the child that takes workbooks apart: started, fed, listened to for a while, and ended."""

import io
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from customers.imports.reading import child, markup
from customers.imports.reading.shape import Content

ROOT = Path(__file__).resolve().parents[3]
LARGEST = 50 * 1024 * 1024
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx, xlsb and ods; xls
# How long the child may say nothing, in seconds.
SILENT = 60
LONGEST_ANSWER = 16 * 1024 * 1024


class Heads(NamedTuple):
    """The first rows of every sheet of a workbook."""

    encoding: str
    plausible: list[str]
    evidence: bytes
    sheets: dict[str, list[tuple[int, list[str]]]]


def kind_of(head: bytes) -> str:
    """ "workbook", "html" and "xml" are taken apart by the child, "packed" is unpacked by it, "text" needs none."""
    if head.startswith(b"\x1f\x8b"):
        return "packed"
    if head.startswith(WORKBOOKS):
        return "workbook" if head.startswith(WORKBOOKS[1]) or _is_office(head) else "packed"
    return markup.kind_of(head) or "text"


def _is_office(head: bytes) -> bool:
    """Whether the first names in the archive are those of a workbook."""
    return any(
        name in head for name in (b"[Content_Types].xml", b"_rels/", b"xl/", b"mimetype", b"docProps/", b"content.xml")
    )


def heads(content: Content, encoding: str) -> Heads:
    """Raises Invalid with a sentence when the file is no workbook, or asks for more than it may."""
    with _answers(content, "heads", "", encoding) as said:
        about = next(said)
        sheets: dict[str, list[tuple[int, list[str]]]] = {}
        for thing in said:
            if isinstance(thing, dict):
                rows = sheets.setdefault(thing.get("sheet", ""), [])
            else:
                rows.append((thing[0], thing[1]))
    sheets.pop("", None)
    return Heads(about["encoding"], about["plausible"], bytes.fromhex(about["evidence"]), sheets)


class Sheet:
    """Every row of one sheet with anything in it, with its number; once."""

    def __init__(self, content: Content, name: str, encoding: str) -> None:
        self._content, self._name, self._encoding = content, name, encoding
        self.share = 0.0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        with _answers(self._content, "rows", self._name, self._encoding) as said:
            height = 1
            for thing in said:
                if isinstance(thing, dict):
                    height = max(thing.get("height", height), 1)
                    continue
                number, cells = thing
                self.share = min(number / height, 1.0)
                yield number, cells


class unpacked:
    """The one text in a packed file, as content: unpacked each time it is read, never kept."""

    def __init__(self, content: Content) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return self._content.size * 5  # a guess, for those who say how far they are

    def chunks(self) -> Iterator[bytes]:
        with _child(self._content, "unpack", "", "") as process:
            taken = False
            while part := _listen(process):
                taken = True
                yield part
            status = process.wait()
            if status or not taken:
                raise _refusal({status: code for code, status in child.STATUSES.items()}.get(status, "too_large"))


@contextmanager
def _answers(content: Content, task: str, sheet: str, encoding: str) -> Iterator[Iterator[Any]]:
    with _child(content, task, sheet, encoding) as process:
        yield _things(process)


def _things(process: "subprocess.Popen[bytes]") -> Iterator[Any]:
    """What the child says, until it says that it is done; a child that died has been too much for its limits."""
    rest = b""
    while part := _listen(process):
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > LONGEST_ANSWER:
            break
        for line in lines:
            thing = json.loads(line)
            if isinstance(thing, dict) and "error" in thing:
                raise _refusal(thing["error"])
            if isinstance(thing, dict) and "end" in thing:
                return
            yield thing
    raise _refusal("too_large")


def _listen(process: "subprocess.Popen[bytes]") -> bytes:
    """The next bytes the child says, b"" when it has ended; one that is silent for too long is refused."""
    if process.stdout is None:
        return b""
    fileno = process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(fileno, selectors.EVENT_READ)
        if not selector.select(SILENT):
            process.kill()
            raise _refusal("too_large")
    return os.read(fileno, 256 * 1024)


@contextmanager
def _child(content: Content, task: str, sheet: str, encoding: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that knows the file and nothing else: no settings, no keys, no database. It is gone afterwards."""
    if content.size > LARGEST:
        raise Invalid(_("The workbook is larger than 50 MB. Save the table as “CSV UTF-8”."), code="file_too_large")
    with tempfile.TemporaryFile() as file:
        for chunk in content.chunks():
            file.write(chunk)
        file.seek(0, io.SEEK_SET)
        process = subprocess.Popen(
            [sys.executable, "-m", "customers.imports.reading.child", task, sheet, encoding],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "MALLOC_ARENA_MAX": "1"},
        )
    try:
        yield process
    finally:
        process.kill()
        if process.stdout:
            process.stdout.close()
        process.wait()


def no_table() -> Invalid:
    return _refusal("not_csv")


def _refusal(code: str) -> Invalid:
    sentences = {
        "not_csv": _("This is neither a CSV file nor an Excel workbook. Save the table as “CSV UTF-8” and send that."),
        "password": _("The workbook asks for a password. Save it without one."),
        "too_large": _(
            "The workbook asks for more memory or time than a file may have; perhaps a cell stands far outside the"
            " table. Save the table as “CSV UTF-8”."
        ),
        "too_wide": _("The sheet has more than 1,000 columns. Leave out what is no order."),
        "cell_too_long": _("A cell of the file is longer than 128 kB. Is a quotation mark missing?"),
        "no_sheet": _("The workbook has no such sheet any more. Choose another one."),
        "no_table_in_page": _("This page has no table. Save the table as “CSV UTF-8” and send that."),
        "several_files": _("The archive has more than one table. Unpack it and send one file at a time."),
        "file_too_large": _("The file is larger than 400 MB. Split it."),
        "bad_encoding": _("The encoding of the file is none that can be read. Save it as “CSV UTF-8”."),
    }
    stable = {"file_too_large": "file_too_large", "too_large": "file_too_large", "bad_encoding": "bad_encoding"}
    return Invalid(sentences[code], code=stable.get(code, "not_csv"))
