"""My day through HTTP: with script the day comes back in place, without it a plain form does the same."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.accounts.models import Role, User
from core.jobs.models import JobRun
from crm.desk.today import today
from customers import contacts, todo
from customers.models import Customer, Todo
from customers.work import stakes
from tests.conftest import MakeCustomer, MakeUser

HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/"}


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    client.force_login(user)
    return user


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


def task(customer: Customer, key: str = "p-1", reason: str = Todo.Reason.PROMISE) -> Todo:
    return todo.open_task(
        customer, reason=reason, text={"promise": "send the sample"}, due_on=today(), at=timezone.now(), dedupe_key=key
    )


def test_done_answers_with_the_day_as_it_now_is_and_the_way_back(client: Client, li_lei: Customer) -> None:
    done, stays = task(li_lei), task(li_lei, "p-2")

    answer = client.post(reverse("desk:todo_done", args=[done.pk]), **HTMX)

    page = answer.content.decode()
    assert f'id="todo-{done.pk}"' not in page
    assert f'id="todo-{stays.pk}"' in page
    assert "<html" not in page
    toast = json.loads(answer["HX-Trigger"])["toast"]
    assert toast["text"] == "Done: 李雷"
    assert toast["undo"] == {"url": reverse("desk:todo_reopen", args=[done.pk]), "target": "#day", "swap": "outerHTML"}
    assert f'id="todo-{done.pk}"' in client.post(toast["undo"]["url"], **HTMX).content.decode()


def test_without_script_the_page_offers_the_way_back(client: Client, li_lei: Customer) -> None:
    done = task(li_lei)

    page = client.post(reverse("desk:todo_done", args=[done.pk]), follow=True).content.decode()

    assert page.count(f'action="{reverse("desk:todo_reopen", args=[done.pk])}"') == 2  # in the message and in the list
    assert "1 done today" in page


def test_what_is_done_already_is_told_and_not_done_twice(client: Client, li_lei: Customer) -> None:
    done = task(li_lei)
    client.post(reverse("desk:todo_done", args=[done.pk]))

    answer = client.post(reverse("desk:todo_done", args=[done.pk]), **HTMX)

    assert json.loads(answer["HX-Trigger"])["toast"] == {"text": "This task is closed already.", "tone": "error"}


def test_a_refused_put_off_keeps_what_was_typed(client: Client, li_lei: Customer) -> None:
    address = reverse("desk:todo_snooze", args=[task(li_lei).pk])

    for headers in ({}, HTMX):
        answer = client.post(address, {"until": today().isoformat(), "reason": "on a trip"}, **headers)
        assert answer.status_code == 422
        assert 'value="on a trip"' in answer.content.decode()
        assert "Choose a day within the next 90 days." in answer.content.decode()


def test_put_off_can_be_brought_back(client: Client, li_lei: Customer, chen: User) -> None:
    later = task(li_lei)
    data = {"until": (today() + timedelta(days=5)).isoformat(), "reason": "on a trip"}

    answer = client.post(reverse("desk:todo_snooze", args=[later.pk]), data, **HTMX)

    assert set(json.loads(answer["HX-Trigger"])) == {"closeDrawer", "toast"}
    assert list(todo.queue(chen, today())) == []
    assert "on a trip" in client.get(reverse("desk:my_day")).content.decode()
    client.post(reverse("desk:todo_reopen", args=[later.pk]))
    assert list(todo.queue(chen, today())) == [later]
    later.refresh_from_db()
    assert (later.snoozed_until, later.snooze_reason) == (None, "")


def test_the_queue_narrowed_to_a_reason_counts_its_rows(client: Client, li_lei: Customer) -> None:
    task(li_lei), task(li_lei, "p-2"), task(li_lei, "c-1", Todo.Reason.CONTACT)

    whole = client.get(reverse("desk:my_day")).context
    promises = client.get(reverse("desk:my_day"), {"reason": "promise"}).context

    assert [(chip.label, chip.count) for chip in whole["reasons"]] == [("Promise", 2), ("Planned contact", 1)]
    assert (whole["waiting"], len(whole["rows"])) == (3, 3)
    assert (promises["waiting"], len(promises["rows"])) == (2, 2)


def test_the_rest_is_shown_on_asking(client: Client, li_lei: Customer) -> None:
    for number in range(27):
        task(li_lei, f"p-{number}")

    first = client.get(reverse("desk:my_day")).context
    everything = client.get(reverse("desk:my_day") + first["rest"]).context

    assert (first["waiting"], len(first["rows"])) == (27, 25)
    assert (len(everything["rows"]), everything["rest"]) == (27, "")


def test_the_tile_of_contacts_counts_what_its_list_holds(
    client: Client, li_lei: Customer, chen: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    someone = make_customer("Tom", manager=make_user(Role.ACCOUNT_MANAGER, "Zhao"))
    talk = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good"}
    for person, days in ((li_lei, 0), (li_lei, 6), (li_lei, 9), (someone, 1)):
        contacts.log_contact(person, by=chen, at=timezone.now() - timedelta(days=days), note="fine", **talk)

    tile = client.get(reverse("desk:my_day")).context["contacts"]
    opened = client.get(reverse("desk:contacts")).context

    assert tile == opened["count"] == len(opened["page"].rows) == 2


def test_the_day_asks_the_database_no_more_for_twenty_tasks_than_for_one(
    client: Client, li_lei: Customer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    task(li_lei)
    client.get(reverse("desk:my_day"))
    with django_assert_num_queries(20, exact=False) as one:
        client.get(reverse("desk:my_day"))
    for number in range(20):
        task(li_lei, f"more-{number}")

    with django_assert_num_queries(len(one)):
        client.get(reverse("desk:my_day"))


def test_a_promise_to_the_hour_stands_first_says_its_hour_and_is_late_when_that_has_passed(
    client: Client, li_lei: Customer
) -> None:
    dear = todo.open_task(
        li_lei,
        reason="alert",
        text={},
        due_on=today(),
        at=timezone.now(),
        dedupe_key="a-1",
        stake=stakes.of("alert", value=Decimal(90_000), risk=Decimal(1)),
    )
    call = todo.open_task(
        li_lei,
        reason=Todo.Reason.PROMISE,
        text={"promise": "call back"},
        due_on=today(),
        due_at=timezone.now() - timedelta(minutes=1),
        at=timezone.now(),
        dedupe_key="call:1",
    )

    answer = client.get(reverse("desk:my_day"))

    first, second = answer.context["rows"]
    assert (first.todo, first.tone, first.pinned) == (call, "red", True)
    assert second.todo == dear
    assert f"{timezone.localtime(call.due_at):%H:%M}" in answer.content.decode()


def test_customers_without_a_manager_are_counted_for_the_lead_and_found(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, li_lei: Customer
) -> None:
    make_customer("韩梅梅")
    lead = make_user(Role.TEAM_LEAD, "Zhou", team="east")
    assert client.get(reverse("desk:my_day")).context["unassigned"] is None  # a manager has nobody to give away
    client.force_login(lead)

    counted = client.get(reverse("desk:my_day"))
    listed = client.get(reverse("desk:customers"), {"unassigned": "on"}).content.decode()

    assert counted.context["unassigned"] == 1
    assert "?manager=unknown" in counted.content.decode()
    assert ("韩梅梅" in listed, "李雷" in listed) == (True, False)


def test_a_lead_without_a_team_is_told_of_customers_without_a_manager_and_of_no_work_done_before_a_night(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    make_customer("韩梅梅")
    make_customer("李雷", manager=make_user(Role.ACCOUNT_MANAGER, "Sun"))
    make_customer("赵云", manager=make_user(Role.ACCOUNT_MANAGER, "Wu", team="west"))
    client.force_login(make_user(Role.TEAM_LEAD, "Zhou"))

    page = client.get(reverse("desk:my_day")).content.decode()
    listed = client.get(reverse("desk:customers")).content.decode()

    assert "1 customer has no manager yet" in page
    assert "?manager=unknown" in page
    assert "All done for today" not in page
    assert [name in listed for name in ("韩梅梅", "李雷", "赵云")] == [True, True, False]


def test_all_is_done_once_a_night_has_found_customers_and_nobody_waits_for_a_manager(
    client: Client, li_lei: Customer
) -> None:
    at = timezone.now()
    night = JobRun.objects.create(
        job="nightly", business_date=today(), state=JobRun.State.DONE, planned_at=at, finished_at=at
    )
    assert "All done for today" not in client.get(reverse("desk:my_day")).content.decode()

    JobRun.objects.filter(pk=night.pk).update(counts={"customers": 1})

    assert "All done for today" in client.get(reverse("desk:my_day")).content.decode()
