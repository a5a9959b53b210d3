"""What is too large is said in a sentence, never a bug."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from crm.desk import limits
from customers.models import Import
from tests.conftest import ApiFor, MakeUser


@pytest.fixture
def admin(client: Client, make_user: MakeUser) -> Client:
    client.force_login(make_user(Role.ADMINISTRATOR))
    return client


def test_a_file_that_is_too_large_is_not_taken(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGEST", 1000)
    file = SimpleUploadedFile("orders.csv", b"x" * (limits.FORM + 2000))

    answer = admin.post(reverse("desk:imports"), {"source": "shop", "file": file})

    assert answer.status_code == 413
    assert "Nothing was saved. Split the file" in answer.content.decode()


def test_a_form_that_is_too_large_or_has_too_many_fields_is_answered_with_a_page(admin: Client) -> None:
    large = admin.post(reverse("desk:imports"), {"source": "x" * 11_000_000})
    many = admin.post(reverse("desk:imports"), {f"f{n}": "x" for n in range(2000)})

    assert (large.status_code, many.status_code) == (413, 400)
    assert "Go back and try again." in many.content.decode()


@pytest.mark.django_db
def test_a_body_that_is_too_large_is_refused_by_rest(api_for: ApiFor) -> None:
    client = api_for(ApiScope.ORDERS_WRITE)

    answer = client.put("/api/v1/sources/shop/orders/o-1", {"a": "x" * 11_000_000}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("content", [b"a" * 140_000 + b",b\n1,2\n", b"PK\x03\x04rest", b"<table>" * 5000])
def test_a_hostile_file_is_refused_above_its_form(admin: Client, content: bytes) -> None:
    answer = admin.post(reverse("desk:imports"), {"source": "shop", "file": SimpleUploadedFile("orders.xls", content)})

    assert (answer.status_code, Import.objects.count()) == (422, 0)
