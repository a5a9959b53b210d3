"""Advisory locks, held to the end of the transaction: writers of one order or one person follow each other.

Order of taking, so that nobody waits in a circle: the import lock, the order, then people in sorted order.
"""

import hashlib

from django.db import connection

_IMPORT = "laoke.import"


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def hold(*names: str) -> None:
    with connection.cursor() as cursor:
        for number in sorted(_number(name) for name in names):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def hold_off_imports() -> None:
    """Single writers share this lock; a chunk of an import holds it alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_number(_IMPORT)])


def hold_off_everyone() -> None:
    """For one chunk of an import: no single order is recorded and no customer created meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_number(_IMPORT)])
