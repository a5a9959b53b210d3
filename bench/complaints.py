"""The complaint desk at size: fifty agents poll their lists over HTTP while complaints are logged and answered.

    python -m bench.complaints                       # over the customers bench.nightly left in the database

200,000 cases, 4,000 of them open. Every agent asks once in ten seconds, at moments of their own; a writer logs,
takes and answers cases all the while. Each list takes turns with a view that only does SELECT 1, under the same
load: what counts is the ratio of their 95th percentiles, the median of three turns.
"""

import argparse
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
django.setup()

import numpy as np
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from complaints.cases import intake, lifecycle
from complaints.models import Case, Category, Queue, QueueMember, SlaPolicy
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.lib.errors import DomainError
from crm.demo.embedded import free_port
from customers import contact_points
from customers.models import Customer

CASES = 200_000
OPEN = 4_000
AGENTS = 50
EVERY = 10.0
WRITES_A_SECOND = 4.0
TURN = 10.0
TURNS = 3
TRIVIAL = "/trivial/"
LISTS = {
    "my list": "/complaints/?list=mine",
    "everything open": "/complaints/?list=all",
    "promises missed": "/complaints/?list=breached",
    "board": "/complaints/board/?list=all",
    "one case": "/complaints/{case}/",
}


def staff() -> list[User]:
    return [
        User.objects.get_or_create(username=f"desk-{i}", defaults={"roles": [Role.SERVICE_AGENT]})[0]
        for i in range(AGENTS)
    ]


def prepare(agents: list[User]) -> None:
    """The reference data, the agents in every queue, and the cases with their clocks and first events; only once."""
    defaults.install(at=timezone.now())
    queues = list(Queue.objects.order_by("pk"))
    QueueMember.objects.bulk_create(
        (QueueMember(queue=queue, user=agent, capacity=500) for queue in queues for agent in agents),
        ignore_conflicts=True,
    )
    if Case.objects.count() >= CASES:
        return
    leaves = list(Category.objects.filter(parent__isnull=False).values_list("pk", flat=True))
    parameters = {
        "cases": CASES,
        "closed": CASES - OPEN,
        "queues": [queue.pk for queue in queues],
        "categories": leaves,
        "agents": [agent.pk for agent in agents],
        "policy": SlaPolicy.objects.earliest("pk").pk,
        "customers": Customer.objects.count(),
        "now": timezone.now(),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(Path(__file__).with_suffix(".sql").read_text(), parameters)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) complaints_case, complaints_caseevent, complaints_clock")


def signed_in(user: User) -> str:
    """The cookie of a session."""
    door = Client()
    door.force_login(user)
    return f"sessionid={door.cookies['sessionid'].value}"


class Writer(threading.Thread):
    """Logs a complaint, takes one that nobody has, answers one: in turn, at a steady rate, until told to stop."""

    def __init__(self, agents: list[User]) -> None:
        super().__init__(daemon=True)
        self.agents, self.stopped, self.done = agents, threading.Event(), 0

    def run(self) -> None:
        rng = np.random.default_rng(1)
        leaves = list(Category.objects.filter(parent__isnull=False))
        customers = Customer.objects.count()
        began, turn = time.perf_counter(), 0
        while not self.stopped.wait(max(0, began + turn / WRITES_A_SECOND - time.perf_counter())):
            turn += 1
            by, at = self.agents[int(rng.integers(AGENTS))], timezone.now()
            try:
                self._write(turn, by, at, leaves[int(rng.integers(len(leaves)))], int(rng.integers(1, customers + 1)))
                self.done += 1
            except DomainError:  # somebody else's, or closed meanwhile: an agent would look for the next
                pass
        connection.close()

    def _write(self, turn: int, by: User, at: datetime, category: Category, customer: int) -> None:
        if turn % 3 == 0:
            intake.log(
                Customer.objects.get(pk=customer),
                category=category,
                channel="phone",
                by=by,
                at=at,
                description="又晚了三天",
            )
        elif turn % 3 == 1:
            free = Case.objects.filter(status="new", owner__isnull=True, pk__gt=turn).order_by("pk").first()
            if free:
                lifecycle.claim(free.pk, by=by, at=at)
        else:
            mine = Case.objects.filter(owner=by, status="in_progress").order_by("opened_at").first()
            if mine:
                lifecycle.reply(mine.pk, by=by, at=at, body="已经在查，今天给您答复。", channel="phone")


