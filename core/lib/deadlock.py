"""Two writers that wait for each other: PostgreSQL ends one of them, and that one begins again."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

TRIES = 4
_LOSERS = ("40P01", "40001")  # deadlock detected, could not serialize
P = ParamSpec("P")
T = TypeVar("T")


def again_after_deadlock(verb: Callable[P, T]) -> Callable[P, T]:
    """The verb, which is one transaction, is begun anew when it lost a deadlock; the third repetition's error goes up.

    Within a transaction of the caller nothing can be repeated, so the error goes up at once.
    """

    @functools.wraps(verb)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, TRIES):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or getattr(error.__cause__, "pgcode", None) not in _LOSERS:
                    raise
            time.sleep(random.uniform(0, 0.05) * attempt)  # noqa: S311 (apart from each other, not secret)
        return verb(*args, **kwargs)

    return tried
