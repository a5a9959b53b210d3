"""The real import against COPY of the same rows into the same indexed table.

    python -m bench.import --rows 1000000            # into whatever bench.nightly left in the database

The same file again comes while 65,000 customers are marked for the next night: it must not take longer than the first.

Both sides load orders of known customers: COPY gets finished rows with customer ids, the import a CSV as a shop
exports it, which it decodes, checks row by row, matches to customers, compares with what is stored, and writes.
"""

import argparse
import io
import os
import resource
import time
from datetime import UTC, datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

import numpy as np
from django.db import connection

from bench import mall
from customers.imports import runs as imports

SOURCE = "bench-import"
# Customers that wait for the night while the same file comes again.
MARKED = 65_000


def draw(rows: int, bad: int) -> tuple[list[str], str]:
    """(lines for COPY, the shop's CSV) of the same orders, arriving by time; `bad` more rows of the CSV are damaged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM customers_customer")
        low, high = cursor.fetchone()
    rng = np.random.default_rng(3)
    customer = rng.integers(low, high + 1, rows).tolist()
    seconds = np.sort(rng.integers(0, 30 * 86_400, rows)).tolist()
    paid, share = rng.integers(500, 90_000, rows).tolist(), rng.random(rows).tolist()
    start = datetime.combine(mall.LAST, datetime.min.time(), UTC) + timedelta(days=1)
    copied, exported = [], io.StringIO()
    exported.write("order_no,customer,date,paid,cost,status\n")
    for i in range(rows):
        at = (start + timedelta(seconds=seconds[i])).isoformat()
        cost = int(paid[i] * share[i])
        copied.append(f"copied,N{i:08},1,{customer[i]},paid,{at},{at[:10]},{paid[i]},{cost},{paid[i] - cost},0,{at}\n")
        exported.write(f"N{i:08},u{customer[i]},{at},{paid[i] / 100:.2f},{cost / 100:.2f},paid\n")
    for i in range(bad):
        exported.write(f"X{i:08},u1,2026-13-45,twelve,,paid\n")
    return copied, exported.getvalue()


def know_customers() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_externalidentity (customer_id, source, external_id)"
            " SELECT id, %s, 'u' || id FROM customers_customer ON CONFLICT DO NOTHING",
            [SOURCE],
        )
        cursor.execute(
            "INSERT INTO customers_standing (customer_id, customer_class, matrix_type, value, potential, usual_days,"
            " limit_days, inputs) SELECT id, -1, 0, 0, 0, 0, 0, 0 FROM customers_customer ON CONFLICT DO NOTHING"
        )
    tidy()


def tidy() -> None:
    """Neither side starts with the other's rows or its dead ones."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_order WHERE source IN ('copied', %s)", [SOURCE])
        for table in ("customers_order", "customers_dirtymark", "customers_externalidentity", "customers_standing"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")
        cursor.execute("CHECKPOINT")


def mark(customers: int) -> None:
    """So many customers wait for the next night, and the tables have not been analysed since they were filled."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_dirtymark (customer_id, marked_at)"
            " SELECT id, now() FROM customers_customer ORDER BY id LIMIT %s",
            [customers],
        )


def copy(lines: list[str]) -> float:
    """Seconds of COPY in chunks as large as the import's, each committed."""
    spent = 0.0
    for start in range(0, len(lines), imports.CHUNK):
        buffer = io.StringIO("".join(lines[start : start + imports.CHUNK]))
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.copy_expert(
                "COPY customers_order (source, external_id, version, customer_id, status, ordered_at, ordered_on, paid,"
                " cost, profit, category_mask, received_at) FROM STDIN (FORMAT csv)",
                buffer,
            )
        spent += time.perf_counter() - began
    return spent


def import_file(text: str) -> tuple[float, dict[str, int]]:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    began = time.perf_counter()
    run = imports.upload("orders.csv", text.encode(), source=SOURCE, by=None, at=now)
    done = imports.run(run, by=None, at=now, today=now.date())
    return time.perf_counter() - began, done.counts


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=200_000)
    asked = arguments.parse_args()
    copied, exported = draw(asked.rows, bad=asked.rows // 100)
    know_customers()
    copy(copied)  # whoever comes first pays for the cold pages
    tidy()
    copying = copy(copied)
    tidy()
    importing, counts = import_file(exported)
    mark(MARKED)
    again, repeated = import_file(exported)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tidy()
    print(f"{asked.rows:,} rows, 1 % more of them bad")
    print(f"  COPY            {copying:6.1f} s  {asked.rows / copying:8,.0f} rows/s   1.00")
    print(
        f"  import          {importing:6.1f} s  {asked.rows / importing:8,.0f} rows/s   {copying / importing:.2f}   {counts}"
    )
    print(f"  the same again  {again:6.1f} s  {asked.rows / again:8,.0f} rows/s   {copying / again:.2f}   {repeated}")
    print(f"  peak memory of the client {peak:.0f} MB (the bench's own rows included)")


if __name__ == "__main__":
    main()
