"""What is held to the end of the transaction, so that writers of one order or one person follow each other.

Order of taking, so that nobody waits in a circle: the import lock, the order, people by their keys, then rows of
customers by their ids.
"""

import hashlib
from collections.abc import Iterable

from django.db import connection

_IMPORT = "laoke.import"
AT_ONCE = 200
_WAITING = """
    SELECT EXISTS (SELECT 1 FROM pg_locks
                    WHERE locktype = 'advisory' AND NOT granted AND objsubid = 1
                      AND classid = %s::bigint::oid AND objid = %s::bigint::oid
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_HOLD = "SELECT 1 FROM customers_customer WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_HOLD_AGAINST_NEW_ROWS = "SELECT 1 FROM customers_customer WHERE id = ANY(%s) ORDER BY id FOR UPDATE"


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def hold(*names: str) -> None:
    """Whoever holds one of these names follows whoever holds it now; several are taken in one order."""
    numbers = sorted(_number(name) for name in names)
    with connection.cursor() as cursor:
        for first in range(0, len(numbers), AT_ONCE):
            some = numbers[first : first + AT_ONCE]
            # The columns of a statement are worked out from left to right.
            cursor.execute("SELECT " + ", ".join(["pg_advisory_xact_lock(%s)"] * len(some)), some)


def hold_if_free(names: Iterable[str]) -> set[str]:
    """Those of the names that nobody else holds: they are held from now on. Waits for nobody."""
    numbers = {_number(name): name for name in names}
    with connection.cursor() as cursor:
        cursor.execute("SELECT n, pg_try_advisory_xact_lock(n) FROM unnest(%s::bigint[]) AS n", [list(numbers)])
        return {numbers[number] for number, is_held in cursor.fetchall() if is_held}


def hold_off_imports(*groups: Iterable[str]) -> None:
    """Single writers share this lock; a chunk of an import holds it alone. Then the names of each group, as `hold` does.

    All in one statement, whose columns are worked out from left to right.
    """
    numbers = [number for names in groups for number in sorted(_number(name) for name in names)]
    alone = ", pg_advisory_xact_lock(%s)" * len(numbers)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared(%s){alone}", [_number(_IMPORT), *numbers])


def hold_off_everyone() -> None:
    """For one chunk of an import: no single order is recorded and no customer created meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_number(_IMPORT)])


def somebody_waits() -> bool:
    """Whether, while this process holds everybody off, anybody wants to record an order or make a customer."""
    high, low = divmod(_number(_IMPORT) % 2**64, 2**32)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [high, low])
        return bool(cursor.fetchone()[0])


def hold_customers(customer_ids: Iterable[int], *, against_new_rows: bool = False) -> None:
    """Nobody else holds or writes the rows of these customers until the transaction ends; read them after this.

    Two who want some of the same customers follow each other, whichever they name first: rows are taken in the order
    of their ids. Meanwhile an order or a talk may still be added to a customer, unless it is `against_new_rows` too.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_AGAINST_NEW_ROWS if against_new_rows else _HOLD, [sorted(set(customer_ids))])
