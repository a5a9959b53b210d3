"""The staging table of one import and the set-based steps from it into the record.

The table is temporary: a killed import leaves nothing behind, and running it again replays harmlessly.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection

from core.lib import sql
from core.lib.periods import mall_zone
from customers import contact_points, identity
from customers.imports.row import Staged
from customers.models import ContactPoint, ExternalIdentity, ImportPart

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

# What the columns say that most files have not, as the staging table has it without being told.
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("customer", "phone_mask", "email_mask", "name", "region", "city", "category", "product"), ""),
    **dict.fromkeys(
        ("version", "modified", "phone_index", "phone_tail", "phone_sealed", "email_index", "email_sealed")
    ),
    **dict.fromkeys(("line_paid", "refunded", "refunded_at")),
    "cost": 0,
}

STEPS = sql.steps(__file__, "staging")


def _run(step: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(STEPS[step], parameters or None)


def _copy(target: str, rows: Iterable[Iterable[Any]], not_null: str = "") -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    force = f", FORCE_NOT_NULL ({not_null})" if not_null else ""
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {target} FROM STDIN (FORMAT csv{force})", buffer)


class Where(NamedTuple):
    """Of which import the staging table is, and what is so of all its rows."""

    source: str
    run: int
    at: datetime
    lines: bool  # rows name products
    of_lines: bool  # a row is a line of an order
    guests: bool  # orders of nobody are known of this source
    accepted: list[str]  # kinds of questions that are answered with yes

    def chunk(self, first: int, last: int) -> dict[str, Any]:
        return {**self._asdict(), "first": first, "last": last, "zone": str(mall_zone())}


def fill(rows: Iterator[Staged], *, source: str, of_lines: bool, incomplete: AbstractSet[str], at: datetime) -> None:
    """A fresh staging table with one row per order, judged among themselves.

    `of_lines`: rows are lines, to be put together by order number. `incomplete`, looked at when all rows have been
    taken: numbers of orders of which a line was refused.
    """
    _run("tables")
    said: set[str] = set()
    while pending := list(islice(rows, COPY_ROWS)):
        said |= _copy_said(pending)
    _run("by_line_and_person")
    if of_lines:
        _run("orders_of_lines", incomplete=sorted(incomplete))
    else:
        _run("whole_orders")
    _bring_up_known()
    _run("people")
    _run("people_by_email")
    if "modified" in said:
        _run("clocks", at=at)
    _run("repeated")
    contacts, names = said & {"phone_index", "email_index"}, said & {"name", "region", "city"}
    _run("distinct_people", source=source, contacts=bool(contacts), names=bool(names))


def _copy_said(rows: list[Staged]) -> set[str]:
    """The rows are in the table; returns the columns that one of them says something of."""
    columns = dict(zip(Staged._fields, zip(*rows, strict=True), strict=True))
    said = {
        name: values
        for name, values in columns.items()
        if name not in DEFAULTS or values.count(DEFAULTS[name]) < len(rows)
    }
    texts = ", ".join(name for name in said if name in TEXTS)
    _copy(f"import_rows ({', '.join(said)})", zip(*said.values(), strict=True), texts)
    return set(said)


def _bring_up_known() -> None:
    """Phones and e-mails of the file that are known under an old key of the vault are under the current one."""
    if not contact_points.several_keys():
        return
    for kind in ("phone", "email"):
        values = _rows(STEPS[f"known_{kind}s"])
        for first in range(0, len(values), COPY_ROWS):
            chunk = [bytes(sealed) for (sealed,) in values[first : first + COPY_ROWS]]
            contact_points.bring_up([(kind, contact_points.opened(kind, sealed)) for sealed in chunk])


def plan(seen: list[int | None]) -> None:
    """What a check saw at each row stands beside it."""
    _run("plan", plan=seen)


def seen() -> list[int | None]:
    """What this check has seen at each row, in the order of the lines."""
    return list(_rows("SELECT array_agg(state_seen ORDER BY line) FROM import_rows")[0][0] or [])


def resolve(where: Where) -> None:
    """Who of the file's people is known, and whom of the others its orders need."""
    _run("resolve", source=where.source)
    _run("needed_people", source=where.source, run=where.run, at=where.at, accepted=where.accepted)


