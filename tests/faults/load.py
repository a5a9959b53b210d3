"""A shop that goes on sending whatever happens: new orders, changes, cancellations and repetitions, each until it is
acknowledged; and what of the acknowledged is lost, doubled or wrong afterwards.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from loyalty.points import laws, orders
from tests.faults.processes import until

SOURCE = "load"
# What was acknowledged last, or what is stored: number of the order -> (version, paid, status).
Orders = dict[str, tuple[int, str, str]]
NONE: dict[str, list[str]] = {"lost": [], "doubled": [], "wrong": []}


@dataclass
class Shop:
    """Clients that send at the same time, each orders of its own, in an order of its own."""

    address: str
    token: str
    customers: list[str]  # by their numbers
    acknowledged: Orders = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)  # statuses; 0 is a connection that was cut
    slowest: float = 0.0
    stopped: bool = False

    @contextmanager
    def sending(self, clients: int = 4, *, least: int = 20) -> Iterator[None]:
        """They send while the block lasts, until so many more are acknowledged after it, and then no more."""
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(self.acknowledged) >= least, "the shop is sending", seconds=60)
            yield
            enough = self.answers.count(200) + self.answers.count(201) + least
            until(lambda: self.answers.count(200) + self.answers.count(201) >= enough, "it goes on", seconds=60)
        finally:
            self.stopped = True
            for thread in threads:
                thread.join(60)

    def _client(self, number: int) -> None:
        rng, count = random.Random(number), 0
        connection = self._connection()
        while not self.stopped:
            count += 1
            external_id, customer = f"{number}-{count}", rng.choice(self.customers)
            for version in range(1, rng.choice((2, 2, 3, 4))):
                status = "cancelled" if version == 3 else "paid"
                told = (version, f"{rng.randint(100, 90_000) / 100:.2f}", status)
                for _once_more in range(rng.choice((1, 1, 2))):
                    connection = self._until_acknowledged(connection, external_id, customer, told)

    def _until_acknowledged(
        self, connection: http.client.HTTPConnection, external_id: str, customer: str, told: tuple[int, str, str]
    ) -> http.client.HTTPConnection:
        version, paid, status = told
        at = "2026-11-16T12:00:00+08:00"
        body = {"version": version, "customer": {"number": customer}, "ordered_at": at, "paid": paid}
        while True:
            began = time.monotonic()
            code = self._send(connection, external_id, body | {"status": status})
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers.append(code)
            if code in (200, 201):
                self.acknowledged[external_id] = told
                return connection
            if self.stopped:
                return connection
            time.sleep(0.1)
            connection = self._connection()

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def _send(self, connection: http.client.HTTPConnection, external_id: str, body: dict[str, Any]) -> int:
        headers = {"Content-Type": "application/json", "Authorization": f"Token {self.token}"}
        try:
            connection.request("PUT", f"/api/v1/sources/{SOURCE}/orders/{external_id}", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        return answer.status


def harm(acknowledged: Orders, stored: Iterable[tuple[str, int, str, str]]) -> dict[str, list[str]]:
    """What of the acknowledged orders is lost, stored twice, or stored otherwise than it was acknowledged last."""
    rows = list(stored)
    known: Orders = {number: (version, paid, status) for number, version, paid, status in rows}
    numbers = [number for number, *_rest in rows]
    return {
        "lost": sorted(set(acknowledged) - set(known)),
        "doubled": sorted({number for number in numbers if numbers.count(number) > 1}),
        # One that was on its way when the shop stopped may be a version further than was heard.
        "wrong": sorted(
            number
            for number, told in acknowledged.items()
            if number in known and known[number] != told and known[number][0] <= told[0]
        ),
    }


def laws_broken() -> dict[str, Any]:
    """Once the points of what has come are given."""
    orders.sweep(at=timezone.now())
    return laws.broken()
