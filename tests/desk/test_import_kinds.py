"""Files of customers, products and refunds on their pages: what the rows are, what waits, what was undone."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role
from core.outbox.models import Message
from crm.desk.today import now, today
from crm.flows import arrival, tasks
from customers.models import Customer, Import
from customers.record import writing
from customers.record.facts import Facts
from tests.conftest import MakeCustomer, MakeUser

MEMBERS = "会员号,姓名,城市,手机号,生日\nc-1,李雷,杭州,13800138000,05-01\nc-2,韩梅梅,上海,,\n"
OPEN = "会员号,手机号,日期,金额,生日,注册时间\nc-1,13800138000,2026-11-01,10,1985-05-01,2024-01-01\n"


@pytest.fixture
def admin(client: Client, make_user: MakeUser) -> Client:
    client.force_login(make_user(Role.ADMINISTRATOR))
    return client


def send(client: Client, text: str, **data: str) -> Import:
    file = SimpleUploadedFile("members.csv", text.encode())
    client.post(reverse("desk:imports"), {"source": "shop", "file": file} | data)
    return Import.objects.order_by("-pk")[0]


def test_a_file_of_members_is_checked_by_itself_and_goes_in_with_one_press(admin: Client) -> None:
    run = send(admin, MEMBERS)

    assert (run.kind, run.state, run.counts["created"], Customer.objects.count()) == ("customers", "checked", 2, 0)
    page = admin.get(reverse("desk:import", args=[run.pk]))
    assert "Customers" in page.content.decode()
    assert "13800138000" not in page.content.decode()
    admin.post(reverse("desk:import_go", args=[run.pk]))
    assert Customer.objects.count() == 2
    plan = admin.get(reverse("desk:import_plan", args=[run.pk]))
    assert [(row.label, row.orders) for row in plan.context["counted"]][:2] == [("Created", 2), ("Updated", 0)]
    admin.post(reverse("desk:import_undo", args=[run.pk]))
    assert Customer.objects.count() == 0
    assert "2 are gone" in admin.get(reverse("desk:import_plan", args=[run.pk])).content.decode()


def test_where_the_columns_fit_two_kinds_the_page_asks(admin: Client) -> None:
    run = send(admin, OPEN)
    address = reverse("desk:import", args=[run.pk])

    assert [name for name, _label in admin.get(address).context["kinds"]] == ["orders", "customers"]
    assert run.state == "uploaded"
    admin.post(reverse("desk:import_kind", args=[run.pk]), {"kind": "customers"})
    page = admin.get(address)

    run.refresh_from_db()
    assert (run.kind, page.context["kinds"]) == ("customers", [])
    assert "registered_on" in page.context["form"].fields


def test_what_somebody_says_at_the_upload_is_not_asked(admin: Client) -> None:
    run = send(admin, OPEN, kind="customers")

    assert (run.kind, run.state) == ("customers", "checked")


def test_a_kind_that_there_is_not_is_not_taken(admin: Client) -> None:
    run = send(admin, OPEN)

    page = admin.post(reverse("desk:import_kind", args=[run.pk]), {"kind": "invoices"})

    run.refresh_from_db()
    assert (page.status_code, run.kind) == (200, "orders")


def test_a_value_that_somebody_wrote_is_shown_before_and_after(
    admin: Client, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    lead = make_user(Role.TEAM_LEAD)
    writing.correct(make_customer(external_id="c-1"), Facts(city="苏州"), by=lead, at=now(), today=today())
    run = send(admin, MEMBERS)

    page = admin.get(reverse("desk:import_plan", args=[run.pk]))

    (question,) = page.context["page"].rows
    assert (question.told.before, question.told.after) == ([("City", "苏州")], [("City", "杭州")])
    admin.post(reverse("desk:import_answer", args=[run.pk]), {"row": question.row.pk, "answer": "yes"})
    admin.post(reverse("desk:import_go", args=[run.pk]))
    assert Customer.objects.get(identities__external_id="c-1").city == "杭州"


def test_the_columns_of_a_file_of_members_can_be_said_otherwise(admin: Client) -> None:
    run = send(admin, "会员号,姓名,爱称,手机号,生日\nc-1,李雷,小雷,13800138000,05-01\n")

    admin.post(reverse("desk:import_run", args=[run.pk]), {"customer": "会员号", "name": "爱称", "phone": "手机号"})

    assert Customer.objects.get().name == "小雷"


def test_a_large_file_is_left_to_a_worker_who_tells_what_became_of_it(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "AT_ONCE", 10)
    run = send(admin, MEMBERS)
    tasks.work_import(run.pk)
    admin.post(reverse("desk:import_go", args=[run.pk]))
    tasks.work_import(run.pk)

    run.refresh_from_db()
    assert (run.state, Customer.objects.count()) == ("done", 2)
    assert Message.objects.filter(kind="record_imported").count() == 1
