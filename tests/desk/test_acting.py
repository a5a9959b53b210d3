"""What every page does the same way: forms, buttons, and addresses that were not made to be opened."""

from typing import Any

import pytest
from django import forms
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from core.lib.errors import DomainError
from crm.desk import acting
from tests.conftest import MakeCustomer, MakeUser


class Gift(forms.Form):
    to = forms.CharField(max_length=20)


@pytest.fixture
def request_(rf: RequestFactory) -> HttpRequest:
    request = rf.post("/")
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return request


def told(request: HttpRequest) -> list[tuple[str, str]]:
    return [(message.level_tag, str(message)) for message in get_messages(request)]


def refuse(*_anything: Any) -> None:
    raise DomainError("Nothing left to give.", code="empty")


def test_what_was_submitted_is_done_and_thanked_for_with_what_came_of_it(request_: HttpRequest) -> None:
    form = Gift({"to": "李雷"})

    assert acting.submit(request_, form, lambda data: data["to"], lambda name: f"Given to {name}")
    assert told(request_) == [("success", "Given to 李雷")]


def test_without_thanks_nothing_is_said(request_: HttpRequest) -> None:
    assert acting.submit(request_, Gift({"to": "李雷"}), lambda data: None, "")
    assert told(request_) == []


def test_a_form_that_is_not_valid_reaches_no_verb(request_: HttpRequest) -> None:
    done: list[Any] = []

    assert not acting.submit(request_, Gift({"to": ""}), done.append, "Given")
    assert (done, told(request_)) == ([], [])


def test_a_refusal_stands_above_the_form_or_beside_the_field_its_code_names(request_: HttpRequest) -> None:
    above, beside = Gift({"to": "李雷"}), Gift({"to": "李雷"})

    assert not acting.submit(request_, above, refuse, "Given")
    assert acting.carried_out(beside, refuse, beside={"empty": "to"}) is None

    assert above.non_field_errors() == ["Nothing left to give."]
    assert beside.errors == {"to": ["Nothing left to give."]}
    assert told(request_) == []


def test_a_button_says_what_was_done_or_why_not(request_: HttpRequest) -> None:
    assert acting.press(request_, lambda: 3, lambda number: f"{number} sent")
    assert not acting.press(request_, refuse, "Sent")
    assert told(request_) == [("success", "3 sent"), ("error", "Nothing left to give.")]


def test_the_address_of_a_deed_opened_by_hand_leads_to_its_page(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen = make_user()
    li_lei = make_customer(manager=chen)
    client.force_login(chen)

    answer = client.get(reverse("desk:log_contact", args=[li_lei.pk]), follow=True)

    assert answer.redirect_chain == [(reverse("desk:customer", args=[li_lei.pk]), 302)]
    assert answer.status_code == 200


def test_a_deed_without_a_page_of_its_own_leads_to_the_start(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user())

    assert client.get(reverse("desk:todo_done", args=[1]))["Location"] == reverse("desk:my_day")


def test_only_opening_leads_back(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user())

    assert client.delete(reverse("desk:todo_done", args=[1])).status_code == 405


@pytest.mark.parametrize("sent", [{"data": {"decision": "\x00"}}, {"query_params": {"x": "a\x00b"}}])
def test_a_text_that_the_database_does_not_store_is_a_bad_request(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, sent: dict[str, Any]
) -> None:
    client.force_login(make_user())

    assert client.post(reverse("desk:alert_decide", args=[1]), **sent).status_code == 400