def agent(port: int, cookie: str, address: Callable[[], str], first: float, until: float, spent: list[float]) -> None:
    """One agent's browser: asks at its moments; a late answer is counted from the moment it was wanted.

    Anything but 200 counts as never answered, and shows in the percentile.
    """
    wire = http.client.HTTPConnection("127.0.0.1", port)
    wanted = first
    while wanted < until:
        time.sleep(max(0, wanted - time.perf_counter()))
        wire.request("GET", address(), headers={"Cookie": cookie, "Accept-Language": "zh-hans"})
        answer = wire.getresponse()
        answer.read()
        spent.append((time.perf_counter() - wanted) * 1000 if answer.status == 200 else float("inf"))
        wanted += EVERY
    wire.close()


def p95(port: int, cookies: list[str], address: Callable[[], str]) -> float:
    """Milliseconds under which 95 of 100 answers to all agents came in one turn."""
    spent: list[float] = []
    began = time.perf_counter()
    threads = [
        threading.Thread(
            target=agent, args=(port, cookie, address, began + EVERY * i / AGENTS, began + TURN, spent), daemon=True
        )
        for i, cookie in enumerate(cookies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return float(np.percentile(spent, 95))


def look_up(port: int, cookie: str, runs: int = 200) -> float:
    """p95 in ms from a phone number in the box of the quick log to the caller on the page, a redirect in between."""
    known = [f"1370013{i:04}" for i in range(100)]
    with_phone = list(Customer.objects.order_by("pk")[:100].values_list("pk", flat=True))
    contact_points.add_many((pk, "phone", phone) for pk, phone in zip(with_phone, known, strict=True))
    wire = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Cookie": cookie}
    wire.request("GET", "/complaints/new/", headers=headers)
    page = wire.getresponse()
    token = page.read().decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    secret = page.headers["Set-Cookie"].split("csrftoken=")[1].split(";")[0]
    headers = {
        "Cookie": f"{cookie}; csrftoken={secret}",
        "X-CSRFToken": token,
        "HX-Request": "true",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    spent = []
    for i in range(runs):
        began = time.perf_counter()
        wire.request("POST", "/complaints/new/find/", body=f"q={known[i % 100]}", headers=headers)
        answer = wire.getresponse()
        answer.read()
        if answer.status != 302:
            raise SystemExit(f"look-up: {answer.status}")
        wire.request("GET", answer.headers["Location"], headers=headers)
        caller = wire.getresponse()
        caller.read()
        if caller.status != 200:
            raise SystemExit(f"caller: {caller.status}")
        spent.append((time.perf_counter() - began) * 1000)
    return float(np.percentile(spent, 95))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    agents = staff()
    prepare(agents)
    cookies = [signed_in(one) for one in agents]
    cases = list(Case.objects.filter(status="in_progress").order_by("-pk").values_list("pk", flat=True)[:500])
    port = free_port()
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "crm.wsgi",
            "--bind",
            f"127.0.0.1:{port}",
            "--worker-class",
            "gthread",
            "--workers",
            "2",
            "--threads",
            "4",
            "--keep-alive",
            "30",
            "--no-control-socket",
            "--log-level",
            "error",
        ],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "bench.settings"},
    )
    writer = Writer(agents)
    try:
        time.sleep(4)
        for address in (TRIVIAL, *LISTS.values()):
            p95(port, cookies[:4], lambda found=address: found.format(case=cases[0]))  # type: ignore[misc]
        contacts = contact_points.ContactPoint.objects.count()
        print(f"{Case.objects.count():,} cases, {Customer.objects.count():,} customers, {contacts:,} contact points")
        print(f"  look-up by phone, one after the other   p95 {look_up(port, cookies[0]):6.1f} ms")
        writer.start()
        began = time.perf_counter()
        rng = np.random.default_rng(2)
        for name, address in LISTS.items():
            pairs = []
            for _ in range(TURNS):
                base = p95(port, cookies, lambda: TRIVIAL)
                pairs.append((base, p95(port, cookies, lambda found=address: found.format(case=rng.choice(cases)))))  # type: ignore[misc]
            base, spent = median(one for one, _ in pairs), median(two for _, two in pairs)
            ratio = median(two / one for one, two in pairs)
            print(f"  {name:20} p95 {spent:6.1f} ms   trivial {base:5.1f} ms   {ratio:5.1f} x", flush=True)
        print(f"  {writer.done / (time.perf_counter() - began):.1f} writes a second went on")
    finally:
        writer.stopped.set()
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
