"""Telling the mall's systems: at least once under one id, signed, to nobody else, and never for ever."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import DomainError, Invalid
from core.outbox import posting, webhooks
from core.outbox.models import Message, WebhookEndpoint, WebhookEvent
from core.outbox.webhooks import Event
from tests.conftest import MakeUser
from tests.core.outbox.shop import Shop
from tests.races import at_once, meeting

AT = datetime(2026, 11, 17, 12, tzinfo=UTC)
State = WebhookEvent.State
KIND = "points.earned"


@pytest.fixture
def shop(settings: Any) -> Iterator[Shop]:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    settings.WEBHOOK_TIMEOUT = 0.5
    made = Shop()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR)


def subscribe(shop: Shop, admin: User, *events: str) -> tuple[WebhookEndpoint, str]:
    return webhooks.register(shop.url, events=events or (KIND,), by=admin, at=AT)


def happens(count: int = 1, kind: str = KIND) -> None:
    to = webhooks.wanted(kind)
    webhooks.store((Event(kind, AT, {"customer": "C1", "points": n}) for n in range(count)), to, at=AT)


def deliver(at: datetime = AT) -> int:
    return webhooks.deliver_due(now=lambda: at)


def test_what_happened_is_told_and_signed_as_the_specification_says(shop: Shop, admin: User) -> None:
    _endpoint, secret = subscribe(shop, admin)
    happens()

    assert deliver(AT + timedelta(minutes=1)) == 1
    [(headers, body)] = shop.told
    event = WebhookEvent.objects.get()
    assert json.loads(body) == {
        "id": str(event.event_id),
        "type": KIND,
        "timestamp": "2026-11-17T12:00:00+00:00",
        "data": {"customer": "C1", "points": 0},
    }
    assert headers["webhook-id"] == str(event.event_id)
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()) + 60)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (event.state, event.sent_at) == (State.SENT, AT + timedelta(minutes=1))
    assert deliver(AT + timedelta(days=1)) == 0


def test_the_library_of_the_specification_verifies_what_is_delivered(shop: Shop, admin: User) -> None:
    now = timezone.now()  # it refuses a stamp that is minutes off
    _endpoint, secret = webhooks.register(shop.url, events=[KIND], by=admin, at=now)
    webhooks.store([Event(KIND, now, {"customer": "C1", "points": 7})], webhooks.wanted(KIND), at=now)
    assert webhooks.deliver_due(now=timezone.now) == 1
    [(headers, body)] = shop.told
    headers = {name.lower(): value for name, value in headers.items()}

    assert Webhook(secret).verify(body, headers)["data"] == {"customer": "C1", "points": 7}
    for key, content, changed in (
        (webhooks.written(b"another secret"), body, {}),
        (secret, body.replace(b"7", b"8"), {}),
        (secret, body, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
        (secret, body, {"webhook-id": "another"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(content, headers | changed)


def test_the_signature_is_that_of_the_published_example() -> None:
    """The vector that the libraries of Standard Webhooks are tested with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    signed = webhooks.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_nothing_is_stored_that_nobody_wants(shop: Shop, admin: User) -> None:
    subscribe(shop, admin, "coupon.issued")
    happens()

    assert webhooks.wanted(KIND) == {}
    assert WebhookEvent.objects.count() == 0


def test_what_did_not_come_about_is_not_told(shop: Shop, admin: User) -> None:
    subscribe(shop, admin)
    with transaction.atomic():
        happens()
        transaction.set_rollback(True)

    assert deliver() == 0


def test_a_failure_is_tried_again_under_the_same_id_with_a_new_stamp(shop: Shop, admin: User) -> None:
    endpoint, _secret = subscribe(shop, admin)
    happens()
    shop.answers = [500, 503]

    assert [deliver(), deliver(AT + timedelta(seconds=29))] == [0, 0]
    endpoint.refresh_from_db()
    assert (len(shop.told), endpoint.failing_since, endpoint.error) == (1, AT, "HTTP 500")
    deliver(AT + timedelta(seconds=30))
    deliver(AT + timedelta(minutes=6))

    assert len({headers["webhook-id"] for headers, _body in shop.told}) == 1
    assert len({body for _headers, body in shop.told}) == 1
    assert len({headers["webhook-signature"] for headers, _body in shop.told}) == 3
    endpoint.refresh_from_db()
    assert (endpoint.failing_since, endpoint.error) == (None, "")
    assert WebhookEvent.objects.get().attempts == 3


