"""The only bridge between tables and arrays: what the night reads, and how it writes what changed."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from core.lib import arrays

Array = NDArray[Any]
EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    return (day - EPOCH).days


def from_day_number(number: int) -> date:
    return EPOCH + timedelta(days=int(number))


@dataclass(frozen=True)
class State:
    """Every customer with a purchase, sorted by customer_id: tonight's facts and last night's standing."""

    customer_id: Array
    purchase_days: Array
    first_day: Array
    last_day: Array
    log_gap_sum: Array
    log_gap_square_sum: Array
    profit_sum: Array
    profit_square_sum: Array
    decayed_profit: Array
    breadth: Array
    inputs: Array
    class_before: Array
    type_before: Array
    value_before: Array
    potential_before: Array
    inputs_before: Array

    def __len__(self) -> int:
        return len(self.customer_id)

    def rows(self, which: slice) -> "State":
        return State(**{name: column[which] for name, column in vars(self).items()})

    @property
    def gap_count(self) -> Array:
        return self.purchase_days - 1


_STATE = """
SELECT s.customer_id, s.purchase_days, s.first_on, s.last_on, s.log_gap_sum, s.log_gap_square_sum,
       s.profit_sum, s.profit_square_sum, s.decayed_profit, s.category_mask,
       coalesce(t.customer_class, -1::int2), coalesce(t.matrix_type, 0::int2),
       coalesce(t.value, 0), coalesce(t.potential, 0), coalesce(t.inputs, 0)
  FROM customers_summary s LEFT JOIN customers_standing t USING (customer_id)
 WHERE %(one)s = 0 OR s.customer_id = %(one)s
 ORDER BY s.customer_id
"""
_STATE_COLUMNS = {
    "customer_id": "int8",
    "purchase_days": "int4",
    "first_day": "date",
    "last_day": "date",
    "log_gap_sum": "int8",
    "log_gap_square_sum": "int8",
    "profit_sum": "int8",
    "profit_square_sum": "float8",
    "decayed_profit": "float8",
    "category_mask": "int8",
    "class_before": "int2",
    "type_before": "int2",
    "value_before": "int8",
    "potential_before": "int8",
    "inputs_before": "int8",
}


def state(customer_id: int = 0) -> State:
    """The state of all customers with a purchase, or of one."""
    read = arrays.read(_STATE, {"one": customer_id}, _STATE_COLUMNS)
    mask = read.pop("category_mask")
    inputs = _digest(
        read["purchase_days"],
        read["first_day"],
        read["last_day"],
        read["log_gap_sum"],
        read["profit_sum"],
        read["decayed_profit"].view(np.int64),
        mask,
    )
    read["log_gap_sum"] = read["log_gap_sum"] / 1e9
    read["log_gap_square_sum"] = read["log_gap_square_sum"] / 1e9
    return State(breadth=np.bitwise_count(mask).astype(np.int64), inputs=inputs, **read)


def _digest(*columns: Array) -> Array:
    """A 64-bit digest per row (the multiply-and-shift mix of splitmix64), never 0."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed ^= column.astype(np.int64).view(np.uint64)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
    return np.where(mixed == 0, np.uint64(1), mixed).view(np.int64)


@dataclass(frozen=True)
class Purchases:
    """The purchase days of a sample of customers: `customer` numbers them 0…, sorted, with days ascending."""

    customer_id: Array
    customer: Array
    day: Array
    profit: Array
    category_mask: Array


_PURCHASES = """
WITH sample AS (
    SELECT customer_id FROM customers_summary
     WHERE %(limit)s >= (SELECT count(*) FROM customers_summary)
        OR hashint8(customer_id) & 2147483647 <
           (2147483647.0 * %(limit)s / greatest((SELECT count(*) FROM customers_summary), 1))::bigint
)
SELECT o.customer_id, o.ordered_on, (sum(o.profit) + coalesce((
           SELECT sum(r.profit_effect) FROM customers_refund r
            WHERE r.customer_id = o.customer_id AND r.purchased_on = o.ordered_on AND r.refunded_on <= %(as_of)s
       ), 0))::bigint,
       bit_or(o.category_mask)
  FROM customers_order o JOIN sample USING (customer_id)
 WHERE o.status = 'paid' AND o.ordered_on <= %(as_of)s
   AND (o.fully_refunded_on IS NULL OR o.fully_refunded_on > %(as_of)s)
 GROUP BY o.customer_id, o.ordered_on
 ORDER BY o.customer_id, o.ordered_on
"""


def purchases(as_of: date, *, limit: int = 50_000) -> Purchases:
    """Purchase days up to `as_of` of about `limit` customers, chosen by a hash of their id (all if fewer)."""
    read = arrays.read(
        _PURCHASES,
        {"as_of": as_of, "limit": limit},
        {"customer_id": "int8", "day": "date", "profit": "int8", "category_mask": "int8"},
    )
    ids, customer = np.unique(read["customer_id"], return_inverse=True)
    return Purchases(ids, customer, read["day"], read["profit"], read["category_mask"])


