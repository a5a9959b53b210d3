"""What a simulated night comes to: who moves, what it costs, who misses a level by little."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from core.lib import arrays
from customers.models import Customer, Standing
from loyalty.maths.tiers import Basis, Reason, lowest, transfer
from loyalty.models import TierDraft, TierOverride
from loyalty.tier_rules import Content, rule_of, validate
from loyalty.tiers import figures as facts
from loyalty.tiers import night as tier_night
from loyalty.tiers.figures import People
from loyalty.tiers.simulation.working_out import Simulated, work_out
from segmentation.frames import day_number
from segmentation.models import Alert

Array = NDArray[Any]
NEAR = Decimal("0.95")
SHOWN = 50
BARS = 60


class Worse(TypedDict):
    """A big customer who falls or is put into grace; ranks in the new levels, `amount` and `value` in minor units."""

    customer: int
    before: int
    after: int
    amount: int
    value: int


class Gap(TypedDict):
    customer: int
    gap: int


class Near(TypedDict):
    """Per level: how many miss it by at most five per cent, and the nearest of them."""

    rank: int
    name: str
    count: int
    nearest: list[Gap]


class Spared(TypedDict):
    """Per level: the highest threshold that no big customer who holds the level today would miss."""

    rank: int
    name: str
    at: int


# Stored with a simulation: plain numbers and ids. Costs, credit and values in minor units a year; `table` counts the
# customers by level before (rows, named in `from`) and after; `bars` as `histogram` says.
Figures = TypedDict(
    "Figures",
    {
        "customers": int,
        "from": list[str],
        "to": list[str],
        "table": list[list[int]],
        "first": bool,
        "rises": int,
        "falls": int,
        "graced": int,
        "value_of_fallen": int,
        "alerts_of_fallen": int | None,
        "promised": int,
        "big_worse": list[Worse],
        "near": list[Near],
        "spared": list[Spared],
        "cost_before": int,
        "cost_after": int,
        "credit_before": int,
        "credit_after": int,
        "bars": list[list[float]],
    },
)


class Month(TypedDict):
    """One night of a rehearsal: members per level, and who rose and fell since the night before."""

    on: date
    levels: list[int]
    rises: int
    falls: int


class Worth(NamedTuple):
    """What a customer is worth, in minor units, and their class."""

    customer: int
    value: int
    customer_class: int


def figures(simulated: Simulated) -> Figures:
    """Everything the pages show, as plain numbers and ids: names are looked up by who may see them."""
    new_levels = simulated.content["levels"]
    old_levels = simulated.old.levels if simulated.old else []
    customers = Customer.objects.count()
    unseen = customers - len(simulated.ids)
    table = np.zeros((max(len(old_levels), 1), len(new_levels)), np.int64)
    np.add.at(table, (simulated.held_before, simulated.after), 1)
    table[0, 0] += unseen
    falls, rises = (
        np.flatnonzero(simulated.after < simulated.before),
        np.flatnonzero(simulated.after > simulated.before),
    )
    graced = np.flatnonzero((simulated.after == simulated.before) & (simulated.reason == Reason.RULES))
    worse = np.union1d(falls, graced)
    worths = _worths(simulated.ids[worse])
    big = [row for row in worths if row.customer_class == Standing.Class.BIG]
    place = {int(customer): n for n, customer in enumerate(simulated.ids.tolist())} if len(big) else {}
    promised = TierOverride.objects.filter(starts_on__lte=simulated.starts_on, ends_on__gt=simulated.starts_on)
    return {
        "customers": customers,
        "from": [level["name"] for level in old_levels] or [new_levels[0]["name"]],
        "to": [level["name"] for level in new_levels],
        "table": table.tolist(),
        "first": simulated.old is None,
        "rises": len(rises),
        "falls": len(falls),
        "graced": len(graced),
        "value_of_fallen": sum(row.value for row in worths),
        "alerts_of_fallen": Alert.objects.filter(
            customer_id__in=simulated.ids[worse].tolist(), state=Alert.State.OPEN
        ).count()
        if len(worse) < 50_000
        else None,
        "promised": promised.filter(customer_id__in=simulated.ids[falls].tolist()).count() if promised.exists() else 0,
        "big_worse": [_worse(row, simulated, place[row.customer]) for row in sorted(big, key=lambda row: -row.value)],
        "near": _near(simulated),
        "spared": _spared(simulated, {row.customer for row in big}),
        "cost_before": _cost(
            simulated.old.content if simulated.old else None, simulated.held_before, simulated, unseen
        ),
        "cost_after": _cost(simulated.content, simulated.after, simulated, unseen),
        "credit_before": _credit(simulated.old.content if simulated.old else None, simulated.held_before),
        "credit_after": _credit(simulated.content, simulated.after),
        "bars": histogram(simulated.amount, simulated.content["basis"]),
    }


def _worse(row: Worth, simulated: Simulated, place: int) -> Worse:
    return {
        "customer": row.customer,
        "before": int(simulated.before[place]),
        "after": int(simulated.after[place]),
        "amount": int(simulated.amount[place]),
        "value": row.value,
    }


def _worths(ids: Array) -> list[Worth]:
    read = arrays.read(
        "SELECT customer_id, value, customer_class FROM customers_standing WHERE customer_id = ANY(%(ids)s::bigint[])",
        {"ids": ids.tolist()},
        {"customer": "int8", "value": "int8", "class": "int2"},
    )
    columns = (read[name].tolist() for name in ("customer", "value", "class"))
    return [Worth(*row) for row in zip(*columns, strict=True)]


def _near(simulated: Simulated) -> list[Near]:
    rule, rows = rule_of(simulated.content), list[Near]()
    for rank, level in enumerate(rule.levels[1:], start=1):
        floor = -int(-level.qualify * NEAR // 1)
        close = np.flatnonzero(
            (simulated.amount >= floor) & (simulated.amount < level.qualify) & (simulated.after < rank)
        )
        nearest = close[np.lexsort((simulated.ids[close], -simulated.amount[close]))][:SHOWN]
        rows.append(
            {
                "rank": rank,
                "name": level.name,
                "count": len(close),
                "nearest": [
                    {"customer": int(simulated.ids[n]), "gap": level.qualify - int(simulated.amount[n])}
                    for n in nearest
                ],
            }
        )
    return rows


def _spared(simulated: Simulated, big: set[int]) -> list[Spared]:
    if not big:
        return []
    rule, rows = rule_of(simulated.content), list[Spared]()
    is_big = np.isin(simulated.ids, np.array(sorted(big), np.int64))
    for rank, level in enumerate(rule.levels[1:], start=1):
        hurt = is_big & (simulated.before >= rank) & (simulated.amount < level.qualify)
        if hurt.any():
            rows.append({"rank": rank, "name": level.name, "at": int(simulated.amount[hurt].min())})
    return rows


def _cost(content: Content | None, ranks: Array, simulated: Simulated, unseen: int) -> int:
    """Minor units a year: fixed costs per member, discounts and extra points on the last twelve months' spend."""
    if content is None:
        return 0
    spend = np.maximum(simulated.year, 0)
    years: Array | None = None
    total = Decimal(0)
    for rank, level in enumerate(content["levels"]):
        for benefit in level["benefits"]:
            has = ranks == rank
            if benefit["after_years"]:
                years = _years(simulated) if years is None else years
                has = has & (years >= benefit["after_years"])
            members = int(has.sum()) + (unseen if rank == 0 and not benefit["after_years"] else 0)
            total += members * Decimal(benefit["cost"]) * 100
            spent = int(spend[has].sum())
            if benefit["kind"] == "discount":
                total += spent * Decimal(benefit["amount"]) / 100
            elif benefit["kind"] == "multiplier":
                # One point per yuan; only what is more than a member without the benefit would get.
                total += spent * (Decimal(benefit["amount"]) - 1) * Decimal(content["point_cost"])
    return int(total)


