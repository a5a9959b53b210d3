"""Accounts are made by an administrator."""

import pytest
from django.test import Client

from core.accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_nobody_signs_up(client: Client) -> None:
    mallory = {"username": "mallory", "email": "m@example.com", "password1": PASSWORD, "password2": PASSWORD}

    client.post("/accounts/signup/", mallory)

    assert not User.objects.exists()