@dataclass(frozen=True)
class StandingRows:
    """The rows of Standing that tonight differs in; dates as day numbers."""

    customer_id: Array
    customer_class: Array
    matrix_type: Array
    value: Array
    potential: Array
    usual_days: Array
    limit_days: Array
    last_day: Array
    inputs: Array


def write_standings(rows: StandingRows, *, as_of: date) -> None:
    """Bring these rows of Standing up to date, and make a Change for each class or type that moved."""
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TEMP TABLE tonight (
                customer_id int8, customer_class int2, matrix_type int2, value int8, potential int8,
                usual_days float8, limit_days float8, last_on date, inputs int8
            ) ON COMMIT DROP""")
        arrays.write(
            "tonight",
            {
                "customer_id": ("int8", rows.customer_id),
                "customer_class": ("int2", rows.customer_class),
                "matrix_type": ("int2", rows.matrix_type),
                "value": ("int8", rows.value),
                "potential": ("int8", rows.potential),
                "usual_days": ("float8", rows.usual_days),
                "limit_days": ("float8", rows.limit_days),
                "last_on": ("date", rows.last_day),
                "inputs": ("int8", rows.inputs),
            },
        )
        cursor.execute("ANALYZE tonight")
        cursor.execute(
            """
            INSERT INTO segmentation_change
                   (customer_id, "on", class_before, class_after, type_before, type_after, value, potential)
            SELECT t.customer_id, %(as_of)s, coalesce(s.customer_class, -1), t.customer_class,
                   coalesce(s.matrix_type, 0), t.matrix_type, t.value, t.potential
              FROM tonight t LEFT JOIN customers_standing s USING (customer_id)
             WHERE (t.customer_class, t.matrix_type)
                   IS DISTINCT FROM (coalesce(s.customer_class, -1), coalesce(s.matrix_type, 0))
             ORDER BY t.customer_id
            ON CONFLICT (customer_id, "on") DO UPDATE
               SET class_after = excluded.class_after, type_after = excluded.type_after,
                   value = excluded.value, potential = excluded.potential
            """,
            {"as_of": as_of},
        )
        cursor.execute(
            """
            INSERT INTO customers_standing
                   (customer_id, manager_id, customer_class, matrix_type, value, potential,
                    usual_days, limit_days, last_on, valued_on, inputs)
            SELECT t.customer_id, c.manager_id, t.customer_class, t.matrix_type, t.value, t.potential,
                   t.usual_days, t.limit_days, t.last_on, %(as_of)s, t.inputs
              FROM tonight t JOIN customers_customer c ON c.id = t.customer_id
             ORDER BY t.customer_id
            ON CONFLICT (customer_id) DO UPDATE
               SET customer_class = excluded.customer_class, matrix_type = excluded.matrix_type,
                   value = excluded.value, potential = excluded.potential, usual_days = excluded.usual_days,
                   limit_days = excluded.limit_days, last_on = excluded.last_on,
                   valued_on = excluded.valued_on, inputs = excluded.inputs
            """,
            {"as_of": as_of},
        )
        cursor.execute("DROP TABLE tonight")


def customers_whose_open_alert_is_outdated(state: State) -> list[int]:
    """Customers with an open alert that speaks of another last purchase than the state, or of one where there is none."""
    alerts = arrays.read(
        "SELECT customer_id, last_on FROM segmentation_alert WHERE state = 'open'",
        {},
        {"customer_id": "int8", "last_day": "date"},
    )
    if not len(state):
        return alerts["customer_id"].tolist()
    row = np.minimum(np.searchsorted(state.customer_id, alerts["customer_id"]), len(state) - 1)
    same = (state.customer_id[row] == alerts["customer_id"]) & (state.last_day[row] == alerts["last_day"])
    return alerts["customer_id"][~same].tolist()


def forget_customers_without_purchase(state: State, *, as_of: date) -> int:
    """A customer whose last purchase was undone is a prospect again; returns how many. Call after `write_standings`."""
    with connection.cursor() as cursor:
        # Everybody in the state now stands in a class, so nobody else may: counting is cheaper than comparing.
        cursor.execute("SELECT count(*) FROM customers_standing WHERE customer_class >= 0")
        if cursor.fetchone()[0] == len(state):
            return 0
        cursor.execute(
            """
            WITH gone AS (
                SELECT t.customer_id, t.customer_class, t.matrix_type FROM customers_standing t
                 WHERE t.customer_class >= 0
                   AND NOT EXISTS (SELECT 1 FROM customers_summary s WHERE s.customer_id = t.customer_id)
                 FOR UPDATE
            ), noted AS (
                INSERT INTO segmentation_change
                       (customer_id, "on", class_before, class_after, type_before, type_after, value, potential)
                SELECT customer_id, %(as_of)s, customer_class, -1, matrix_type, 0, 0, 0 FROM gone
                ON CONFLICT (customer_id, "on") DO UPDATE SET class_after = -1, type_after = 0, value = 0, potential = 0
            )
            UPDATE customers_standing t
               SET customer_class = -1, matrix_type = 0, value = 0, potential = 0, usual_days = 0, limit_days = 0,
                   last_on = NULL, valued_on = %(as_of)s, inputs = 0
              FROM gone WHERE gone.customer_id = t.customer_id
            """,
            {"as_of": as_of},
        )
        return cursor.rowcount
