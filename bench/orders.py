"""Orders by REST and the page of a customer, at 1, 4, 16 and 64 connections, beside a view that only does SELECT 1.

    python -m bench.orders                           # brings its own PostgreSQL and fills it: a minute
    python -m bench.orders --lots 5000000            # with as many closed lots of points besides: minutes

gunicorn as it is shipped, keep-alive, and clients in processes of their own on the same machine: they cost the trivial
view more than anybody else, so read the ratios as a little too good. Each turn of a page has a turn of the trivial view
before it; printed are the requests a second of both and their ratio, the median of three turns.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
from crm.demo.embedded import Embedded, free_port

HOME = tempfile.TemporaryDirectory()
SERVERS = Embedded(Path(HOME.name))
os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = SERVERS.start()
django.setup()

import numpy as np
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from core.outbox import posting
from crm.desk.today import today
from crm.flows import nightly
from tests.plans import mall

CONNECTIONS = (1, 4, 16, 64)
TURNS = 3
SECONDS = 4.0
# method, address, body, headers
Wish = tuple[str, str, str, dict[str, str]]


class Turn(NamedTuple):
    a_second: float
    p95: float
    refused: int


def ask(
    port: int, wishes: Iterator[Wish], seconds: float, told: "multiprocessing.Queue[list[tuple[float, int]]]"
) -> None:
    """One connection that asks one thing after the other."""
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    spent, end = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        method, address, body, headers = next(wishes)
        wire.request(method, address, body=body or None, headers=headers)
        answer = wire.getresponse()
        answer.read()
        spent.append((time.perf_counter() - began, answer.status))
    told.put(spent)


def turn(port: int, connections: int, wishes: Callable[[int], Iterator[Wish]]) -> Turn:
    told: multiprocessing.Queue[list[tuple[float, int]]] = multiprocessing.Queue()
    clients = [
        multiprocessing.get_context("fork").Process(target=ask, args=(port, wishes(n), SECONDS, told))
        for n in range(connections)
    ]
    for client in clients:
        client.start()
    answers = [answer for _client in clients for answer in told.get()]
    for client in clients:
        client.join()
    refused = sum(status >= 300 for _spent, status in answers)
    return Turn(len(answers) / SECONDS, float(np.percentile([spent for spent, _status in answers], 95)) * 1000, refused)


def fill(lots: int) -> tuple[str, str]:
    """The mall of the plan tests after a night, as many lots that are used up besides; a session and a token."""
    posting._addresses = lambda parts: ["93.184.215.14"]  # type: ignore[assignment]
    manager = User.objects.create_user(username="bench", full_name="Bench", roles=[Role.ACCOUNT_MANAGER])
    with transaction.atomic():
        mall.build(manager)
        if lots:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL session_replication_role = replica")
                cursor.execute(
                    """
                    INSERT INTO loyalty_pointlot (account_id, source, original, pending, available, held, earned_at,
                                                  available_from, expires_at)
                    SELECT %s + i %% %s, 'order', 10, 0, 0, 0, now(), now(), now() FROM generate_series(1, %s) i
                    """,
                    [mall.FIRST, mall.CUSTOMERS, lots],
                )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    nightly.run(today())
    reader = Client(HTTP_HOST="localhost")
    reader.force_login(manager)
    shop = User.objects.create_user(username="bench-shop", roles=[Role.CLIENT])
    _token, secret = tokens.issue(shop, name="bench", scopes=[ApiScope.ORDERS_WRITE], at=timezone.now())
    return f"sessionid={reader.cookies['sessionid'].value}", secret


def serve(port: int) -> "subprocess.Popen[bytes]":
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", "--keep-alive", "30"]
    return subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "crm.wsgi", *options],
        env={**os.environ, "LOG_LEVEL": "ERROR", "API_BUDGET": "0"},
    )


def wishes(session: str, secret: str) -> dict[str, Callable[[int], Iterator[Wish]]]:
    cookie = {"Cookie": session}
    headers = {"Authorization": f"Token {secret}", "Content-Type": "application/json"}
    day = f"{today()}T00:00:01+08:00"
    started = time.time_ns()

    def trivial(n: int) -> Iterator[Wish]:
        while True:
            yield "GET", "/trivial/", "", cookie

    def page(n: int) -> Iterator[Wish]:
        for i in count(n * 97):  # the manager's book: each hundredth customer
            yield "GET", f"/customers/{mall.FIRST + i * 100 % mall.CUSTOMERS}/", "", cookie

    def order(n: int) -> Iterator[Wish]:
        for i in count():
            line = {"product": f"p-{i % 500}", "quantity": 1, "amount": "80.00", "name": f"茶{i % 500}"}
            customer = {"external_id": f"c-{(n * 991 + i * 7) % mall.CUSTOMERS}"}
            body = {"version": 1, "customer": customer, "ordered_at": day, "paid": "80.00", "lines": [line]}
            yield "PUT", f"/api/v1/sources/shop/orders/b-{started}-{n}-{i}-{time.time_ns()}", json.dumps(body), headers

    return {"trivial": trivial, "customer page": page, "order": order}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lots", type=int, default=0)
    lots = parser.parse_args().lots
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    asked = wishes(*fill(lots))
    connection.close()
    port = free_port()
    server = serve(port)
    try:
        time.sleep(6)
        for name in asked:
            turn(port, 4, asked[name])  # to warm up
        for name in ("customer page", "order"):
            for connections in CONNECTIONS:
                pairs = [
                    (turn(port, connections, asked["trivial"]), turn(port, connections, asked[name]))
                    for _turn in range(TURNS)
                ]
                base, own = median(b.a_second for b, _ in pairs), median(o.a_second for _, o in pairs)
                ratio = median(b.a_second / o.a_second for b, o in pairs)
                p95, refused = median(o.p95 for _, o in pairs), sum(o.refused for _, o in pairs)
                print(
                    f"  {name:14} {connections:3} connections {own:7.1f}/s  p95 {p95:7.1f} ms   trivial {base:7.1f}/s"
                    f"   1/{ratio:.1f}   refused {refused}",
                    flush=True,
                )
    finally:
        server.terminate()
        server.wait()
        SERVERS.stop()


if __name__ == "__main__":
    main()
