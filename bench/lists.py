"""How long the lists of customers take at a size: each question beside a bare count of the same rows in the same run.

    DATABASE_URL=… .venv/bin/python bench/lists.py 1000000

Fills an empty, migrated database with generated standings, and prints milliseconds, medians of five.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")

import django

django.setup()

from django.db import connection

from core.lib.conditions.fields import Context
from core.lib.database import keyset
from core.lib.database.keyset import Order
from crm.flows.catalogue import CUSTOMERS
from customers.models import Standing

TODAY = date(2026, 11, 17)
FILL = """
    INSERT INTO customers_customer (id, number, name, name_pinyin, name_grams, region, city, registered_on, interests,
        mindset, preferred_channel, is_reseller, notes)
    SELECT n, 'C' || lpad(n::text, 7, '0'), '李雷', '', '{}', (ARRAY['浙江','上海','北京','广东',''])[(1 + n %% 5)::int], '杭州',
           DATE '2020-01-01' + (n %% 2000)::int, '{}', 'unknown', 'unknown', n %% 7 = 0, ''
      FROM generate_series(1::bigint, %(people)s) AS n;
    INSERT INTO customers_lifedate (customer_id, kind, label, of_whom, calendar, month, day, leap, greet, certainty, source)
    SELECT n, 'birthday', '', '', 'solar', 1 + n %% 12, 1 + n %% 28, false, true, 'said', 'page'
      FROM generate_series(1::bigint, %(people)s) AS n;
    INSERT INTO customers_standing (customer_id, customer_class, matrix_type, value, potential, usual_days, limit_days,
        last_on, inputs, first_on, purchase_days, order_count, paid_sum, paid_90, paid_365, days_365)
    SELECT n, (n %% 4) - 1, n %% 5, (n * 7919) %% 1000000, (n * 104729) %% 1000000, 20 + n %% 40, 40 + n %% 90,
           CASE WHEN n %% 9 > 0 THEN DATE '2026-11-17' - (n * 31 %% 700)::int END, 0,
           CASE WHEN n %% 9 > 0 THEN DATE '2023-11-17' END, n %% 30, n %% 33, (n * 131) %% 5000000, n %% 90000, n %% 400000,
           n %% 12
      FROM generate_series(1::bigint, %(people)s) AS n;
    INSERT INTO customers_product (source, external_id, name, by_hand)
    SELECT 'shop', n::text, 'P', '{}'
      FROM generate_series(1, 200) AS n;
    INSERT INTO customers_bought (product_id, customer_id, first_on, last_on, days, paid)
    SELECT p.id, n, DATE '2025-01-01', DATE '2026-11-17' - (n * p.id %% 600)::int, 1 + n %% 4, 10000
      FROM generate_series(1::bigint, %(people)s) AS n
      JOIN customers_product p ON p.id %% 25 = n %% 25;
"""
QUESTIONS = {
    "three plain conditions": "class=big&province=浙江&quiet=gt.60",
    "eight, with or and not": "q=all(class:big,active;any(quiet:gt.60;orders:le.3);not(province:上海);"
    "any(paid:ge.1000.00;paid_365:lt.10.00);days:ge.2;registered:ago.90)",
    "birthday in 30 days": "birthday=next.30",
    "one probe: bought a product": "bought=has.7~within.90",
    "one probe: never bought it": "bought=never.7",
    "past their own limit": "rhythm=limit",
    "sum of two windows": "trend=lt.50",
}


def milliseconds(work: Callable[[], object]) -> float:
    taken = []
    for _n in range(5):
        begun = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def fill(people: int) -> None:
    """So many customers with their standings and what they bought, where there is nobody yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM customers_standing")
        if cursor.fetchone()[0] == 0:
            cursor.execute(FILL, {"people": people})
        cursor.execute("VACUUM ANALYZE customers_customer, customers_standing, customers_bought, customers_product")


def main(people: int) -> None:
    fill(people)
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
        cursor.execute("SELECT pg_relation_size('customers_standing') / 1048576")
        print(f"customers_standing: {cursor.fetchone()[0]} MB")
    bare = milliseconds(lambda: Standing.objects.count())
    print(f"{'count of all':32} {bare:8.1f} ms   ratio")
    for name, query in QUESTIONS.items():
        parameter, _, value = query.partition("=")
        pairs = [tuple(part.split("=", 1)) for part in query.split("&")] if parameter != "q" else [("q", value)]
        node = CUSTOMERS.read(pairs)  # type: ignore[arg-type]
        rows = Standing.objects.filter(CUSTOMERS.compile(node, Context(TODAY)))
        count = milliseconds(rows.count)
        page = milliseconds(
            lambda rows=rows: list(rows.select_related("customer", "manager").order_by("-value", "pk")[:51])
        )
        print(f"{name:32} {count:8.1f} ms {count / bare:6.2f}   first page {page:8.1f} ms   {rows.count():8} rows")
    everybody = Standing.objects.all()
    for path in ("value", "last_on", "paid_sum", "region"):
        order = Order.of(everybody, path, True)
        first = keyset.part(everybody, order, 50)
        deep = keyset.part(everybody, order, 50, after=first.after)
        again = milliseconds(
            lambda order=order, deep=deep: keyset.part(
                everybody, order, 50, after=deep.after, related=("customer", "manager")
            )
        )
        print(f"page by {path:24} {again:8.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
