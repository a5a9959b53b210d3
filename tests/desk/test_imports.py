"""The page of an import: what it shows before anything is stored."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from crm.accounts.models import Role
from customers.models import Import
from tests.conftest import MakeUser

FILE = """订单号,日期,实付,手机,备注
202611010001,2026-11-01,120.50,13900001111,联系 tom@example.com
A2,2026-11-02,80.00,139 0000 2222,tom@example.com
A3,2026-11-03,10.00,,
"""


@pytest.fixture
def address(client: Client, make_user: MakeUser) -> str:
    client.force_login(make_user(Role.ADMINISTRATOR))
    client.post(reverse("desk:imports"), {"source": "shop", "file": SimpleUploadedFile("orders.csv", FILE.encode())})
    return reverse("desk:import", args=[Import.objects.get().pk])


def test_the_first_rows_are_shown_with_phones_and_mails_masked(client: Client, address: str) -> None:
    sample = client.get(address).context["sample"]

    assert [row[0] for row in sample] == ["202611010001", "A2", "A3"]
    assert [row[3] for row in sample] == ["139****1111", "139****2222", ""]
    assert sample[1][4] == "t***@example.com"


def test_what_a_refused_row_lacks_is_named_in_words(client: Client, address: str) -> None:
    mapping = {"date": "日期", "paid": "实付", "order_no": "订单号", "phone": "手机", "check": ""}

    page = client.post(address, mapping, follow=True)

    assert [(row["line"], str(row["column"])) for row in page.context["rejected"]] == [(4, "Customer id")]
