"""Pieces of a night, worked outside of one."""

from collections.abc import Callable, Iterable
from datetime import datetime


def at_once(pieces: Iterable[Callable[[datetime], dict[str, int]]], at: datetime) -> dict[str, int]:
    """All of them, one after the other; what they counted."""
    counts: dict[str, int] = {}
    for piece in pieces:
        counts |= piece(at)
    return counts
