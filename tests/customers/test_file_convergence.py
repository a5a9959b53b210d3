"""Random histories of orders told by files with and without versions, pages again, old files again, and by REST.

Each example tells some hundred orders at once, each its own history: a file of a round holds the rows of all orders
that are told by that kind of file in it.
"""

import os
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.lib.periods import mall_midnight, mall_zone
from customers.identity import CustomerRef
from customers.imports import runs, staging
from customers.models import Import, Order
from customers.orders import OrderFact
from customers.refunds import RefundFact
from loyalty.models import OrderPoints
from loyalty.points import orders as point_orders
from tests import recording
from tests.conftest import NOW, TODAY
from tests.loyalty.points.stories import rules

pytestmark = pytest.mark.django_db
HEAD = "order_no,customer,date,paid,status,refunded"
EXAMPLES, ROUNDS, AGAIN = 2, 4, 4
# How many histories are told; 1000 take some minutes.
HISTORIES = int(os.environ.get("LAOKE_HISTORIES", "160"))
# The seed and the number of those that are told once for each rule that is taken away.
FEW = (1, 60)
RANK = ["pending", "paid", "cancelled"]
DOORS = ["rest", "versioned", "plain", "noise", "nothing"]


class Word(NamedTuple):
    """What the shop once knew of an order; money in cents, the refunds of the order so far."""

    version: int
    status: str
    refunds: tuple[int, ...]


@dataclass
class History:
    """One order: what became of it in the shop, and which of its words were told by which door so far."""

    number: str
    paid: int
    customer: str
    day: date
    words: list[Word]
    versioned: list[Word] = field(default_factory=list)
    plain: list[Word] = field(default_factory=list)

    def row(self, word: Word, *, paid: int | None = None, customer: str = "") -> str:
        money = [f"{cents / 100:.2f}" for cents in (self.paid if paid is None else paid, sum(word.refunds))]
        return f"{self.number},{customer or self.customer},{self.day},{money[0]},{word.status},{money[1]}"

    def fact(self, word: Word) -> OrderFact:
        at = mall_midnight(self.day)
        back = [
            RefundFact(f"r-{n}", Decimal(cents) / 100, at + timedelta(days=n)) for n, cents in enumerate(word.refunds)
        ]
        ref = CustomerRef(source="shop", external_id=self.customer)
        paid = Decimal(self.paid) / 100
        return OrderFact("shop", self.number, word.version, ref, at, paid, word.status, refunds=tuple(back))

    def expected(self) -> tuple[str, str, date, str, int, int, int]:
        """The shop's newest word with a version; without any, what can only be later of all that files have said."""
        if self.versioned:
            word = max(self.versioned)
            status, back = word.status, sum(word.refunds)
        else:
            status = max((word.status for word in self.plain), key=RANK.index)
            back = max(sum(word.refunds) for word in self.plain)
        points = (self.paid - back) // 100 if status == "paid" else 0
        return self.number, self.customer, self.day, status, self.paid, back, points


