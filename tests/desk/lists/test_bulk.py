"""Many at once from the list: chosen, asked, done, undone; taken away as a file, agreed to, fetched once."""

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import AuditEntry, Role, User
from core.jobs import bulk
from core.jobs.models import BulkItem, BulkRun, ExportPart
from core.lib import csv_cells
from core.outbox.models import Message
from crm.desk.bulk.kinds import KINDS
from crm.desk.today import today
from crm.flows.tasks import forget_files
from customers.models import Customer, CustomerLabel, Label, Todo
from customers.record import labels
from tests.conftest import NOW, MakeCustomer, MakeUser
from tests.customers.reading.files import read

pytestmark = pytest.mark.django_db
Asked = Mapping[str, Any]
# What a spreadsheet would calculate, or take for something that it is not.
SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
HOSTILE = [
    *(f"{sign}1+1" for sign in SIGNS),
    *(f"{sign}cmd|' /C calc'!A0" for sign in SIGNS),
    *(f" {sign}SUM(A1)" for sign in SIGNS),
    *(f'\u200b{sign}HYPERLINK("http://x")' for sign in SIGNS),
    "'=1+1",
    "''=1",
    "'",
    "a'b",
    '="00138"',
    "https://example.com",
    "00138001380",
    "1e5",
]


@pytest.fixture
def lead(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.TEAM_LEAD, "Qian", team="East")
    client.force_login(user)
    return user


@pytest.fixture
def people(make_customer: MakeCustomer, lead: User) -> list[Customer]:
    return [make_customer(name, city=city) for name, city in (("李雷", "杭州"), ("韩梅梅", "上海"), ("Tom", "宁波"))]


def ask(client: Client, kind: str, sent: Asked, query: str = "") -> Any:
    return client.post(reverse("desk:bulk_ask", args=["customers", kind]) + query, sent)


def start(client: Client, kind: str, sent: Asked, query: str = "") -> Any:
    """As somebody does it: the form is fetched, filled in and sent."""
    form = ask(client, kind, sent, query).context["form"]
    hidden = {"expected": form.initial["expected"], "key": str(form.initial["key"])}
    return client.post(reverse("desk:bulk_start", args=["customers", kind]) + query, {**hidden, **sent})


def said(client: Client) -> list[tuple[str, str]]:
    return [(str(message), message.extra_tags) for message in client.get("/customers/").context["messages"]]


def test_those_that_are_ticked_are_labelled_and_it_is_taken_back(client: Client, people: list[Customer]) -> None:
    page = client.get("/customers/").content.decode()
    assert page.count('class="lk-tick"') == 3
    assert 'id="bulk-bar"' in page
    ids = [people[0].pk, people[1].pk]
    asked = ask(client, "label", {"ids": ids})
    assert asked.context["form"].count == 2
    answer = start(client, "label", {"ids": ids, "way": "on", "name": "双十一"}, "?city=any.杭州")
    assert answer.status_code == 302
    assert answer.url.startswith("/customers/?city=")
    label = Label.objects.get()
    assert set(CustomerLabel.objects.values_list("customer", flat=True)) == set(ids)
    run = BulkRun.objects.get()
    assert said(client) == [("Put the label “双十一” on: 2 customers", f"/bulk/{run.pk}/undo/")]
    shown = client.get(f"/customers/?label=any.{label.pk}")
    assert [row.customer for row in shown.context["page"].rows] == people[:2]

    again = start(client, "label", {"ids": [p.pk for p in people], "way": "on", "label": label.pk})
    assert again.status_code == 302
    assert said(client)[0][0] == "Put the label “双十一” on: 1 customer, 2 left out"
    client.post(f"/bulk/{run.pk}/undo/")
    assert set(CustomerLabel.objects.values_list("customer", flat=True)) == {people[2].pk}
    assert "Undone: 2 customers." in client.get(f"/bulk/{run.pk}/").content.decode()
    # The form of a new label sent twice, as by a double click: one label, one run, no refusal.
    form = ask(client, "label", {"ids": ids}).context["form"]
    sent = {"ids": ids, "way": "on", "name": "双击", "expected": 2, "key": str(form.initial["key"])}
    for _time in range(2):
        answer = client.post(reverse("desk:bulk_start", args=["customers", "label"]), sent)
        assert answer.status_code == 302
    assert Label.objects.filter(name="双击").count() == 1
    assert BulkRun.objects.count() == 3
    for sent in ({"way": "on"}, {"way": "on", "name": "x", "label": label.pk}, {"way": "off", "name": "x"}):
        assert start(client, "label", {"ids": ids, **sent}).status_code == 422


