"""The work of a day: opened once, in the right order, finished, undone, put off."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import Http404

from core.accounts.models import AuditEntry, Delegation, Role, User
from core.lib.errors import DomainError, Invalid
from customers import contacts, managers, todo
from customers.models import Contact, Customer, Standing, Todo
from customers.work import stakes
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db

YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="East")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


def task(customer: Customer, key: str, **told: Any) -> Todo:
    fields = {"reason": Todo.Reason.ALERT, "text": {}, "due_on": TODAY, "at": NOW, "dedupe_key": key}
    return todo.open_task(customer, **fields | told)


def of(amount: str) -> stakes.Stake:
    """So much is at stake, for certain."""
    return stakes.of(Todo.Reason.ALERT, value=Decimal(amount), risk=Decimal(1))


def test_opening_twice_is_once(li_lei: Customer) -> None:
    first = task(li_lei, "alert:1", stake=of("420.00"))

    assert task(li_lei, "alert:1", stake=of("1.00")) == first
    assert Todo.objects.get().at_stake == Decimal("420.00")
    rows = [
        Todo(customer=li_lei, reason="alert", due_on=TODAY, opened_at=NOW, dedupe_key=k) for k in ("alert:1", "b", "b")
    ]
    assert todo.open_many(rows) == 1
    assert Todo.objects.count() == 2


def test_overdue_promises_first_then_those_of_today_then_what_is_at_stake(
    chen: User, li_lei: Customer, make_customer: MakeCustomer
) -> None:
    small, large = task(li_lei, "s", stake=of("1")), task(li_lei, "l", stake=of("900"))
    due_today = task(li_lei, "p0", reason=Todo.Reason.PROMISE, stake=of("5"))
    overdue = task(li_lei, "p1", reason=Todo.Reason.PROMISE, due_on=YESTERDAY)
    task(li_lei, "later", due_on=TOMORROW)
    task(make_customer("韩梅梅"), "not mine")
    handed = task(make_customer("Tom"), "handed", owner=chen, stake=of("2"))

    assert list(todo.queue(chen, TODAY)) == [overdue, due_today, large, handed, small]


def test_an_assistant_works_the_managers_queue_within_the_dates(
    chen: User, li_lei: Customer, make_user: MakeUser
) -> None:
    aide = make_user(Role.ASSISTANT, "Aide")
    Delegation.objects.create(manager=chen, assistant=aide, starts_on=TODAY, ends_on=TODAY)
    theirs = task(li_lei, "a", owner=chen)

    assert list(todo.queue(aide, TODAY)) == [theirs]
    assert list(todo.queue(aide, TOMORROW)) == []


def test_finished_and_undone(chen: User, li_lei: Customer, make_user: MakeUser) -> None:
    open_ = task(li_lei, "a")

    done = todo.complete(open_.pk, by=chen, at=NOW)
    assert (done.state, done.closed_by, list(todo.queue(chen, TODAY))) == (Todo.State.DONE, chen, [])
    with pytest.raises(DomainError):
        todo.complete(open_.pk, by=chen, at=NOW)

    assert todo.reopen(open_.pk, by=chen, at=NOW).closed_at is None
    assert list(todo.queue(chen, TODAY)) == [open_]
    with pytest.raises(DomainError):
        todo.reopen(open_.pk, by=chen, at=NOW)
    with pytest.raises(Http404):
        todo.complete(open_.pk, by=make_user(Role.ACCOUNT_MANAGER, "Zhao"), at=NOW)
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "todo.completed",
        "todo.reopened",
    ]


def test_put_off_with_a_day_and_a_reason(chen: User, li_lei: Customer) -> None:
    open_ = task(li_lei, "a")
    for until, reason in ((TODAY, "later"), (TODAY + timedelta(days=91), "later"), (TOMORROW, " ")):
        with pytest.raises(Invalid):
            todo.snooze(open_.pk, by=chen, until=until, reason=reason, at=NOW)

    todo.snooze(open_.pk, by=chen, until=TOMORROW, reason="On a trip", at=NOW)

    assert list(todo.queue(chen, TODAY)) == []
    assert list(todo.queue(chen, TOMORROW)) == [open_]


def talk(customer: Customer, by: User, **told: Any) -> Contact:
    fields = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good", "note": "Fine"}
    return contacts.log_contact(customer, by=by, at=NOW, **fields | told)


def test_what_was_agreed_in_a_call_becomes_work(chen: User, li_lei: Customer) -> None:
    talk(li_lei, chen, next_contact_on=TOMORROW, promise="Send the catalogue", promise_due_on=TODAY)

    assert list(Todo.objects.order_by("id").values_list("reason", "due_on")) == [
        ("contact", TOMORROW),
        ("promise", TODAY),
    ]
    assert Customer.objects.get().next_contact_on == TOMORROW
    for wrong in ({"promise": "x"}, {"promise_due_on": TODAY}, {"next_contact_on": YESTERDAY}):
        with pytest.raises(Invalid):
            talk(li_lei, chen, **wrong)
    assert Contact.objects.count() == 1


def test_a_call_fulfils_the_planned_contact_unless_nobody_answered(chen: User, li_lei: Customer) -> None:
    planned = task(li_lei, "c", reason=Todo.Reason.CONTACT)
    li_lei.next_contact_on = TODAY
    li_lei.save()

    talk(li_lei, chen, outcome="no_answer")
    assert list(todo.queue(chen, TODAY)) == [planned]

    talk(li_lei, chen)
    assert list(todo.queue(chen, TODAY)) == []
    assert Customer.objects.get().next_contact_on is None


def test_a_customer_changes_hands(chen: User, li_lei: Customer, make_user: MakeUser) -> None:
    lead = make_user(Role.TEAM_LEAD, "Lead", team="East")
    zhao = make_user(Role.ACCOUNT_MANAGER, "Zhao", team="East", capacity=0)
    elsewhere = make_user(Role.ACCOUNT_MANAGER, "Wu", team="West")
    terms: dict[str, Any] = {"by": lead, "on": date(2026, 11, 17), "reason": "Chen is away", "at": NOW}

    customer, warning = managers.assign(li_lei, manager=zhao, **terms)

    assert (customer.manager, customer.manager_since, Standing.objects.get().manager) == (zhao, TODAY, zhao)
    assert warning == "Zhao now looks after 1 customers; the agreed most is 0."
    assert AuditEntry.objects.get().detail["before"] == chen.pk
    for refused, code in ((elsewhere, "other_team"), (make_user(Role.ANALYST), "not_a_manager")):
        with pytest.raises(DomainError) as refusal:
            managers.assign(li_lei, manager=refused, **terms)
        assert refusal.value.code == code
    assert managers.assign(li_lei, manager=None, **terms).customer.manager_since is None