def test_after_three_days_an_event_is_given_up_and_replayed_by_a_person(shop: Shop, admin: User) -> None:
    endpoint, _secret = subscribe(shop, admin)
    happens()
    shop.answers = [500] * 10
    tried = []
    while WebhookEvent.objects.filter(state=State.WAITING).exists():
        at = WebhookEvent.objects.get().next_attempt_at
        tried.append(at - AT)
        deliver(at)

    assert len(tried) == 10
    assert timedelta(days=3) < tried[-1] < timedelta(days=4)
    assert WebhookEvent.objects.get().state == State.FAILED
    later = AT + timedelta(days=6)
    assert webhooks.replay(endpoint.pk, by=admin, at=later) == 1
    assert deliver(later) == 1
    assert len({headers["webhook-id"] for headers, _body in shop.told}) == 1


@pytest.mark.parametrize("how", ["mute", "drip"])
def test_an_endpoint_that_keeps_us_waiting_is_left(settings: Any, admin: User, how: str) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES, settings.WEBHOOK_TIMEOUT = True, 0.4
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            try:
                peer, _address = server.accept()
                for _n in range(100):
                    peer.sendall(b"x" if _n else b"HTTP/1.1 200 ")
                    time.sleep(0.05)
            except OSError:
                pass

        if how == "drip":
            threading.Thread(target=drip, daemon=True).start()
        webhooks.register(f"http://127.0.0.1:{server.getsockname()[1]}/", events=[KIND], by=admin, at=AT)
        happens()
        began = time.monotonic()

        assert deliver() == 0

    assert time.monotonic() - began < 2
    assert WebhookEvent.objects.get().error != ""


def test_a_redirect_is_not_followed(shop: Shop, admin: User) -> None:
    endpoint, _secret = subscribe(shop, admin)
    happens()
    shop.answers, shop.headers = [302], {"Location": shop.url}

    assert deliver() == 0
    endpoint.refresh_from_db()
    assert (len(shop.told), endpoint.error) == (1, "HTTP 302")


def test_an_endpoint_that_failed_for_days_is_disabled_and_administrators_are_told(shop: Shop, admin: User) -> None:
    endpoint, _secret = subscribe(shop, admin)
    shop.answers = [500] * 99
    for day in range(6):
        webhooks.store([Event(KIND, AT, {})], webhooks.wanted(KIND), at=AT + timedelta(days=day))
        deliver(AT + timedelta(days=day))
        endpoint.refresh_from_db()
        assert endpoint.active is (day < 5)

    assert webhooks.wanted(KIND) == {}
    [message] = Message.objects.filter(recipient=admin)
    assert (message.link, "127.0.0.1" in message.subject) == ("/webhooks/", True)
    told = len(shop.told)
    assert deliver(AT + timedelta(days=6)) == 0
    assert len(shop.told) == told

    shop.answers = []
    webhooks.enable(endpoint.pk, by=admin, at=AT + timedelta(days=7))
    assert deliver(AT + timedelta(days=7)) == WebhookEvent.objects.filter(state=State.SENT).count() > 0


def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once(shop: Shop, admin: User) -> None:
    endpoint, _secret = subscribe(shop, admin)
    happens()
    shop.answers = [410]
    deliver()

    endpoint.refresh_from_db()
    assert endpoint.active is False


def test_a_failing_endpoint_holds_up_no_other(shop: Shop, admin: User) -> None:
    dead = Shop()
    try:
        webhooks.register(dead.url, events=[KIND], by=admin, at=AT)
        subscribe(shop, admin)
        happens(5)
        dead.answers = [500] * 9

        assert deliver() == 5
        assert (len(dead.told), len(shop.told)) == (1, 5)
    finally:
        dead.server.shutdown()
        dead.server.server_close()


def test_the_same_event_is_stored_once_and_has_one_id_everywhere(shop: Shop, admin: User) -> None:
    subscribe(shop, admin)
    webhooks.register(shop.url + "&second", events=[KIND], by=admin, at=AT)
    for _night in range(2):
        event = Event(KIND, AT, {}, webhooks.id_of(KIND, "C1:2026-12-17"))
        webhooks.store([event], webhooks.wanted(KIND), at=AT)

    ids: list[UUID] = list(WebhookEvent.objects.values_list("event_id", flat=True))
    assert (len(ids), len(set(ids))) == (2, 1)


