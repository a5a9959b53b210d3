"""What becomes of a letter outside: drawn by its name. Receipts are lost, doubled and late, as those of carriers are."""

import random
from typing import NamedTuple

SEED = 57


class Fate(NamedTuple):
    """`state` empty: nobody ever hears of it. `after` seconds it is said, and again after each of `again`."""

    state: str
    code: str
    after: float
    again: tuple[float, ...]
    is_read: bool


def dice(name: str) -> random.Random:
    return random.Random(f"{SEED}:{name}")  # noqa: S311 (no secret)


def of_letter(name: str, *, fails: float = 0.1, code: str = "absent") -> Fate:
    """Of a hundred: 8 without any receipt, `fails` that do not arrive, every sixth said twice, some minutes late."""
    rng = dice(name)
    lost, failed = rng.random() < 0.08, rng.random() < fails
    after = rng.uniform(1, 20) if rng.random() < 0.8 else rng.uniform(30, 120)
    again = (after + rng.uniform(1, 60),) if rng.random() < 1 / 6 else ()
    state = "" if lost else "failed" if failed else "delivered"
    return Fate(state, code if state == "failed" else "", after, again, state == "delivered" and rng.random() < 0.5)