def test_all_that_the_list_shows_are_meant_as_they_are_then(
    client: Client, people: list[Customer], make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen", team="East", capacity=2)
    form = ask(client, "assign", {"all": "1"}, "?city=none.宁波").context["form"]
    assert "Chen: 0 + 2 of 2" in str(form["manager"])
    sent = {"all": "1", "manager": chen.pk, "why": "new book", "expected": 2, "key": str(form.initial["key"])}
    for number in range(21):
        make_customer(f"New {number}", city="苏州")
    url = reverse("desk:bulk_start", args=["customers", "assign"]) + "?city=none.宁波"
    answer: Any = client.post(url, sent)
    run = BulkRun.objects.get()
    assert answer.url == f"/bulk/{run.pk}/"
    page = client.get(answer.url).content.decode()
    assert "There were 2 when you looked, there are 23 now." in page
    assert "City" in page
    again: Any = client.post(url, sent)
    assert again.url == f"/bulk/{run.pk}/"  # sent twice: one run
    assert BulkRun.objects.count() == 1
    client.post(f"/bulk/{run.pk}/confirm/")
    bulk.work(run.pk, KINDS, now=timezone.now)
    assert Customer.objects.filter(manager=chen).count() == 23
    assert Customer.objects.get(pk=people[2].pk).manager is None


def test_a_task_stands_with_each_customer(client: Client, people: list[Customer], lead: User) -> None:
    sent = {"ids": [p.pk for p in people], "words": "Invite them", "due_on": today().isoformat(), "owner": "me"}
    assert start(client, "task", sent).status_code == 302
    assert set(Todo.objects.filter(owner=lead).values_list("customer", flat=True)) == {p.pk for p in people}
    assert "Invite them" in client.get("/").content.decode()
    late = {**sent, "due_on": (today() - timedelta(days=1)).isoformat()}
    assert start(client, "task", late).status_code == 422


def test_who_may_not_is_offered_nothing(client: Client, people: list[Customer], make_user: MakeUser) -> None:
    for role, offered in (
        (Role.ACCOUNT_MANAGER, ["Task…", "Label…", "Export"]),
        (Role.ASSISTANT, ["Task…", "Label…"]),
        (Role.SERVICE_LEAD, ["Export"]),
    ):
        client.force_login(make_user(role))
        assert [action.label for action in client.get("/customers/").context["actions"]] == offered
    assert ask(client, "assign", {"all": "1"}).status_code == 404
    assert ask(client, "label", {"all": "1"}).status_code == 404
    assert ask(client, "nonsense", {"all": "1"}).status_code == 404


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_11_a_file_is_safe_typed_fetched_once_and_gone(
    client: Client, lead: User, make_customer: MakeCustomer, people: list[Customer]
) -> None:
    assert len(HOSTILE) == 40
    for number, text in enumerate(HOSTILE):
        make_customer(f"Hostile {number}", city=text[:60])
        Customer.objects.filter(name=f"Hostile {number}").update(name=text)
    client.post("/customers/columns/", {"column": ["city", "registered", "value", "labels"]})
    for kind in ("csv", "xlsx"):
        answer = start(client, "export", {"all": "1", "format": kind, "purpose": "report"})
        run = BulkRun.objects.latest("pk")
        assert (answer.url, run.state, run.total) == (f"/bulk/{run.pk}/", BulkRun.State.DONE, 43)
        assert ExportPart.objects.filter(run=run, is_file=False).count() == 0
        assert all(b"Hostile" not in bytes(part.data) for part in ExportPart.objects.filter(run=run))
        assert "Fetch the file" in client.get(answer.url).content.decode()
        file = client.post(f"/bulk/{run.pk}/file/")
        assert file.status_code == 200
        data = file.content
        if kind == "csv":
            assert data.startswith(b"\xef\xbb\xbf")
            assert data.count(b"\r\n") == data.count(b"\n")
            head, *rows, foot = rows_of(data)
            assert (
                head == ["customer number", "name", "City", "Registered", "Current value", "Labels"] or len(head) == 6
            )
            names = [row[1] for row in rows]
            assert not [name for name in names if csv_cells.as_text(name) != name and not name.startswith("'")]
            assert [csv_cells.read_back(name) for name in names][-40:] == HOSTILE
            assert foot[0].startswith(f"# Laoke · #{run.pk} · Qian")
            assert len(foot) == 1
        else:
            with zipfile.ZipFile(io.BytesIO(data)) as book:
                sheet = book.read("xl/worksheets/sheet1.xml").decode()
                strings = "".join(book.read(name).decode() for name in book.namelist())
            assert "<f>" not in sheet
            assert "<hyperlink" not in sheet.lower()
            assert "A report for inside" in strings
        came_back = read(data)
        assert len(came_back.cells) == 43  # all but the last line, which says who took it
        assert [cells[1] for cells in came_back.cells][-40:] == HOSTILE
        assert AuditEntry.objects.filter(action="bulk.done", detail__sha256=run.outcome["sha256"]).exists()
        assert ExportPart.objects.filter(run=run).count() == 0
        gone = client.post(f"/bulk/{run.pk}/file/")
        assert gone.status_code == 410
        assert "fetched" in gone.content.decode()


def test_after_a_day_nothing_is_left_to_fetch(client: Client, people: list[Customer], make_user: MakeUser) -> None:
    start(client, "export", {"all": "1", "format": "csv", "purpose": "calls"})
    run = BulkRun.objects.get()
    client.force_login(make_user(Role.TEAM_LEAD, "Other", team="East"))
    assert client.post(f"/bulk/{run.pk}/file/").status_code == 404
    assert client.get(f"/bulk/{run.pk}/").status_code == 404
    client.force_login(run.by)
    forget_files()
    assert ExportPart.objects.exists()
    BulkRun.objects.update(finished_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert client.post(f"/bulk/{run.pk}/file/").status_code == 410
    forget_files()
    assert not ExportPart.objects.exists()


def test_what_is_shown_masked_is_not_in_the_file(client: Client, people: list[Customer], make_user: MakeUser) -> None:
    client.force_login(make_user(Role.SERVICE_LEAD))
    client.post("/customers/columns/", {"column": ["value", "city"]})
    start(client, "export", {"all": "1", "format": "csv", "purpose": "calls"})
    run = BulkRun.objects.get()
    BulkRun.objects.update(state="waiting", params={**run.params, "columns": ["customer", "value", "city"]})
    BulkItem.objects.update(state="waiting")
    ExportPart.objects.all().delete()
    bulk.work(run.pk, KINDS, now=timezone.now)
    head, *_rows = rows_of(client.post(f"/bulk/{run.pk}/file/").content)
    assert len(head) == 3
    assert "Current value" not in head


def test_11_over_the_limit_a_second_person_agrees(
    client: Client, people: list[Customer], lead: User, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.desk.bulk.export.most_of", lambda user: 2)
    officer = make_user(Role.PRIVACY_OFFICER, "Officer")
    sent = {"all": "1", "format": "csv", "purpose": "report"}
    assert "Beyond 2 rows a second person" in ask(client, "export", sent).context["note"]
    start(client, "export", sent)
    run = BulkRun.objects.get()
    assert run.state == BulkRun.State.APPROVAL
    assert Message.objects.filter(recipient=officer, kind="export_waits").count() == 1
    approve = reverse("desk:approval_approve", args=["export", run.pk])
    client.post(approve)  # oneself
    run.refresh_from_db()
    assert run.state == BulkRun.State.APPROVAL
    client.force_login(officer)
    assert "Export 3 customers as a file" in client.get("/approvals/").content.decode()
    assert client.get(f"/bulk/{run.pk}/").status_code == 403
    client.post(approve)
    run.refresh_from_db()
    assert (run.state, run.approved_by) == (BulkRun.State.WAITING, officer)
    bulk.work(run.pk, KINDS, now=timezone.now)
    client.force_login(lead)
    assert len(rows_of(client.post(f"/bulk/{run.pk}/file/").content)) == 5

    start(client, "export", sent)
    refused = BulkRun.objects.latest("pk")
    client.force_login(officer)
    client.post(reverse("desk:approval_refuse", args=["export", refused.pk]), {"reason": "Too many"})
    refused.refresh_from_db()
    assert (refused.state, refused.error) == (BulkRun.State.STOPPED, "Too many")
    assert Message.objects.filter(recipient=lead, kind="export_refused").count() == 1


def test_what_became_of_each_is_a_file_and_the_strip_follows(
    client: Client, people: list[Customer], lead: User
) -> None:
    label = labels.make("=Autumn", "red", by=lead, at=NOW)
    labels.give(label, [people[0].pk], by=lead, at=NOW)
    start(client, "label", {"ids": [p.pk for p in people], "way": "on", "label": label.pk})
    run = BulkRun.objects.get()
    answer: Any = client.post(f"/bulk/{run.pk}/results/")
    rows = rows_of(b"".join(answer.streaming_content))
    assert [row[2:] for row in rows[1:]] == [["Left out", "was so before"], ["Done", ""], ["Done", ""]]
    assert rows[1][:2] == [people[0].number, "李雷"]
    assert re.search(r'id="bulk-strip"\s*>', client.get("/bulk/strip/").content.decode())
    BulkRun.objects.update(state="running")
    assert "hx-get" in client.get("/bulk/strip/").content.decode()
    assert "bulk-strip" in client.get("/bell/count/").content.decode()
    client.post(f"/bulk/{run.pk}/stop/")
    run.refresh_from_db()
    assert run.stop_asked_at is not None


def test_labels_are_made_and_put_on_one_customer(client: Client, people: list[Customer], lead: User) -> None:
    assert client.post("/labels/new/", {"name": "Baby shop", "colour": "green"}).status_code == 302
    assert client.post("/labels/new/", {"name": "baby shop", "colour": "red"}).status_code == 422
    label = Label.objects.get()
    page = f"/customers/{people[0].pk}/"
    assert "Baby shop" in client.get(page).content.decode()
    client.post(f"{page}labels/give/", {"label": label.pk})
    assert labels.of(people[0]).count() == 1
    assert client.get("/labels/").context["rows"][0]["count"] == 1
    client.post(f"{page}labels/{label.pk}/take/")
    assert labels.of(people[0]).count() == 0
    client.post(f"{page}labels/{label.pk}/back/")
    assert labels.of(people[0]).count() == 1
    client.post(f"/labels/{label.pk}/change/", {"name": "Babies", "colour": "red"})
    client.post(f"/labels/{label.pk}/archive/")
    assert client.get("/labels/").context["archived"][0]["label"].name == "Babies"
    client.post(f"{page}labels/give/", {"label": label.pk})
    client.post(f"/labels/{label.pk}/restore/")
    assert labels.in_use().get() == label
