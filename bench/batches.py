"""Batches of orders by REST, and whether a page or a single order waits for them, or for an import.

    python -m bench.batches                          # a batch of 500 beside a bare upsert of its rows: a minute
    python -m bench.batches pages                    # a desk page alone, and with ten senders of batches at once
    python -m bench.batches import --rows 200000     # single orders alone, and while a file is imported

Each brings its own PostgreSQL and the mall of bench.orders; gunicorn serves as it is shipped. Each turn with the load
has a turn without it before it; printed are both, the median of the ratios, and what was refused meanwhile.
"""

import argparse
import csv
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from django.core.management import call_command
from django.db import connection

from bench import orders as base
from bench.orders import SERVERS, Wish, ask, fill, serve, turn, wishes
from crm.demo.embedded import free_port
from crm.desk.today import today
from tests.plans import mall

SOURCE, SIZE, SENDERS = "shop", 500, 10
UPSERT = """
    WITH told AS (
        SELECT * FROM unnest(%(numbers)s, %(customers)s, %(paid)s) AS t (number, customer_id, paid)
    ), stored AS (
        INSERT INTO customers_order (source, external_id, version, customer_id, status, ordered_at, ordered_on, paid, cost,
                                     profit, category_mask, received_at)
        SELECT %(source)s, number, 1, customer_id, 'paid', %(day)s::timestamptz, %(day)s::date, paid, 0, paid, 0, now()
          FROM told ORDER BY number
        ON CONFLICT (source, external_id) DO UPDATE SET paid = excluded.paid, profit = excluded.profit
        RETURNING id, paid
    )
    INSERT INTO customers_orderline (order_id, product_id, quantity, amount)
    SELECT s.id, p.id, 1, s.paid / 2
      FROM stored s CROSS JOIN (SELECT id FROM customers_product ORDER BY id LIMIT 2) p
"""


def batch(rng: np.random.Generator, size: int = SIZE) -> list[dict[str, Any]]:
    """New orders of known customers, with two lines each: some customers have several of them."""
    mark = time.time_ns()
    return [
        {
            "external_id": f"batch-{mark}-{n}",
            "version": 1,
            "customer": {"external_id": f"c-{int(rng.integers(mall.CUSTOMERS))}"},
            "ordered_at": f"{today()}T00:00:01+08:00",
            "paid": "80.00",
            "lines": [
                {"product": f"p-{(n + k) % 500}", "quantity": 1, "amount": "40.00", "name": f"茶{(n + k) % 500}"}
                for k in (0, 1)
            ],
        }
        for n in range(size)
    ]


def upsert(rng: np.random.Generator) -> float:
    """Seconds of the bare statement that stores so many orders and their lines, with nothing worked out or checked."""
    mark, customers = time.time_ns(), [mall.FIRST + int(rng.integers(mall.CUSTOMERS)) for _n in range(SIZE)]
    told: dict[str, Any] = {
        "numbers": [f"bare-{mark}-{n}" for n in range(SIZE)],
        "customers": customers,
        "paid": [8000] * SIZE,
    }
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, told | {"source": SOURCE, "day": str(today())})
    return time.perf_counter() - began


def send(wire: http.client.HTTPConnection, secret: str, items: list[dict[str, Any]]) -> tuple[float, int, float]:
    """Seconds, status, and after how many seconds to come again."""
    headers = {"Authorization": f"Token {secret}", "Content-Type": "application/json"}
    body = json.dumps({"orders": items})
    began = time.perf_counter()
    wire.request("POST", f"/api/v1/sources/{SOURCE}/orders/batch", body=body, headers=headers)
    answer = wire.getresponse()
    told = answer.read()
    spent = time.perf_counter() - began
    if answer.status == 200:
        wrong = [result for result in json.loads(told)["results"] if result["status"] >= 300]
        if wrong:
            raise SystemExit(f"refused: {wrong[0]}")
    return spent, answer.status, float(answer.headers.get("Retry-After", 0))


def batches(port: int, secret: str) -> None:
    rng = np.random.default_rng(1)
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for _turn in range(2):
        send(wire, secret, batch(rng))
        upsert(rng)
    bare, whole, single = [], [], []
    for _turn in range(7):
        bare.append(upsert(rng))
        whole.append(send(wire, secret, batch(rng))[0])
        single.append(sum(send(wire, secret, batch(rng, 1))[0] for _n in range(20)) / 20)
    ratio = median(w / b for w, b in zip(whole, bare, strict=True))
    print(f"bare upsert of {SIZE}: {median(bare) * 1000:.0f} ms; a batch of {SIZE}: {median(whole) * 1000:.0f} ms")
    print(f"batch / bare upsert: {ratio:.1f}; an order alone: {median(single) * 1000:.1f} ms, ", end="")
    print(f"{SIZE} of them / a batch: {SIZE * median(single) / median(whole):.1f}")


