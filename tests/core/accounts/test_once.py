"""A form has its effect once: Back and Send again asks first; a refusal and another form do not count."""

import uuid
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts import idempotency
from core.accounts.idempotency import SentBefore
from core.accounts.models import Role, SentForm
from core.lib.errors import Invalid
from customers.models import Customer
from tests.conftest import MakeCustomer, MakeUser
from tests.races import at_once

KEY = uuid.uuid4().hex


@pytest.mark.django_db
def test_a_form_sent_again_is_refused_and_another_is_not() -> None:
    done: list[int] = []
    idempotency.once(KEY, lambda: done.append(1))
    with pytest.raises(SentBefore):
        idempotency.once(KEY, lambda: done.append(2))
    idempotency.once(uuid.uuid4().hex, lambda: done.append(3))
    idempotency.once("", lambda: done.append(4))
    idempotency.once("", lambda: done.append(5))

    assert done == [1, 3, 4, 5]


@pytest.mark.django_db
def test_a_refused_form_can_be_mended_and_sent_again() -> None:
    def refuse() -> None:
        raise Invalid("no")

    with pytest.raises(Invalid):
        idempotency.once(KEY, refuse)

    assert idempotency.once(KEY, lambda: "stored") == "stored"


@pytest.mark.django_db
def test_forms_of_long_ago_are_forgotten() -> None:
    idempotency.once(KEY, lambda: None)

    assert idempotency.forget(before=timezone.now() - timedelta(days=1)) == 0
    assert idempotency.forget(before=timezone.now() + timedelta(seconds=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_are_sent_at_once_one_has_its_effect() -> None:
    ends = at_once([lambda: idempotency.once(KEY, lambda: None)] * 8)

    assert ends == {"done": 1, "sent_before": 7}
    assert SentForm.objects.count() == 1


@pytest.mark.django_db
def test_a_page_that_is_gone_back_to_keeps_its_words_and_asks(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    manager = make_user(Role.ACCOUNT_MANAGER)
    customer: Customer = make_customer(manager=manager)
    client.force_login(manager)
    talk = {
        "channel": "phone",
        "direction": "out",
        "outcome": "reached",
        "mood": "neutral",
        "note": "聊了新茶",
        "once": KEY,
    }
    address = reverse("desk:log_contact", args=[customer.pk])

    client.post(address, talk)
    again = client.post(address, talk)

    assert customer.contacts.count() == 1
    assert "聊了新茶" in again.content.decode()
    assert "This was sent already" in again.content.decode()
    assert KEY not in again.content.decode()


@pytest.mark.django_db
def test_who_sends_other_words_under_a_key_is_told_that_they_are_not_stored() -> None:
    said, other = (idempotency.content_of(QueryDict(f"note={words}&once={KEY}")) for words in ("聊了新茶", "换了包装"))
    idempotency.once(KEY, lambda: None, content=said)

    with pytest.raises(SentBefore, match="has been stored"):
        idempotency.once(KEY, lambda: None, content=said)
    with pytest.raises(SentBefore, match="is not stored yet"):
        idempotency.once(KEY, lambda: None, content=other)


def test_the_words_of_a_form_are_the_same_under_another_key_and_in_another_order() -> None:
    contents = {
        idempotency.content_of(QueryDict(sent))
        for sent in ("note=a&to=b&once=1", "to=b&note=a&once=2&csrfmiddlewaretoken=x", "version=3&note=a&to=b")
    }

    assert len(contents) == 1
    assert idempotency.content_of(QueryDict("note=a&to=c")) not in contents


@pytest.mark.django_db
def test_a_browser_asks_which_of_its_forms_are_stored(client: Client, make_user: MakeUser) -> None:
    address, other = reverse("desk:me_sent"), uuid.uuid4().hex
    asked = {"key": [KEY, other, "", "x" * 32, "\u2028"] + [uuid.uuid4().hex for _ in range(60)]}
    idempotency.note(KEY)

    make_user()
    assert client.get(address, headers={"X-Requested-With": "XMLHttpRequest"}).status_code == 401
    client.force_login(make_user())
    assert client.get(address, asked).json() == {"sent": [KEY]}
    assert client.get(address).json() == {"sent": []}