def test_a_new_secret_signs_from_now_on(shop: Shop, admin: User) -> None:
    endpoint, first = subscribe(shop, admin)
    _endpoint, second = webhooks.renew_secret(endpoint.pk, by=admin, at=AT)
    happens()
    deliver()

    [(headers, body)] = shop.told
    key = base64.b64decode(second.removeprefix("whsec_"))
    assert first != second
    assert headers["webhook-signature"] == webhooks.signature(
        key, headers["webhook-id"], headers["webhook-timestamp"], body
    )
    stored = bytes(WebhookEndpoint.objects.get().secret)
    assert key not in stored
    assert not any(second in str(entry.detail) for entry in AuditEntry.objects.all())


def test_what_is_old_is_forgotten(shop: Shop, admin: User) -> None:
    subscribe(shop, admin)
    happens(3)
    deliver()

    assert webhooks.forget(at=AT + timedelta(days=90)) == 0
    assert webhooks.forget(at=AT + timedelta(days=91)) == 3


def test_what_waits_for_a_disabled_endpoint_is_kept_however_long_and_told_first(shop: Shop, admin: User) -> None:
    endpoint, _secret = subscribe(shop, admin)
    happens(2)
    webhooks.disable(endpoint.pk, by=admin, at=AT)
    much_later = AT + timedelta(days=200)

    assert [deliver(AT), webhooks.forget(at=much_later)] == [0, 0]
    webhooks.enable(endpoint.pk, by=admin, at=much_later)

    assert deliver(much_later) == 2