def history(rng: random.Random, number: int) -> History:
    paid = rng.randint(100, 90_000)
    first = rng.randint(1, paid // 2)
    second = rng.choice([rng.randint(1, paid - first), paid - first])
    steps = [("pending", ()), ("paid", ()), ("paid", (first,)), ("paid", (first, second)), ("cancelled", (first,))]
    words = [Word(10 * n + rng.randint(0, 9), *step) for n, step in enumerate(steps[: rng.randint(1, 4)])]
    if rng.random() < 0.3:
        words.append(Word(90, "cancelled", words[-1].refunds))
    day = TODAY - timedelta(days=rng.randint(0, 60))
    return History(f"o-{number}", paid, f"c-{rng.randint(0, 40)}", day, words)


def told(rng: random.Random, count: int) -> list[History]:
    """Hundreds of orders, each told some of its words in any order, by any door, some again, with noise between."""
    histories = [history(rng, number) for number in range(count)]
    files: list[tuple[str, list[str]]] = []
    for _round in range(ROUNDS):
        plain, versioned = [HEAD], [f"{HEAD},version"]
        for one in histories:
            word, door = rng.choice(one.words), rng.choice(DOORS)
            if door == "rest":
                recording.record_order(one.fact(word), at=NOW, today=TODAY)
                one.versioned.append(word)
            elif door == "versioned":
                versioned.append(f"{one.row(word)},{word.version}")
                one.versioned.append(word)
            elif door == "plain":
                plain.append(one.row(word))
                one.plain.append(word)
            elif door == "noise" and (one.plain or one.versioned):
                other = rng.choice([(one.paid - 1, ""), (one.paid - 1, "x"), (one.paid, "x")])
                plain.append(one.row(word, paid=other[0], customer=other[1]))
        files += [("\n".join(rows), "check" if rng.random() < 0.3 else "") for rows in (versioned, plain)]
        for text, task in [*files[-2:], rng.choice(files)]:
            load(text, task)
        point_orders.sweep(at=NOW)
    for text, task in rng.sample(files, AGAIN):  # old files again
        load(text, task)
    return [one for one in histories if one.plain or one.versioned]


def load(text: str, task: str) -> Import:
    run = runs.upload("orders.csv", f"{text}\n".encode(), source="shop", by=None, at=NOW)
    if task:
        runs.check(run, at=NOW)
        before = {name: count for name, count in run.counts.items() if name != "rows"}
        runs.run(run, by=None, at=NOW, today=TODAY)
        assert {name: count for name, count in run.counts.items() if name != "rows"} == before
    else:
        runs.run(run, by=None, at=NOW, today=TODAY)
    return run


def stored() -> list[tuple[str, str, date, str, int, int, int]]:
    granted = dict(OrderPoints.objects.values_list("pk", "granted"))
    rows = Order.objects.filter(source="shop").prefetch_related("refunds", "customer__identities")
    return sorted(
        (
            row.external_id,
            row.customer.identities.all()[0].external_id,
            row.ordered_on,
            row.status,
            int(100 * row.paid),
            int(100 * sum((refund.amount for refund in row.refunds.all()), Decimal(0))),
            granted.get(row.pk, 0),
        )
        for row in rows
    )


def tell_and_compare(seed: int, count: int = HISTORIES // EXAMPLES) -> tuple[list[object], list[object]]:
    with transaction.atomic():
        rules()
        histories = told(random.Random(seed), count)
        point_orders.sweep(at=NOW)
        seen = stored(), sorted(one.expected() for one in histories)
        transaction.set_rollback(True)
    return list(seen[0]), list(seen[1])


@given(seed=st.integers(0, 2**32))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_newer_word_is_undone_and_refunds_and_points_are_exact(seed: int) -> None:
    record, expected = tell_and_compare(seed)

    assert record == expected


def test_the_few_that_notice_a_missing_rule_are_right_with_all_of_them() -> None:
    record, expected = tell_and_compare(*FEW)

    assert record == expected


@pytest.mark.parametrize(
    ("step", "clause", "mutant"),
    [
        ("classify", "('cancelled', 'paid') THEN 'stale'", "('cancelled', 'paid') THEN 'updated'"),
        ("classify", "AND NOT e.is_later THEN 'stale'", "AND NOT e.is_later THEN 'updated'"),
        ("classify", "WHEN r.version < o.version THEN 'stale'", ""),
        ("classify", "THEN 'shop' END", "THEN NULL END"),
        ("classify", "(e.paid < o.paid OR", "(false AND e.paid < o.paid OR"),
        ("money_back", "r.refunded - f.amount, f.amount - r.refunded", "r.refunded, -r.refunded"),
    ],
)
def test_the_histories_notice_a_rule_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, step: str, clause: str, mutant: str
) -> None:
    steps = staging.STEPS
    assert clause in steps[step]
    monkeypatch.setitem(steps, step, steps[step].replace(clause, mutant))

    try:
        record, expected = tell_and_compare(*FEW)
    except AssertionError:
        return
    assert record != expected


# Files that say when the shop has changed an order last ---------------------------------------------------------------


def changed_orders(rng: random.Random, count: int) -> list[list[str]]:
    """Of each order its rows in the order in which the shop has changed it; a paid one may be pending again."""
    histories = []
    for number in range(1, count + 1):
        rows, minute = [], 0
        for _change in range(rng.randrange(1, 5)):
            minute += rng.randrange(1, 200)
            day, paid = rng.randrange(1, 4), rng.choice([80, 100, 120])
            at = f"2026-11-10 {minute // 60:02}:{minute % 60:02}:00"
            rows.append(f"{number},c{number % 7},2026-11-0{day} 10:00,{paid},{rng.choice(RANK)},{at}")
        histories.append(rows)
    return histories


@pytest.mark.parametrize("seed", [1, 2])
def test_of_files_that_say_when_an_order_was_changed_the_latest_holds_whatever_comes_when(seed: int) -> None:
    rng = random.Random(seed)
    histories = changed_orders(rng, 40)
    told: list[set[int]] = [set() for _order in histories]
    asked = 0
    for _file in range(7):
        rows = []
        for seen, history in zip(told, histories, strict=True):
            picked = rng.sample(range(len(history)), rng.randrange(0, min(len(history), 2) + 1))
            rows += [history[at] for at in picked]
            seen |= set(picked)
        rng.shuffle(rows)
        run = load("\n".join(["order_no,customer,date,paid,status,last modified", *rows]), "run")
        asked += run.counts["asked"] + run.counts["rejected"]

    latest = {history[max(seen)] for seen, history in zip(told, histories, strict=True) if seen}
    orders_ = Order.objects.select_related("customer").prefetch_related("customer__identities")
    stored = {
        f"{order.external_id},{order.customer.identities.get().external_id},{order.ordered_on} 10:00,{order.paid:.0f},"
        f"{order.status},{order.modified_at.astimezone(mall_zone()):%Y-%m-%d %H:%M:%S}"
        for order in orders_
    }
    assert (stored, asked) == (latest, 0)


def test_a_time_of_change_that_nobody_can_know_changes_nothing_unasked() -> None:
    head = "order_no,customer,date,paid,status,last modified\n"
    load(f"{head}1,a,2026-11-01 10:00,100,paid,2026-11-10 10:00\n", "run")

    ahead = load(f"{head}1,a,2026-11-01 10:00,50,paid,2062-01-01 10:00\n", "run")
    blank = load(f"{head}1,a,2026-11-01 10:00,50,paid,soon\n", "run")
    other = load(f"{head}1,b,2026-11-01 10:00,100,paid,2026-11-11 10:00\n", "run")

    assert [run.counts["asked"] for run in (ahead, blank, other)] == [1, 1, 1]
    assert Order.objects.get().paid == 100
