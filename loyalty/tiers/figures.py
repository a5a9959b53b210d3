"""From tables to arrays: what members hold, what they bought, and what refunds took back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.lib import arrays, sql
from loyalty.maths.tiers import ALWAYS, NEVER, Basis, Events, Held, lowest
from loyalty.models import Membership
from segmentation.frames import day_number, from_day_number

Array = NDArray[Any]


def day_or_none(number: Any) -> date | None:
    return None if number in (NEVER, ALWAYS) else from_day_number(number)


def number_or(day: date | None, missing: int) -> int:
    return missing if day is None else day_number(day)


# Members ------------------------------------------------------------------------------------------------------------


class People(NamedTuple):
    """Members sorted by customer. `seq` is 0 for those without history."""

    ids: Array
    held: Held
    seq: Array


_STEPS = sql.steps(__file__, "figures")
_HELD_COLUMNS = {
    "customer_id": "int8",
    "rank": "int2",
    "since": "date",
    "review": "date",
    "grace": "date",
    "earned_from": "date",
    "earned_to": "date",
    "earned_bar": "int8",
    "seq": "int4",
}


def people(also: Array, customer_ids: Sequence[int] | None = None, *, due: date | None = None) -> People:
    """Everybody who holds something, and these others, who hold the lowest level.

    Of these customers only, or of those whose level is reviewed by the day `due`.
    """
    told = {"ids": None if customer_ids is None else list(customer_ids), "due": due}
    read = arrays.read(_STEPS["held"], told, _HELD_COLUMNS)
    known, seq_known = read.pop("customer_id"), read.pop("seq")
    ids = np.union1d(known, also).astype(np.int64)
    place = np.searchsorted(ids, known)
    seq = np.zeros(len(ids), np.int64)
    seq[place] = seq_known
    return People(ids, lowest(len(ids)).put(place, Held(**{k: v.astype(np.int64) for k, v in read.items()})), seq)


def row(held: Held, place: int) -> dict[str, Any]:
    """The fields of Membership for one member."""
    return {
        "rank": int(held.rank[place]),
        "since": from_day_number(held.since[place]),
        "review_on": day_or_none(held.review[place]),
        "grace_until": day_or_none(held.grace[place]),
        "earned_from": day_or_none(held.earned_from[place]),
        "earned_to": day_or_none(held.earned_to[place]),
        "earned_bar": int(held.earned_bar[place]),
    }


def held_by(member: Membership | None) -> Held:
    """One member as arrays of length one."""
    if member is None:
        return lowest(1)
    numbers = (
        member.rank,
        day_number(member.since),
        number_or(member.review_on, NEVER),
        number_or(member.grace_until, NEVER),
        number_or(member.earned_from, ALWAYS),
        number_or(member.earned_to, ALWAYS),
        member.earned_bar,
    )
    return Held(*(np.array([number], dtype=np.int64) for number in numbers))


# Sums of everybody --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """Purchases of [start, end), less what refunds before `known_before` took back. Day numbers."""

    basis: Basis
    start: int
    end: int
    known_before: int


def sums(spans: Sequence[Span], customer_ids: Sequence[int] | None = None) -> tuple[Array, list[Array]]:
    """Customers with purchases in any of the spans, sorted, and one array of sums per span: one pass over the facts."""
    parameters: dict[str, Any] = {"ids": None if customer_ids is None else list(customer_ids)}
    bought, returned = [], []
    differences = [f"(coalesce(b.sum_{n}, 0) - coalesce(r.sum_{n}, 0))::bigint" for n in range(len(spans))]
    for n, span in enumerate(spans):
        parameters |= {
            f"start_{n}": from_day_number(span.start),
            f"end_{n}": from_day_number(span.end),
            f"known_{n}": from_day_number(span.known_before),
        }
        within = f"{{day}} >= %(start_{n})s AND {{day}} < %(end_{n})s"
        if span.basis == Basis.ORDERS:
            standing = f"(fully_refunded_on IS NULL OR fully_refunded_on >= %(known_{n})s)"
            bought.append(f"count(*) FILTER (WHERE {within.format(day='ordered_on')} AND {standing}) AS sum_{n}")
            returned.append(f"0::numeric AS sum_{n}")
        else:
            bought.append(f"sum(paid) FILTER (WHERE {within.format(day='ordered_on')}) AS sum_{n}")
            known = f"refunded_on < %(known_{n})s"
            returned.append(f"sum(amount) FILTER (WHERE {within.format(day='purchased_on')} AND {known}) AS sum_{n}")
    parameters |= {
        "first": from_day_number(min(span.start for span in spans)),
        "last": from_day_number(max(span.end for span in spans)),
    }
    read = arrays.read(
        _STEPS["sums"].format(
            bought=", ".join(bought), returned=", ".join(returned), differences=", ".join(differences)
        ),
        parameters,
        {"customer_id": "int8"} | {f"sum_{n}": "int8" for n in range(len(spans))},
    )
    return read["customer_id"], [read[f"sum_{n}"] for n in range(len(spans))]


def at(ids: Array, known: Array, values: Array) -> Array:
    """`values` of the sorted `known`, put in the places of the sorted `ids`; 0 elsewhere."""
    spread = np.zeros(len(ids), np.int64)
    spread[np.searchsorted(ids, known)] = values
    return spread


# The facts of some --------------------------------------------------------------------------------------------------


_THESE = "= ANY(%(ids)s::bigint[])"
_DUE = "IN (SELECT customer_id FROM loyalty_membership WHERE rank > 0 AND review_on <= %(due)s)"


def events(ids: Array, basis: Basis, *, due: date | None = None) -> Events:
    """All purchases and refunds of these customers (sorted); `owner` is the place in `ids`.

    Where they are among those whose level is reviewed by the day `due`, the database finds them by it: a long list of
    ids is not sent back to where it came from.
    """
    columns = {"customer_id": "int8", "day": "date", "amount": "int8", "known": "date"}
    told = {"ids": ids.tolist() if due is None else None, "due": due}
    read = arrays.read(_STEPS[basis.value].format(some=_THESE if due is None else _DUE), told, columns)
    own = np.isin(read["customer_id"], ids)
    owner = np.searchsorted(ids, read["customer_id"][own])
    return Events(owner, read["day"][own], read["amount"][own], read["known"][own])


def no_longer_earned(basis: Basis, day: int) -> Array:
    """Members whose tier is not borne any more by what they bought in its window, as known before `day`; sorted."""
    of_orders = "(o.fully_refunded_on IS NULL OR o.fully_refunded_on >= %(day)s)::int"
    bought, returned = (of_orders, "false") if basis == Basis.ORDERS else ("o.paid", "true")
    read = arrays.read(
        _STEPS["no_longer_earned"].format(bought=bought, returned=returned),
        {"day": from_day_number(day)},
        {"customer_id": "int8"},
    )
    return read["customer_id"]
