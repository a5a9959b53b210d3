"""Letters go out once, to whom they may, over a mail server that really receives."""

import ast
import base64
import json
import os
import random
import smtplib
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import connection, transaction
from standardwebhooks.webhooks import Webhook

from core.accounts.models import User
from core.jobs import leases
from core.lib import retry
from core.lib.errors import DomainError
from core.outbox import mailing, switches
from customers import contact_points, locks
from customers.letters import asking, consent, delivery, facts, gate, rendering
from customers.models import BadPoint, ConsentEntry, Customer, Letter, LetterEvent, LifeDate
from tests import races
from tests.conftest import MakeCustomer
from tests.customers.letters import NOON
from tests.customers.letters.conftest import agree, at, letter, nobody_complains
from tests.mail_server import Mailbox, mailbox

State = Letter.State
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GATEWAY_SECRET = "whsec_" + base64.b64encode(b"a gateway of the tests!!").decode()
ROOT = Path(__file__).resolve().parents[3]
# To colleagues and operators, never to customers.
TO_COLLEAGUES = {"crm/desk/people/staff.py", "crm/operating/watch/away.py", "crm/operating/watch/mails.py"}
THE_WAY_OUT = {f"core/outbox/{name}.py" for name in ("mailing", "delivery", "webhooks", "posting", "gateway")}


@pytest.fixture(autouse=True)
def _public_url(settings: Any) -> None:
    settings.PUBLIC_URL = "https://care.mall.example"


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with mailbox(settings) as box:
        yield box


def deliver(moment: datetime = NOON) -> int:
    return delivery.deliver_due(now=at(moment), open_cases=nobody_complains)


def state_of(row: Letter) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.reason


@pytest.mark.django_db
def test_an_offer_leaves_to_who_agreed_with_its_way_out_and_24_the_same_bytes_again(
    li_lei: Customer, box: Mailbox
) -> None:
    agree(li_lei)
    row = letter(li_lei, language="en")

    assert (deliver(), deliver()) == (1, 0)

    [mail] = box.mails
    way_out = f"https://care.mall.example/c/{row.reply_token}"
    assert box.recipients == ["lilei@example.com"]
    assert (mail["Subject"], mail["Message-ID"].strip()) == ("AD Tea", row.own_id)
    assert mail["List-Unsubscribe"].replace("\n", "").strip() == f"<{way_out}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert way_out in mail.get_content()
    assert state_of(row) == ("handed", "")
    again = rendering.mail_of(row)
    assert again
    assert (again.subject, again.body.strip()) == (mail["Subject"], mail.get_content().strip().replace("\r\n", "\n"))
    # What is stored of it holds neither the address nor the words.
    stored = " ".join(map(str, Letter.objects.filter(pk=row.pk).values_list()[0]))
    assert "lilei" not in stored
    assert "Tea" not in stored


@pytest.mark.django_db
def test_a_letter_of_service_has_no_way_out_and_needs_no_consent(li_lei: Customer, box: Mailbox) -> None:
    letter(li_lei, "service")
    assert deliver() == 1
    assert box.mails[0]["List-Unsubscribe"] is None
    assert box.mails[0]["Subject"] == "Tea"


@pytest.mark.django_db
def test_one_about_the_same_is_written_once(li_lei: Customer, box: Mailbox) -> None:
    agree(li_lei)
    assert letter(li_lei).pk == letter(li_lei).pk
    assert (deliver(), deliver(NOON + DAY)) == (1, 0)


@pytest.mark.django_db
def test_22_three_days_late_nothing_goes_out(li_lei: Customer, box: Mailbox) -> None:
    agree(li_lei)
    rows = [letter(li_lei, purpose, purpose) for purpose in ("service", "marketing")]
    assert (deliver(NOON + 3 * DAY), box.mails) == (0, [])
    assert [state_of(row) for row in rows] == [("expired", "expired")] * 2


