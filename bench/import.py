"""The real import against COPY of the same rows into the same indexed table.

    python -m bench.import --rows 1000000            # into whatever bench.nightly left in the database

The same file again comes while 65,000 customers are marked for the next night: it must not take longer than the first.
Beside the seconds of the clock stand those of the processor, of Python and of its PostgreSQL backend (where it runs on
this machine): other work on the machine changes the first, not the second. The rows are drawn into files and read from
them, so that the peak of memory is that of the import.

Both sides load orders of known customers: COPY gets finished rows with customer ids, the import a CSV as a shop
exports it, which it decodes, checks row by row, matches to customers, compares with what is stored, and writes.
"""

import argparse
import io
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

import numpy as np
from django.db import connection

from bench import mall
from customers.imports import runs as imports
from customers.imports.reading.shape import Opened

SOURCE = "bench-import"
# Customers that wait for the night while the same file comes again.
MARKED = 65_000


class Clock(NamedTuple):
    """Seconds since some moment: of the clock, and of the processor by Python with its children and by PostgreSQL."""

    wall: float
    python: float
    server: float

    @classmethod
    def now(cls) -> "Clock":
        times = os.times()
        return cls(time.perf_counter(), sum(times[:4]), server_seconds())

    def since(self, began: "Clock") -> "Clock":
        return Clock(*(now - then for now, then in zip(self, began, strict=True)))

    def __add__(self, other: "Clock") -> "Clock":  # type: ignore[override]
        return Clock(*(one + more for one, more in zip(self, other, strict=True)))

    @property
    def processor(self) -> float:
        return self.python + self.server


def server_seconds() -> float:
    """Of the processor, by our backend; 0 where the server is on another machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        status = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not status.exists() or "postgres" not in (text := status.read_text()):
        return 0.0
    return sum(map(int, text.rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def memory(which: str) -> float:
    """MB of this process: VmRSS is now, VmHWM its peak."""
    found = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(which))
    return int(found.split()[1]) / 1024


def draw(rows: int, bad: int, copied: IO[str], exported: IO[str]) -> None:
    """Lines for COPY, and the shop's CSV of the same orders, arriving by time; `bad` more rows of it are damaged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM customers_customer")
        low, high = cursor.fetchone()
    rng = np.random.default_rng(3)
    customers = rng.integers(low, high + 1, rows)
    seconds = np.sort(rng.integers(0, 30 * 86_400, rows))
    amounts, shares = rng.integers(500, 90_000, rows), rng.random(rows)
    start = datetime.combine(mall.LAST, datetime.min.time(), UTC) + timedelta(days=1)
    exported.write("order_no,customer,date,paid,cost,status\n")
    for i in range(rows):
        at = (start + timedelta(seconds=int(seconds[i]))).isoformat()
        customer, paid, cost = customers[i], int(amounts[i]), int(amounts[i] * shares[i])
        copied.write(f"copied,N{i:08},1,{customer},paid,{at},{at[:10]},{paid},{cost},{paid - cost},0,{at}\n")
        exported.write(f"N{i:08},u{customer},{at},{paid / 100:.2f},{cost / 100:.2f},paid\n")
    for i in range(bad):
        exported.write(f"X{i:08},u1,2026-13-45,twelve,,paid\n")
    copied.flush()
    exported.flush()


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


def copy(lines: IO[str]) -> Clock:
    """What COPY takes in chunks as large as the import's, each committed."""
    lines.seek(0)
    spent = Clock(0, 0, 0)
    while chunk := "".join(islice(lines, imports.CHUNK)):
        buffer = io.StringIO(chunk)
        began = Clock.now()
        with connection.cursor() as cursor:
            cursor.copy_expert(
                "COPY customers_order (source, external_id, version, customer_id, status, ordered_at, ordered_on, paid,"
                " cost, profit, category_mask, received_at) FROM STDIN (FORMAT csv)",
                buffer,
            )
        spent += Clock.now().since(began)
    return spent


def import_file(file: IO[bytes], size: int) -> tuple[Clock, Clock, dict[str, int]]:
    """(what the upload takes, what the run takes, counts)"""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    began = Clock.now()
    run = imports.upload("orders.csv", Opened(file, size), source=SOURCE, by=None, at=now)
    uploaded = Clock.now()
    done = imports.run(run, by=None, at=now, today=now.date())
    return uploaded.since(began), Clock.now().since(uploaded), done.counts


def told(name: str, rows: int, spent: Clock, copying: Clock) -> None:
    print(
        f"  {name:15} {spent.wall:6.1f} s {rows / spent.wall:8,.0f} rows/s  {copying.wall / spent.wall:.2f}"
        f"   processor {spent.processor:5.1f} s (Python {spent.python:.1f}, PostgreSQL {spent.server:.1f})"
        f"  {copying.processor / spent.processor:.2f}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=200_000)
    rows = arguments.parse_args().rows
    with tempfile.TemporaryFile("w+", encoding="ascii") as copied, tempfile.NamedTemporaryFile("w") as exported:
        draw(rows, rows // 100, copied, exported)
        know_customers()
        copy(copied)  # whoever comes first pays for the cold pages
        tidy()
        copying = copy(copied)
        tidy()
        with open(exported.name, "rb") as file:
            size, before = os.path.getsize(exported.name), memory("VmRSS")
            uploading, running, counts = import_file(file, size)
            peak = memory("VmHWM")
            mark(MARKED)
            again = import_file(file, size)
        tidy()
    print(f"{rows:,} rows, 1 % more of them bad; {size / 2**20:.0f} MB")
    told("COPY", rows, copying, copying)
    told("import", rows, uploading + running, copying)
    told("  its upload", rows, uploading, copying)
    told("  its run", rows, running, copying)
    told("the same again", rows, again[0] + again[1], copying)
    print(f"  {counts}, then {again[2]}")
    print(f"  memory of the client: {before:.0f} MB before the import, {peak:.0f} MB at its peak")


if __name__ == "__main__":
    main()
