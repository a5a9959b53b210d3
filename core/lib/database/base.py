"""PostgreSQL, asked only by a process that has the database's own time, and the keys of what is encrypted in it.

A clock that is ahead expires points and closes promises, and no later clock takes that back; one that is behind dates
orders before those that came before them. A process with other keys finds no customer by their phone, and makes each
anew.
"""

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.backends.postgresql import base

from core.lib import sealing

VAULT_KEYS = "mall_vaultkey"
log = logging.getLogger(__name__)


class WrongClock(OperationalError):
    """The clocks of this process and of the database differ by more than CLOCK_TOLERANCE_SECONDS: nothing was asked."""


class WrongKeys(OperationalError):
    """Something in the database is under a key that this process has not: nothing was asked."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Holds clock and keys against the database's with each new connection, and the clock whenever it was set since."""

    _clock_when_held = 0.0

    def init_connection_state(self) -> None:
        super().init_connection_state()
        try:
            self._hold_clock()
            self._hold_keys()
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
            raise _said(
                WrongClock(
                    f"The clock of this machine is {_long(ahead)} the database's: nothing is read or written with it."
                    " Set the one that is wrong (timedatectl)."
                )
            )
        self._clock_when_held = _clock()

    def _hold_keys(self) -> None:
        """Raises WrongKeys unless this process can read whatever is encrypted here; what is under which key,
        `crm.flows.vault` notes.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT to_regclass('{VAULT_KEYS}') IS NOT NULL")
            (is_there,) = cursor.fetchone()  # not before the first migrations
            if not is_there:
                return
            cursor.execute(f"SELECT fingerprint FROM {VAULT_KEYS}")  # noqa: S608
            theirs = {fingerprint for (fingerprint,) in cursor.fetchall()}
        if theirs - set(sealing.fingerprints()):
            raise _said(
                WrongKeys(
                    "This database is encrypted under another VAULT_KEY than this process has: nothing is read or"
                    " written with it. Set VAULT_KEY as the other processes have it; after a change of the key, the one"
                    " before belongs into VAULT_KEY_FALLBACKS until `manage.py rotate_vault` is done."
                )
            )


def _said(refusal: OperationalError) -> OperationalError:
    log.error("%s", refusal)  # whoever answers a request says only that it was not done
    return refusal


def _clock() -> float:
    """Stays the same, give or take, for as long as nobody sets the clock."""
    return time.time() - time.monotonic()


def _long(seconds: float) -> str:
    span = timedelta(seconds=round(abs(seconds)))
    words = f"{span.days} days" if span.days > 1 else str(span)
    return f"{words} {'ahead of' if seconds > 0 else 'behind'}"
