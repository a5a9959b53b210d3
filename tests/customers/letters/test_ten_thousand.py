"""Test 15: many letters by mail and gateway, two workers, withdrawals, a death, a stop, receipts in any order."""

import base64
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection

from core.accounts.models import User
from core.jobs import leases
from core.outbox import gateway, mailing, switches
from customers import contact_points
from customers.letters import consent, delivery, facts, gate
from customers.models import ConsentEntry, Customer, Letter, LifeDate, ReachLimit
from tests.customers.letters import NOON
from tests.customers.letters.conftest import at, letter, nobody_complains

# Ten thousand by LAOKE_LETTERS=10000; the shares are the same for fewer.
MANY = int(os.environ.get("LAOKE_LETTERS", "120"))
DAY = timedelta(days=1)
PATIENCE = 600.0
LEFT = ("handed", "delivered", "bounced", "unknown")


def of_ten_thousand(n: int) -> int:
    return max(1, n * MANY // 10_000)


class Mall:
    """Customers of every kind with an offer each; what mail server and gateway take is counted, and when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dice, self.clock = random.Random(15), count()
        self.told: dict[str, set[str]] = {}
        self.mails: list[str] = []
        self.taken = self.passes = self.calls = 0
        self.passed: dict[int, int] = {}
        self.gone: dict[int, int] = {}
        self.stopped_at = self.went_on_at = 0
        self.while_stopped: list[int] = []
        self.guard = threading.Lock()
        self.dies = True
        monkeypatch.setattr(mailing.Line, "send", lambda _line, *mail: self.take_mail(*mail))
        monkeypatch.setattr(gateway, "hand_over", self.take_messages)
        monkeypatch.setattr(delivery, "AT_ONCE", max(2, min(100, MANY // 40)))
        real = delivery.claim

        def claim(*args: Any, **more: Any) -> delivery.Taken:
            began = next(self.clock)
            taken = real(*args, **more)
            for row in taken.letters:
                self.passed[row.customer_id] = began
            if self.stopped_at and not self.went_on_at and began > self.stopped_at:
                self.while_stopped.append(len(taken.letters))
            return taken

        monkeypatch.setattr(delivery, "claim", claim)

    def take_mail(self, _subject: str, _body: str, to: str, headers: Any) -> None:
        with self.guard:
            self._take(to, headers["Message-ID"])
            self.mails.append(to)
            dies = self.dies and self.taken >= of_ten_thousand(3000)
            self.dies = self.dies and not dies
        if dies:
            raise SystemExit

    def take_messages(self, messages: Sequence[gateway.Handed], *, at: datetime) -> None:
        with self.guard:
            self.calls += 1
            for message in messages:
                self._take(message["to"], message["id"])

    def _take(self, to: str, name: str) -> None:
        self.told.setdefault(to, set()).add(name)
        self.taken += 1

    # Who there is -----------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Shares of ten thousand as the plan has them; what is no consent excludes another, all else overlaps."""
        people = [Customer(number=f"C{n:07}", name="x", registered_on=NOON.date()) for n in range(MANY)]
        self.people = Customer.objects.bulk_create(people)
        self.address = {
            row.pk: f"{row.number.lower()}@mall.example" if n % 2 == 0 else f"+86138{n:08}"
            for n, row in enumerate(self.people)
        }
        order = self.dice.sample(self.people, MANY)
        unknown, refused = of_ten_thousand(500), of_ten_thousand(500)
        silent, no = set(order[:unknown]), set(order[unknown : unknown + refused])
        some = {
            name: set(self.dice.sample(self.people, of_ten_thousand(n)))
            for name, n in [("lost", 300), ("capped", 1000), ("rests", 50), ("young", 50), ("unprofiled", 200)]
        }
        self.may = set(self.people) - silent - no - set().union(*some.values())
        contact_points.add_many(
            (row.pk, "email" if "@" in self.address[row.pk] else "phone", self.address[row.pk])
            for row in self.people
            if row not in some["lost"]
        )
        ConsentEntry.objects.bulk_create(
            ConsentEntry(
                customer=row,
                channel=self._channel(row),
                purpose="marketing",
                state="withdrawn" if row in no else "granted",
                source="staff",
                said_at=NOON - DAY,
                stored_at=NOON,
            )
            for row in self.people
            if row not in silent
        )
        LifeDate.objects.bulk_create(
            LifeDate(customer=row, kind="birthday", year=2015, month=1, day=1) for row in some["young"]
        )
        ReachLimit.objects.bulk_create(
            ReachLimit(
                customer=row,
                restricted_at=NOON if row in some["rests"] else None,
                no_profiling_at=NOON if row in some["unprofiled"] else None,
            )
            for row in some["rests"] | some["unprofiled"]
        )
        for row in some["capped"]:
            for n in range(2):
                letter(row, period=f"before {n}", channel=self._channel(row), at=NOON - 3 * DAY)
        before = Letter.objects.filter(state="waiting")
        before.update(state="handing")
        Letter.objects.update(state="handed", handed_at=NOON - 3 * DAY)
        for row in self.people:
            letter(row, channel=self._channel(row), by_rule=True)

    def _channel(self, customer: Customer) -> str:
        return "email" if "@" in self.address[customer.pk] else "sms"

    # What happens -----------------------------------------------------------------------------------------------------

    def leave(self, leaving: Sequence[Customer]) -> None:
        """They say no, each at a moment of its own."""
        moments = sorted(self.dice.randrange(int(len(self.may) * 0.85)) for _row in leaving)
        for customer, moment in zip(leaving, moments, strict=True):
            self._until(moment)
            no = {(self._channel(customer), "marketing"): "withdrawn"}
            consent.record(customer, no, source="one_click", said_at=NOON, at=NOON)
            self.gone[customer.pk] = next(self.clock)

    def stop_and_go_on(self, by: User) -> None:
        self._until(of_ten_thousand(7000))
        switches.stop(channel="*", purpose="*", by=by, at=NOON)
        self.stopped_at = next(self.clock)
        time.sleep(0.3)
        self.went_on_at = next(self.clock)
        switches.go_on(channel="*", purpose="*", reason="go on", by=by, at=NOON)

    def _until(self, taken: int) -> None:
        end = time.monotonic() + PATIENCE
        while self.taken < taken and time.monotonic() < end:
            time.sleep(0.002)

    def work_through(self, by: User) -> None:
        """Two workers until nothing is due, one of which dies; customers who withdraw; a stop in the middle."""
        over = threading.Event()

        def run(job: Any, *args: Any) -> threading.Thread:
            def inner() -> None:
                try:
                    job(*args)
                except SystemExit:
                    pass
                finally:
                    connection.close()

            thread = threading.Thread(target=inner)
            thread.start()
            return thread

        def worker() -> None:
            while not over.is_set():
                if not delivery.deliver_due(now=at(NOON), open_cases=nobody_complains, limit=50):
                    time.sleep(0.01)

        workers = [run(worker), run(worker)]
        others = [run(self.leave, self.dice.sample(self.people, of_ten_thousand(500))), run(self.stop_and_go_on, by)]
        for thread in others:
            thread.join()
        over.set()
        for thread in workers:
            thread.join()
        while delivery.deliver_due(now=at(NOON), open_cases=nobody_complains):
            pass


@pytest.fixture
def mall(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Mall:
    settings.PUBLIC_URL = "https://care.mall.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.LETTER_GATEWAY_URL = "https://sms.example"
    settings.LETTER_GATEWAY_SECRET = "whsec_" + base64.b64encode(b"a gateway of the tests!!").decode()
    mall = Mall(monkeypatch)
    mall.fill()
    return mall


def late(mall: Mall) -> list[int]:
    """Whose letter passed the gate after their no was stored."""
    return [pk for pk, began in mall.passed.items() if pk in mall.gone and began > mall.gone[pk]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(1800)
def test_15_who_was_written_to_is_who_may_be(mall: Mall, mina: User) -> None:
    began = time.monotonic()
    mall.work_through(mina)
    took = time.monotonic() - began
    mine = Letter.objects.filter(period="1")

    assert late(mall) == []
    assert sum(mall.while_stopped) == 0
    # Set handed = model: who may, without those whose no came before their letter passed the gate.
    passed = set(mine.filter(customer__in=mall.gone, state__in=[*LEFT, "handing"]).values_list("customer", flat=True))
    model = {row.pk for row in mall.may if row.pk not in mall.gone or row.pk in passed}
    assert {mall.address[pk] for pk in model} == set(mall.told)
    assert {row.pk for row in mall.may if row.pk in mall.gone} - passed == set(
        mine.filter(state="withdrawn", customer__in=[row.pk for row in mall.may]).values_list("customer", flat=True)
    )
    # Nobody twice.
    assert max(map(len, mall.told.values())) == 1
    assert max(Counter(mall.mails).values()) == 1
    # What the dead held is perhaps sent, and never again.
    assert mine.filter(state="handing").count() == 1
    delivery.deliver_due(now=at(NOON + leases.TERM + timedelta(minutes=1)), open_cases=nobody_complains)
    assert (mine.filter(state="unknown").count(), max(Counter(mall.mails).values())) == (1, 1)
    reasons = Counter(mine.values_list("state", "reason"))
    assert sum(reasons.values()) == MANY
    assert {state for state, _reason in reasons} <= {"handed", "unknown", "blocked", "withdrawn", "waiting"}
    assert {reason for state, reason in reasons if state == "waiting"} == {"capped"}
    bounced, lost = receipts(mall, [row for row in mine.filter(state__in=LEFT)])
    print(
        f"\n{MANY} letters in {took:.1f} s: {len(mall.told)} people told, {len(mall.gone)} withdrew, of them "
        f"{len(passed)} after their letter had left; {mall.calls} calls of the gateway, {len(mall.mails)} mails; "
        f"bounced {bounced}, receipt lost {lost}; {dict(reasons)}"
    )


def receipts(mall: Mall, left: list[Letter]) -> tuple[int, int]:
    """Some are lost, the others told twice and in any order: each letter ends as its receipt says."""
    becomes = {row.pk: mall.dice.choices(["delivered", "bounced", ""], [85, 10, 5])[0] for row in left}
    told = [(pk, state, key) for pk, state in becomes.items() if state for key in (state, "read")] * 2
    mall.dice.shuffle(told)
    new = 0
    for pk, state, key in told:
        is_end = key != "read"
        new += delivery.receipt(pk, state=state if is_end else "", code="", key=f"{pk}:{key}", at=NOON)
    assert new == len(told) // 2
    before = {row.pk: row.state for row in left}
    after = dict(Letter.objects.filter(pk__in=becomes).values_list("pk", "state"))
    assert after == {pk: state or before[pk] for pk, state in becomes.items()}
    counts = Counter(becomes.values())
    return counts["bounced"], counts[""]


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(1800)
def test_15_asked_when_it_is_planned_the_same_fails(mall: Mall, mina: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(Letter.objects.filter(state="waiting"))
    asked = facts.of(rows, now=NOON, open_cases=nobody_complains)
    planned = {pk: gate.decide(told.facts) for pk, told in asked.items()}

    def as_planned(row: Letter, told: facts.Asked, **_: Any) -> bool:
        row.point_id = told.point
        if isinstance(planned[row.pk], gate.Go):
            return True
        Letter.objects.filter(pk=row.pk).update(state="blocked")
        return False

    monkeypatch.setattr(delivery, "_may_go", as_planned)
    monkeypatch.setattr(consent, "_stop_letters", lambda *_, **__: (0, 0))
    mall.dies = False
    going = [row for row in mall.people if row in mall.may]
    for customer in going[:3]:
        no = {(mall._channel(customer), "marketing"): "withdrawn"}
        consent.record(customer, no, source="one_click", said_at=NOON, at=NOON)
        mall.gone[customer.pk] = next(mall.clock)

    while delivery.deliver_due(now=at(NOON), open_cases=nobody_complains):
        pass

    assert len(late(mall)) == 3
