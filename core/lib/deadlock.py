"""One transaction for a verb, whoever calls it; and two of them that wait for each other: one begins again."""

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

TRIES = 4
_LOSERS = ("40P01", "40001")  # deadlock detected, could not serialize
P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def joining() -> Iterator[None]:
    """All or nothing: part of the transaction of whoever calls, or a transaction of its own.

    Unlike `transaction.atomic` it sets no savepoint within another one, which costs two statements: an error that comes
    out of it ends all of the caller's transaction. Who means to go on after the error calls within `transaction.atomic`.
    """
    blocks = connection.atomic_blocks
    # The transaction that Django puts around each test is nobody's: what is tried there may fail and be looked at.
    within = bool(blocks) and not getattr(blocks[-1], "_from_testcase", False)
    with transaction.atomic(savepoint=not within):
        yield


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