def sender(port: int, secret: str, number: int, told: "multiprocessing.Queue[tuple[int, int]]", until: float) -> None:
    """Sends one batch after the other, as a client that does what Retry-After says."""
    rng, done, refused = np.random.default_rng(number), 0, 0
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    items = batch(rng)
    while time.time() < until:
        _spent, status, again = send(wire, secret, items)
        done, refused = done + (status == 200), refused + (status != 200)
        if status == 200:
            items = batch(rng)
        else:
            time.sleep(min(again, max(0.0, until - time.time())))
    told.put((done, refused))


def pages(port: int, secret: str, page: Any) -> None:
    ratios, fork = [], multiprocessing.get_context("fork")
    for _turn in range(5):
        alone = turn(port, 1, page)
        told: multiprocessing.Queue[tuple[int, int]] = multiprocessing.Queue()
        until = time.time() + base.SECONDS + 1
        senders = [fork.Process(target=sender, args=(port, secret, n, told, until)) for n in range(SENDERS)]
        for process in senders:
            process.start()
        time.sleep(0.5)
        beside = turn(port, 1, page)
        sent = [told.get() for _process in senders]
        for process in senders:
            process.join()
        ratios.append(beside.p95 / alone.p95)
        done, refused = sum(one for one, _other in sent), sum(other for _one, other in sent)
        print(f"  page p95 alone {alone.p95:.0f} ms, beside {SENDERS} senders {beside.p95:.0f} ms", end="")
        print(f"   x {ratios[-1]:.2f}   batches {done}, told to come again {refused}, pages refused {beside.refused}")
    print(f"a page beside {SENDERS} senders of batches / alone, p95: {median(ratios):.2f}")


def written(rows: int, folder: Path) -> Path:
    """A file of orders of the mall's customers."""
    path, rng, mark = folder / "orders.csv", np.random.default_rng(2), time.time_ns()
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["order_no", "customer", "date", "paid"])
        for n in range(rows):
            out.writerow([f"file-{mark}-{n}", f"c-{int(rng.integers(mall.CUSTOMERS))}", str(today()), "80.00"])
    return path


def beside_import(port: int, order: Any, rows: int) -> None:
    ratios, fork = [], multiprocessing.get_context("fork")
    for _turn in range(3):
        alone = turn(port, 4, order)
        with tempfile.TemporaryDirectory() as folder:
            file = written(rows, Path(folder))
            command = [sys.executable, "manage.py", "import_orders", str(file), "--source", SOURCE]
            began = time.monotonic()
            importing = subprocess.Popen(command, env=os.environ | {"DJANGO_SETTINGS_MODULE": "crm.settings"})
            told: multiprocessing.Queue[list[tuple[float, int]]] = multiprocessing.Queue()
            stop = fork.Event()
            clients = [fork.Process(target=_until, args=(port, order(n + 100), stop, told)) for n in range(4)]
            for client in clients:
                client.start()
            importing.wait()
            stop.set()
            answers = [answer for _client in clients for answer in told.get()]
            for client in clients:
                client.join()
        spent = [seconds for seconds, _status in answers]
        p95 = float(np.percentile(spent, 95)) * 1000
        ratios.append(p95 / alone.p95)
        print(f"  order p95 alone {alone.p95:.0f} ms, beside {p95:.0f} ms   x {ratios[-1]:.2f}", end="")
        print(f"   longest {max(spent):.2f} s   import {time.monotonic() - began:.0f} s, {len(spent)} orders", end="")
        print(f", refused {sum(status >= 300 for _seconds, status in answers)}", flush=True)
    print(f"an order while {rows:,} rows are imported / alone, p95: {median(ratios):.2f}")


def _until(
    port: int, wished: Iterator[Wish], stop: Any, told: "multiprocessing.Queue[list[tuple[float, int]]]"
) -> None:
    everything: list[tuple[float, int]] = []
    while not stop.is_set():
        part: multiprocessing.Queue[list[tuple[float, int]]] = multiprocessing.Queue()
        ask(port, wished, 1.0, part)
        everything += part.get()
    told.put(everything)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("batches", "pages", "import"), default="batches")
    parser.add_argument("--rows", type=int, default=200_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    session, secret = fill(0)
    asked = wishes(session, secret)
    connection.close()
    port = free_port()
    server = serve(port)
    try:
        time.sleep(6)
        for name in ("customer page", "order"):
            turn(port, 4, asked[name])  # to warm up
        if options.what == "batches":
            batches(port, secret)
        elif options.what == "pages":
            pages(port, secret, asked["customer page"])
        else:
            beside_import(port, asked["order"], options.rows)
    finally:
        connection.close()
        server.terminate()
        server.wait()
        SERVERS.stop()


if __name__ == "__main__":
    main()
