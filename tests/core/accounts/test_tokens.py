"""A token opens the API until it runs out, is revoked, or its user leaves."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts import tokens
from core.accounts.models import ApiToken, Role
from core.accounts.permissions import HasScope
from core.accounts.roles import ApiScope
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
