"""The summary of purchase days: one SQL definition, for one customer live, for the changed ones at night, for all."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min

from core.lib import rows, sql
from customers import locks
from customers.models import Customer, SummaryState

COLUMNS = (
    "customer_id",
    "purchase_days",
    "order_count",
    "first_on",
    "last_on",
    "log_gap_sum",
    "log_gap_square_sum",
    "paid_sum",
    "profit_sum",
    "profit_square_sum",
    "decayed_profit",
    "category_mask",
)
# What the standing knows of it; of who has bought nothing the days are not known and the rest is zero.
COPIED_DAYS = ("first_on", "last_on")
COPIED_SUMS = ("purchase_days", "order_count", "paid_sum", "paid_90", "paid_365", "days_365")
DEFAULT_HALF_LIFE_DAYS = 182.5
CHUNK = 20_000

_CUSTOMERS_OF_A_LIST = "customer_id = ANY(%(ids)s)"
_TAKE_MARKS = """
    WITH taken AS (DELETE FROM customers_dirtymark WHERE customer_id BETWEEN %(low)s AND %(high)s RETURNING customer_id)
    SELECT DISTINCT customer_id FROM taken
"""
_CUSTOMERS_OF_A_RANGE = "customer_id BETWEEN %(low)s AND %(high)s"


@cache
def _recompute(customers: str, *also: str) -> str:
    """The statement after which the rows of the customers that meet the SQL condition are what their orders say.

    So are the copies in their standings. `also` names files of more steps that go with it.
    """
    rest, copies = COLUMNS[1:], (*COPIED_DAYS, *COPIED_SUMS)
    copied = [f"fresh.{column}" for column in COPIED_DAYS] + [f"coalesce(fresh.{column}, 0)" for column in COPIED_SUMS]
    return sql.load(__file__, "recompute").format(
        fresh=sql.load(__file__, "customer_summary").replace("{customers}", customers),
        also="".join(f",\n{sql.load(__file__, name).replace('{customers}', customers)}" for name in also),
        customers=customers,
        copies=", ".join(copies),
        copied=", ".join(copied),
        known=", ".join(f"s.{column}" for column in copies),
        columns=", ".join(COLUMNS),
        stored=", ".join(f"s.{column}" for column in rest),
        computed=", ".join(f"fresh.{column}" for column in rest),
        assignments=", ".join(f"{column} = excluded.{column}" for column in rest),
    )


@transaction.atomic
def refresh(customer_ids: Sequence[int], *, as_of: date, half_life_days: float) -> None:
    """Recompute these customers from their orders; a customer without purchase day left has no row afterwards."""
    parameters: dict[str, Any] = {"as_of": as_of, "half_life": half_life_days, "ids": sorted(set(customer_ids))}
    # Two refreshes of one customer follow each other: the later one reads the later facts.
    locks.hold_customers(customer_ids)
    with connection.cursor() as cursor:
        cursor.execute(_recompute(_CUSTOMERS_OF_A_LIST, "bought"), parameters)


def refresh_live(customer_ids: Sequence[int], *, today: date, held: bool = False) -> None:
    """Bring these customers up to date within the transaction that changed their orders.

    So is what lists know of it (`COPIED_DAYS`, `Bought`). Until the next night the other rows speak of an earlier day; nothing
    in a row depends on that day unless an order is dated after it. `held`: the caller holds these customers.
    """
    if not held:
        locks.hold_customers(customer_ids)
    half_life = "(SELECT coalesce(min(half_life_days), %(half_life)s) FROM customers_summarystate)"
    statement = _recompute(_CUSTOMERS_OF_A_LIST, "bought", "live").replace("%(half_life)s::", f"{half_life}::")
    parameters: dict[str, Any] = {"as_of": today, "half_life": DEFAULT_HALF_LIFE_DAYS, "ids": sorted(set(customer_ids))}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def ranges(customers: int = 50_000) -> Iterator[tuple[int, int]]:
    """First and last customer id of ranges that hold at most so many customers each and all of them together."""
    ends = Customer.objects.aggregate(first=Min("id"), last=Max("id"))
    if ends["first"] is not None:
        for low in range(ends["first"], ends["last"] + 1, customers):
            yield low, low + customers - 1


@transaction.atomic
def rebuild_range(low: int, high: int, *, as_of: date, half_life_days: float) -> None:
    """Recompute every customer with an id from `low` to `high` from all orders up to and including `as_of`.

    A change of orders that commits meanwhile leaves its mark in place, so the next night looks again.
    """
    parameters: dict[str, Any] = {"as_of": as_of, "half_life": half_life_days, "low": low, "high": high}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_MARKS, parameters)
        marked = sorted(row[0] for row in cursor.fetchall())
        # The covering index yields the rows in the order of lag(). The planner fears its random reads and
        # would read the whole table and sort instead, which takes three times as long.
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashagg = off"
        )
        cursor.execute(_recompute(_CUSTOMERS_OF_A_RANGE), parameters)
        cursor.execute("SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on; SET LOCAL enable_hashagg = on")
        for some in rows.batches(marked, CHUNK):
            cursor.execute(_bought(_CUSTOMERS_OF_A_LIST), {"ids": list(some)})


@transaction.atomic
def rebuild_bought(low: int, high: int) -> None:
    """What the customers with an id from `low` to `high` have bought is what the lines of their orders say."""
    with connection.cursor() as cursor:
        cursor.execute(_bought(_CUSTOMERS_OF_A_RANGE), {"low": low, "high": high})


@cache
def _bought(customers: str) -> str:
    return f"WITH {sql.load(__file__, 'bought').replace('{customers}', customers)} SELECT count(*) FROM goods"


@transaction.atomic
def rebuild(*, as_of: date, half_life_days: float) -> None:
    """Recompute every customer from all orders up to and including `as_of`, one range after the other."""
    for low, high in ranges():
        rebuild_range(low, high, as_of=as_of, half_life_days=half_life_days)
    rebuilt(as_of=as_of, half_life_days=half_life_days)


def rebuilt(*, as_of: date, half_life_days: float) -> None:
    """Store that all ranges have been recomputed for that day."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_summary")
    _speak_of(as_of, half_life_days)


def needs_rebuild(*, as_of: date, half_life_days: float) -> bool:
    """Whether `update` would not do: nothing built yet, the day moves backwards, or the half-life changed."""
    before = SummaryState.objects.filter(id=1).first()
    return before is None or before.as_of > as_of or before.half_life_days != half_life_days


@transaction.atomic
def update(*, as_of: date, half_life_days: float) -> int:
    """Recompute the customers whose facts changed or whose orders came due; returns how many.

    Same rows afterwards as `rebuild`, given that `needs_rebuild` says no.
    """
    before = SummaryState.objects.select_for_update().get(id=1)
    with connection.cursor() as cursor:
        cursor.execute(sql.load(__file__, "take_changed_customers"), {"before": before.as_of, "as_of": as_of})
        dirty = [row[0] for row in cursor.fetchall()]
    # An order dated after as_of that is already in a live-refreshed row must leave it again.
    for start in range(0, len(dirty), CHUNK):
        refresh(dirty[start : start + CHUNK], as_of=as_of, half_life_days=half_life_days)
    _speak_of(as_of, half_life_days)
    return len(dirty)


def _speak_of(as_of: date, half_life_days: float) -> None:
    SummaryState.objects.update_or_create(id=1, defaults={"as_of": as_of, "half_life_days": half_life_days})
