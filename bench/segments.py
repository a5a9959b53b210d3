"""How long segments take at a size: measured while somebody edits, explained, frozen for a run, and kept by the night.

    python -m bench.segments --customers 1000000 --orders 20000000     # in the database named by DATABASE_URL

Fills an empty, migrated database that has its cache tables (`manage.py createcachetable`). Each line stands beside a bare
count of all standings in the same run; milliseconds, the 95th percentile of the turns. Nothing runs in parallel and
nothing is compiled, as in a busy database.
"""

import argparse
import os
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from statistics import quantiles
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.db import connection, transaction
from django.utils import timezone

from bench import lists, mall
from core.accounts.models import Role, User
from core.jobs import bulk
from core.lib.conditions.fields import Context
from core.lib.conditions.tree import Node
from core.lib.periods import mall_day
from crm.desk.bulk.kinds import KINDS
from crm.flows.bulk.customers import LABEL
from crm.flows.catalogue import CUSTOMERS
from customers.models import Customer, Label, Order, Standing
from segmentation.models import Segment
from segmentation.segments import explain, measure, membership, writing

PLAIN = "all(class:big,active;province:浙江,上海;paid:ge.1000.00;quiet:gt.30)"
PROBE = "all(class:big,active;bought:has.7~within.90)"
HEAVY = "all(class:big,active;ordered:has~within.365~least.3)"
# A night's sixty: as shops have them, most of them plain.
SIXTY = [
    *(f"all(class:big,active;paid:ge.{n}00.00;quiet:gt.{n})" for n in range(1, 41)),
    *(f"all(paid_365:ge.{n}00.00;bought:has.{n}~within.180)" for n in range(1, 16)),
    *(f"all(province:浙江;ordered:has~within.{90 + n}~least.2)" for n in range(1, 6)),
]
FROZEN = 400_000
LABELLED = 20_000
BARS = {
    "plain": 200,
    "probe": 300,
    "heavy, estimated": 150,
    "heavy, exact": 3_000,
    "why of one": 50,
    "frozen": 500,
    "night of sixty": 30_000,
}


def fill(customers: int, orders: int) -> None:
    if Standing.objects.exists():
        return
    lists.fill(customers)
    facts = mall.draw(customers, orders)
    people = Customer.objects.values_list("pk", flat=True)
    if people.count() != customers:
        raise SystemExit("This database has other customers. Name an empty one.")
    mall.copy_orders(facts)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE customers_order")


def p95(work: Callable[[], object], turns: int) -> float:
    """In milliseconds."""
    taken = []
    for _turn in range(turns):
        begun = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begun))
    return quantiles(taken, n=20, method="inclusive")[-1] if turns > 1 else taken[0]


def read(text: str) -> Node:
    return CUSTOMERS.read([("q", text)])


def tell(name: str, taken: float, bare: float, note: str = "") -> None:
    bar = BARS.get(name)
    kept = "" if bar is None else f"bar {bar:6} ms {'kept' if taken <= bar else 'MISSED'}"
    print(f"{name:24} {taken:10.1f} ms {taken / bare:8.2f} x  {kept} {note}", flush=True)


def main(customers: int, orders: int, turns: int) -> None:
    fill(customers, orders)
    now = timezone.now()
    day = mall_day(now)
    everybody, context = Standing.objects.all(), Context(lists.TODAY)
    owner = User.objects.update_or_create(
        username="bench-segments", defaults={"roles": [Role.ADMINISTRATOR, Role.TEAM_LEAD]}
    )[0]
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
    print(f"{Customer.objects.count()} customers, {Order.objects.count()} orders")
    bare = p95(everybody.count, turns)
    tell("count of all", bare, bare)

    for name, text in (("plain", PLAIN), ("probe", PROBE), ("heavy, exact", HEAVY)):
        node = read(text)
        taken = p95(lambda node=node: measure.measure(everybody, node, CUSTOMERS, context), turns)  # type: ignore[misc]
        size = measure.measure(everybody, node, CUSTOMERS, context)
        tell(name, taken, bare, f"{size.size} people{', as an estimate' if size.is_estimate else ''}")
    heavy = read(HEAVY)
    tell("heavy, estimated", p95(lambda: measure.estimate(everybody, heavy, CUSTOMERS, context), turns), bare)
    numbers = list(everybody.order_by("pk").values_list("customer_id", flat=True)[:: max(1, customers // turns)])
    asked = iter(numbers * 2)
    tell(
        "why of one",
        p95(lambda: explain.explain(everybody, next(asked), read(PROBE), CUSTOMERS, context), turns),
        bare,
    )
    runs(owner, bare, now)
    night(owner, bare, day, now)


def runs(owner: User, bare: float, now: Any) -> None:
    """A run over many: frozen in one statement, then labels by the pieces a worker takes."""
    label = Label.objects.create(name=f"bench {now:%s}", created_at=now, owner=owner)
    kind = KINDS[LABEL]
    for name, many in (("frozen", FROZEN), ("labelled", LABELLED)):
        rows = Standing.objects.order_by("pk")[:many]
        rows = Standing.objects.filter(pk__lte=max(rows.values_list("pk", flat=True)))
        asked = bulk.Asked("customers", {"label": label.pk, "off": False}, many, key=uuid.uuid4())
        with transaction.atomic():
            begun = time.perf_counter()
            run = bulk.freeze(kind, rows, asked, by=owner, at=now)
            tell(name, 1000 * (time.perf_counter() - begun), bare, f"{run.total} rows")
            if name == "frozen":
                transaction.set_rollback(True)
    begun = time.perf_counter()
    run = bulk.work(run.pk, KINDS, now=timezone.now) or run
    print(f"{'labels a second':24} {run.changed / (time.perf_counter() - begun):10.0f}    bar   2000 (at least)")


def night(owner: User, bare: float, day: Any, now: Any) -> None:
    """Sixty segments whose history is kept: the first night takes everybody in, the second finds who has moved."""
    Segment.objects.filter(tracked=True).update(tracked=False)
    made = [
        writing.create(f"bench {now:%s} {n}", read(text), catalogue=CUSTOMERS, by=owner, at=now)
        for n, text in enumerate(SIXTY)
    ]
    Segment.objects.filter(pk__in=[segment.pk for segment in made]).update(tracked=True)
    for name, after in (("first night", 0), ("night of sixty", 1)):
        as_of, at = day + timedelta(days=after), now + timedelta(days=after)
        begun = time.perf_counter()
        counts = [membership.work(pk, CUSTOMERS, as_of=as_of, at=at) for pk in membership.tracked()]
        left = sum(count.get("segments_left", 0) for count in counts)
        moved = sum(count.get("segments_entered", 0) + count.get("segments_gone", 0) for count in counts)
        tell(name, 1000 * (time.perf_counter() - begun), bare, f"{moved} moves, {left} left as they were")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=20_000_000)
    parser.add_argument("--turns", type=int, default=20)
    told = parser.parse_args()
    main(told.customers, told.orders, told.turns)
