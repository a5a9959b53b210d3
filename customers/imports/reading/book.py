"""What a workbook is to whoever asks for its sheets; shared by the readers of its kinds. No Django here."""

from collections.abc import Iterator
from typing import Protocol

Cells = tuple[int, list[str]]


class Refused(Exception):
    """`str()` is the code of a sentence."""


class Book(Protocol):
    """A workbook, or what calls itself one. `plausible` and `evidence` speak of a doubtful encoding of a page of HTML."""

    sheets: list[str]
    encoding: str
    plausible: list[str]
    evidence: str

    def height(self, sheet: str) -> int: ...

    def rows(self, sheet: str) -> Iterator[Cells]: ...
