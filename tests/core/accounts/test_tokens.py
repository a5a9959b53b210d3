"""A token opens the API until it runs out, is revoked, or its user leaves."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts import tokens
from core.accounts.models import ApiToken, AuditEntry, Role
from core.accounts.permissions import HasScope
from core.accounts.roles import ApiScope
from core.accounts.tokens import State
from core.lib.errors import Invalid
from tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
NOBODY = "/api/v1/customers/C0"


@pytest.fixture
def secret(make_user: MakeUser) -> str:
    client = make_user(Role.CLIENT, "Till")
    return tokens.issue(client, name="till", scopes=[ApiScope.CUSTOMERS_READ], at=timezone.now())[1]


def status(secret: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return int(client.get(NOBODY).status_code)


@pytest.mark.parametrize("ended", ["expires_at", "revoked_at"])
def test_a_token_that_ran_out_or_was_revoked_opens_nothing(secret: str, ended: str) -> None:
    assert status(secret) == 404

    ApiToken.objects.update(**{ended: timezone.now() - timedelta(minutes=1)})

    assert status(secret) == 401


def test_a_token_ends_with_its_user(secret: str) -> None:
    user = ApiToken.objects.get().user
    user.is_active = False
    user.save()

    assert status(secret) == 401


def test_a_token_is_replaced_and_the_old_one_works_for_a_while(secret: str, make_user: MakeUser) -> None:
    old, at, ada = ApiToken.objects.get(), timezone.now(), make_user(Role.ADMINISTRATOR, "Ada")

    new, fresh = tokens.rotate(old.pk, by=ada, at=at, grace=timedelta(hours=2))

    old.refresh_from_db()
    assert (status(secret), status(fresh)) == (404, 404)
    assert (old.expires_at, old.replaced_by) == (at + timedelta(hours=2), new)
    assert (new.name, new.scopes, new.sources, new.user) == (old.name, old.scopes, old.sources, old.user)
    assert tokens.state_of(old, at=at) == State.REPLACED
    assert tokens.state_of(old, at=at + timedelta(hours=2)) == State.ENDED
    with pytest.raises(Invalid):
        tokens.rotate(old.pk, by=ada, at=at)

    lines = AuditEntry.objects.order_by("pk").values_list("action", "actor__full_name")
    assert list(lines)[1:] == [("token.issued", "Ada"), ("token.rotated", "Ada")]


def test_a_grace_of_nothing_ends_the_old_one_at_once(secret: str) -> None:
    _new, fresh = tokens.rotate(ApiToken.objects.get().pk, by=None, at=timezone.now(), grace=timedelta(0))

    assert (status(secret), status(fresh)) == (401, 404)


def test_a_new_token_never_outlives_the_end_that_was_set(secret: str) -> None:
    ends = timezone.now() + timedelta(hours=1)
    ApiToken.objects.update(expires_at=ends)

    new, _fresh = tokens.rotate(ApiToken.objects.get().pk, by=None, at=timezone.now())

    assert set(ApiToken.objects.values_list("expires_at", flat=True)) == {ends}
    assert new.expires_at == ends


@pytest.mark.parametrize(
    "told",
    [{"name": " "}, {"sources": ["Shop A"]}, {"sources": [""]}, {"expires_at": timezone.now() - timedelta(days=1)}],
    ids=["name", "source", "empty source", "end"],
)
def test_a_token_that_cannot_be_is_refused(make_user: MakeUser, told: dict[str, Any]) -> None:
    told = {"name": "till", "scopes": [ApiScope.CUSTOMERS_READ], "at": timezone.now()} | told

    with pytest.raises(Invalid):
        tokens.issue(make_user(Role.CLIENT), **told)


def test_nobody_signs_in_as_a_service_account(client: Client, make_user: MakeUser) -> None:
    ada = make_user(Role.ADMINISTRATOR, "Ada")

    user = tokens.make_service_account("web-shop", by=ada, at=timezone.now())

    assert not user.has_usable_password()
    assert not client.login(username="web-shop", password="")
    for taken in ("Web-Shop", "ada", "", "a b", "../x"):
        with pytest.raises(Invalid):
            tokens.make_service_account(taken, by=ada, at=timezone.now())


def test_the_secret_is_stored_nowhere(secret: str) -> None:
    row: dict[str, Any] = ApiToken.objects.values().get()

    assert not [name for name, value in row.items() if secret in str(value) or str(value) == secret[:64]]
    assert row["digest"] == tokens.digest(secret)


def test_a_view_that_names_no_scope_is_open_to_nobody(secret: str) -> None:
    class Asked:
        auth = ApiToken.objects.get()

    class Forgotten:
        pass

    assert not HasScope().has_permission(Asked(), Forgotten())  # type: ignore[arg-type]
