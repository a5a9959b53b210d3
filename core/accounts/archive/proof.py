"""The trail proved as one: the archive files and the table together are what the seals say, from the first line on."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from zlib import error as ZlibError

from core.accounts.archive import lines, months, seals
from core.accounts.archive.lines import Line
from core.accounts.models import AuditArchive, AuditSeal

SHOWN = 50


@dataclass
class Proof:
    """`wrong`: what is not as it was sealed, at most fifty sentences. `open`: lines after the last seal."""

    wrong: list[str] = field(default_factory=list)
    seals: int = 0
    lines: int = 0
    open: int = 0
    head: str = ""

    def add(self, sentence: str) -> None:
        if len(self.wrong) < SHOWN:
            self.wrong.append(sentence)


def prove(*, head: str = "") -> Proof:
    """Every line is read and held against its seal, every seal against the one before, every file against its note.

    `head`: a chain that a log of before has told; it must be that of a seal.
    """
    proof = Proof()
    coming = _Coming(heapq.merge(*_files(proof), lines.of_table(seals.TABLE), key=lambda line: line.id))
    before, number, first = "", 0, 1
    for row in AuditSeal.objects.order_by("number").iterator(chunk_size=500):
        if (row.number, row.first_id) != (number + 1, first):
            proof.add(f"seal {number + 1}: is missing")
        for sentence in seals.wrong_with(row, before, coming.until(row.last_id)):
            proof.add(sentence)
        before, number, first = row.chain, row.number, row.last_id + 1
        proof.seals += 1
        head = "" if head == row.chain else head
    if head:
        proof.add(f"no seal has the chain {head}: seals were taken away or made anew")
    proof.lines = coming.count
    proof.open = sum(1 for _line in coming.rest())
    proof.head = before
    return proof


class _Coming:
    """Lines in the order of their numbers, taken up to one of them."""

    def __init__(self, all_lines: Iterator[Line]) -> None:
        self._lines = all_lines
        self._next = next(self._lines, None)
        self.count = 0

    def until(self, last: int) -> Iterator[Line]:
        while self._next is not None and self._next.id <= last:
            line, self._next = self._next, next(self._lines, None)
            self.count += 1
            yield line

    def rest(self) -> Iterator[Line]:
        return self.until(2**63)


def _files(proof: Proof) -> list[Iterator[Line]]:
    """The lines of each archive that is there; of one that is not what was noted the lines are read, and it is said."""
    files = []
    for row in AuditArchive.objects.order_by("first_id"):
        path = months.folder() / row.file
        if not path.is_file():
            proof.add(f"{path}: is missing")
            continue
        if months.sha256(path) != row.sha256:
            proof.add(f"{path}: is not the file that was written")
        files.append(_readable(row, proof))
    return files


def _readable(row: AuditArchive, proof: Proof) -> Iterator[Line]:
    try:
        yield from months.of_file(months.folder() / row.file)
    except (OSError, EOFError, ValueError, ZlibError):
        proof.add(f"{row.file}: cannot be read to its end")
