"""The page of the webhooks: a secret is seen once, and what did not arrive is sent again."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from core.outbox import posting, webhooks
from core.outbox.models import WebhookEndpoint, WebhookEvent
from core.outbox.webhooks import Event
from crm.desk.admin import webhooks as pages
from crm.desk.today import now
from loyalty.notices import Kind
from tests.conftest import MakeUser
from tests.desk.forms import opened

pytestmark = pytest.mark.django_db
URL = "https://shop.example/hooks"
EARNED = Kind.POINTS_EARNED


@pytest.fixture
def admin(client: Client, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> User:
    user = make_user(Role.ADMINISTRATOR, "He Min")
    client.force_login(user)
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    return user


@pytest.fixture
def endpoint(admin: User) -> WebhookEndpoint:
    made, _secret = webhooks.register(URL, events=[EARNED], by=admin, at=now())
    return made


def do(client: Client, endpoint: WebhookEndpoint, verb: str, **told: Any) -> Any:
    return client.post(reverse(f"desk:webhook_{verb}", args=[endpoint.pk]), told, follow=True)


def fails(endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    webhooks.store([Event(EARNED, now(), {"customer": "C0000007"})], webhooks.wanted(EARNED), at=now())
    monkeypatch.setattr(posting, "post", lambda *_: 500)
    for _n in range(times):
        WebhookEvent.objects.update(next_attempt_at=now())
        webhooks.deliver_due(now=now)


def test_a_new_endpoint_shows_its_secret_once(client: Client, admin: User) -> None:
    assert "No endpoint yet" in client.get(reverse("desk:webhooks")).content.decode()

    made = client.post(reverse("desk:webhooks"), {"url": URL, "events": [EARNED, Kind.COUPON_ISSUED]})
    later = client.get(reverse("desk:webhooks"))

    secret = made.context["secret"]
    assert (secret.startswith("whsec_"), secret in made.content.decode()) == (True, True)
    assert "no-store" in made["Cache-Control"]
    assert secret not in later.content.decode()
    assert URL in later.content.decode()
    assert WebhookEndpoint.objects.get().events == ["coupon.issued", "points.earned"]


@pytest.mark.parametrize(
    "told",
    [{"url": "http://shop.example/", "events": [EARNED]}, {"url": URL}, {"url": URL, "events": ["customer.phone"]}],
)
def test_what_cannot_be_registered_stays_on_the_screen(client: Client, admin: User, told: dict[str, Any]) -> None:
    answer = client.post(reverse("desk:webhooks"), told)

    assert answer.status_code == 422
    assert told["url"] in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_what_did_not_arrive_is_listed_and_sent_again(
    client: Client, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(endpoint, monkeypatch, 10)
    page = client.get(reverse("desk:webhook", args=[endpoint.pk])).content.decode()
    assert all(words in page for words in ("HTTP 500", "C0000007", "Send 1 given up again", "Does not answer"))

    answer = do(client, endpoint, "replay")
    monkeypatch.setattr(posting, "post", lambda *_: 204)

    assert "1 event is sent again." in answer.content.decode()
    assert webhooks.deliver_due(now=now) == 1
    assert "Everything has arrived" in client.get(reverse("desk:webhook", args=[endpoint.pk])).content.decode()


def test_it_is_disabled_used_again_and_tested(
    client: Client, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Disabled on" in do(client, endpoint, "disable").content.decode()
    assert webhooks.wanted(EARNED) == {}
    assert "This endpoint is disabled" in do(client, endpoint, "test").content.decode()
    do(client, endpoint, "enable")
    do(client, endpoint, "test")

    assert WebhookEvent.objects.get().kind == "webhook.test"
    chosen = do(client, endpoint, "events", events=[Kind.LOTTERY_WON])
    assert "<p>A customer won a prize</p>" in chosen.content.decode()
    assert "<p>Points were earned or given</p>" not in chosen.content.decode()
    assert list(webhooks.wanted(*Kind)) == [Kind.LOTTERY_WON]
    assert do(client, endpoint, "events").status_code == 422


def test_a_new_secret_is_shown_once_too(client: Client, endpoint: WebhookEndpoint) -> None:
    secret = do(client, endpoint, "secret").context["secret"]

    assert secret.startswith("whsec_")
    assert secret not in client.get(reverse("desk:webhook", args=[endpoint.pk])).content.decode()


def test_events_chosen_by_two_people_at_once_are_all_chosen(
    client: Client, endpoint: WebhookEndpoint, admin: User
) -> None:
    form = client.get(reverse("desk:webhook", args=[endpoint.pk])).context["form"]
    webhooks.choose(endpoint.pk, events=[EARNED, Kind.COUPON_ISSUED], by=admin, at=now())

    do(client, endpoint, "events", **opened(form) | {"events": [Kind.LOTTERY_WON]})

    endpoint.refresh_from_db()
    assert endpoint.events == sorted([Kind.COUPON_ISSUED, Kind.LOTTERY_WON])


def test_what_did_not_arrive_goes_back_page_by_page(
    client: Client, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SHOWN", 1)
    events = [Event(EARNED, now(), {"customer": number}) for number in ("C0000007", "C0000008")]
    webhooks.store(events, webhooks.wanted(EARNED), at=now())
    WebhookEvent.objects.update(attempts=1)
    address = reverse("desk:webhook", args=[endpoint.pk])

    newest = client.get(address).context["page"]
    oldest = client.get(address + newest.next).context["page"]

    assert [row.pk for row in (*newest.rows, *oldest.rows)] == list(
        WebhookEvent.objects.order_by("-pk").values_list("pk", flat=True)
    )
    assert oldest.next == ""
