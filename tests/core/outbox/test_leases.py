"""While the network keeps us waiting nothing is locked, and whoever dies then is replaced after the lease."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction

from core.accounts.models import Role, User
from core.jobs import leases
from core.outbox import delivery, posting, webhooks
from core.outbox.models import Message, WebhookEndpoint, WebhookEvent
from core.outbox.webhooks import Event
from tests.conftest import MakeUser

AT = datetime(2026, 11, 17, 12, tzinfo=UTC)
KIND = "points.earned"
Deliver = Callable[..., int]
# How to deliver, what is delivered, and what the other side does next (unless told, it is content).
Channel = tuple[Deliver, Any, list[Callable[[], int]]]


@pytest.fixture
def reader(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "Chen", email="chen@example.com")


def write(reader: User) -> None:
    delivery.queue(reader.pk, channel=Message.Channel.EMAIL, dedupe_key="news", subject="news", at=AT)


def happen(reader: User, url: str = "http://127.0.0.1:9/") -> None:
    webhooks.register(url, events=[KIND], by=reader, at=AT)
    webhooks.store([Event(KIND, AT, {"points": 1})], webhooks.wanted(KIND), at=AT)


def send_mail(at: datetime = AT) -> int:
    return delivery.deliver_due(now=lambda: at)


def tell(at: datetime = AT) -> int:
    return webhooks.deliver_due(now=lambda: at)


# Nothing is locked --------------------------------------------------------------------------------------------------


@contextmanager
def hanging(server: socket.socket, deliver: Deliver) -> Iterator[None]:
    """Somebody delivers, is connected to the server, and waits for its answer until the `with` ends."""

    def work() -> None:
        try:
            deliver()
        finally:
            connection.close()

    sender = threading.Thread(target=work)
    sender.start()
    peer, _address = server.accept()
    try:
        yield
    finally:
        peer.close()
        server.close()
        sender.join(20)


def open_transactions() -> list[tuple[str, str]]:
    """What other sessions of this database have begun and not ended, and what they hold a lock on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.state, coalesce(l.relation::regclass::text, l.locktype)"
            " FROM pg_stat_activity AS a LEFT JOIN pg_locks AS l USING (pid)"
            " WHERE a.datname = current_database() AND a.pid != pg_backend_pid() AND a.xact_start IS NOT NULL"
        )
        return list(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_hangs_locks_nothing(reader: User, settings: Any) -> None:
    write(reader)
    server = socket.create_server(("127.0.0.1", 0))
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False

    with hanging(server, send_mail):
        assert open_transactions() == []
        with transaction.atomic():
            assert Message.objects.select_for_update(nowait=True).get().attempts == 1

    assert Message.objects.get().error == "SMTPServerDisconnected"


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_hangs_locks_nothing(reader: User, settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    server = socket.create_server(("127.0.0.1", 0))
    happen(reader, f"http://127.0.0.1:{server.getsockname()[1]}/")

    with hanging(server, tell):
        assert open_transactions() == []
        with transaction.atomic():
            assert WebhookEvent.objects.select_for_update(nowait=True).get().attempts == 1
            assert WebhookEndpoint.objects.select_for_update(nowait=True).get().failing_since is None

    assert WebhookEndpoint.objects.get().error  # and it is noted once it is known


@pytest.mark.django_db(transaction=True)
def test_nobody_delivers_within_a_transaction(reader: User, settings: Any) -> None:
    """Its locks would be held for as long as the network waits."""
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    write(reader)
    happen(reader)

    for deliver in (send_mail, tell):
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            deliver()


# Whoever dies is replaced -------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What no code catches, as it does not catch the signal."""


@pytest.fixture(params=["mail", "webhook"])
def channel(request: pytest.FixtureRequest, reader: User, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Channel:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    answers: list[Callable[[], int]] = []

    def send(*_: object) -> int:
        return answers.pop(0)() if answers else 200

    monkeypatch.setattr(mail.EmailMessage, "send", send)
    monkeypatch.setattr(posting, "post", send)
    if request.param == "mail":
        write(reader)
        return send_mail, Message, answers
    happen(reader)
    return tell, WebhookEvent, answers


def die() -> int:
    raise Killed


def refuse() -> int:
    raise ConnectionRefusedError


@pytest.mark.django_db
def test_what_a_dead_sender_held_is_free_when_its_lease_is_over(channel: Channel) -> None:
    deliver, model, answers = channel
    answers.append(die)
    with pytest.raises(Killed):
        deliver()

    assert deliver(AT + leases.TERM - timedelta(seconds=1)) == 0
    assert deliver(AT + leases.TERM) == 1

    row = model.objects.get()
    assert (row.state, row.attempts, row.claimed_until) == ("sent", 2, None)


@pytest.mark.django_db
def test_it_is_never_lost_however_many_senders_die(channel: Channel) -> None:
    deliver, model, answers = channel
    answers += [die] * 20
    for death in range(20):
        with pytest.raises(Killed):
            deliver(AT + death * leases.TERM)

    assert deliver(AT + 20 * leases.TERM) == 1
    assert model.objects.get().state == "sent"


@pytest.mark.django_db
def test_a_sender_that_was_only_slow_and_succeeded_is_believed(channel: Channel) -> None:
    deliver, model, answers = channel
    later = AT + leases.TERM

    def slowly() -> int:
        answers.append(refuse)
        assert deliver(later) == 0
        return 200

    answers.append(slowly)

    assert deliver() == 1
    assert model.objects.get().state == "sent"
    assert deliver(later + timedelta(days=1)) == 0


@pytest.mark.django_db
def test_a_sender_that_was_only_slow_and_failed_changes_nothing(channel: Channel) -> None:
    deliver, model, answers = channel

    def slowly() -> int:
        assert deliver(AT + leases.TERM) == 1
        raise ConnectionRefusedError

    answers.append(slowly)
    deliver()

    row = model.objects.get()
    assert (row.state, row.error) == ("sent", "")
    assert not WebhookEndpoint.objects.filter(failing_since__isnull=False).exists()
