"""The only bridge between tables and arrays: what the night reads, and how it writes what changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from core.lib import arrays, sql
from segmentation.shop.feeds import Feed, days_without_news

Array = NDArray[Any]
_STEPS = sql.steps(__file__, "frames")
EPOCH = date(1970, 1, 1)
# So far back purchases that went back are looked for: who was seen before that is quiet by any count.
RETURNS_FOR = timedelta(days=365)


def day_number(day: date) -> int:
    return (day - EPOCH).days


def from_day_number(number: int) -> date:
    return EPOCH + timedelta(days=int(number))


@dataclass(frozen=True)
class State:
    """Every customer with a purchase, sorted by customer_id: tonight's facts and last night's standing.

    `seen_day`: the last day they bought, whatever became of it; later than `last_day` where all of it went back.
    `silent_days`: days after it of which the shop's data says nothing; nobody is quiet on those.
    """

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
    seen_day: Array
    silent_days: Array

    def __len__(self) -> int:
        return len(self.customer_id)

    def rows(self, which: slice | Array) -> "State":
        return State(**{name: column[which] for name, column in vars(self).items()})

    @property
    def gap_count(self) -> Array:
        return self.purchase_days - 1


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
    "seen_day": "date",
}


def state(customer_id: int = 0) -> State:
    """The state of all customers with a purchase, or of one."""
    read = arrays.read(_STEPS["state"], {"one": customer_id}, _STATE_COLUMNS)
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
    nothing = np.zeros(len(inputs), dtype=np.int64)
    breadth = np.bitwise_count(mask).astype(np.int64)
    return State(breadth=breadth, inputs=inputs, silent_days=nothing, **read)


def seen_through(state: State, feeds: Sequence[Feed], *, as_of: date, one: int = 0) -> State:
    """The state with what its dates leave out: purchases that went back whole, and days on which nothing was told.

    `one`: the customer that the state is of, where it is not of all.
    """
    seen_day = state.seen_day if one else np.maximum(state.last_day, _last_returned(state, as_of))
    silent_days = days_without_news(feeds, state.customer_id, seen_day, as_of=as_of, one=one)
    return replace(state, seen_day=seen_day, silent_days=silent_days)


def _last_returned(state: State, as_of: date) -> Array:
    """The day of the last purchase that went back, where it is later than any that did not; else day 0."""
    days = np.zeros(len(state), dtype=np.int64)
    parameters = {"as_of": as_of, "after": as_of - RETURNS_FOR}
    returned = arrays.read(_STEPS["returned"], parameters, {"customer_id": "int8", "day": "date"})
    if len(state) and len(returned["customer_id"]):
        row = np.minimum(np.searchsorted(state.customer_id, returned["customer_id"]), len(state) - 1)
        known = state.customer_id[row] == returned["customer_id"]
        days[row[known]] = returned["day"][known]
    return days


def before(state: State, day: date) -> State:
    """The same with everybody's class and type as they were before the night of `day`."""
    moved = arrays.read(
        "SELECT DISTINCT ON (customer_id) customer_id, class_before, type_before FROM segmentation_change"
        ' WHERE "on" >= %(day)s ORDER BY customer_id, "on"',
        {"day": day},
        {"customer_id": "int8", "class_before": "int2", "type_before": "int2"},
    )
    known = np.isin(moved["customer_id"], state.customer_id, assume_unique=True)
    rows = np.searchsorted(state.customer_id, moved["customer_id"][known])
    columns = {}
    for name in ("class_before", "type_before"):
        columns[name] = getattr(state, name).copy()
        columns[name][rows] = moved[name][known]
    return replace(state, **columns)


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


def purchases(as_of: date, *, limit: int = 50_000) -> Purchases:
    """Purchase days up to `as_of` of about `limit` customers, chosen by a hash of their id (all if fewer)."""
    read = arrays.read(
        _STEPS["purchases"],
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
    value_low: Array
    value_high: Array
    potential: Array
    usual_days: Array
    limit_days: Array
    last_day: Array
    inputs: Array


def write_standings(rows: StandingRows, *, as_of: date) -> None:
    """Bring these rows of Standing up to date, and make a Change for each class or type that moved."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["stage_tonight"])
        arrays.write(
            "tonight",
            {
                "customer_id": ("int8", rows.customer_id),
                "customer_class": ("int2", rows.customer_class),
                "matrix_type": ("int2", rows.matrix_type),
                "value": ("int8", rows.value),
                "value_low": ("int8", rows.value_low),
                "value_high": ("int8", rows.value_high),
                "potential": ("int8", rows.potential),
                "usual_days": ("float8", rows.usual_days),
                "limit_days": ("float8", rows.limit_days),
                "last_on": ("date", rows.last_day),
                "inputs": ("int8", rows.inputs),
            },
        )
        cursor.execute("ANALYZE tonight")
        cursor.execute(_STEPS["note_changes"], {"as_of": as_of})
        cursor.execute(_STEPS["write_standings"], {"as_of": as_of})
        cursor.execute("DROP TABLE tonight")


def customers_whose_open_alert_is_outdated(state: State) -> list[int]:
    """Customers with an open alert that speaks of another last purchase than the state, or of one where there is none."""
    alerts = arrays.read(
        "SELECT customer_id, last_on FROM segmentation_alert WHERE state = 'open'",
        {},
        {"customer_id": "int8", "last_day": "date"},
    )
    if not len(state):
        return _ids(alerts["customer_id"])
    row = np.minimum(np.searchsorted(state.customer_id, alerts["customer_id"]), len(state) - 1)
    same = (state.customer_id[row] == alerts["customer_id"]) & (state.last_day[row] == alerts["last_day"])
    return _ids(alerts["customer_id"][~same])


def forget_customers_without_purchase(state: State, *, as_of: date) -> int:
    """A customer whose last purchase was undone is a prospect again; returns how many. Call after `write_standings`."""
    with connection.cursor() as cursor:
        # Everybody in the state now stands in a class, so nobody else may: counting is cheaper than comparing.
        cursor.execute("SELECT count(*) FROM customers_standing WHERE customer_class >= 0")
        if cursor.fetchone()[0] == len(state):
            return 0
        cursor.execute(_STEPS["forget_customers_without_purchase"], {"as_of": as_of})
        return int(cursor.rowcount)


def _ids(customer_id: Array) -> list[int]:
    return [int(id_) for id_ in customer_id]
