"""The page of an import: what it shows before anything is stored."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role
from core.outbox.models import Message
from crm.flows import arrival, tasks
from customers.imports import runs as imports
from customers.models import Import, Order, RejectedRow
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
    mapping = {"date": "日期", "paid": "实付", "order_no": "订单号", "phone": "手机"}

    page = client.post(address + "check/", mapping, follow=True)

    assert [(row.line, row.column) for row in page.context["rejected"]] == [(4, "Customer id")]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, client: Client, address: str) -> str:
    """The address of a file that is too large to be done at once."""
    monkeypatch.setattr(arrival, "AT_ONCE", 10)
    return address


MAPPING = {"date": "日期", "paid": "实付", "order_no": "订单号", "phone": "手机"}


def test_a_large_file_is_left_to_a_worker_and_the_page_follows_it(client: Client, large: str) -> None:
    page = client.post(large + "run/", MAPPING, follow=True)

    assert Order.objects.count() == 0
    assert "form" in page.context
    assert 'hx-trigger="every 2s"' in page.content.decode()
    run = Import.objects.get()
    run.state, run.step, run.percent = Import.State.RUNNING, Import.Step.ORDERS, 63
    run.save()
    asked = client.get(large, headers={"HX-Request": "true"})
    assert 'value="63"' in asked.content.decode()
    assert "<html" not in asked.content.decode()

    Import.objects.update(state=Import.State.WAITING)
    tasks.work_import(run.pk)

    assert client.get(large, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert Order.objects.count() == 2
    assert client.get(large).context["run"].counts["rejected"] == 1
    assert Message.objects.get().subject == "orders.csv is imported: 2 new orders, 0 changed, 1 rows refused"


def test_a_worker_writes_its_reasons_in_the_language_of_whoever_asked(client: Client, large: str) -> None:
    client.post(large + "check/", MAPPING, headers={"Accept-Language": "zh-hans"})

    tasks.work_import(Import.objects.get().pk)

    assert RejectedRow.objects.get().reason == "既没有客户也没有手机。"
    assert Message.objects.get().subject == "orders.csv 检查完毕：共 3 行，1 行有问题"


def test_a_file_a_worker_has_cannot_be_asked_for_again(client: Client, large: str) -> None:
    client.post(large + "check/", MAPPING)
    Import.objects.update(state=Import.State.RUNNING, heartbeat_at=timezone.now())

    page = client.post(large + "run/", MAPPING)

    assert page.status_code == 422
    assert "This import is running already." in page.content.decode()
    assert Import.objects.get().task == "check"


def test_the_reason_of_a_stop_is_on_the_page(client: Client, large: str) -> None:
    imports.fail(Import.objects.get(), error="Its worker died 3 times. Split the file.")

    page = client.get(large).content.decode()

    assert "Its worker died 3 times. Split the file." in page
    assert f'formaction="{large}run/"' in page
