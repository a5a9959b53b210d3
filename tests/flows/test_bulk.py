"""Bulk runs over customers: the set as it was frozen, each once, whoever is killed; and only what is still so is undone.

`BULK_SEEN=4312` runs test 10 at its full size, and says how long each step took.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import Http404

from core.accounts.models import AuditEntry, Role, User
from core.jobs import bulk
from core.jobs.models import BulkItem, BulkRun
from core.lib.errors import DomainError
from core.outbox.models import Message
from crm.desk.bulk.kinds import KINDS as EXPORTING
from crm.flows.bulk.customers import ASSIGN, KINDS, LABEL, TASK, reached
from customers import managers
from customers.access import standings_of
from customers.lists import laws
from customers.models import Customer, CustomerLabel, Standing, Todo
from customers.record import labels
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

SEEN = int(os.environ.get("BULK_SEEN", "44"))
MORE = 78
FULL = SEEN > 1000
BATCH = 500 if FULL else 20
State = BulkRun.State


def now() -> datetime:
    return NOW


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Qian", team="East")


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"Customer {n}").pk for n in range(6)]


def many(count: int, first: int = 0) -> None:
    made = Customer.objects.bulk_create(
        Customer(number=f"M{first + n:07d}", name=f"M {first + n}", registered_on=TODAY) for n in range(count)
    )
    Standing.objects.bulk_create(Standing(customer=person) for person in made)


def frozen(kind: str, by: User, params: dict[str, Any], ids: Sequence[int] | None = None, **asked: Any) -> BulkRun:
    rows = standings_of(by, TODAY)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    told = bulk.Asked("customers", params, asked.pop("expected", rows.count()), **asked)
    return bulk.freeze(KINDS[kind], rows, told, by=by, at=NOW)


def worked(run: BulkRun, at: datetime = NOW) -> BulkRun:
    ended = bulk.work(run.pk, KINDS, now=lambda: at)
    assert ended is not None
    return ended


def killed_at(run: BulkRun, item: int) -> None:
    """A worker of its own takes the run, and is killed with -9 in the middle of the batch that holds this item."""
    kind = KINDS[run.kind]

    def do(run: BulkRun, ids: Sequence[int], at: datetime) -> bulk.Results:
        results = kind.do(run, ids, at)
        if BulkItem.objects.filter(run=run, target__in=ids, n=item).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return results

    connection.close()
    pid = os.fork()
    if pid == 0:
        try:
            bulk.work(run.pk, {run.kind: bulk.BulkKind(kind.name, kind.permission, kind.reached, do)}, now=now)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    with transaction.atomic():  # until PostgreSQL has seen that it is gone: whoever claims passes over a locked row
        BulkRun.objects.select_for_update().get(pk=run.pk)


@pytest.mark.django_db(transaction=True)
def test_10_a_killed_run_goes_on_and_undoing_leaves_alone_what_changed_since(
    lead: User, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", BATCH)
    west = make_user(Role.ACCOUNT_MANAGER, "Wang", team="West")
    many(SEEN + MORE)
    label = labels.make("Autumn", "red", by=lead, at=NOW)
    clock = [time.perf_counter()]

    def lap(what: str, count: int) -> None:
        clock.append(time.perf_counter())
        took = clock[-1] - clock[-2]
        if FULL:
            print(f"\n{what}: {count} in {took:.2f} s, {count / took:,.0f} a second")

    run = frozen(LABEL, lead, {"label": label.pk, "off": False}, expected=SEEN)
    lap("freeze", run.total)
    assert (run.state, run.expected, run.total) == (State.CONFIRM, SEEN, SEEN + MORE)
    assert bulk.work(run.pk, KINDS, now=now) is None
    assert not CustomerLabel.objects.exists()

    bulk.confirm(run.pk, KINDS, by=lead)
    many(3, first=100_000)  # who comes later is not among them
    killed_at(run, 2000 if FULL else 50)
    run.refresh_from_db()
    whole = 1500 if FULL else 40
    assert (run.state, run.changed) == (State.RUNNING, whole)
    assert CustomerLabel.objects.count() == whole

    last = list(Customer.objects.filter(number__lt="M0100000").order_by("-pk").values_list("pk", flat=True)[:5])
    managers.assign_many(last, manager=west, by=_boss(make_user), on=TODAY, reason="moves", at=NOW)
    assert bulk.work(run.pk, KINDS, now=now) is None  # it has spoken a moment ago
    clock.append(time.perf_counter())
    ended = worked(run, NOW + timedelta(minutes=10))
    lap("label", ended.changed - whole)
    assert (ended.state, ended.changed, ended.skipped, ended.failed) == (State.DONE, SEEN + MORE - 5, 5, 0)
    items = BulkItem.objects.filter(run=run)
    assert Counter(items.values_list("state", "code")) == {("done", ""): SEEN + MORE - 5, ("skipped", "not_yours"): 5}
    assert set(items.filter(state="skipped").values_list("target", flat=True)) == set(last)
    assert CustomerLabel.objects.count() == SEEN + MORE - 5

    changed = list(items.filter(state="done").order_by("-n").values_list("target", flat=True)[:7])
    labels.take(label, changed, by=lead, at=NOW)
    labels.give(label, changed[:3], by=lead, at=NOW)  # three by hand again
    bulk.undo(run.pk, KINDS, by=lead, at=NOW)
    clock.append(time.perf_counter())
    back = worked(run)
    lap("undo", back.undone)
    assert (back.state, back.undone, back.kept) == (State.UNDONE, SEEN + MORE - 12, 7)
    kept = items.filter(state="kept", code="changed_since")
    assert set(kept.values_list("target", flat=True)) == set(changed)
    assert set(CustomerLabel.objects.values_list("customer", flat=True)) == set(changed[:3])
    assert laws.BOOK.broken() == {}
    if FULL:
        run = frozen(ASSIGN, lead, {"manager": make_user(team="East").pk}, reason="new book")
        clock.append(time.perf_counter())
        lap("assign", worked(run).changed)
        for kind in ("csv", "xlsx"):
            columns = [
                "customer",
                "class",
                "type",
                "value",
                "last",
                "first",
                "orders",
                "days",
                "paid",
                "manager",
                "city",
            ]
            params = {"format": kind, "columns": columns, "purpose": "report", "language": "zh-hans"}
            told = bulk.Asked("customers", params, SEEN + MORE + 3, "report")
            run = bulk.freeze(EXPORTING["export"], standings_of(lead, TODAY), told, by=lead, at=NOW)
            BulkRun.objects.filter(pk=run.pk).update(state=State.WAITING)
            clock.append(time.perf_counter())
            export = bulk.work(run.pk, EXPORTING, now=now)
            assert export is not None
            lap(f"export as {kind}", export.changed)


def _boss(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD, "Boss")


@pytest.mark.django_db
def test_a_manager_is_assigned_and_each_customer_goes_back_to_where_they_were(
    lead: User, make_user: MakeUser, people: list[int]
) -> None:
    chen, li = (make_user(Role.ACCOUNT_MANAGER, name, team="East") for name in ("Chen", "Li"))
    managers.assign_many(people[:2], manager=chen, by=lead, on=TODAY - timedelta(days=9), reason="first", at=NOW)
    managers.assign_many(people[2:3], manager=li, by=lead, on=TODAY, reason="first", at=NOW)
    task = Todo.objects.create(
        customer_id=people[0], owner=chen, reason="contact", due_on=TODAY, opened_at=NOW, dedupe_key="t"
    )
    run = worked(frozen(ASSIGN, lead, {"manager": li.pk}, people, reason="Chen is away"))
    assert (run.state, run.changed, run.skipped) == (State.DONE, 5, 1)
    assert set(Standing.objects.filter(pk__in=people).values_list("manager", flat=True)) == {li.pk}
    task.refresh_from_db()
    assert task.owner == li
    assert Message.objects.filter(recipient=li, kind="bulk_given").count() == 1
    assert AuditEntry.objects.filter(action="customer.assigned", detail__reason="Chen is away").count() == 5
    assert run.undo_until == NOW + timedelta(days=7)

    managers.assign_many(people[5:], manager=chen, by=lead, on=TODAY, reason="mine", at=NOW)
    with pytest.raises(Http404):
        bulk.undo(run.pk, KINDS, by=chen, at=NOW)
    with pytest.raises(DomainError):
        bulk.undo(run.pk, KINDS, by=lead, at=NOW + timedelta(days=7))
    bulk.undo(run.pk, KINDS, by=lead, at=NOW)
    back = worked(run)
    assert (back.undone, back.kept) == (4, 1)
    whose = dict(Customer.objects.filter(pk__in=people).values_list("pk", "manager"))
    assert [whose[pk] for pk in people] == [chen.pk, chen.pk, li.pk, None, None, chen.pk]
    assert Customer.objects.get(pk=people[0]).manager_since == TODAY - timedelta(days=9)
    task.refresh_from_db()
    assert task.owner == chen
    assert laws.BOOK.broken() == {}


@pytest.mark.django_db
def test_tasks_are_opened_and_those_still_open_withdrawn(lead: User, people: list[int]) -> None:
    params = {"words": "Invite to the opening", "due_on": TODAY.isoformat(), "owner": lead.pk}
    run = worked(frozen(TASK, lead, params, people))
    tasks = Todo.objects.filter(owner=lead, text__words="Invite to the opening")
    assert (run.changed, tasks.count()) == (6, 6)
    tasks.filter(customer=people[0]).update(state=Todo.State.DONE, closed_at=NOW, closed_by=lead)
    bulk.undo(run.pk, KINDS, by=lead, at=NOW)
    back = worked(run)
    assert (back.undone, back.kept) == (5, 1)
    assert Counter(tasks.values_list("state", flat=True)) == {"dropped": 5, "done": 1}


@pytest.mark.django_db
def test_labels_are_taken_off_and_given_back_but_not_to_who_has_one_again(lead: User, people: list[int]) -> None:
    label = labels.make("Autumn", "red", by=lead, at=NOW)
    labels.give(label, people[:3], by=lead, at=NOW)
    run = worked(frozen(LABEL, lead, {"label": label.pk, "off": True}, people))
    assert (run.changed, run.skipped) == (3, 3)
    labels.give(label, people[:1], by=lead, at=NOW)
    bulk.undo(run.pk, KINDS, by=lead, at=NOW)
    back = worked(run)
    assert (back.undone, back.kept) == (2, 1)
    assert CustomerLabel.objects.filter(label=label).count() == 3


@pytest.mark.django_db
def test_a_run_is_asked_for_once_stopped_and_ends_with_who_asked(
    lead: User, people: list[int], make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 2)
    label = labels.make("Autumn", "red", by=lead, at=NOW)
    params = {"label": label.pk, "off": False}
    run = frozen(LABEL, lead, params, people)
    told = bulk.Asked("customers", params, 6, key=run.client_key)
    assert bulk.freeze(KINDS[LABEL], standings_of(lead, TODAY), told, by=lead, at=NOW) == run
    with pytest.raises(DomainError, match="Nobody is left"):
        frozen(LABEL, lead, params, [])
    agent = make_user(Role.SERVICE_AGENT, "Agent")
    with pytest.raises(DomainError):
        bulk.freeze(KINDS[LABEL], standings_of(lead, TODAY), told._replace(key=None), by=agent, at=NOW)

    def stopping(run: BulkRun, ids: Sequence[int], at: datetime) -> bulk.Results:
        results = KINDS[LABEL].do(run, ids, at)
        BulkRun.objects.filter(pk=run.pk).update(stop_asked_at=at)
        run.stop_asked_at = at
        return results

    kinds = {LABEL: bulk.BulkKind(LABEL, KINDS[LABEL].permission, reached, stopping)}
    stopped = bulk.work(run.pk, kinds, now=now)
    assert stopped is not None
    assert (stopped.state, stopped.changed) == (State.STOPPED, 2)
    assert bulk.can_undo(stopped, KINDS, at=NOW)

    waiting = frozen(LABEL, lead, params, people)
    assert bulk.stop(waiting.pk, by=lead, at=NOW).state == State.STOPPED
    gone = frozen(LABEL, lead, params, people)
    User.objects.filter(pk=lead.pk).update(is_active=False)
    assert worked(gone).state == State.STOPPED
    assert CustomerLabel.objects.count() == 2


@pytest.mark.django_db
def test_what_fails_three_times_in_one_place_is_given_up(lead: User, people: list[int]) -> None:
    label = labels.make("Autumn", "red", by=lead, at=NOW)
    run = frozen(LABEL, lead, {"label": label.pk, "off": False}, people)

    def broken(run: BulkRun, ids: Sequence[int], at: datetime) -> bulk.Results:
        raise ZeroDivisionError

    kinds = {LABEL: bulk.BulkKind(LABEL, KINDS[LABEL].permission, reached, broken)}
    for _attempt in range(3):
        assert bulk.to_issue(at=NOW) == [run.pk]
        with pytest.raises(ZeroDivisionError):
            bulk.work(run.pk, kinds, now=now)
    run.refresh_from_db()
    assert (run.state, run.error) == (State.FAILED, "ZeroDivisionError")
    assert bulk.to_issue(at=NOW) == []
