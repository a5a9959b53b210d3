"""Cells as text: without the armour of spreadsheets, cut where they are too long."""

import hashlib
import re
from functools import lru_cache
from typing import Any, NamedTuple

from customers import contact_points

_TAIL = 8


class Noted(NamedTuple):
    """A value that could be used, and what has to be said about it."""

    value: Any
    code: str  # one of notes.TEXTS


def bare(text: str) -> str:
    """The cell without what makes a spreadsheet leave it alone: `="…"`, a leading `'` or backtick, invisible signs."""
    value = contact_points.plain(text)
    if value.startswith("="):
        value = value[1:].strip('" ')
    return value.lstrip("'`‘’ ")


@lru_cache(maxsize=20_000)
def words(text: str, most: int) -> str | Noted:
    """The text, cut to that many characters."""
    value = _text(text)
    if len(value) <= most:
        return value
    return Noted(value[:most].rstrip(), "cut")


@lru_cache(maxsize=20_000)
def title(text: str, most: int) -> str | Noted:
    """The text as something is known by: where it is cut, it ends in a tail that no other text has."""
    value = _text(text)
    if len(value) <= most:
        return value
    tail = hashlib.sha256(value.encode()).hexdigest()[:_TAIL]
    return Noted(f"{value[: most - _TAIL - 1].rstrip()}~{tail}", "cut")


def value_of(read: Any) -> Any:
    """What was read, whatever there is to be said about it."""
    return read.value if isinstance(read, Noted) else read


def _text(text: str) -> str:
    return bare(text) if text[:1] in "='`" else contact_points.plain(text)


_BRACKETS = re.compile(r"[(（\[【](.*?)[)）\]】]")


def in_brackets(header: str) -> str:
    """What a header says in brackets, as the unit of 实付金额(元); else nothing."""
    found = _BRACKETS.search(header)
    return found[1].strip() if found else ""


def without_brackets(header: str) -> str:
    return _BRACKETS.sub("", header)
