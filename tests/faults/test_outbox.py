"""Messages to people: a message is never lost; only one whose sender died at the worst moment goes out twice."""

import socket
import subprocess
from datetime import timedelta
from email import message_from_bytes
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db.models import QuerySet

from core.accounts.models import User
from core.outbox import delivery, webhooks
from core.outbox.models import Message, WebhookEndpoint, WebhookEvent
from core.outbox.webhooks import Event
from tests.core.outbox.shop import Shop
from tests.faults.conftest import AT, Eve
from tests.faults.processes import Processes, kill, writes_wait
from tests.races import at_once, meeting


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


def sent(processes: Processes) -> list[Mail]:
    return [message_from_bytes(path.read_bytes()) for path in sorted(Path(processes.folder, "mail").glob("*"))]


def test_a_message_whose_sender_died_before_it_could_note_it_is_sent_again(processes: Processes) -> None:
    queue("news")
    with writes_wait("outbox_message") as lock:
        sender = sending(processes)
        lock.caught()
        kill(sender)
    assert len(sent(processes)) == 1
    assert Message.objects.get().state == Message.State.WAITING

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
    with writes_wait("outbox_webhookevent") as lock:
        sender = processes.start("-c", telling)
        lock.caught()
        kill(sender)
    assert len(shop.told) == 1

    assert processes.start("-c", telling).wait(20) == 0

    (first, body), (second, same) = shop.told
    assert (first["webhook-id"], body) == (second["webhook-id"], same)
    assert WebhookEvent.objects.get().state == WebhookEvent.State.SENT
    shop.server.shutdown()
    shop.server.server_close()


def two_senders_at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Both are in the middle of sending their first message at the same time."""
    told: list[str] = []
    meet = meeting(2)

    def send(message: object) -> int:
        told.append(message.subject)  # type: ignore[attr-defined]
        meet()
        return 1

    monkeypatch.setattr(mail.EmailMessage, "send", send)
    assert at_once([lambda: delivery.deliver_due(at=AT)] * 2) == {"done": 2}
    return sorted(told)


def test_two_senders_send_each_message_once(monkeypatch: pytest.MonkeyPatch) -> None:
    queue("a", "b", "c")

    assert two_senders_at_once(monkeypatch) == ["a", "b", "c"]


def test_without_the_lock_they_send_the_same_message(monkeypatch: pytest.MonkeyPatch) -> None:
    queue("a", "b", "c")
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)

    told = two_senders_at_once(monkeypatch)

    assert told != sorted(set(told))


def test_a_mail_server_that_says_nothing_is_left_after_a_while(settings: Any) -> None:
    assert settings.EMAIL_TIMEOUT == 15
    queue("news")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = mute.getsockname()
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 0.2
        assert delivery.deliver_due(at=AT) == 0

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
        assert delivery.deliver_due(at=at) == 0

    minutes = [round(wait / timedelta(minutes=1)) for wait in tried]
    assert minutes == [0, 1, 6, 36, 156]
    failed = Message.objects.get()
    assert (failed.state, failed.error) == (Message.State.FAILED, "ConnectionRefusedError")
