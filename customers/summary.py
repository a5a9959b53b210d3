"""The summary of purchase days: one SQL definition, refreshed for one customer or rebuilt for all."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from customers.models import DirtyMark, SummaryState

COLUMNS = (
    "customer_id", "purchase_days", "order_count", "first_on", "last_on", "log_gap_sum", "log_gap_square_sum",
    "paid_sum", "profit_sum", "profit_square_sum", "decayed_profit", "category_mask",
)  # fmt: skip
DEFAULT_HALF_LIFE_DAYS = 182.5
CHUNK = 20_000


@cache
def _definition() -> str:
    return (Path(__file__).parent / "sql" / "customer_summary.sql").read_text()


def definition(customers: str) -> str:
    """The SELECT of the summary rows, limited to customers that meet the SQL condition `customers`."""
    return _definition().replace("{customers}", customers)


_UPSERT = """
INSERT INTO customers_summary ({columns}) {select}
ON CONFLICT (customer_id) DO UPDATE SET {assignments}
WHERE ({current}) IS DISTINCT FROM ({excluded})
"""


def _upsert(customers: str) -> str:
    rest = COLUMNS[1:]
    return _UPSERT.format(
        columns=", ".join(COLUMNS),
        select=definition(customers),
        assignments=", ".join(f"{c} = excluded.{c}" for c in rest),
        current=", ".join(f"customers_summary.{c}" for c in rest),
        excluded=", ".join(f"excluded.{c}" for c in rest),
    )


def state(today: date) -> SummaryState:
    """What the rows of Summary speak of; made on first use."""
    found, _ = SummaryState.objects.get_or_create(
        id=1, defaults={"as_of": today, "half_life_days": DEFAULT_HALF_LIFE_DAYS}
    )
    return found


@transaction.atomic
def refresh(customer_ids: Sequence[int], *, as_of: date, half_life_days: float) -> None:
    """Recompute these customers from their orders; a customer without purchase day left has no row afterwards."""
    ids = sorted(set(customer_ids))
    parameters: dict[str, Any] = {"as_of": as_of, "half_life": half_life_days, "ids": ids}
    with connection.cursor() as cursor:
        # The lock makes two refreshes of one customer follow each other: the later one reads the later facts.
        cursor.execute("SELECT 1 FROM customers_customer WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE", parameters)
        cursor.execute(_upsert("customer_id = ANY(%(ids)s)"), parameters)
        cursor.execute(
            """
            DELETE FROM customers_summary s
             WHERE s.customer_id = ANY(%(ids)s)
               AND NOT EXISTS (SELECT 1 FROM customers_order o
                                WHERE o.customer_id = s.customer_id AND o.status = 'paid' AND o.ordered_on <= %(as_of)s
                                  AND (o.fully_refunded_on IS NULL OR o.fully_refunded_on > %(as_of)s))
            """,
            parameters,
        )


def refresh_live(customer_ids: Sequence[int], *, today: date) -> None:
    """Bring these customers up to date within the transaction that changed their orders.

    Until the next night the other rows speak of an earlier day; nothing in a row depends on that day
    unless an order is dated after it.
    """
    refresh(customer_ids, as_of=today, half_life_days=state(today).half_life_days)


@transaction.atomic
def rebuild(*, as_of: date, half_life_days: float) -> None:
    """Recompute every customer from all orders up to and including `as_of`."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_dirtymark")
        # Foreign keys are checked at commit; a table with checks pending cannot be truncated.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE customers_summary")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(
            f"INSERT INTO customers_summary ({', '.join(COLUMNS)}) {definition('TRUE')}",
            {"as_of": as_of, "half_life": half_life_days},
        )
        cursor.execute("ANALYZE customers_summary")
    _speak_of(as_of, half_life_days)


@transaction.atomic
def update(*, as_of: date, half_life_days: float) -> int:
    """Recompute the customers whose facts changed or whose orders came due; returns how many.

    Same rows afterwards as `rebuild`. Falls back to it when the day moves backwards or the half-life changed.
    """
    before = SummaryState.objects.select_for_update().filter(id=1).first()
    if before is None or before.as_of > as_of or before.half_life_days != half_life_days:
        rebuild(as_of=as_of, half_life_days=half_life_days)
        return -1
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH seen AS (DELETE FROM customers_dirtymark RETURNING customer_id)
            SELECT customer_id FROM seen
            UNION SELECT customer_id FROM customers_order WHERE ordered_on > %(before)s AND ordered_on <= %(as_of)s
            UNION SELECT customer_id FROM customers_refund WHERE refunded_on > %(before)s AND refunded_on <= %(as_of)s
            ORDER BY 1
            """,
            {"before": before.as_of, "as_of": as_of},
        )
        dirty = [row[0] for row in cursor.fetchall()]
    # An order dated after as_of that is already in a live-refreshed row must leave it again.
    for start in range(0, len(dirty), CHUNK):
        refresh(dirty[start : start + CHUNK], as_of=as_of, half_life_days=half_life_days)
    _speak_of(as_of, half_life_days)
    return len(dirty)


def _speak_of(as_of: date, half_life_days: float) -> None:
    SummaryState.objects.update_or_create(id=1, defaults={"as_of": as_of, "half_life_days": half_life_days})


def waiting() -> int:
    """How many marks the next night will look at."""
    return DirtyMark.objects.count()