@pytest.mark.django_db
def test_what_waits_is_withdrawn_with_the_consent_and_what_is_stopped_goes_on(
    li_lei: Customer, mina: User, box: Mailbox
) -> None:
    agree(li_lei, ("email", "marketing"), ("email", "care"))
    offer, greeting = letter(li_lei, "marketing", "a"), letter(li_lei, "care", "b")
    switches.stop(channel="email", purpose="*", by=mina, at=NOON)
    assert deliver() == 0

    told = consent.record(li_lei, {("email", "marketing"): "withdrawn"}, source="staff", said_at=NOON, at=NOON, by=mina)
    switches.go_on(channel="email", purpose="*", reason="repaired", by=mina, at=NOON)

    assert (told.withdrawn, told.on_its_way, deliver()) == (1, 0, 1)
    assert (state_of(offer)[0], state_of(greeting)[0]) == ("withdrawn", "handed")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_two_workers_send_one_of_two_letters_of_one_person_a_day(
    guarded: bool, li_lei: Customer, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(li_lei)
    rows = [letter(li_lei, period=str(n)) for n in range(2)]
    if not guarded:
        meet, real = races.meeting(2), facts.of

        def meeting_of(*args: Any, **more: Any) -> Any:
            told = real(*args, **more)
            meet()
            return told

        monkeypatch.setattr(locks, "hold", lambda *names: None)
        monkeypatch.setattr(facts, "of", meeting_of)

    def one_of(row: Letter) -> Any:
        return lambda: delivery._claim(row.pk, li_lei.pk, at=NOON, open_cases=nobody_complains)

    assert races.at_once([one_of(row) for row in rows]) == {"done": 2}
    assert Counter(state_of(row)[0] for row in rows) == ({"handing": 1, "waiting": 1} if guarded else {"handing": 2})


@pytest.mark.django_db
def test_a_sender_that_dies_leaves_service_to_the_next_and_any_other_perhaps_sent(
    li_lei: Customer, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(li_lei)
    rows = [letter(li_lei, purpose, purpose) for purpose in ("service", "marketing")]

    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(mailing.Line, "send", die)
        for _turn in rows:
            with pytest.raises(SystemExit):
                deliver()
    assert (deliver(), [state_of(row)[0] for row in rows]) == (0, ["handing"] * 2)

    later = NOON + leases.TERM + MINUTE
    assert (deliver(later), len(box.mails)) == (1, 1)
    assert box.mails[0]["Message-ID"].strip() == rows[0].own_id
    assert [state_of(row) for row in rows] == [("handed", ""), ("unknown", "died")]
    # It counts as told: nothing more on that day.
    third = letter(li_lei, period="another")
    assert (deliver(later), state_of(third)) == (0, ("waiting", "capped"))


@pytest.mark.django_db
def test_a_refusal_for_a_while_is_tried_again_one_for_ever_marks_the_address(li_lei: Customer, box: Mailbox) -> None:
    box.refuses = True
    row = letter(li_lei, "service")
    moment = NOON
    for pause in retry.MAIL:
        assert deliver(moment) == 0
        moment += pause
    assert deliver(moment) == 0
    assert state_of(row) == ("refused", "smtprecipientsrefused")

    box.refusal = "550 no such user"
    row = letter(li_lei, "service", "2")
    assert (deliver(), state_of(row)) == (0, ("refused", "smtp_550"))
    assert BadPoint.objects.get().code == "smtp_550"
    box.refuses = False
    row = letter(li_lei, "service", "3")
    assert (deliver(), state_of(row)) == (0, ("blocked", "bad_address"))
    li_lei.contact_points.filter(kind="email").update(confirmed_at=NOON + MINUTE)
    letter(li_lei, "service", "4")
    assert deliver() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "service", "marketing"),
    [
        (smtplib.SMTPServerDisconnected(), "waiting", "unknown"),
        (TimeoutError(), "waiting", "unknown"),
        (smtplib.SMTPDataError(451, b"later"), "waiting", "waiting"),
        (ConnectionRefusedError(), "waiting", "waiting"),
    ],
    ids=["disconnected", "timeout", "refused", "no_server"],
)
def test_what_may_have_left_is_sent_again_only_when_it_is_of_service(
    error: Exception, service: str, marketing: str, li_lei: Customer, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(li_lei)
    rows = [letter(li_lei, purpose, purpose) for purpose in ("service", "marketing")]

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(mailing.Line, "send", fail)
    assert deliver() == 0
    assert [state_of(row)[0] for row in rows] == [service, marketing]


@pytest.mark.django_db
def test_by_hand_the_gate_is_asked_at_that_second(li_lei: Customer, mina: User) -> None:
    agree(li_lei, ("phone", "care"))
    rows = [letter(li_lei, "care", str(n), channel="phone", by_hand=True) for n in range(2)]

    sent = delivery.sent_by_hand(rows[0].pk, by=mina, at=NOON, open_cases=nobody_complains)
    assert (sent.state, sent.events.get().by) == ("handed", mina)
    with pytest.raises(DomainError, match="Sent"):
        delivery.sent_by_hand(rows[0].pk, by=mina, at=NOON, open_cases=nobody_complains)
    with pytest.raises(DomainError, match="enough letters"):
        delivery.sent_by_hand(rows[1].pk, by=mina, at=NOON, open_cases=nobody_complains)
    # What the customer does not want any more waits no more.
    agree(li_lei, ("phone", "care"), state="withdrawn", when=NOON + HOUR)
    assert state_of(rows[1])[0] == "withdrawn"


@pytest.mark.django_db
def test_receipts_come_twice_and_in_any_order_and_never_go_back(li_lei: Customer, box: Mailbox) -> None:
    row = letter(li_lei, "service")
    deliver()

    def say(state: str, key: str) -> bool:
        return delivery.receipt(row.pk, state=state, code="", key=key, at=NOON + HOUR)

    assert [say("delivered", "a"), say("delivered", "a"), say("bounced", "b")] == [True, False, True]
    assert state_of(row)[0] == "delivered"
    assert not BadPoint.objects.exists()


@pytest.mark.django_db
def test_the_machine_of_states_is_the_databases(li_lei: Customer) -> None:
    row = letter(li_lei, "service")
    for state in ("delivered", "planned", "unknown"):
        with pytest.raises(Exception, match="transition"), transaction.atomic():
            Letter.objects.filter(pk=row.pk).update(state=state)
    Letter.objects.filter(pk=row.pk).update(state="expired")
    with pytest.raises(Exception, match="transition"), transaction.atomic():
        Letter.objects.filter(pk=row.pk).update(state="waiting")
    with pytest.raises(Exception, match="delete"), transaction.atomic():
        LetterEvent.objects.create(letter=row, kind="held", at=NOON, key="k").delete()


def test_17_nothing_writes_to_customers_but_the_one_way_out() -> None:
    libraries = {"smtplib", "requests", "httpx", "aiosmtplib", "django.core.mail"}
    others = []
    for floor in ("core", "customers", "segmentation", "loyalty", "complaints", "crm"):
        for path in (ROOT / floor).rglob("*.py"):
            text = path.read_text()
            if not any(name.rpartition(".")[2] in text for name in (*libraries, "posting.post")):
                continue
            imported = {"posting.post"} if "posting.post(" in text else set()
            for node in ast.walk(ast.parse(text)):
                imported |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
                imported |= {str(node.module)} if isinstance(node, ast.ImportFrom) else set()
            if imported & {*libraries, "posting.post"}:
                others.append(str(path.relative_to(ROOT)))
    assert set(others) - TO_COLLEAGUES <= THE_WAY_OUT


@pytest.mark.django_db
def test_19_asked_once_by_a_mail_without_an_offer_and_left_alone_for_a_year(
    li_lei: Customer, mina: User, box: Mailbox, client: Any
) -> None:
    row = asking.ask(li_lei, by=mina, at=NOON)
    assert deliver() == 1
    [mail] = box.mails
    assert (mail["List-Unsubscribe"], f"https://care.mall.example/c/{row.reply_token}" in mail.get_content()) == (
        None,
        True,
    )
    assert consent.states(li_lei)[asking.KIND].state == "asked"
    for days in (0, 40, 364):
        with pytest.raises(DomainError, match="less than a year"):
            asking.ask(li_lei, by=mina, at=NOON + days * DAY)
    # Asked is no yes; after thirty days the link is none any more.
    offer = letter(li_lei)
    assert (deliver(), state_of(offer)) == (0, ("blocked", "no_consent"))
    with pytest.raises(DomainError):
        asking.confirm(row.reply_token, at=NOON + 31 * DAY)
    asking.confirm(row.reply_token, at=NOON + DAY)
    assert (consent.states(li_lei)[asking.KIND].state, asking.why_not(li_lei, at=NOON)) == (
        "granted",
        "The customer has agreed already.",
    )
    with pytest.raises(DomainError):
        asking.confirm(offer.reply_token, at=NOON)


class Gateway(ThreadingHTTPServer):
    """A gateway of a mall: it verifies signatures, drops repetitions, and breaks off as long as it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.taken: dict[str, dict[str, str]] = {}
        self.calls, self.status = 0, 200


class Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        box = cast("Gateway", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # Its stamp is that of the story: what the library allows in real time is held in the tests of webhooks.
        stamp = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        signed = Webhook(GATEWAY_SECRET).sign(self.headers["webhook-id"], stamp, body.decode())
        assert signed == self.headers["webhook-signature"]
        box.calls += 1
        for message in json.loads(body)["messages"]:
            box.taken.setdefault(message["id"], message)
        self.send_response(box.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.django_db
def test_text_messages_go_by_the_gateway_in_one_signed_call_and_again_under_their_id(
    li_lei: Customer, make_customer: MakeCustomer, settings: Any
) -> None:
    gateway = Gateway()
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    settings.WEBHOOK_PRIVATE_ADDRESSES, settings.LETTER_GATEWAY_SECRET = True, GATEWAY_SECRET
    settings.LETTER_GATEWAY_URL = f"http://127.0.0.1:{gateway.server_port}/sms"
    silent = make_customer("韩梅梅", phone="13900139000", external_id="c-2")
    rows = [letter(person, channel="sms", by_hand=None) for person in (li_lei, silent)]
    agree(li_lei, ("sms", "marketing"))
    gateway.status = 503

    # It has them, and its answer says that it has not: they go again under the same id.
    assert (deliver(), state_of(rows[0])[0], state_of(rows[1])) == (0, "waiting", ("blocked", "no_consent"))
    gateway.status = 202
    assert (deliver(NOON + 2 * MINUTE), gateway.calls, state_of(rows[0])) == (1, 2, ("handed", ""))

    [message] = gateway.taken.values()
    assert (message["id"], message["to"], message["purpose"]) == (str(rows[0].pk), "+8613800138000", "marketing")
    assert message["text"].startswith("【")
    gateway.shutdown()
    gateway.server_close()


# Test 15: many, two workers, withdrawals, a death and a stop --------------------------------------------------------

MANY = int(os.environ.get("LAOKE_LETTERS", "120"))


class Mall:
    """Customers of every kind with an offer each; what the mail server takes is counted, and when."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dice, self.clock = random.Random(seed), count()
        self.taken: list[str] = []
        self.passed: dict[int, int] = {}
        self.gone: dict[int, int] = {}
        self.dies_at = MANY // 3
        monkeypatch.setattr(mailing.Line, "send", self.take)
        real = delivery._claim

        def claim(letter_id: Any, customer_id: int, **more: Any) -> Letter | None:
            began = next(self.clock)
            row = real(letter_id, customer_id, **more)
            if row is not None:
                self.passed[customer_id] = began
            return row

        monkeypatch.setattr(delivery, "_claim", claim)

    def take(self, _subject: str, _body: str, to: str, headers: Any) -> None:
        self.taken.append(to)
        if len(self.taken) == self.dies_at:
            raise SystemExit

    def fill(self) -> set[str]:
        """The addresses that may be written to."""
        may = set()
        people = [Customer(number=f"C{n:07}", name="x", registered_on=NOON.date()) for n in range(MANY)]
        entries, points = [], []
        self.people = Customer.objects.bulk_create(people)
        for customer in self.people:
            kind = self.dice.choices(["good", "silent", "no", "no address", "rests", "young"], [80, 5, 5, 3, 3, 4])[0]
            if kind == "young":
                LifeDate.objects.create(customer=customer, kind="birthday", year=2015, month=1, day=1)
            if kind == "rests":
                consent.set_limits(customer, at=NOON, restricted="asked for it")
            if kind != "no address":
                points.append((customer.pk, "email", f"{customer.number.lower()}@mall.example"))
            if kind != "silent":
                entries.append(
                    ConsentEntry(
                        customer=customer,
                        channel="email",
                        purpose="marketing",
                        state="withdrawn" if kind == "no" else "granted",
                        source="staff",
                        said_at=NOON - DAY,
                        stored_at=NOON,
                    )
                )
            if kind == "good":
                may.add(f"{customer.number.lower()}@mall.example")
            letter(customer)
        contact_points.add_many(points)
        ConsentEntry.objects.bulk_create(entries)
        return may

    def withdraw(self, customer: Customer) -> None:
        consent.record(customer, {("email", "marketing"): "withdrawn"}, source="one_click", said_at=NOON, at=NOON)
        self.gone[customer.pk] = next(self.clock)


def work_through(mall: Mall, mina: User, moment: datetime) -> None:
    """Two workers, customers who withdraw meanwhile, one worker that dies, and a stop in the middle."""
    leaving = mall.dice.sample(mall.people, MANY // 10)

    def worker() -> None:
        try:
            while delivery.deliver_due(now=at(moment), open_cases=nobody_complains, limit=20):
                pass
        except SystemExit:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _n in range(2)]
    for thread in threads:
        thread.start()
    for number, customer in enumerate(leaving):
        mall.withdraw(customer)
        if number == len(leaving) // 2:
            switches.stop(channel="email", purpose="*", by=mina, at=moment)
            switches.go_on(channel="email", purpose="*", reason="go on", by=mina, at=moment)
    for thread in threads:
        thread.join()
    while delivery.deliver_due(now=at(moment), open_cases=nobody_complains):
        pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_15_who_was_written_to_is_who_may_be(
    guarded: bool, mina: User, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mall = Mall(15, monkeypatch)
    may = mall.fill()
    if not guarded:
        # The control: asked when it is planned, and never again.
        rows = list(Letter.objects.all())
        planned = {
            pk: gate.decide(told.facts) for pk, told in facts.of(rows, now=NOON, open_cases=nobody_complains).items()
        }
        monkeypatch.setattr(delivery, "_may_go", lambda row, **_: isinstance(planned[row.pk], gate.Go))
        monkeypatch.setattr(consent, "_stop_letters", lambda *_, **__: (0, 0))
        mall.withdraw(next(row.customer for row in rows if isinstance(planned[row.pk], gate.Go)))

    work_through(mall, mina, NOON)

    late = [pk for pk, began in mall.passed.items() if pk in mall.gone and began > mall.gone[pk]]
    if not guarded:
        assert late
        return
    assert late == []
    assert max(Counter(mall.taken).values()) == 1
    left = {f"{customer.number.lower()}@mall.example" for customer in mall.people if customer.pk in mall.gone}
    assert may - left <= set(mall.taken) <= may
    assert Letter.objects.filter(state="handing").count() == 1
    delivery.deliver_due(now=at(NOON + leases.TERM + MINUTE), open_cases=nobody_complains)
    states = Counter(Letter.objects.values_list("state", flat=True))
    assert sum(states.values()) == MANY
    assert (states["unknown"], states["handed"] + 1) == (1, len(mall.taken))
    assert set(states) <= {"handed", "unknown", "blocked", "withdrawn"}
