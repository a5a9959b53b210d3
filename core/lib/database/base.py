"""PostgreSQL, asked only by a process whose clock goes as the database's own: what is dated here stays dated so for good.

A clock that is ahead expires points and closes promises, and no later clock takes that back; one that is behind dates
orders before those that came before them.
"""

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.backends.postgresql import base

log = logging.getLogger(__name__)


class WrongClock(OperationalError):
    """The clocks of this process and of the database differ by more than CLOCK_TOLERANCE_SECONDS: nothing was asked."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Holds the clock against the database's with each new connection, and again whenever it has been set since."""

    _clock_when_held = 0.0

    def init_connection_state(self) -> None:
        super().init_connection_state()
        try:
            self._hold_clock()
        except BaseException:
            self.close()
            raise

    def _cursor(self, name: str | None = None) -> Any:
        cursor = super()._cursor(name)  # type: ignore[misc]  # unknown to the stubs
        if abs(_clock() - self._clock_when_held) > settings.CLOCK_TOLERANCE_SECONDS:
            self._hold_clock()
        return cursor

    def _hold_clock(self) -> None:
        """Raises WrongClock when this process and the database do not agree what time it is."""
        before = time.time()
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            (theirs,) = cursor.fetchone()
        after = time.time()
        ahead = before - theirs if before > theirs else min(after - theirs, 0)
        if abs(ahead) > settings.CLOCK_TOLERANCE_SECONDS:
            refusal = WrongClock(
                f"The clock of this machine is {_long(ahead)} the database's: nothing is read or written with it."
                " Set the one that is wrong (timedatectl)."
            )
            log.error("%s", refusal)  # whoever answers a request says only that it was not done
            raise refusal
        self._clock_when_held = _clock()


def _clock() -> float:
    """Stays the same, give or take, for as long as nobody sets the clock."""
    return time.time() - time.monotonic()


def _long(seconds: float) -> str:
    span = timedelta(seconds=round(abs(seconds)))
    words = f"{span.days} days" if span.days > 1 else str(span)
    return f"{words} {'ahead of' if seconds > 0 else 'behind'}"
