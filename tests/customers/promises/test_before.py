"""What was promised before there was a ledger is in it, open or ended as it was, with a keeper and an hour."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from complaints.cases import intake, remedies
from complaints.models import Category, Remedy
from complaints.setup import defaults
from core.accounts.models import Role, User
from customers.models import Customer, Promise, Todo
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SIX = datetime(2026, 11, 17, 10, tzinfo=UTC)


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


def task(customer: Customer, key: str, **told: Any) -> Todo:
    fields = {"reason": "promise", "text": {"promise": "call"}, "due_on": TODAY, "opened_at": SIX - 3 * DAY}
    return Todo.objects.create(customer=customer, dedupe_key=key, **fields | told)


def test_tasks_of_before_are_promises(li_lei: Customer, chen: User, make_user: MakeUser) -> None:
    liu = make_user(Role.SERVICE_AGENT, "Liu")
    done = {"state": "done", "closed_by": liu}
    rows = [
        task(li_lei, "promise:7"),
        task(li_lei, "call:3:1", owner=liu, due_at=SIX - timedelta(hours=1), text={"call": "C-3", "case": 3}),
        task(li_lei, "promise:8", closed_at=SIX + timedelta(hours=3), **done),
        task(li_lei, "promise:9", closed_at=SIX + DAY, **done),
        task(li_lei, "promise:demo:1", state="dropped", closed_at=SIX),
    ]
    task(li_lei, "c", reason="contact")

    for _time in range(2):
        import_module("customers.migrations.0021_promises_of_before").into_the_ledger(apps, None)

    told = [Todo.objects.get(pk=row.pk).promise for row in rows]
    assert [(row.source, row.source_id, row.ordinal) for row in told if row] == [
        ("talk", 7, 0),
        ("complaint", 3, 1),
        ("talk", 8, 0),
        ("talk", 9, 0),
        ("other", rows[4].pk, 0),
    ]
    assert [row.state for row in told if row] == ["open", "open", "kept", "late", "void"]
    assert [row.owner for row in told if row] == [chen, liu, chen, chen, chen]
    assert Todo.objects.get(pk=rows[0].pk).due_at == SIX
    assert Promise.objects.count() == len(rows)


def test_remedies_of_before_are_promises(li_lei: Customer, make_user: MakeUser) -> None:
    defaults.install(at=NOW - DAY)
    liu = make_user(Role.SERVICE_AGENT, "Liu")
    late = Category.objects.get(code="delivery-late")
    case = intake.log(li_lei, category=late, channel="phone", by=liu, at=NOW, description="没到").case
    terms: dict[str, Any] = {"kind": "apology", "reason": "没到", "by": liu, "at": NOW}
    for n in range(2):
        remedies.propose(case.pk, client_key=str(n), promised_at=NOW + DAY, **terms)
    remedies.issue(Remedy.objects.order_by("pk")[0].pk, by=liu, at=NOW + 2 * DAY)
    Promise.objects.all().delete()

    import_module("complaints.migrations.0008_promised_remedies").into_the_ledger(apps, None)

    rows = Promise.objects.order_by("pk")
    assert [(row.source, row.state, row.owner, row.todo.state) for row in rows] == [
        ("remedy", "late", liu, "done"),
        ("remedy", "open", liu, "open"),
    ]
