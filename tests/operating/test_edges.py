"""By which methods a page is asked for, and what of an answer is kept by whom."""

import re

import pytest
from django.test import Client

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from tests.conftest import ApiFor, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "FOO"])
def test_a_page_is_read_or_sent_and_nothing_else(client: Client, make_user: MakeUser, method: str) -> None:
    client.force_login(make_user(Role.TEAM_LEAD))

    for address in ("/", "/customers/", "/accounts/login/", "/s/x/"):
        answer = client.generic(method, address)
        assert (answer.status_code, answer["Allow"], answer.content) == (405, "GET, HEAD, POST", b"")


def test_answers_are_one_readers(
    client: Client, api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    li_lei = make_customer("李雷")
    client.force_login(make_user(Role.SERVICE_LEAD))
    rest = api_for(ApiScope.CUSTOMERS_READ)

    assert client.get(f"/customers/{li_lei.pk}/")["Cache-Control"] == "private, no-cache"
    assert rest.get(f"/api/v1/customers/{li_lei.number}")["Cache-Control"] == "no-store"
    assert rest.get("/api/v1/customers/C9")["Cache-Control"] == "no-store"


def test_at_sign_out_the_browser_forgets_the_pages(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.SERVICE_LEAD))

    assert client.post("/accounts/logout/")["Clear-Site-Data"] == '"cache"'


def test_the_page_of_the_api_runs_under_the_policy_of_all_pages(client: Client) -> None:
    page = client.get("/api/v1/docs/")
    scripts = re.findall(r"<script[^>]*>", page.content.decode())

    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert scripts
    assert [script for script in scripts if "src=" not in script] == []
    assert "<style" not in page.content.decode()
    assert client.get("/api/v1/docs/?script=")["Content-Type"] == "application/javascript"


@pytest.mark.parametrize("word", ["Token", "token", "Bearer"])
def test_a_token_is_named_as_libraries_name_it(client: Client, api_for: ApiFor, word: str) -> None:
    secret = api_for(ApiScope.POINTS_READ)._credentials["HTTP_AUTHORIZATION"].partition(" ")[2]

    assert client.get("/api/v1/rewards", headers={"Authorization": f"{word} {secret}"}).status_code == 200
