"""The night at size, against DuckDB aggregating the same rows from Parquet on the same machine in the same run.

    python -m bench.nightly --customers 1000000 --orders 20000000
    python -m bench.nightly --growth            # 100k, 300k and 1M customers, 20 orders each, and the growth exponent

The database named by DATABASE_URL is emptied first. What is compared:

* full rebuild: the whole night (`nightly.run(rebuild=True)`) with yesterday's rows in place, shared by two processes,
  as two Celery workers would share it;
* usual night: the next day's orders, late orders, refunds and edits, then `nightly.run`;
* each the best of several runs: other work on the machine then disturbs no side more than the other;
* DuckDB: the summary of purchase days (counts, log gaps, profit, its squares, its decayed sum), two threads.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

import numpy as np
from django.core.management import call_command
from django.db import connection

from bench import mall
from crm.flows import nightly

GROWTH = (100_000, 300_000, 1_000_000)
DUCKDB = """
WITH days AS (
    SELECT customer, day, count(*) AS orders, sum(paid) AS paid, sum(profit) AS profit, bit_or(mask) AS mask
      FROM read_parquet('{path}') GROUP BY customer, day
), gaps AS (
    SELECT *, ln(day - lag(day) OVER (PARTITION BY customer ORDER BY day)) AS log_gap FROM days
)
SELECT customer, count(*) AS purchase_days, sum(orders) AS orders, min(day) AS first_day, max(day) AS last_day,
       sum(round(log_gap * 1e9)) AS log_gaps, sum(round(log_gap * log_gap * 1e9)) AS log_gap_squares,
       sum(paid) AS paid, sum(profit) AS profit, sum(profit::double * profit) AS profit_squares,
       sum(profit * exp((day - 18262) * (ln(2) / 182.5))) * exp((18262 - max(day)) * (ln(2) / 182.5)) AS decayed,
       bit_or(mask) AS mask
  FROM gaps GROUP BY customer
"""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def duckdb_seconds(path: str, runs: int = 5) -> tuple[float, tuple[Any, ...]]:
    """Best seconds of the aggregation, every column fetched, and its totals for the comparison of results."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    seconds = []
    for _ in range(runs):
        spent, arrays = timed(lambda: connection.execute(DUCKDB.format(path=path)).fetchnumpy())
        seconds.append(spent)
    totals = tuple(int(arrays[name].sum()) for name in ("purchase_days", "orders", "paid", "profit"))
    return min(seconds), totals


def summary_totals() -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(purchase_days), sum(order_count), sum(paid_sum), sum(profit_sum) FROM customers_summary"
        )
        return tuple(int(total) for total in cursor.fetchone())


def apart(phase: str, day: date, *, helpers: int = 0) -> dict[str, float]:
    """Run a phase in a process of its own, so that its peak memory is its own; `helpers` more take parts of it."""
    command = [sys.executable, "-m", "bench.nightly", "--phase", phase, "--day", day.isoformat()]
    helping = [subprocess.Popen([*command[:-3], "help", *command[-2:]]) for _ in range(helpers)]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        for helper in helping:
            helper.terminate()
    return json.loads(answer.stdout.splitlines()[-1])


def phase(name: str, day: date) -> None:
    """What `apart` runs: the night, or the helper of one."""
    if name == "help":
        while True:
            nightly.help_out(day)
            time.sleep(0.05)
    seconds, run = timed(lambda: nightly.run(day, again=True, rebuild=name == "rebuild"))
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), **run.counts}))


