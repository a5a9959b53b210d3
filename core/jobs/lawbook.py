"""What must always be true of a book: asked each night of what has changed since, and of everything within a week.

A law is a question whose answer is empty. It is written for all rows; it is asked of some by putting the rows of some
owners (accounts, campaigns) in the place of each table. What has changed is told by PostgreSQL itself: every version of
a row says which transaction wrote it, whoever that was and whatever triggers were switched off. A row that was deleted
says nothing any more: that is found when its seventh of the book is looked at as a whole, within seven nights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from core.jobs.models import BrokenLaw, LawState

SEVENTHS = 7
WEEK = timedelta(days=SEVENTHS)
SHOWN = 10
MOST = 0.5
# Ids of transactions go round after 2^32: beyond half of that the age of a row says nothing.
OLDEST = 2_000_000_000
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Book:
    """The laws of some tables whose rows belong to owners of one kind or several.

    `questions`: step -> SQL. `owners`: (kind, id) of all. `changed`: the same of those that have changed; `{new:alias}`
    in it stands for "this row was written since". `parts`: table -> its rows whose owners are in `law_owner (kind, id)`;
    they are copied into `law_<table>`, which those after it may use. `instead`: law -> table -> a part of another name
    that this law asks. `indexed`: columns by which laws look rows up one by one.
    """

    name: str
    questions: Mapping[str, str]
    owners: str
    changed: str
    parts: Mapping[str, str]
    instead: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    indexed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def broken(self, *, narrowed: bool = False) -> dict[str, Rows]:
        """Law -> at most ten rows that break it, of all, or of the owners in `law_owner`."""
        found = {}
        with connection.cursor() as cursor:
            if narrowed:
                self._copy(cursor)
            for law, question in self.questions.items():
                # No LIMIT: the planner would bet on finding rows early, and there are none.
                cursor.execute(self._of_some(law, question) if narrowed else question)
                if rows := cursor.fetchmany(SHOWN):
                    found[law] = rows
        return found

    def _copy(self, cursor: Any) -> None:
        """The rows of the chosen owners, once for all laws: asked for in each they would be looked for in each."""
        for table, rows in self.parts.items():
            cursor.execute(f"DROP TABLE IF EXISTS law_{table}; CREATE TEMP TABLE law_{table} ON COMMIT DROP AS {rows}")
            for column in self.indexed.get(table, ()):
                cursor.execute(f"CREATE INDEX ON law_{table} ({column})")
            cursor.execute(f"ANALYZE law_{table}")

    def _of_some(self, law: str, question: str) -> str:
        """The question of this law, in which the name of each table means the copied rows; it may name rows of its own."""
        own = self.instead.get(law, {})
        named = {table: table for table in self.parts if "_" in table} | {**own}
        copies = ", ".join(f"{name} AS (SELECT * FROM law_{part})" for name, part in named.items())  # noqa: S608
        return f"WITH {copies} SELECT * FROM ({question}\n) AS broken"  # noqa: S608


@dataclass(frozen=True)
class Outcome:
    """`broken`: law -> rows. `looked_at`: how many owners, None for all of them. `mended`: laws that were broken before."""

    broken: dict[str, Rows]
    looked_at: int | None
    mended: tuple[str, ...] = ()


@transaction.atomic
def check(book: Book, *, on: date, at: datetime) -> Outcome:
    """The laws hold of everything that has changed since the last check, and of what was last looked at a week ago.

    What is broken is stored, and stays so until everything has been looked at and it is found no more: as long as
    something is broken every check looks at all.
    """
    LawState.objects.get_or_create(book=book.name)
    state = LawState.objects.select_for_update().get(book=book.name)
    now_at, seen_from = _transactions()
    is_known = state.seen_until is not None and 0 <= now_at - state.seen_until < OLDEST
    if not is_known or BrokenLaw.objects.filter(book=book.name, mended_at=None).exists():
        outcome = Outcome(book.broken(), None)
        state.sevenths = [on - timedelta(days=number) for number in range(SEVENTHS)]
    else:
        due = [number for number, day in enumerate(state.sevenths) if day <= on - WEEK]
        some, every = _choose(book, since=state.seen_until or 0, now_at=now_at, sevenths=due)
        # To copy most of it costs more than to ask all of it.
        is_most = some > MOST * every
        outcome = Outcome(book.broken(narrowed=not is_most), some)
        state.sevenths = [on if number in due else day for number, day in enumerate(state.sevenths)]
    state.seen_until = seen_from
    state.save()
    return replace(outcome, mended=_note(book, outcome.broken, at))


def _transactions() -> tuple[int, int]:
    """The number of the transaction we are in, and the first that may not have been seen by this check."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_current_xact_id()::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        )
        now_at, seen_from = cursor.fetchone()
    return now_at, seen_from


def _choose(book: Book, *, since: int, now_at: int, sevenths: list[int]) -> tuple[int, int]:
    """`law_owner` holds whose rows have changed, and the owners of these sevenths; returns how many, and of how many."""
    changed = book.changed
    for alias in {part.partition("}")[0] for part in changed.split("{new:")[1:]}:
        changed = changed.replace(f"{{new:{alias}}}", f"age({alias}.xmin) <= {now_at - since}")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS law_owner")
        some = f"SELECT kind, id FROM ({book.owners}) AS every WHERE id %% {SEVENTHS} = ANY(%s)"  # noqa: S608 (our own)
        chosen = f"SELECT kind, id FROM ({changed}) AS changed UNION {some}"  # noqa: S608 (our own)
        cursor.execute(f"CREATE TEMP TABLE law_owner ON COMMIT DROP AS {chosen}", [sevenths])
        cursor.execute("CREATE INDEX ON law_owner (kind, id)")
        cursor.execute("ANALYZE law_owner")
        cursor.execute(f"SELECT (SELECT count(*) FROM law_owner), (SELECT count(*) FROM ({book.owners}) AS every)")  # noqa: S608
        some, every = cursor.fetchone()
    return int(some), int(every)


def _note(book: Book, broken: Mapping[str, Rows], at: datetime) -> tuple[str, ...]:
    known = {row.law: row for row in BrokenLaw.objects.filter(book=book.name, mended_at=None)}
    for law, rows in broken.items():
        row = known.pop(law, None) or BrokenLaw(book=book.name, law=law, found_at=at)
        row.rows = [[str(value) for value in told] for told in rows]
        row.save()
    for row in known.values():
        row.mended_at = at
        row.save(update_fields=["mended_at"])
    return tuple(sorted(known))
