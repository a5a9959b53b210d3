"""What reading is told and what it gives: a table of text cells. No Django here: the child process reads it too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple, Protocol

# The name of a column -> the field it is known as, "" for a column nobody knows.
FieldOf = Callable[[str], str]


class Content(Protocol):
    """The bytes of a file, from its beginning as often as asked, never all of them at once."""

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Bytes:
    """Content that is in memory already."""

    data: bytes
    step: int = 1024 * 1024

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), self.step):
            yield self.data[start : start + self.step]


@dataclass(frozen=True)
class Opened:
    """Content of a file that is open."""

    file: IO[bytes]
    size: int
    step: int = 1024 * 1024

    def chunks(self) -> Iterator[bytes]:
        self.file.seek(0)
        while chunk := self.file.read(self.step):
            yield chunk


@dataclass(frozen=True)
class How:
    """How a file is read, as a person or a saved profile said; "" and 0 are worked out from the file.

    `header_line` counts lines of a text and rows of a sheet from 1.
    """

    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    header_line: int = 0

    def as_json(self) -> dict[str, str | int]:
        return {name: value for name, value in vars(self).items() if value}

    @classmethod
    def of_json(cls, said: dict[str, Any]) -> "How":
        """Without what this version does not know."""
        return cls(**{name: said[name] for name in cls.__dataclass_fields__ if name in said})


class Row(NamedTuple):
    """A row of the table: exactly as many cells as there are names."""

    line_number: int
    line: str
    cells: list[str]


class Broken(NamedTuple):
    """A line that is no row of this file."""

    line_number: int
    line: str
    reason: str


class LeftOut(NamedTuple):
    """A line that is meant to be no row: a totals line, a remark below the table, the header once more."""

    line_number: int
    line: str
    reason: str


@dataclass(frozen=True)
class Look:
    """What a page shows of a file before anything is stored. `how` is complete: read with it, the file is read so.

    `doubts` has one entry for each encoding that reads the file plausibly, the likeliest first, with the same lines
    as read in it; empty when only one does, or when somebody has chosen.
    """

    how: How
    names: list[str]
    sample: list[list[str]]
    kind: str = "text"
    sheets: list[str] = field(default_factory=list)
    lines: list[tuple[int, list[str]]] = field(default_factory=list)
    doubts: list[tuple[str, list[str]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def encoding(self) -> str:
        return self.how.encoding

    @property
    def separator(self) -> str:
        return self.how.separator

    @property
    def sheet(self) -> str:
        return self.how.sheet

    @property
    def header_line(self) -> int:
        return self.how.header_line

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "how": self.how.as_json()}

    @classmethod
    def of_json(cls, said: dict[str, Any]) -> "Look":
        known = {name: said[name] for name in cls.__dataclass_fields__ if name in said}
        known["doubts"] = [(encoding, lines) for encoding, lines in known.get("doubts", [])]
        known["lines"] = [(number, cells) for number, cells in known.get("lines", [])]
        return cls(**(known | {"how": How.of_json(known["how"])}))