def _years(simulated: Simulated) -> Array:
    read = arrays.read(
        "SELECT id, (EXTRACT(year FROM age(%(on)s::date, registered_on)))::int4 FROM customers_customer ORDER BY id",
        {"on": simulated.starts_on},
        {"id": "int8", "years": "int4"},
    )
    here = np.isin(read["id"], simulated.ids, assume_unique=True)
    return read["years"][here]


def _credit(content: Content | None, ranks: Array) -> int:
    """The sum of credit limits granted, in minor units."""
    total = 0
    for rank, level in enumerate(content["levels"] if content else []):
        for benefit in level["benefits"]:
            if benefit["kind"] == "credit_limit":
                total += int((ranks == rank).sum()) * int(Decimal(benefit["amount"]) * 100)
    return total


def histogram(amounts: Array, basis: str) -> list[list[float]]:
    """[from, to, customers] per bar, equally wide on a logarithmic axis, in yuan or orders; nothing below 1."""
    amounts = amounts[amounts > 0] / (1 if basis == Basis.ORDERS else 100)
    top = max(float(amounts.max(initial=1.0)), 10.0)
    edges = np.geomspace(1, top * 1.0001, BARS + 1)
    counts, _edges = np.histogram(np.maximum(amounts, 1), edges)
    return [
        [round(low, 2), round(high, 2), int(count)]
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]


def try_out(content: Content, *, draft: TierDraft, today: date) -> Figures:
    """The figures of these rules in the place of the draft's, on its day or tomorrow; nothing is stored."""
    starts_on = max(draft.starts_on, today + timedelta(days=1))
    return figures(work_out(content, starts_on=starts_on, today=today, restores=draft.rolls_back))


def distribution(content: Content, *, today: date) -> list[list[float]]:
    """The histogram of what counts today under these rules' basis and window."""
    content = validate(content)
    _ids, [amounts] = facts.sums([tier_night.span_of(rule_of(content), day_number(today) + 1)])
    return histogram(amounts, content["basis"])


def rehearse(content: Content, *, first: date, last: date) -> list[Month]:
    """If these rules had been in force from `first` on: members per level, rises and falls, month by month.

    Looked at on the first of each month with what was known then; everybody begins with the level they had reached.
    """
    rule = rule_of(validate(content))
    nights = [first]
    while nights[-1] < last:
        following = (nights[-1].replace(day=1) + timedelta(days=32)).replace(day=1)
        nights.append(min(following, last))
    spans = [tier_night.span_of(rule, day_number(night)) for night in nights]
    ids, sums = facts.sums(spans)
    people = People(ids, lowest(len(ids)), np.zeros(len(ids), np.int64))
    months: list[Month] = []
    for night, amount in zip(nights, sums, strict=True):
        day = day_number(night)
        if night == first:
            after = transfer(None, rule, people.held, amount, day).held
        else:
            after = tier_night.work_out(day, people, amount, before=rule, rule=rule, refunds=False).after
        months.append(
            {
                "on": night,
                "levels": np.bincount(after.rank, minlength=len(rule.levels)).tolist(),
                "rises": int((after.rank > people.held.rank).sum()) if night != first else 0,
                "falls": int((after.rank < people.held.rank).sum()),
            }
        )
        people = People(ids, after, people.seq)
    return months
