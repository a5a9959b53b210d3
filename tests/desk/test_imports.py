"""The page of an import: what it shows before anything is stored."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import BoundField
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role
from core.outbox.models import Message
from crm.desk.admin.import_forms import ChoicesForm
from crm.flows import arrival, tasks
from customers.imports import runs as imports
from customers.models import Import, ImportProfile, Order, RejectedRow
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
    mapping = {"date": "日期", "paid": "实付", "phone": "手机"}

    page = client.post(address + "check/", mapping, follow=True)

    assert [(row.line, row.column) for row in page.context["rejected"]] == [(4, "Customer id")]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, client: Client, address: str) -> str:
    """The address of a file that is too large to be done at once."""
    monkeypatch.setattr(arrival, "AT_ONCE", 10)
    return address


MAPPING = {"date": "日期", "paid": "实付", "phone": "手机"}


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


EXPORTS = Path(__file__).parents[1] / "data" / "exports"


def send(client: Client, name: str, source: str) -> HttpResponse:
    (path,) = EXPORTS.glob(f"{name}-*")
    sent = SimpleUploadedFile(path.name, path.read_bytes())
    return client.post(reverse("desk:imports"), {"source": source, "file": sent}, follow=True)


@pytest.fixture
def admin(client: Client, make_user: MakeUser) -> Client:
    client.force_login(make_user(Role.ADMINISTRATOR))
    return client


def test_an_export_that_is_known_is_checked_at_once_and_goes_in_with_one_press(admin: Client) -> None:
    page = send(admin, "01", "taobao")

    run = Import.objects.get()
    assert (run.state, run.counts["created"], page.context["questions"]) == ("checked", 5, [])
    assert "淘宝" in page.context["profile"]
    assert not page.context["is_open"]  # the columns are folded away
    form = page.context["form"]
    admin.post(reverse("desk:import_run", args=[run.pk]), {name: field.value() for name, field in fields_of(form)})
    assert Order.objects.count() == 5


def fields_of(form: ChoicesForm) -> list[tuple[str, BoundField]]:
    return [(name, form[name]) for name in form.fields]


def test_what_is_open_is_asked_in_words_and_the_next_file_asks_nothing(admin: Client) -> None:
    page = send(admin, "16", "shop-16")
    run, form = Import.objects.get(), page.context["form"]

    assert [field.label for field in page.context["questions"]] == ["“1” (× 1)"]
    answers = {name: field.value() for name, field in fields_of(form)} | {form.questions[0]: "cancelled"}
    page = admin.post(reverse("desk:import_run", args=[run.pk]), answers, follow=True)
    assert (page.context["questions"], page.context["run"].counts["created"]) == ([], 59)

    again = send(admin, "16", "shop-16")
    assert (again.context["questions"], again.context["run"].counts["unchanged"]) == ([], 59)


def test_the_order_of_day_and_month_is_asked_with_samples(admin: Client) -> None:
    page = send(admin, "15", "shop-15")

    (question,) = page.context["questions"]
    assert question.label == "In which order are the parts of 10/8/2026 9:30, 08/10/2026, 26/10/8?"
    answers = {name: field.value() for name, field in fields_of(page.context["form"])} | {"date_order": "mdy"}
    page = admin.post(reverse("desk:import_check", args=[Import.objects.get().pk]), answers, follow=True)
    assert page.context["run"].counts["rejected"] == 2


def test_a_profile_is_tried_exported_and_read_elsewhere(admin: Client) -> None:
    page = send(admin, "25", "shop-25")
    run = Import.objects.get()
    answers = {name: field.value() for name, field in fields_of(page.context["form"])} | {"paid": "订单金额"}
    admin.post(reverse("desk:import_run", args=[run.pk]), answers)
    profile = ImportProfile.objects.get(source="shop-25")
    exported = admin.get(reverse("desk:import_profile_export", args=[profile.pk])).content
    admin.post(reverse("desk:import_profile_delete", args=[profile.pk]))
    assert not ImportProfile.objects.exists()

    refused = admin.post(reverse("desk:import_profiles"), {"file": SimpleUploadedFile("p.json", b"{}")})
    admin.post(reverse("desk:import_profiles"), {"file": SimpleUploadedFile("p.json", exported)})

    assert refused.status_code == 422
    send(admin, "25", "another")
    other = Import.objects.latest("pk")
    assert other.mapping["paid"] == "实付款"
    admin.post(reverse("desk:import_use_profile", args=[other.pk]), {"profile": "shop-25"})
    other.refresh_from_db()
    assert other.mapping["paid"] == "订单金额"


def test_signs_that_can_be_read_in_several_ways_are_shown_in_each(admin: Client) -> None:
    page = send(admin, "17", "shop-17")
    run = Import.objects.get()
    if page.context["doubts"]:
        admin.post(reverse("desk:import_reading", args=[run.pk]), {"encoding": "big5hkscs"})
        page = admin.get(reverse("desk:import", args=[run.pk]))

    assert page.context["sample"][0][3] == "陳怡君"


def test_a_chinese_name_of_a_source_is_stored_in_letters_and_shown(admin: Client) -> None:
    page = send(admin, "01", " 淘宝旗舰店 ")

    assert Import.objects.get().source == "taobaoqijiandian"
    assert "The source is stored as “taobaoqijiandian”." in page.content.decode()
    assert "stored as" not in send(admin, "01", "Shop_2").content.decode()
    assert {run.source for run in Import.objects.all()} == {"taobaoqijiandian", "Shop_2"}


@pytest.mark.parametrize("name", ["！！", "上海某某某某贸易有限公司官方旗舰店"])
def test_a_name_of_which_no_code_can_be_made_is_refused_beside_its_field(admin: Client, name: str) -> None:
    page = send(admin, "01", name)

    assert page.status_code == 422
    assert page.context["form"].errors["source"]
    assert not Import.objects.exists()


def test_an_open_question_is_asked_once_more_before_the_rest_goes_in(admin: Client) -> None:
    page = send(admin, "16", "shop-16")
    run, form = Import.objects.get(), page.context["form"]
    said = {name: field.value() for name, field in fields_of(form)}

    asked = admin.post(reverse("desk:import_run", args=[run.pk]), said)

    assert asked.status_code == 422
    assert "1 question is open." in asked.content.decode()
    assert "1 row would be refused." in asked.content.decode()
    assert not Order.objects.exists()
    admin.post(reverse("desk:import_run", args=[run.pk]), said | {"rest": "1"})
    assert Order.objects.count() == 58
