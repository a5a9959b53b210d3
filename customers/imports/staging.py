"""The staging table of one import and the set-based steps from it into the record.

The table is temporary: a killed import leaves nothing behind, and running it again replays harmlessly.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from django.db import connection

from core.lib import sql
from customers import contact_points, identity
from customers.imports.row import Staged

COPY_ROWS = 5_000
TEXTS = (
    "external_id",
    "customer",
    "phone_mask",
    "email_mask",
    "name",
    "region",
    "city",
    "status",
    "category",
    "product",
)

_STEPS = sql.steps(__file__, "staging")


def _run(step: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STEPS[step], parameters or None)


def _copy(target: str, rows: Iterable[Iterable[Any]], not_null: str = "") -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    force = f", FORCE_NOT_NULL ({not_null})" if not_null else ""
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {target} FROM STDIN (FORMAT csv{force})", buffer)


def fill(rows: Iterator[Staged], *, of_lines: bool, incomplete: AbstractSet[str]) -> None:
    """A fresh staging table with one row per order, judged among themselves.

    `of_lines`: rows are lines, to be put together by order number. `incomplete`, looked at when all rows have been
    taken: numbers of orders of which a line was refused.
    """
    _run("tables")
    columns = ", ".join(Staged._fields)
    pending: list[Staged] = []
    for row in rows:
        pending.append(row)
        if len(pending) == COPY_ROWS:
            _copy(f"import_rows ({columns})", pending, ", ".join(TEXTS))
            pending.clear()
    _copy(f"import_rows ({columns})", pending, ", ".join(TEXTS))
    if of_lines:
        _run("orders_of_lines", incomplete=sorted(incomplete))
    else:
        _run("whole_orders")
    _bring_up_known()
    _run("people")
    _run("repeated")
    _run("distinct_people")


def _bring_up_known() -> None:
    """Phones and e-mails of the file that are known under an old key of the vault are under the current one."""
    if not contact_points.several_keys():
        return
    for kind in ("phone", "email"):
        values = _rows(_STEPS[f"known_{kind}s"])
        for first in range(0, len(values), COPY_ROWS):
            chunk = [bytes(sealed) for (sealed,) in values[first : first + COPY_ROWS]]
            contact_points.bring_up([(kind, contact_points.opened(kind, sealed)) for sealed in chunk])


def resolve(source: str) -> None:
    """Who of the file's people is known."""
    _run("resolve", source=source)


def create_people(most: int) -> int:
    """Customers for people who are not known, at most that many at a time; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["number_people"], {"most": most})
        people = cursor.fetchall()
    rows = (
        (
            id_,
            identity.number_of(id_),
            name,
            identity.pinyin(name),
            _array(identity.name_grams(name)),
            region,
            city,
            first_on,
            "f",
            "{}",
            "unknown",
            "unknown",
            "f",
            "",
        )
        for id_, name, region, city, first_on in people
    )
    _copy(
        "customers_customer (id, number, name, name_pinyin, name_grams, region, city, registered_on, birthday_is_lunar,"
        " interests, mindset, preferred_channel, is_reseller, notes)",
        rows,
        "name, name_pinyin, region, city, notes",
    )
    return len(people)


def _array(texts: list[str]) -> str:
    # Grams are letters and digits only: nothing to escape.
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"


def attach_people(source: str) -> None:
    _run("attach_people", source=source)


def register_people() -> None:
    """Nobody of the file is registered later than their first order in it."""
    _run("register_people")


def classify(source: str, first: int, last: int) -> None:
    """What would become of these lines."""
    _run("classify", source=source, first=first, last=last)


def store(source: str, first: int, last: int, *, lines: bool, at: datetime) -> None:
    """The lines that are new or newer are orders."""
    where: dict[str, Any] = {"source": source, "first": first, "last": last}
    if lines:
        _run("products", **where)
    _run("store", at=at, lines=lines, **where)
    if lines:
        _run("lines", **where)
    _run("refunds", **where)


def last_line() -> int:
    return int(_rows("SELECT coalesce(max(line), 0) FROM import_rows")[0][0])


def rows() -> int:
    """How many rows of the file are staged."""
    return int(_rows("SELECT count(*) FROM import_lines")[0][0])


def outcomes() -> dict[str, int]:
    """How many orders came to what, once every line is classified."""
    _run("settle")
    return dict(_rows("SELECT outcome, count(*) FROM import_rows GROUP BY 1"))


def unknown_people() -> int:
    return int(_rows("SELECT count(*) FROM import_people WHERE customer_id IS NULL")[0][0])


def refused() -> dict[int, str]:
    """Line number -> why the record refuses it."""
    return dict(_rows(_STEPS["refused"]))


def touched() -> list[int]:
    """Customers whose orders this pass has changed, or an earlier one that was killed before it came to their figures."""
    return [customer_id for (customer_id,) in _rows(_STEPS["touched"])]


def drop() -> None:
    """Nothing of the staging tables is left."""
    _run("drop")


def _rows(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
