"""Bytes to lines of text, however long the file: what is held at once is bounded, whatever the file says."""

import codecs
import io
from collections.abc import Iterator

from customers.imports.reading.charsets import MARKS
from customers.imports.reading.shape import Content

# Stands for bytes that are no character of the encoding; a line with it is refused, never read as something else.
UNREADABLE = "\ufdd0"
LONGEST_LINE = 4 * 1024 * 1024
BUFFER = 256 * 1024


class TooLong(Exception):
    """A line of more than `LONGEST_LINE` bytes: no table has one."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return UNREADABLE, error.end
    raise error


codecs.register_error("laoke.unreadable", _mark)


class _Raw(io.RawIOBase):
    """The chunks of a file as one stream, without byte order mark and, in encodings of bytes, without NULs."""

    def __init__(self, content: Content, encoding: str) -> None:
        self.chunks = content.chunks()
        self.wide = encoding.startswith(("utf-16", "utf-32"))
        self.rest = memoryview(b"")
        self.taken = 0  # bytes of the file so far
        self.since_line = 0  # bytes since the last end of a line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self.rest = memoryview(self._checked(chunk))
        count = min(len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count

    def _checked(self, chunk: bytes) -> bytes:
        if self.taken == 0:
            chunk = without_mark(chunk)
        self.taken += len(chunk)
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self.since_line = len(chunk) - end - 1 if end >= 0 else self.since_line + len(chunk)
        if self.since_line > LONGEST_LINE:
            raise TooLong
        return chunk if self.wide or b"\0" not in chunk else chunk.replace(b"\0", b"")


def without_mark(head: bytes) -> bytes:
    for mark, _encoding in MARKS:
        if head.startswith(mark):
            return head[len(mark) :]
    return head


class Lines:
    """The lines of a text with their ends, as they are needed. `share` is how much of the file has been read."""

    def __init__(self, content: Content, encoding: str) -> None:
        self._size = content.size
        self._raw = _Raw(content, encoding)
        reader = io.BufferedReader(self._raw, BUFFER)
        self._text = io.TextIOWrapper(reader, encoding, errors="laoke.unreadable", newline="")

    def __iter__(self) -> Iterator[str]:
        return iter(self._text)

    @property
    def share(self) -> float:
        return min(self._raw.taken / self._size, 1.0) if self._size else 1.0