def test_there_are_no_more_than_so_many_endpoints(shop: Shop, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_ENDPOINTS", 1)
    first, _secret = subscribe(shop, admin)

    def register() -> WebhookEndpoint:
        return webhooks.register(shop.url + "more", events=[KIND], by=admin, at=AT)[0]

    with pytest.raises(DomainError, match="There can be 1 endpoints"):
        register()
    webhooks.disable(first.pk, by=admin, at=AT)
    register()
    with pytest.raises(DomainError, match="There can be 1 endpoints"):
        webhooks.enable(first.pk, by=admin, at=AT)


def test_an_address_that_has_moved_into_a_private_network_is_not_used_again(
    shop: Shop, admin: User, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    endpoint, _secret = subscribe(shop, admin)
    webhooks.disable(endpoint.pk, by=admin, at=AT)
    WebhookEndpoint.objects.update(url="https://shop.example/")
    settings.WEBHOOK_PRIVATE_ADDRESSES = False
    leads_to(monkeypatch, "10.0.0.7")

    with pytest.raises(Invalid):
        webhooks.enable(endpoint.pk, by=admin, at=AT)


def test_the_days_of_failures_are_forgotten_when_it_is_used_again(shop: Shop, admin: User) -> None:
    endpoint, _secret = subscribe(shop, admin)
    WebhookEndpoint.objects.update(active=False, failing_since=AT - timedelta(days=6), error="HTTP 500")

    webhooks.enable(endpoint.pk, by=admin, at=AT)
    happens()
    shop.answers = [500]
    deliver()

    endpoint.refresh_from_db()
    assert (endpoint.active, endpoint.failing_since) == (True, AT)


# Where it may lead --------------------------------------------------------------------------------------------------


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "ftp://shop.example/",
        "shop.example",
        "https://",
        "https://user:pw@shop.example/",
        "https://@shop.example/",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example/ x",
        "https://shop.example/\r\nHost: x",
        "https://店.example/",
        "http://localhost/",
        "javascript:alert(1)",
        "",
    ],
)
def test_only_encrypted_addresses_are_registered(admin: User, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    leads_to(monkeypatch, "93.184.215.14")
    with pytest.raises(Invalid) as refused:
        webhooks.register(url, events=[KIND], by=admin, at=AT)

    assert refused.value.code == "url"


PRIVATE = [
    "127.0.0.1",
    "10.0.0.8",
    "192.168.1.1",
    "172.16.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "100.64.0.1",
    "224.0.0.1",
    "::1",
    "fe80::1%eth0",
    "fc00::1",
    "::ffff:10.0.0.8",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "::",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::7f00:1",
    "fec0::10",
    "2001:0:7f00:1::",
    "192.88.99.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_into_a_private_network_is_refused(
    admin: User, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    leads_to(monkeypatch, "93.184.215.14", address)
    with pytest.raises(Invalid) as refused:
        webhooks.register("https://shop.example/", events=[KIND], by=admin, at=AT)

    assert refused.value.code == "private_address"


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_a_name_of_the_public_internet_is_an_endpoint(
    admin: User, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    leads_to(monkeypatch, address)

    assert webhooks.register("https://shop.example:8443/", events=[KIND], by=admin, at=AT)


@pytest.mark.parametrize("port", [22, 25, 80, 1023])
def test_a_port_of_another_service_is_refused(admin: User, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    leads_to(monkeypatch, "93.184.215.14")
    with pytest.raises(Invalid) as refused:
        webhooks.register(f"https://shop.example:{port}/", events=[KIND], by=admin, at=AT)

    assert refused.value.code == "port"


def test_a_name_that_answers_otherwise_later_leads_nowhere(shop: Shop, admin: User, settings: Any) -> None:
    subscribe(shop, admin)
    happens()
    settings.WEBHOOK_PRIVATE_ADDRESSES = False
    endpoint = WebhookEndpoint.objects.get()
    with pytest.MonkeyPatch.context() as patch:
        leads_to(patch, "127.0.0.1")
        with pytest.raises(Invalid):
            posting.post(endpoint.url.replace("http:", "https:"), b"{}", {})

    assert deliver() == 0
    assert shop.told == []
    assert WebhookEvent.objects.get().attempts == 1


def test_at_least_one_event_and_one_address_once(shop: Shop, admin: User) -> None:
    subscribe(shop, admin)
    with pytest.raises(DomainError) as again:
        subscribe(shop, admin)
    with pytest.raises(Invalid) as nothing:
        webhooks.register(shop.url + "2", events=[], by=admin, at=AT)

    assert (again.value.code, nothing.value.code) == ("registered_already", "events")


# Two at once --------------------------------------------------------------------------------------------------------


def two_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Both processes are in the middle of claiming, and then of telling, their first event at the same time."""
    claims, posts, save, post = meeting(2), meeting(2), WebhookEvent.save, posting.post

    def claim(event: WebhookEvent, **fields: Any) -> None:
        claims()
        save(event, **fields)

    def together(*args: Any) -> int:
        posts()
        return post(*args)

    monkeypatch.setattr(WebhookEvent, "save", claim)
    monkeypatch.setattr(posting, "post", together)
    assert at_once([deliver] * 2) == {"done": 2}
    return sorted(body for _headers, body in shop.told)


@pytest.mark.django_db(transaction=True)
def test_two_processes_tell_each_event_once(shop: Shop, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(shop, make_user(Role.ADMINISTRATOR))
    happens(6)

    told = two_at_once(shop, monkeypatch)

    assert (len(told), len(set(told))) == (6, 6)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_tell_the_same_event(
    shop: Shop, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(shop, make_user(Role.ADMINISTRATOR))
    happens(6)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)

    told = two_at_once(shop, monkeypatch)

    assert len(told) > len(set(told))


# A round has an end -------------------------------------------------------------------------------------------------


class Silence:
    """Endpoints that accept and never answer: asking one takes six seconds of a clock of our own."""

    def __init__(self, answering: set[str]) -> None:
        self.now, self.answering, self.asked = AT, answering, list[str]()

    def post(self, url: str, _body: bytes, _headers: dict[str, str]) -> int:
        self.asked.append(url)
        if url in self.answering:
            return 200
        self.now += timedelta(seconds=6)
        raise TimeoutError


def test_however_many_endpoints_are_silent_a_round_ends_and_those_that_answer_come_first(
    admin: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    urls = [f"http://127.0.0.1:9/{number}" for number in range(6)]
    for url in urls:
        webhooks.register(url, events=[KIND], by=admin, at=AT)
    WebhookEndpoint.objects.exclude(url=urls[5]).update(failing_since=AT)
    happens()
    silence = Silence(answering={urls[5]})
    monkeypatch.setattr(posting, "post", silence.post)

    rounds = []
    for _ in range(3):
        silence.asked.clear()
        webhooks.deliver_due(now=lambda: silence.now)
        rounds.append(list(silence.asked))

    assert rounds == [[urls[5], *urls[:2]], urls[2:4], [urls[4]]]
    assert silence.now == AT + timedelta(seconds=30)
