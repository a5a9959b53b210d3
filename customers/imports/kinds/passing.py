"""One pass over a file: its rows read, compared with the record a few hundred at a time, stored when it is a run."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, Protocol, TypeVar

from core.accounts.models import User
from core.lib import rows
from core.lib.errors import Invalid
from customers.imports.choices import Choices
from customers.imports.reading.shape import Broken, Row
from customers.imports.row import Note, Rejected
from customers.imports.spellings.texts import Noted
from customers.models import Import, ImportQuestion, ImportRecord

Answer = ImportQuestion.Answer
# Lists of ids of what a customer was given.
ADDED = ("points", "identities")
# A sight is kept as a positive integer of the database.
SIGHT = 2**31 - 1
CREATED, UPDATED, UNCHANGED, ASKED = "created", "updated", "unchanged", "asked"


class Refused(Exception):
    """The row does not go in because of this field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Cells:
    """The cells of one row by the fields they hold, and what is noted of them."""

    def __init__(self, row: Row, place: dict[str, int]) -> None:
        self.row, self.place = row, place
        self.notes: list[tuple[str, str]] = []
        self.asked = ""  # the field that was read last

    def text(self, name: str) -> str:
        """What the cell says, "" without such a column."""
        self.asked, index = name, self.place.get(name)
        return "" if index is None else self.row.cells[index].strip()

    def note(self, name: str, code: str) -> None:
        """Something of this field was left out or changed; `code` is one of notes.TEXTS."""
        self.notes.append((name, code))

    def value(self, name: str, read: Any) -> Any:
        """What was read of this field, and what is to be said about it noted."""
        if isinstance(read, Noted):
            self.note(name, read.code)
            return read.value
        return read


@dataclass
class Pass:
    """What one pass is told, and what it finds. Nothing of the record is written unless `is_run`."""

    run: Import
    choices: Choices
    by: User | None
    at: datetime
    today: date
    is_run: bool
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: list[Rejected] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    counted: set[int] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    concerned: set[int] = field(default_factory=set)  # customers whose figures change
    answered: list[ImportQuestion] = field(default_factory=list)
    planned: list[int | None] = field(default_factory=list)  # what a check saw at each row
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.questions = {row.external_id: row for row in self.run.questions.all()}
        self.before = dict(self.run.records.values_list("record_id", "is_new"))

    def refuse(self, row: Row, name: str, reason: str) -> None:
        """The row does not go in, because of this field."""
        self.refused.append(Rejected(row.line_number, self._column(name), reason[:300], row.line))

    def note(self, row: Row, name: str, code: str) -> None:
        """The row goes in, but not with everything of this field."""
        self.notes.append(Note(row.line_number, self._column(name), code))

    def _column(self, name: str) -> str:
        return self.choices.mapping.get(name, name)

    def is_other(self, *sight: Any) -> bool:
        """Whether the row comes to something else than a check has planned: asked once for each good row, in order.

        `sight` is all that the row would do and all of the record that this depends on, with the same words in a check
        and in a run.
        """
        self.seen.append(zlib.crc32(repr(sight).encode()) & SIGHT)
        place = len(self.seen) - 1
        return self.is_run and place < len(self.planned) and self.planned[place] != self.seen[-1]

    def ask(self, row: Row, key: str, kinds: Sequence[str], before: dict[str, Any], after: dict[str, Any]) -> str:
        """ "yes", "no" or "" while nobody has answered whether the record is to say what the file says."""
        if set(kinds) <= set(self.run.accepted):
            return Answer.YES
        key = key[:80]
        question = self.questions.get(key)
        self.asked.add(key)
        if question and (question.before, question.after) == (before, after) and question.answer != Answer.DONE:
            if question.answer == Answer.YES and self.is_run:
                question.answer, question.applied_at = Answer.DONE, self.at
                self.answered.append(question)
                return Answer.YES
            return question.answer
        self.questions[key], _created = ImportQuestion.objects.update_or_create(
            run=self.run,
            external_id=key,
            defaults={
                "line_number": row.line_number,
                "asks": list(kinds),
                "before": before,
                "after": after,
                "answer": Answer.OPEN,
                "answered_by": None,
                "answered_at": None,
                "applied_at": None,
            },
        )
        return Answer.OPEN

    def count(self, outcome: str, record_id: int | None = None) -> None:
        """The row has come to this; what an earlier pass of this import has done counts as done by it."""
        if outcome == UNCHANGED and record_id in self.before and record_id not in self.counted:
            outcome = CREATED if self.before[record_id] else UPDATED
        if record_id is not None:
            self.counted.add(record_id)
        self.outcomes[outcome] += 1

    def close_questions(self) -> None:
        """Questions that this pass did not ask again are none any more."""
        ImportQuestion.objects.bulk_update(self.answered, ["answer", "applied_at"], batch_size=500)
        self.run.questions.filter(applied_at=None).exclude(external_id__in=self.asked).delete()


Item = TypeVar("Item")


class Kind(Protocol, Generic[Item]):
    """What a kind of file means: how a row reads, and what a batch of rows does to the record."""

    def read(self, cells: Cells) -> Item | None:
        """What the row says; None for one that only leaves a note. Raises Refused."""

    def take(self, items: list[Item]) -> None:
        """The pass knows what these rows do to the record; in a run it is done."""


def parsed(rows: Iterator[Row | Broken], names: list[str], pass_: Pass, kind: Kind[Item]) -> Iterator[Item]:
    """What the good rows say, in the order of the file; the pass knows of the others."""
    place = {name: names.index(column) for name, column in pass_.choices.mapping.items()}
    for row in rows:
        if isinstance(row, Broken):
            pass_.refused.append(Rejected(row.line_number, "", row.reason, row.line))
            continue
        cells = Cells(row, place)
        try:
            item = kind.read(cells)
        except Refused as refusal:
            pass_.refuse(row, refusal.field, str(refusal))
            continue
        except Invalid as refusal:
            pass_.refuse(row, cells.asked, str(refusal))
            continue
        for name, code in cells.notes:
            pass_.note(row, name, code)
        if item is None:
            pass_.count(UNCHANGED)
        else:
            yield item


def remember(pass_: Pass, written: dict[int, tuple[bool, dict[str, Any], dict[str, Any]]]) -> None:
    """Id of what was written -> (made by this import, what it said before, and after), kept to undo the import by.

    What an earlier pass of the import has kept stays what it was before.
    """
    known = {row.record_id: row for row in pass_.run.records.filter(record_id__in=written)}
    fresh = []
    for pk, (is_new, before, after) in written.items():
        if row := known.get(pk):
            row.before, row.after = _merged(before, row.before), _merged(row.after, after)
        else:
            fresh.append(ImportRecord(run=pass_.run, record_id=pk, is_new=is_new, before=before, after=after))
    rows.update(known.values(), ["before", "after"])
    rows.insert(fresh)


def _merged(first: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    """Both; of what both name the last word, but what was added is put together."""
    added = {name: first[name] + last[name] for name in ADDED if name in first and name in last}
    return first | last | added
