"""What a workbook is to whoever asks for its sheets; shared by the readers of its kinds. No Django here."""

from collections.abc import Iterator
from typing import Protocol

Cells = tuple[int, list[str]]


class Refused(Exception):
    """`str()` is the code of a sentence."""


class Book(Protocol):
    """A workbook or a page. `plausible` and `evidence` (in hex) speak of the doubtful encoding of a page."""

    sheets: list[str]
    encoding: str
    plausible: list[str]
    evidence: str

    def height(self, sheet: str) -> int: ...

    def rows(self, sheet: str) -> Iterator[Cells]: ...
