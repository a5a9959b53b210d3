"""How long the gate of a hundred letters takes, how many letters a second leave, and how long a withdrawal takes.

    python -m bench.letters --letters 2000           # in the database named by DATABASE_URL

Customers are made where there are too few with an e-mail and a phone; they, their letters and consents stay there: use a
database that can go. E-mails go to a server on this machine, text messages to one that takes every call. It is noon in
the mall, whatever the clock says. Each line is printed beside a bare statement, or the same mails without letters.
"""

import argparse
import os
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from statistics import quantiles

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.conf import settings
from django.db import connection
from django.utils import timezone

from core.lib.periods import mall_day, mall_midnight
from core.outbox import gateway, mailing
from customers import contact_points
from customers.letters import consent, delivery, facts, gate, writing
from customers.letters.writing import Words
from customers.models import ConsentEntry, Customer, Letter
from tests.mail_server import mailbox

WORDS = Words("Tea", "New tea is here", {})
TURNS = 20
SHIFT = mall_midnight(mall_day(timezone.now())) + timedelta(hours=12) - timezone.now()


def noon() -> datetime:
    """The moment, as if it were noon in the mall."""
    return timezone.now() + SHIFT


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


def reachable(many: int) -> list[Customer]:
    """So many customers with an e-mail and a phone."""
    rows = Customer.objects.filter(contact_points__kind="email", number__startswith="B9").order_by("pk")
    lacking = range(rows.count(), many)
    made = Customer.objects.bulk_create(
        Customer(number=f"B9{n:07}", name="bench", registered_on=mall_day(noon())) for n in lacking
    )
    contact_points.add_many((row.pk, "email", f"b{row.pk}@bench.example") for row in made)
    contact_points.add_many((row.pk, "phone", f"+86138{row.pk % 10**8:08}") for row in made)
    return list(rows[:many])


def fill(channel: str, people: Sequence[Customer]) -> list[Letter]:
    """A letter of service each: what is measured is the way, not who may go it."""
    period = f"bench {time.time()}"
    told = {"channel": channel, "purpose": "service", "occasion": "bench", "period": period}
    return [writing.write(person, WORDS, **told, at=noon(), by_hand=False) for person in people]


def a_second(count: int, turn: Callable[[], int]) -> float:
    """So many letters a second until none is due."""
    began, sent = time.perf_counter(), 0
    while sent < count and (went := turn()):
        sent += went
    return sent / (time.perf_counter() - began)


def deliver() -> int:
    return delivery.deliver_due(now=noon, open_cases=nobody)


def bare_mails(count: int) -> int:
    with mailing.Line() as line:
        for n in range(count):
            line.send(WORDS.subject, WORDS.body, "bare@bench.example", {"Message-ID": f"<{n}@bench.example>"})
    return count


def measure(letters: int) -> None:
    settings.PUBLIC_URL = "https://care.mall.example"
    settings.LETTER_GATEWAY_URL = settings.LETTER_GATEWAY_SECRET = ""
    people = reachable(letters)
    trivial = p95(bare)
    print(f"a bare statement          {trivial:8.2f} ms")
    with mailbox(settings):
        some = fill("email", people)[:100]
        asked = p95(
            lambda: [gate.decide(told.facts) for told in facts.of(some, now=noon(), open_cases=nobody).values()]
        )
        print(f"gate of {len(some)} letters       {asked:8.1f} ms   ({asked / trivial:.0f} bare statements)")
        alone = a_second(300, lambda: bare_mails(300))
        mails = a_second(len(people), deliver)
        print(f"e-mails, one worker       {mails:8.1f} a second   ({alone:.1f} without letters: {alone / mails:.1f} x)")
    settings.LETTER_GATEWAY_URL, settings.LETTER_GATEWAY_SECRET = "https://sms.example", "whsec_eA=="
    gateway.hand_over = lambda messages, *, at: None
    fill("sms", people)
    print(f"text messages, one worker {a_second(len(people), deliver):8.1f} a second")
    waiting = iter(people * TURNS)
    said = p95(lambda: consent.withdraw_everything(next(waiting), source=ConsentEntry.Source.STAFF, at=timezone.now()))
    print(f"a withdrawal              {said:8.1f} ms   ({said / trivial:.0f} bare statements)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=2000)
    measure(parser.parse_args().letters)
