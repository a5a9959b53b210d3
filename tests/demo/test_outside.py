"""What stands outside of the demo: it verifies, drops what it has, refuses and sends back, and says what became of it."""

import base64
import json
import smtplib
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from core.accounts.models import Role
from core.outbox import bounces
from crm.demo.embedded import free_port
from crm.demo.outside import fate, reports
from crm.demo.outside.arrived import Arrivals
from crm.demo.outside.gateway import Gateway
from crm.demo.outside.mail_server import MailServer
from crm.demo.outside.post import Post
from customers.letters import writing
from customers.letters.writing import Words
from tests.conftest import MakeCustomer, MakeUser

SECRET = "whsec_" + base64.b64encode(b"a gateway of the demo!!!").decode()


@pytest.fixture
def post(tmp_path: Path) -> Post:
    post = Post(base="http://127.0.0.1:9", token="t", file=tmp_path / "arrived" / "letters.sqlite3")
    post.arrivals.begin()
    return post


@pytest.fixture
def gateway(post: Post) -> Iterator[Gateway]:
    gateway = Gateway(0, SECRET, post.arrivals, post.took)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    yield gateway
    gateway.shutdown()
    gateway.server_close()


def call(gateway: Gateway, ids: list[str], *, name: str = "b", secret: str = SECRET, at: datetime | None = None) -> int:
    messages = [{"id": n, "channel": "sms", "to": "+8613800138000", "purpose": "service", "text": "茶"} for n in ids]
    body, at = json.dumps({"messages": messages}), at or timezone.now()
    request = urllib.request.Request(f"http://127.0.0.1:{gateway.server_port}/letters", data=body.encode())
    request.add_header("webhook-id", name)
    request.add_header("webhook-timestamp", str(int(at.timestamp())))
    request.add_header("webhook-signature", Webhook(secret).sign(name, at, body))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as refusal:
        return refusal.code


def test_the_gateway_takes_what_is_signed_once_and_breaks_off_now_and_then(post: Post, gateway: Gateway) -> None:
    other = "whsec_" + base64.b64encode(b"somebody else's secret!!").decode()
    assert call(gateway, ["a"], secret=other) == 401
    assert call(gateway, ["a"], at=datetime(2020, 1, 1, tzinfo=UTC)) == 401
    assert post.arrivals.latest(10) == []

    statuses = Counter(call(gateway, ["a", f"m{n}"], name=f"batch {n}") for n in range(40))
    again = {call(gateway, ["a", f"m{n}"], name=f"batch {n}") for n in range(40)}

    # Broken off once, and taken all the same: it comes again, and nothing is there twice.
    assert set(statuses) == {202, 503}
    assert again == {202}
    came = {row.name: row.times for row in post.arrivals.latest(100)}
    assert (len(came), came["a"], came["m7"]) == (41, 80, 2)
    fates = [fate.of_letter(name) for name in came]
    assert {drawn.state for drawn in fates} == {"", "delivered", "failed"}
    assert any(drawn.again for drawn in fates)
    said = [row for _n, row in post.arrivals.due(2**40, 500) if row.state != "read"]
    assert len(said) == sum(1 + len(drawn.again) for drawn in fates if drawn.state)
    assert fates == [fate.of_letter(name) for name in came]


def test_the_mail_server_takes_lets_wait_and_refuses(post: Post) -> None:
    port = free_port()
    server = MailServer(port, post.arrivals, post.took_mail)
    server.start()
    statuses: Counter[int] = Counter()
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as line:
            for n in range(60):
                mail = EmailMessage()
                mail["Message-ID"], mail["To"] = f"<m{n}@shanye.example>", f"somebody{n}@qq.com"
                mail.set_content("新茶")
                try:
                    line.send_message(mail, "care@shanye.example")
                    statuses[250] += 1
                except smtplib.SMTPRecipientsRefused as refusal:
                    statuses[next(iter(refusal.recipients.values()))[0]] += 1
    finally:
        server.stop()
    assert set(statuses) == {250, 451, 550}
    assert len(post.arrivals.latest(100)) == statuses[250]
    kinds = Counter(row.kind for _n, row in post.arrivals.due(2**40, 500))
    assert (kinds["report"] > 0, kinds["receipt"] > kinds["report"]) == (True, True)


@pytest.mark.parametrize(("address", "code"), [("a@qq.com", "5.1.1"), ("a@163.com", "5.2.2"), ("a@b.example", "5.1.1")])
def test_its_reports_are_read_as_those_of_providers(address: str, code: str) -> None:
    sender, subject, mail = reports.report("<m@shanye.example>", address)
    read = bounces.read(mail, sender=sender, subject=subject)
    assert read
    assert (read.action, read.code, address in read.recipients) == ("failed", code, True)


@pytest.mark.django_db
def test_what_arrived_is_shown_masked_to_who_looks_after_the_customer(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, settings: Any, post: Post
) -> None:
    chen = make_user(name="Chen")
    li_lei = make_customer("李雷", email="lilei@example.com", phone="13800138000", external_id="c-1", manager=chen)
    told: dict[str, Any] = {"purpose": "service", "occasion": "order", "at": timezone.now(), "by_hand": False}
    mailed = writing.write(li_lei, Words("s", "b", {}), channel="email", period="1", **told)
    messaged = writing.write(li_lei, Words("s", "b", {}), channel="sms", period="2", **told)
    head = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"
    source = f"Message-ID: {mailed.own_id}\nTo: lilei@example.com\nSubject: Tea\n{head}\n\nNew <b>tea</b> 岩茶"
    post.arrivals.take(mailed.own_id, channel="email", recipient="lilei@example.com", text=source)
    for _turn in range(2):
        post.arrivals.take(str(messaged.pk), channel="sms", recipient="+8613800138000", text="【茶】发出")
    post.arrivals.take(str(UUID(int=1)), channel="sms", recipient="+8613800138001", text="nobody's")
    address = reverse("desk:letters_arrived")

    client.force_login(chen)
    assert client.get(address).status_code == 404
    settings.DEMO, settings.DEMO_ARRIVED = True, str(post.arrivals.path)
    shown = client.get(address).content.decode()
    assert "What arrived" in client.get(reverse("desk:outgoing")).content.decode()
    for words in (
        "New &lt;b&gt;tea",
        "tea&lt;/b&gt; 岩茶",
        "【茶】发出",
        "came 2 times",
        "138****8000",
        "l***@example.com",
    ):
        assert words in shown
    for words in ("lilei@example.com", "13800138000", "nobody"):
        assert words not in shown
    client.force_login(make_user(Role.ACCOUNT_MANAGER))
    assert "【茶】发出" not in client.get(address).content.decode()


def test_nothing_has_arrived_where_there_is_no_file(tmp_path: Path) -> None:
    assert Arrivals(tmp_path / "none.sqlite3").latest(5) == []
