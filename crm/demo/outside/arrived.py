"""What has arrived outside, and what is still to be said of it: one file, written by one process, read by a page."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

_TABLES = """
    CREATE TABLE IF NOT EXISTS arrived (
        n INTEGER PRIMARY KEY, name TEXT UNIQUE, at REAL, channel TEXT, recipient TEXT, text TEXT, times INTEGER);
    CREATE TABLE IF NOT EXISTS said (
        n INTEGER PRIMARY KEY, due REAL, kind TEXT, name TEXT, state TEXT, code TEXT, at REAL, told INTEGER DEFAULT 0);
    CREATE INDEX IF NOT EXISTS said_due ON said (due) WHERE told = 0;
"""


class Arrival(NamedTuple):
    """`name` is the id of the letter, of a mail its Message-ID; `at` in seconds since 1970; `times`: how often it came."""

    name: str
    at: float
    channel: str
    recipient: str
    text: str
    times: int


class Said(NamedTuple):
    """Something to be said from `due` on: a receipt, or the report of a mail that came back."""

    due: float
    kind: str
    name: str
    state: str
    code: str
    at: float


class Arrivals:
    """The file. Several threads of the one process write; whoever looks only reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=10)) as file, file:
            yield file

    def begin(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._open() as file:
            file.executescript(_TABLES)

    def take(self, name: str, *, channel: str, recipient: str, text: str) -> bool:
        """Whether it is new; what came before under this name is only counted."""
        row = (name, time.time(), channel, recipient, text)
        with self._open() as file:
            file.execute(
                "INSERT INTO arrived (name, at, channel, recipient, text, times) VALUES (?, ?, ?, ?, ?, 1)"
                " ON CONFLICT (name) DO UPDATE SET times = times + 1",
                row,
            )
            return bool(file.execute("SELECT times FROM arrived WHERE name = ?", [name]).fetchone()[0] == 1)

    def will_say(self, rows: Sequence[Said]) -> None:
        with self._open() as file:
            file.executemany("INSERT INTO said (due, kind, name, state, code, at) VALUES (?, ?, ?, ?, ?, ?)", rows)

    def due(self, now: float, most: int) -> list[tuple[int, Said]]:
        with self._open() as file:
            rows = file.execute(
                "SELECT n, due, kind, name, state, code, at FROM said WHERE told = 0 AND due <= ? ORDER BY due LIMIT ?",
                [now, most],
            )
            return [(row[0], Said(*row[1:])) for row in rows]

    def was_said(self, numbers: Sequence[int]) -> None:
        with self._open() as file:
            file.executemany("UPDATE said SET told = 1 WHERE n = ?", [(n,) for n in numbers])

    def latest(self, most: int) -> list[Arrival]:
        """The newest first; none as long as nothing has ever arrived."""
        if not self.path.exists():
            return []
        with self._open() as file:
            rows = file.execute(
                "SELECT name, at, channel, recipient, text, times FROM arrived ORDER BY n DESC LIMIT ?", [most]
            )
            return [Arrival(*row) for row in rows]
