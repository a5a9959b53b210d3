"""When something that failed on the network is tried again, and when it is given up: one table, one answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

# The pauses after each failed attempt; after the last of them there is one more attempt.
MAIL = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
# Some three days in all, as the Standard Webhooks specification proposes.
WEBHOOK = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)


def next_attempt(pauses: Sequence[timedelta], *, attempts: int, at: datetime) -> datetime | None:
    """The moment of the next attempt after so many that failed, the last of them at `at`; None when it is given up."""
    return at + pauses[attempts - 1] if attempts <= len(pauses) else None
