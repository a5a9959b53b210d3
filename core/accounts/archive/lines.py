"""A line of the trail as text that is the same wherever it stands: in the table, in a file, under a seal."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db import connection

AT_ONCE = 2000
# An array, so that no name of a column can be taken for another; jsonb writes it in one way only.
LINE = """jsonb_build_array(
    id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor_id, action, subject_type, subject_id, detail
)::text"""


class Line(NamedTuple):
    id: int
    text: str


def of_table(table: str, *, after: int = 0, until: int | None = None) -> Iterator[Line]:
    """The lines of this table behind an id, in the order of their ids, fetched in pieces that hold no cursor open."""
    end = "" if until is None else f" AND id <= {int(until)}"
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT id, {LINE} FROM "{table}" WHERE id > %s{end} ORDER BY id LIMIT {AT_ONCE}',  # noqa: S608
                [after],
            )
            rows = [Line(*row) for row in cursor.fetchall()]
        yield from rows
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].id


def read(text: str) -> Line:
    """A line of a file. Raises ValueError for what is none."""
    told = json.loads(text)
    if not isinstance(told, list) or not told or not isinstance(told[0], int):
        raise ValueError("no line of the trail")
    return Line(told[0], text)


def digest(lines: Iterable[Line]) -> tuple[int, str]:
    """(how many, SHA-256 of all of them)."""
    total, count = hashlib.sha256(), 0
    for line in lines:
        total.update(line.text.encode() + b"\n")
        count += 1
    return count, total.hexdigest()
