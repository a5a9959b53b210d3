"""Accounts are made by an administrator, and a session ends in the middle of the work."""

import pytest
from django.test import Client
from django.urls import reverse, reverse_lazy

from core.accounts.models import User
from tests.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db
TODO = reverse_lazy("desk:todo_done", args=[7])


def test_nobody_signs_up(client: Client) -> None:
    mallory = {"username": "mallory", "email": "m@example.com", "password1": PASSWORD, "password2": PASSWORD}

    client.post("/accounts/signup/", mallory)

    assert not User.objects.exists()


def test_a_form_sent_after_the_session_ended_is_said_to_be_not_saved(client: Client, make_user: MakeUser) -> None:
    make_user()
    answer = client.post(TODO, follow=True)

    assert answer.redirect_chain == [(f"{reverse('account_login')}?next={TODO}", 302)]
    assert "You were signed out, so nothing was saved." in answer.content.decode()


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/complaints/new/?customer=5", "/complaints/new/%3Fcustomer%3D5"),
        ("http://testserver/alerts/7/", "/alerts/7/"),
        ("http://elsewhere.example/complaints/", str(TODO)),
        ("//elsewhere.example/", str(TODO)),
        ("", str(TODO)),
    ],
)
def test_after_the_sign_in_the_form_is_come_back_to(
    client: Client, make_user: MakeUser, came_from: str, leads_to: str
) -> None:
    make_user()

    assert client.post(TODO, headers={"Referer": came_from})["Location"] == f"/accounts/login/?next={leads_to}"


def test_a_page_opened_without_a_session_only_asks_to_sign_in(client: Client, make_user: MakeUser) -> None:
    make_user()
    answer = client.get(reverse("desk:customers"), follow=True)

    assert answer.status_code == 200
    assert "You were signed out" not in answer.content.decode().split('role="status"')[1].split(">", 1)[1]


def test_a_part_of_a_page_is_no_place_for_the_sign_in_page(client: Client) -> None:
    answer = client.post(TODO, headers={"HX-Request": "true"})

    assert (answer.status_code, answer.content) == (401, b"")
