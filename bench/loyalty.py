"""A change of the tier rules simulated at size, as a ratio to the bare aggregation of the same purchases; and the
points of orders, as a ratio to a bare upsert of one row.

    python -m bench.loyalty --customers 1000000 --orders 10000000

The database named by DATABASE_URL is emptied first. What is compared, each the best of several runs:

* bare: `SELECT customer_id, sum(...) GROUP BY customer_id` over the paid orders and their refunds, fetched by COPY;
* simulation: `tier_whatif.work_out` and `figures` — two windows, who moves, the names that matter, costs, histogram;
* night: `tiers.review_due` on a usual night, and on the first night of new rules.

* upsert: one `INSERT … ON CONFLICT DO UPDATE` of one row for each order, each committed;
* points: `point_orders.reconcile` of the same orders: new, told again, and changed, in chunks as the night takes
  them, and one by one as the till tells them.

Targets: simulation at most three times bare, points in chunks at most six times an upsert.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.core.management import call_command
from django.db import connection, transaction

from bench import mall
from core.accounts.models import Role, User
from core.lib import arrays
from customers.models import Order
from loyalty import tier_rules
from loyalty.models import Membership
from loyalty.points import laws as point_laws
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from loyalty.tiers import membership
from loyalty.tiers import simulation as tier_whatif

TODAY = mall.LAST + timedelta(days=1)
BARE = """
SELECT customer_id, sum(amount)::bigint FROM (
    SELECT customer_id, paid AS amount FROM customers_order WHERE status = 'paid'
    UNION ALL
    SELECT customer_id, -amount FROM customers_refund
) facts GROUP BY customer_id
"""
EMPTY = (
    "TRUNCATE loyalty_tierchange, loyalty_membership, loyalty_tierstate, loyalty_tieroverride, loyalty_tierrules,"
    " loyalty_tiersimulation, loyalty_tierdraft CASCADE"
)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def best(work: Callable[[], Any], runs: int) -> float:
    return min(timed(work)[0] for _run in range(runs))


def load(customers: int, orders: int) -> None:
    mall.load(customers, mall.draw(customers, orders))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(EMPTY)
        # Every twentieth order goes back, half of it three days later.
        cursor.execute(
            """
            INSERT INTO customers_refund (order_id, external_id, customer_id, purchased_on, refunded_at, refunded_on,
                                          amount, profit_effect)
            SELECT id, 'r', customer_id, ordered_on, ordered_at + interval '3 days', ordered_on + 3, paid / 2, -(paid / 2)
              FROM customers_order WHERE mod(id, 20) = 0 AND ordered_on < %s
            """,
            [TODAY - timedelta(days=3)],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute(
            """
            INSERT INTO customers_standing (customer_id, customer_class, matrix_type, value, potential, usual_days,
                                            limit_days, inputs)
            SELECT id, (mod(id, 50) = 0)::int * 2, 0, mod(id, 100000), 0, 0, 0, 0 FROM customers_customer
            """
        )
        cursor.execute("VACUUM ANALYZE customers_order, customers_refund, customers_standing, customers_customer")


def person(name: str) -> User:
    return User.objects.get_or_create(username=name, defaults={"roles": [Role.ADMINISTRATOR]})[0]


def put_in_force(content: tier_rules.Content, *, starts_on: Any, at: Any) -> None:
    draft = tier_whatif.new_draft(by=person("bench-a"), at=at)
    tier_whatif.save_draft(draft.pk, content=content, starts_on=starts_on, reason="bench", by=person("bench-a"), at=at)
    told = tier_whatif.simulate(draft.pk, by=None, at=at)
    tier_whatif.publish(draft.pk, by=person("bench-b"), falls=told.figures["falls"], at=at)


def measure(customers: int, orders: int, runs: int) -> dict[str, Any]:
    load(customers, orders)
    noon = datetime.combine(TODAY, clock(12), UTC)
    put_in_force(tier_rules.starting_point(), starts_on=TODAY, at=noon - timedelta(days=1))
    first_night, _counts = timed(lambda: membership.review_due(TODAY, at=noon))
    changed = tier_rules.validate(
        {**tier_rules.starting_point(), "transition": "now", "notice_days": 1, "window_months": 10}
    )
    tomorrow = TODAY + timedelta(days=1)
    bare = best(lambda: arrays.read(BARE, {}, {"customer_id": "int8", "sum": "int8"}), runs)
    told: dict[str, Any] = {}

    def simulate() -> None:
        told.update(tier_whatif.figures(tier_whatif.work_out(changed, starts_on=tomorrow, today=TODAY)))

    simulation = best(simulate, runs)
    usual_night = 0.0
    with transaction.atomic():
        usual_night, _counts = timed(lambda: membership.review_due(tomorrow, at=noon))
        transaction.set_rollback(True)
    put_in_force(changed, starts_on=tomorrow, at=noon)
    night_of_change, counts = timed(lambda: membership.review_due(tomorrow, at=noon + timedelta(days=1)))
    return {
        "customers": customers,
        "orders": orders,
        "members": Membership.objects.filter(rank__gt=0).count(),
        "moved": counts,
        "falls": told["falls"],
        "bare_s": round(bare, 3),
        "simulation_s": round(simulation, 3),
        "ratio": round(simulation / bare, 2),
        "first_night_s": round(first_night, 2),
        "usual_night_s": round(usual_night, 2),
        "night_of_change_s": round(night_of_change, 2),
    }


def points_of_orders(count: int) -> dict[str, Any]:
    """Milliseconds for one order, and their ratios to the upsert."""
    noon = datetime.combine(mall.LAST, clock(12), UTC)
    start = noon - timedelta(days=400)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE loyalty_pointaccount, loyalty_pointrules, loyalty_pointstate CASCADE")
    point_rules.save({"rate": Decimal(1)}, starts_at=start, by=None, reason="bench", at=start)
    ids = list(
        Order.objects.filter(status="paid", ordered_at__gte=start)
        .order_by("-pk")
        .values_list("pk", flat=True)[: 2 * count]
    )
    by_chunk, one_by_one = ids[:count], ids[count:]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_upsert (id int8 PRIMARY KEY, points int8)")
        cursor.execute("TRUNCATE bench_upsert")

    def upsert() -> None:
        for order_id in by_chunk:
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO bench_upsert VALUES (%s, 1) ON CONFLICT (id) DO UPDATE SET points = excluded.points + 1",
                    [order_id],
                )

    def chunks() -> None:
        for first in range(0, len(by_chunk), point_orders.CHUNK):
            point_orders.reconcile(by_chunk[first : first + point_orders.CHUNK], at=noon)

    upsert()
    bare = best(upsert, 3)
    new, _none = timed(chunks)
    again, _none = timed(chunks)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_order SET paid = paid / 2, cost = 0, profit = paid / 2, version = version + 1"
            " WHERE id = ANY(%s)",
            [by_chunk],
        )
    changed, _none = timed(chunks)
    single, _none = timed(lambda: [point_orders.reconcile([order_id], at=noon) for order_id in one_by_one])
    if broken := point_laws.broken():
        raise SystemExit(f"the ledger breaks its laws: {broken}")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_upsert")
    told = {"upsert": bare, "new": new, "again": again, "changed": changed, "one_by_one": single}
    return {
        "orders": count,
        **{f"{name}_ms": round(seconds / count * 1000, 3) for name, seconds in told.items()},
        **{f"{name}_ratio": round(seconds / bare, 2) for name, seconds in told.items() if name != "upsert"},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--orders", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    print(json.dumps(measure(asked.customers, asked.orders, asked.runs)))
    print(json.dumps(points_of_orders(2_000)))