def create_people(most: int, *, run: int) -> int:
    """Customers for people who are needed and not known, at most that many at a time; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(STEPS["number_people"], {"most": most})
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
            "{}",
            "unknown",
            "unknown",
            "f",
            "",
        )
        for id_, name, region, city, first_on in people
    )
    _copy(
        "customers_customer (id, number, name, name_pinyin, name_grams, region, city, registered_on,"
        " interests, mindset, preferred_channel, is_reseller, notes)",
        rows,
        "name, name_pinyin, region, city, notes",
    )
    if people:
        ImportPart.objects.create(run_id=run, order_ids=[], customer_ids=[id_ for id_, *_rest in people])
    return len(people)


def _array(texts: list[str]) -> str:
    # Grams are letters and digits only: nothing to escape.
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"


def attach_people(where: Where) -> None:
    """The file's ids, phones and e-mails are those of its people; who was known before has lines of what is new."""
    _run("attach_people", source=where.source, run=where.run, at=where.at)


def register_people(where: Where) -> None:
    """Nobody of the file is registered later than their first order in it; what another import told is not its alone."""
    _run("register_people", run=where.run)
    told = (ContactPoint, ExternalIdentity)
    if any(model.objects.exclude(import_run=where.run).filter(import_run__isnull=False).exists() for model in told):
        _run("said_again", source=where.source, run=where.run)


def classify(where: Where, first: int, last: int, *, planned: bool = False) -> None:
    """What becomes of these lines; what waits for a yes is a question of the import."""
    chunk = where.chunk(first, last)
    _run("classify_new", **chunk)
    _run("classify", **chunk)
    if planned:
        _run("hold_changed", **chunk)
    if _count("SELECT count(*) FROM import_rows WHERE line BETWEEN %s AND %s AND outcome = 'asked'", first, last):
        _run("ask", **chunk)


def store(where: Where, first: int, last: int) -> None:
    """The lines that are new or newer are orders, with their lines and refunds; what was before is kept to undo it by."""
    chunk = where.chunk(first, last)
    if where.lines:
        _run("products", **chunk)
    _run("guests", **chunk)
    _run("named", **chunk)
    _run("remember", **chunk)
    _run("store", **chunk)
    if where.lines:
        _run("lines", **chunk)
    _run("money_back", **chunk)
    _run("refunds", **chunk)
    _run("believed", **chunk)
    _run("applied", **chunk)


def last_line() -> int:
    return _count("SELECT coalesce(max(line), 0) FROM import_rows")


def rows() -> int:
    """How many rows of the file are staged."""
    return _count("SELECT count(*) FROM import_lines")


def settle(run: int, *, is_check: bool, resumed: bool) -> None:
    """Every line is classified: rows that repeat others follow them, questions that are none any more are closed."""
    _run("settle")
    if resumed:
        _run("earlier_passes", run=run)
    _run("unasked", run=run, is_check=is_check)


def outcomes() -> dict[str, int]:
    """How many orders came to what, once they are settled."""
    return dict(_rows("SELECT outcome, count(*) FROM import_rows GROUP BY 1"))


def unknown_people() -> int:
    return _count("SELECT count(*) FROM import_people WHERE customer_id IS NULL AND is_needed")


def refused() -> dict[int, str]:
    """Line number -> why the record refuses it."""
    return dict(_rows(STEPS["refused"]))


def touched(where: Where, *, resumed: bool) -> list[int]:
    """Customers whose orders this import has changed, or one of the source that was killed before their figures."""
    with connection.cursor() as cursor:
        cursor.execute(STEPS["touched"], {"source": where.source, "run": where.run, "resumed": resumed})
        return [customer_id for (customer_id,) in cursor.fetchall()]


def drop() -> None:
    """Nothing of the staging tables is left."""
    _run("drop")


def _rows(statement: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return list(cursor.fetchall())


def _count(statement: str, *parameters: Any) -> int:
    return int(_rows(statement, *parameters)[0][0])
