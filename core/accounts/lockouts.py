"""Where attempts to sign in are counted: a table that forgets nothing before its time, however much is counted."""

from datetime import datetime
from typing import Any

from django.core.cache.backends.db import DatabaseCache
from django.db import OperationalError, connection


class Counts(DatabaseCache):
    """Django's table of a cache, without a cache's two liberties: to drop what is still wanted, and to fail in silence.

    A count that could not be written would be read as an attack: whoever signs in while the disk is full is told that
    they tried too often. Here it is an error, which the web answers with 503.
    """

    _table: str

    def _cull(self, db: str, cursor: Any, now: datetime, num: int) -> None:
        """Over the size at which one looks: what has expired goes, and nothing else."""
        cursor.execute(f"DELETE FROM {self._table} WHERE expires < %s", [now])  # noqa: S608 (a name of the settings)

    def _base_set(self, mode: str, key: str, *more: Any, **named: Any) -> bool:
        for _attempt in range(2):  # two who count the same for the first time: one of them is refused, and tries again
            if super()._base_set(mode, key, *more, **named):  # type: ignore[misc]  # the stubs leave it out
                return True
            if mode == "touch" or (mode == "add" and self._holds(key)):
                return False
        raise OperationalError("the count of attempts could not be written")

    def _holds(self, key: str) -> bool:
        """Whether there is a count under this whole key, over or not."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {self._table} WHERE cache_key = %s", [key])  # noqa: S608 (as above)
            return cursor.fetchone() is not None
