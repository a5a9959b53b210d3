"""Many cases and many alerts at once: done as by one press for each, and taken back where nobody has gone on since."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.cases import lifecycle
from complaints.models import Case, Queue
from core.accounts.models import Role, User
from core.jobs import bulk
from core.jobs.models import BulkItem, BulkRun
from crm.desk.bulk.kinds import KINDS
from crm.desk.today import now, today
from customers.models import CustomerLabel, Label, Todo
from segmentation import alerts
from segmentation.models import Alert
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.lists.test_work import a_case, an_alert, desk, lead

pytestmark = pytest.mark.django_db
__all__ = ["desk", "lead"]


def start(client: Client, list_: str, kind: str, sent: Mapping[str, Any]) -> BulkRun:
    """As somebody does it: the form is fetched, filled in and sent; few are done at once."""
    form = client.post(reverse("desk:bulk_ask", args=[list_, kind]), sent).context["form"]
    hidden = {"expected": form.initial["expected"], "key": str(form.initial["key"])}
    answer = client.post(reverse("desk:bulk_start", args=[list_, kind]), {**hidden, **sent})
    assert answer.status_code == 302, answer.context["form"].errors
    run = BulkRun.objects.latest("pk")
    assert run.state == BulkRun.State.DONE
    return run


def results(run: BulkRun) -> dict[int, tuple[str, str]]:
    return {item.target: (item.state, item.code) for item in BulkItem.objects.filter(run=run)}


def undone(client: Client, run: BulkRun) -> dict[int, tuple[str, str]]:
    assert client.post(reverse("desk:bulk_undo", args=[run.pk])).status_code == 302
    assert client.get(reverse("desk:bulk_run", args=[run.pk])).status_code == 200
    return results(run)


def test_cases_are_given_moved_and_set_before_others(
    client: Client, desk: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    li, tom = make_customer("李雷"), make_customer("Tom")
    mine, ended, other, unknown = (a_case(person, desk) for person in (li, li, tom, None))
    lifecycle.withdraw(ended.pk, by=desk, at=now(), reason="settled")
    agent = make_user(Role.SERVICE_AGENT, "Sun")
    before = {case.pk: case.owner_id for case in Case.objects.all()}
    ids = [mine.pk, ended.pk, other.pk, unknown.pk]

    run = start(client, "cases", "case_assign", {"ids": ids, "owner": agent.pk, "why": "holiday"})
    assert (run.changed, run.skipped) == (3, 1)
    assert results(run)[ended.pk] == ("skipped", "not_now")
    assert set(Case.objects.filter(owner=agent)) == {mine, other, unknown}
    page = client.get(reverse("desk:bulk_run", args=[run.pk])).content.decode()
    assert "Give to Sun" in page
    assert f"C-{ended.pk}" in page
    assert "not open any more" in page
    lifecycle.assign(other.pk, desk, by=desk, at=now())
    assert undone(client, run)[other.pk] == ("kept", "changed_since")
    assert {pk: owner for pk, owner in Case.objects.values_list("pk", "owner") if pk != other.pk} == {
        pk: owner for pk, owner in before.items() if pk != other.pk
    }

    one = Case.objects.get(pk=mine.pk)
    run = start(client, "cases", "case_priority", {"ids": ids, "to": 1, "why": "press"})
    assert set(Case.objects.filter(priority=1, priority_source="manual")) == {mine, other, unknown}
    lifecycle.prioritise(other.pk, 2, by=desk, at=now(), reason="not so bad")
    assert undone(client, run)[other.pk] == ("kept", "changed_since")
    back = Case.objects.get(pk=mine.pk)
    assert (back.priority, back.priority_source, back.priority_reason) == (
        one.priority,
        one.priority_source,
        one.priority_reason,
    )

    queue = Queue.objects.exclude(pk=mine.queue_id).first()
    assert queue
    run = start(client, "cases", "case_queue", {"ids": [mine.pk], "queue": queue.pk, "why": "theirs"})
    assert Case.objects.get(pk=mine.pk).queue == queue
    undone(client, run)
    assert (Case.objects.get(pk=mine.pk).queue_id, Case.objects.get(pk=mine.pk).owner_id) == (
        one.queue_id,
        one.owner_id,
    )

    run = start(client, "cases", "case_label", {"ids": ids, "way": "on", "name": "晚到"})
    label = Label.objects.get()
    assert set(CustomerLabel.objects.values_list("customer", flat=True)) == {li.pk, tom.pk}
    assert results(run)[unknown.pk] == ("skipped", "nobody")
    assert sorted(results(run)[case.pk][0] for case in (mine, ended)) == ["done", "skipped"]
    undone(client, run)
    assert not CustomerLabel.objects.filter(label=label).exists()


def test_one_case_is_held_at_a_time_and_many_go_to_a_worker(
    client: Client, desk: User, make_customer: MakeCustomer, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has lost the right in the middle does no more; who works on one of them waits for one."""
    cases = [a_case(make_customer(f"C {n}"), desk) for n in range(3)]
    agent = make_user(Role.SERVICE_AGENT, "Sun")
    kind = KINDS["case_assign"]
    assert (kind.batch, kind.is_small(30), kind.is_small(31)) == (1, True, False)
    rows = Case.objects.filter(pk__in=[case.pk for case in cases])
    asked = bulk.Asked("cases", {"owner": agent.pk}, 3, "holiday")
    run = bulk.freeze(kind, rows, asked, by=desk, at=now())
    usual = lifecycle.assign
    given: list[int] = []

    def assign(pk: int, *args: Any, **kwargs: Any) -> Case:
        given.append(pk)
        if len(given) == 2:
            User.objects.filter(pk=desk.pk).update(roles=[Role.TEAM_LEAD])
        return usual(pk, *args, **kwargs)

    monkeypatch.setattr(lifecycle, "assign", assign)
    ended = bulk.work(run.pk, KINDS, now=timezone.now)
    assert ended
    assert (ended.state, ended.changed) == (BulkRun.State.STOPPED, 2)
    assert Case.objects.filter(owner=agent).count() == 2


