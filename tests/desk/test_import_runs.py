"""The plan of an import: what waits for a yes, before and after, calling it off, undoing it, and who told what last."""

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from crm.flows import arrival
from customers.identity import CustomerRef
from customers.imports import runs, waiting
from customers.models import Import, Order
from tests.conftest import NOW, TODAY, MakeUser, RecordOrder
from tests.customers.test_imports import upload

HEAD = "order_no,customer,date,paid,status\n"
FIRST = f"{HEAD}1,a,2026-11-01,100,paid\n2,a,2026-11-02,50,paid\n"
OTHER = f"{HEAD}1,b,2026-11-01,80,paid\n2,a,2026-11-03,50,paid\n3,a,2026-11-03,5,paid\n"


@pytest.fixture
def admin(client: Client, make_user: MakeUser) -> User:
    user = make_user(Role.ADMINISTRATOR, "Mina")
    client.force_login(user)
    return user


def sent(text: str) -> Import:
    return upload(text)


def at(name: str, run: Import) -> str:
    return reverse(f"desk:{name}", args=[run.pk])


def test_what_waits_is_shown_before_and_after_and_goes_in_after_a_yes(client: Client, admin: User) -> None:
    runs.run(sent(FIRST), by=None, at=NOW, today=TODAY)
    run = runs.run(sent(OTHER), by=admin, at=NOW, today=TODAY)

    page = client.get(at("import_plan", run))
    assert at("import_go", run) in page.content.decode()
    assert {row.label: row.rows for row in page.context["kinds"]} == {
        "Another customer": 1,
        "Another amount": 1,
        "Another day": 1,
    }
    first, second = page.context["page"].rows
    assert first.before is not None
    assert (str(first.before.paid), str(first.after.paid), first.after.who) == ("100.00", "80.00", "b")
    assert second.differs == {"day"}
    assert "2026-11-03" in page.content.decode()

    said = client.post(at("import_answer", run), {"kind": "day", "answer": "yes"}, follow=True)
    assert "1 row is answered." in said.content.decode()
    client.post(at("import_answer", run), {"row": first.row.pk, "answer": "no"})
    client.post(at("import_go", run))

    assert Order.objects.get(external_id="2").ordered_on.isoformat() == "2026-11-03"
    assert str(Order.objects.get(external_id="1").paid) == "100.00"
    client.post(at("import_answer", run), {"all": "1", "answer": "yes"})
    client.post(at("import_go", run))
    assert str(Order.objects.get(external_id="1").paid) == "80.00"
    assert "Nothing waits for a yes" in client.get(at("import_plan", run)).content.decode()


def test_an_answer_to_nothing_is_a_sentence(client: Client, admin: User) -> None:
    run = runs.run(sent(FIRST), by=None, at=NOW, today=TODAY)

    page = client.post(at("import_answer", run), {"row": "x", "answer": "yes"}, follow=True)

    assert "No such question waits. Look at the plan again." in page.content.decode()


def test_the_plan_does_not_go_in_while_a_question_is_open(client: Client, admin: User) -> None:
    run = runs.check(sent(f"{HEAD}1,a,2026-11-01,100,xyzzy\n2,a,2026-11-02,50,paid\n"), at=NOW)

    page = client.post(at("import_go", run), follow=True)

    assert page.redirect_chain[-1][0] == at("import", run)
    assert "A question about this file is open" in page.content.decode()
    assert Order.objects.count() == 0


def test_an_import_is_undone_with_one_button(client: Client, admin: User) -> None:
    run = sent(FIRST)
    client.post(at("import_go", run))
    assert Order.objects.count() == 2
    planned = client.get(at("import_plan", run)).content.decode()
    assert "can be undone until" in planned
    assert f'action="{at("import_undo", run)}"' in planned

    page = client.post(at("import_undo", run), follow=True)

    assert Order.objects.count() == 0
    assert "2 orders are gone" in page.content.decode()
    assert admin.auditentry_set.filter(action="import.undone").exists()


def test_undo_profiles_and_sources_have_a_door(client: Client, admin: User) -> None:
    run = sent(FIRST)
    client.post(at("import_go", run))

    assert at("import_undo", run) in client.get(at("import_plan", run)).content.decode()
    listed = client.get(reverse("desk:imports")).content.decode()
    assert reverse("desk:import_profiles") in listed
    assert f'href="{reverse("desk:import_sources")}"' in listed


def test_work_is_followed_and_called_off(client: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "AT_ONCE", 10)
    run = sent(FIRST)
    client.post(at("import_go", run))
    followed = client.get(at("import_plan", run)).content.decode()
    assert 'hx-trigger="every 2s"' in followed
    assert f'action="{at("import_cancel", run)}"' in followed
    assert "<html" not in client.get(at("import_plan", run), headers={"HX-Request": "true"}).content.decode()

    client.post(at("import_cancel", run))

    run.refresh_from_db()
    assert (run.state, waiting.to_issue(), Order.objects.count()) == ("cancelled", [], 0)
    assert client.get(at("import_plan", run), headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


def test_each_source_says_what_it_told_last(client: Client, admin: User, record_order: RecordOrder) -> None:
    address = reverse("desk:import_sources")
    assert "No source has told anything yet" in client.get(address).content.decode()
    runs.run(sent(FIRST), by=admin, at=NOW, today=TODAY)
    record_order(CustomerRef(source="till", external_id="t"), source="till", external_id="t-1")

    rows = {row.name: row for row in client.get(address).context["rows"]}

    assert (rows["shop"].files, rows["shop"].orders, rows["shop"].file.counts["rows"]) == (1, 0, 2)
    assert (rows["till"].file, rows["till"].orders) == (None, 1)
