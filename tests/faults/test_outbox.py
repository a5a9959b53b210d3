"""Messages to people: a message is never lost; only one whose sender died at the worst moment goes out twice."""

import socket
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from core.accounts.models import User
from core.jobs import leases
from core.jobs.models import Leased
from core.outbox import delivery, webhooks
from core.outbox.models import Message, WebhookEndpoint, WebhookEvent
from core.outbox.webhooks import Event
from tests.core.outbox.shop import Shop
from tests.faults.conftest import AT, Eve
from tests.faults.processes import Processes, end, kill, notes_wait, until


@pytest.fixture(autouse=True)
def _clean(eve: Eve) -> None:
    eve()
    Message.objects.all().delete()
    WebhookEndpoint.objects.all().delete()


def queue(*keys: str) -> None:
    for key in keys:
        delivery.queue(
            User.objects.get(username="chen").pk, channel=Message.Channel.EMAIL, dedupe_key=key, subject=key, at=AT
        )


def sending(processes: Processes) -> subprocess.Popen[bytes]:
    return processes.start("-c", "import django; django.setup(); from crm.flows import tasks; tasks.deliver()")


def lease_is_over(model: type[Leased]) -> Callable[[], bool]:
    return lambda: model._default_manager.filter(claimed_until__lt=timezone.now()).exists()


def sent(processes: Processes) -> list[Mail]:
    return [message_from_bytes(path.read_bytes()) for path in sorted(Path(processes.folder, "mail").glob("*"))]


def test_a_message_whose_sender_died_before_it_could_note_it_is_sent_again(processes: Processes) -> None:
    queue("news")
    with notes_wait("outbox_message") as lock:
        sender = sending(processes)
        caught = lock.caught()
        kill(sender)
        end(caught)
    assert len(sent(processes)) == 1
    assert Message.objects.get().state == Message.State.WAITING
    until(lease_is_over(Message), "its lease is over")

    assert sending(processes).wait(20) == 0

    first, second = sent(processes)
    assert Message.objects.get().state == Message.State.SENT
    assert first["Subject"] == second["Subject"] == "news"
    assert first["Message-ID"] == second["Message-ID"]  # a mail server shows it once


def test_an_event_whose_sender_died_before_it_could_note_it_is_told_again(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    monkeypatch.setitem(processes.environment, "WEBHOOK_PRIVATE_ADDRESSES", "1")
    shop, telling = Shop(), "import django; django.setup(); from crm.flows import tasks; tasks.deliver_webhooks()"
    webhooks.register(shop.url, events=["points.earned"], by=User.objects.get(username="chen"), at=AT)
    webhooks.store([Event("points.earned", AT, {"points": 1})], webhooks.wanted("points.earned"), at=AT)
    with notes_wait("outbox_webhookevent") as lock:
        sender = processes.start("-c", telling)
        caught = lock.caught()
        kill(sender)
        end(caught)
    assert len(shop.told) == 1
    assert WebhookEvent.objects.get().state == WebhookEvent.State.WAITING
    until(lease_is_over(WebhookEvent), "its lease is over")

    assert processes.start("-c", telling).wait(20) == 0

    (first, body), (second, same) = shop.told
    assert (first["webhook-id"], body) == (second["webhook-id"], same)
    assert WebhookEvent.objects.get().state == WebhookEvent.State.SENT
    shop.server.shutdown()
    shop.server.server_close()


def deliver(at: datetime = AT) -> int:
    return delivery.deliver_due(now=lambda: at)


def deliver_in_a_thread() -> None:
    try:
        deliver()
    finally:
        connection.close()


def two_senders_at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Both are in the middle of claiming, and then of sending, their first message at the same time."""
    told: list[str] = []
    claims, sends, me, save = threading.Barrier(2), threading.Barrier(2), threading.local(), Message.save

    def claim(message: Message, **fields: Any) -> None:
        if not getattr(me, "claimed", False):
            me.claimed = True
            claims.wait(timeout=10)
        save(message, **fields)

    def send(message: object) -> int:
        told.append(message.subject)  # type: ignore[attr-defined]
        if len(told) <= 2:
            sends.wait(timeout=10)
        return 1

    monkeypatch.setattr(Message, "save", claim)
    monkeypatch.setattr(mail.EmailMessage, "send", send)
    threads = [threading.Thread(target=deliver_in_a_thread) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(told)


def test_two_senders_send_each_message_once(monkeypatch: pytest.MonkeyPatch) -> None:
    queue("a", "b", "c")

    assert two_senders_at_once(monkeypatch) == ["a", "b", "c"]


def test_without_the_lock_they_send_the_same_message(monkeypatch: pytest.MonkeyPatch) -> None:
    queue("a", "b", "c")
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)

    told = two_senders_at_once(monkeypatch)

    assert told != sorted(set(told))


def a_second_sender_while_the_first_sends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []

    def send(message: object) -> int:
        told.append(message.subject)  # type: ignore[attr-defined]
        if len(told) == 1:
            second = threading.Thread(target=deliver_in_a_thread)
            second.start()
            second.join()
        return 1

    monkeypatch.setattr(mail.EmailMessage, "send", send)
    deliver()
    return told


def test_what_one_sender_sends_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    queue("a", "b", "c")

    assert a_second_sender_while_the_first_sends(monkeypatch) == ["a", "b", "c"]


def test_without_the_lease_it_is_sent_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    queue("a", "b", "c")
    monkeypatch.setattr(leases, "TERM", timedelta())

    assert a_second_sender_while_the_first_sends(monkeypatch) == ["a", "a", "b", "c"]


def test_a_mail_server_that_says_nothing_is_left_after_a_while(settings: Any) -> None:
    assert settings.EMAIL_TIMEOUT == 15
    queue("news")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = mute.getsockname()
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 0.2
        assert deliver() == 0

    waiting = Message.objects.get()
    assert (waiting.state, waiting.error, waiting.attempts) == (Message.State.WAITING, "SMTPServerDisconnected", 1)


def test_a_message_is_tried_five_times_and_then_kept_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: object) -> int:
        raise ConnectionRefusedError

    queue("news")
    monkeypatch.setattr(mail.EmailMessage, "send", refuse)
    tried = []
    at = AT
    while Message.objects.filter(state=Message.State.WAITING).exists():
        at = Message.objects.get().next_attempt_at
        tried.append(at - AT)
        assert deliver(at) == 0

    minutes = [round(wait / timedelta(minutes=1)) for wait in tried]
    assert minutes == [0, 1, 6, 36, 156]
    failed = Message.objects.get()
    assert (failed.state, failed.error) == (Message.State.FAILED, "ConnectionRefusedError")