def test_alerts_are_decided_put_off_and_labelled(
    client: Client, lead: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen", team="East")
    li, tom, far = make_customer("李雷", manager=chen), make_customer("Tom"), make_customer("Far")
    made = [an_alert(person) for person in (li, tom, far)]
    first, second, third = made
    third.state, third.closed_on = Alert.State.NO_RESPONSE, today()
    third.save()
    ids = [alert.pk for alert in made]

    run = start(client, "alerts", "alert_decide", {"ids": ids, "decision": "contact", "owner": ""})
    assert results(run)[third.pk] == ("skipped", "alert_closed")
    assert dict(Todo.objects.values_list("customer__name", "owner")) == {"李雷": chen.pk, "Tom": lead.pk}

    until = today() + timedelta(days=5)
    off = start(client, "alerts", "alert_put_off", {"ids": ids, "until": until.isoformat(), "why": "fair"})
    assert (off.changed, off.skipped) == (2, 1)
    assert set(Todo.objects.values_list("snoozed_until", "snooze_reason")) == {(until, "fair")}
    undone(client, off)
    assert set(Todo.objects.values_list("snoozed_until", "snooze_reason")) == {(None, "")}

    alerts.decide(second.pk, by=lead, decision="visit", at=now())
    assert undone(client, run) == {
        first.pk: ("undone", ""),
        second.pk: ("kept", "changed_since"),
        third.pk: ("skipped", "alert_closed"),
    }
    assert list(Alert.objects.order_by("pk").values_list("decision", flat=True)) == ["", "visit", ""]
    assert not Todo.objects.filter(alert_id=first.pk, state="open").exists()

    # What was decided before is decided so again, with its work as it was.
    alerts.decide(first.pk, by=lead, decision="offer", at=now() - timedelta(hours=1), owner=lead)
    had = Todo.objects.get(alert_id=first.pk)
    run = start(client, "alerts", "alert_decide", {"ids": [first.pk], "decision": "watch", "owner": str(chen.pk)})
    undone(client, run)
    work = Todo.objects.get(alert_id=first.pk)
    assert Alert.objects.get(pk=first.pk).decision == "offer"
    assert (work.owner, work.due_on, work.state, work.text) == (lead, had.due_on, had.state, had.text)

    run = start(client, "alerts", "alert_label", {"ids": ids, "way": "on", "name": "沉寂"})
    assert set(CustomerLabel.objects.values_list("customer__name", flat=True)) == {"李雷", "Tom", "Far"}
    assert "3 alerts" in client.get("/alerts/", follow=True).content.decode()


def test_each_list_offers_what_the_role_may(
    client: Client, desk: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    person = make_customer("李雷")
    a_case(person, desk)
    for role, on_cases, on_alerts in (
        (Role.SERVICE_LEAD, ["Give to…", "Queue…", "Priority…", "Label…"], ["Decide…", "Put off…"]),
        (Role.TEAM_LEAD, [], ["Decide…", "Put off…", "Label…"]),
        (Role.SERVICE_AGENT, [], None),
    ):
        client.force_login(make_user(role))
        answer = client.get("/complaints/?view=every", follow=True)
        assert [action.label for action in answer.context["actions"]] == on_cases
        answer = client.get("/alerts/?view=closed", follow=True)
        assert (answer.status_code == 403) is (on_alerts is None)
        if on_alerts is not None:
            assert [action.label for action in answer.context["actions"]] == on_alerts
    assert client.post(reverse("desk:bulk_ask", args=["cases", "case_assign"]), {"all": "1"}).status_code == 403
    client.force_login(make_user(Role.TEAM_LEAD, "Other"))
    for list_, kind in (("cases", "case_assign"), ("cases", "label"), ("alerts", "case_assign"), ("orders", "export")):
        assert client.post(reverse("desk:bulk_ask", args=[list_, kind]), {"all": "1"}).status_code == 404
    client.force_login(desk)
    an_alert(person)
    for address in ("/complaints/?view=all", "/alerts/?view=open", "/customers/"):
        page = client.get(address, follow=True).content.decode()
        for part in ("lists.js", 'id="bulk-bar"', "data-tick-mode", "data-tick-page"):
            assert part in page, (address, part)