def peak_mb() -> float:
    """Of this process since it was executed: getrusage would count the parent it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def next_day(day: date, orders: int, seed: int) -> None:
    """A usual day: as many new orders as the mall has on average, and some late, edited and refunded ones."""
    rng = np.random.default_rng(seed)
    new = orders // 1096
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM customers_customer")
        low, high = cursor.fetchone()
        cursor.execute(
            """
            INSERT INTO customers_order (source, external_id, version, customer_id, status, ordered_at, ordered_on,
                                         paid, cost, profit, category_mask, received_at)
            SELECT 'bench', 'new-' || %(day)s || '-' || i, 1, customer, 'paid', day + time '12:00' AT TIME ZONE 'UTC', day,
                   9000, 6000, 3000, 1, now()
              FROM unnest(%(customers)s::int8[], %(days)s::date[]) WITH ORDINALITY AS facts (customer, day, i)
            """,
            {
                "day": day.isoformat(),
                "customers": rng.integers(low, high + 1, new + 300).tolist(),
                "days": [day] * new + [day - timedelta(days=int(back)) for back in rng.integers(1, 30, 300)],
            },
        )
        cursor.execute(
            """
            INSERT INTO customers_refund (external_id, purchased_on, refunded_at, refunded_on, amount, profit_effect,
                                          customer_id, order_id)
            SELECT 'refund-' || id, ordered_on, %(day)s, %(day)s, greatest(paid / 2, 1), -profit / 2, customer_id, id
              FROM customers_order WHERE id BETWEEN %(id)s AND %(id)s + 299
            """,
            {"day": day, "id": orders // 2 + seed % 100 * 1000},
        )
        cursor.execute(
            "UPDATE customers_order SET paid = paid + 100, profit = profit + 100 WHERE id BETWEEN %(id)s AND %(id)s + 199",
            {"id": orders // 3 + seed % 100 * 1000},
        )


def measure(customers: int, orders: int) -> dict[str, float]:
    print(f"\n{customers:,} customers, {orders:,} orders", flush=True)
    facts = mall.draw(customers, orders)
    orders = len(facts["customer"])
    loading = mall.load(customers, facts)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/orders.parquet"
        mall.parquet(facts, path)
        del facts
        with connection.cursor() as cursor:
            for table in ("customers_order", "customers_customer", "customers_refund"):
                cursor.execute(f"VACUUM (ANALYZE) {table}")
        first = apart("rebuild", mall.LAST, helpers=1)
        again = [apart("rebuild", mall.LAST, helpers=1) for _ in range(2)]
        duck, totals = duckdb_seconds(path)
    if totals != summary_totals():
        raise SystemExit(f"DuckDB and the summary differ: {totals} {summary_totals()}")
    rebuild = min(again, key=lambda run: run["seconds"])
    nights = []
    for night in (mall.LAST + timedelta(days=1), mall.LAST + timedelta(days=2), mall.LAST + timedelta(days=3)):
        next_day(night, orders, seed=night.toordinal())
        nights.append(apart("usual", night))
    usual = min(nights, key=lambda run: run["seconds"])
    print(f"  load {loading:.0f} s, first night (fit included) {first['seconds']:.1f} s")
    print(f"  DuckDB aggregation            {duck:6.2f} s   1.00")
    print(
        f"  full rebuild, 2 processes     {rebuild['seconds']:6.2f} s   {rebuild['seconds'] / duck:.2f} x DuckDB"
        f"   peak {rebuild['peak_mb']:.0f} MB"
    )
    print(
        f"  usual night ({usual['summaries']:,} changed) {usual['seconds']:6.2f} s   {usual['seconds'] / duck:.2f} x DuckDB"
        f"   peak {usual['peak_mb']:.0f} MB   {usual['rows_written']:,} rows written",
        flush=True,
    )
    return {"customers": customers, "rebuild": rebuild["seconds"], "usual": usual["seconds"], "duckdb": duck}


def exponent(rows: list[dict[str, float]], name: str) -> float:
    """Slope of log seconds over log customers."""
    return float(np.polyfit(np.log([r["customers"] for r in rows]), np.log([r[name] for r in rows]), 1)[0])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--customers", type=int, default=100_000)
    arguments.add_argument("--orders", type=int, default=2_000_000)
    arguments.add_argument("--growth", action="store_true")
    arguments.add_argument("--phase", choices=["rebuild", "usual", "help"], help=argparse.SUPPRESS)
    arguments.add_argument("--day", type=date.fromisoformat, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.phase:
        return phase(asked.phase, asked.day)
    call_command("migrate", verbosity=0)
    if not asked.growth:
        measure(asked.customers, asked.orders)
        return None
    rows = [measure(customers, customers * 20) for customers in GROWTH]
    for name in ("rebuild", "usual", "duckdb"):
        print(f"growth exponent of {name}: {exponent(rows, name):.2f}")
    return None


if __name__ == "__main__":
    main()
