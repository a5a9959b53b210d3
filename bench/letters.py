"""How long the gate of a hundred letters takes, how many letters a second leave, and how long a withdrawal takes.

    python -m bench.letters --letters 2000           # over the customers that are in the database named by DATABASE_URL

Letters and consents are added to the customers with an e-mail, and stay there: use a database that can go. E-mails go
to a server on this machine, text messages to one that takes every call. Each line is printed beside a bare statement.
"""

import argparse
import os
import time
from collections.abc import Callable, Collection
from statistics import quantiles
from types import SimpleNamespace

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.conf import settings
from django.db import connection
from django.utils import timezone

from core.outbox import gateway
from customers.letters import consent, delivery, facts, gate, writing
from customers.letters.writing import Words
from customers.models import ConsentEntry, Customer, Letter
from tests.mail_server import mailbox

WORDS = Words("Tea", "New tea is here", {})
TURNS = 20


def nobody(ids: Collection[int]) -> set[int]:
    return set()


def p95(do: Callable[[], object]) -> float:
    """In milliseconds."""
    times = []
    for _turn in range(TURNS):
        began = time.perf_counter()
        do()
        times.append((time.perf_counter() - began) * 1000)
    return quantiles(times, n=20)[-1]


def bare() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def fill(channel: str, people: list[Customer]) -> list[Letter]:
    """A letter of service each: what is measured is the way, not who may go it."""
    at, period = timezone.now(), f"bench {time.time()}"
    return [
        writing.write(
            person,
            WORDS,
            channel=channel,
            purpose="service",
            occasion="bench",
            period=period,
            at=at,
            by_hand=False,
        )
        for person in people
    ]


def emptied(count: int) -> float:
    """Letters a second until none is due."""
    began, sent = time.perf_counter(), 0
    while sent < count and (went := delivery.deliver_due(now=timezone.now, open_cases=nobody)):
        sent += went
    return sent / (time.perf_counter() - began)


def measure(letters: int) -> None:
    settings.PUBLIC_URL = "https://care.mall.example"
    people = list(Customer.objects.filter(contact_points__kind="email").distinct().order_by("pk")[:letters])
    phones = list(Customer.objects.filter(contact_points__kind="phone").distinct().order_by("pk")[:letters])
    trivial = p95(bare)
    some = fill("email", people)[:100]
    asked = p95(
        lambda: [gate.decide(told.facts) for told in facts.of(some, now=timezone.now(), open_cases=nobody).values()]
    )
    print(f"gate of {len(some)} letters      {asked:8.1f} ms   ({asked / trivial:.0f} bare statements)")
    with mailbox(settings):
        print(f"e-mails, one worker      {emptied(len(people)):8.1f} a second")
    settings.LETTER_GATEWAY_URL, settings.LETTER_GATEWAY_SECRET = "https://sms.example", "whsec_eA=="
    delivery.gateway = SimpleNamespace(hand_over=lambda messages, at: None, is_set_up=gateway.is_set_up)  # type: ignore
    fill("sms", phones)
    print(f"text messages, one worker{emptied(len(phones)):8.1f} a second")
    said = iter(people * TURNS)
    told = p95(lambda: consent.withdraw_everything(next(said), source=ConsentEntry.Source.STAFF, at=timezone.now()))
    print(f"a withdrawal             {told:8.1f} ms   ({told / trivial:.0f} bare statements)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=2000)
    measure(parser.parse_args().letters)
