"""The Celery doors: what the timetable and old messages name is there, and does what the timetable says."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from complaints.cases import lifecycle, surveys
from complaints.models import Case, Clock, Department, ServicePrompt, Survey
from core.accounts.models import Role, User
from core.jobs.models import JobRun
from core.outbox import delivery, posting, webhooks
from core.outbox.models import Message, WebhookEvent
from core.outbox.webhooks import Event
from crm.celery import TIMETABLE, app
from crm.flows import tasks
from customers.models import Customer
from loyalty.notices import Kind
from tests.complaints.conftest import (
    LogCase,
    again,
    chen,
    desk,
    join,
    lead,
    li_lei,
    log_case,
    solved,
    wang,
)
from tests.conftest import MakeUser

__all__ = ["chen", "desk", "lead", "li_lei", "log_case", "wang"]

TASKS = (
    "plan_nights",
    "reconcile",
    "work_night",
    "help_night",
    "work_import",
    "watch_complaints",
    "rest_complaints",
    "release_reservations",
    "deliver",
    "deliver_webhooks",
)


@pytest.mark.parametrize("name", TASKS)
def test_a_message_of_before_the_move_finds_the_same_task(name: str) -> None:
    app.loader.import_default_modules()
    app.finalize()

    assert app.tasks[f"crm.tasks.{name}"] is app.tasks[f"crm.flows.tasks.{name}"]


def test_the_timetable_names_tasks_that_exist() -> None:
    app.loader.import_default_modules()
    app.finalize()

    named = {task for task, _schedule, _expires in TIMETABLE.values()}
    assert named <= set(app.tasks)
    # These three are sent by others: to the worker of a night, of a part of it, of an import.
    assert {f"crm.flows.tasks.{name}" for name in TASKS} - named == {
        "crm.flows.tasks.work_night",
        "crm.flows.tasks.help_night",
        "crm.flows.tasks.work_import",
    }


def test_what_has_an_hour_does_not_stand_behind_what_takes_long_or_waits_for_others() -> None:
    queues = {name: app.amqp.router.route({}, f"crm.flows.tasks.{name}")["queue"].name for name in TASKS}

    assert {name for name, queue in queues.items() if queue == "long"} == {"work_night", "help_night", "work_import"}
    assert {name for name, queue in queues.items() if queue == "out"} == {"deliver", "deliver_webhooks"}
    assert set(queues.values()) == {"clocks", "long", "out"} < set(app.amqp.queues)
    alive = {
        queue: app.amqp.router.route({}, f"crm.operating.tasks.alive_{queue}")["queue"].name
        for queue in queues.values()
    }
    assert alive == {queue: queue for queue in alive}


def test_a_look_that_nobody_had_time_for_is_dropped_when_the_next_one_comes() -> None:
    for task, when, expires in TIMETABLE.values():
        pause = when if isinstance(when, float) else 3600 / len(when.minute)
        assert expires == pause, task
        [entry] = [entry for entry in app.conf.beat_schedule.values() if entry["task"] == task]
        assert entry["options"] == {"expires": expires}


# By itself -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_solved_case_closes_by_itself_and_its_prompt_and_question_run_out(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    long_ago = timezone.now() - timedelta(days=100)
    case = log_case(li_lei, at=timezone.now())
    lifecycle.resolve(case.pk, by=wang, at=timezone.now(), **solved())
    Case.objects.filter(pk=case.pk).update(close_at=long_ago)
    surveys.send(Survey.objects.get().pk, at=long_ago)
    ServicePrompt.objects.update(valid=(long_ago, long_ago + timedelta(days=90)))

    tasks.rest_complaints()

    assert again(case).status == Case.Status.CLOSED
    assert Survey.objects.get().state == Survey.State.EXPIRED
    assert ServicePrompt.objects.get().status == ServicePrompt.Status.EXPIRED


@pytest.mark.django_db
def test_every_minute_what_ran_out_is_told_and_what_is_nobodys_is_handed_out(
    log_case: LogCase, li_lei: Customer, wang: User, lead: User
) -> None:
    Department.objects.update(head=lead)
    case = log_case(li_lei, at=timezone.now())
    past = timezone.now() - timedelta(minutes=1)
    Clock.objects.filter(case=case).update(due_at=past, look_at=past)
    join(wang, case.queue.code)

    tasks.watch_complaints()

    assert (again(case).owner, again(case).breached) == (wang, True)


@pytest.mark.django_db(transaction=True)
def test_what_waits_in_the_outbox_is_sent(make_user: MakeUser) -> None:
    wang = make_user(name="Wang Fang", email="wang@example.com")
    delivery.queue(
        wang.pk, channel=Message.Channel.EMAIL, dedupe_key="1", subject="Case C-1 is yours", at=timezone.now()
    )

    tasks.deliver()

    assert [message.to for message in mail.outbox] == [["wang@example.com"]]


@pytest.mark.django_db(transaction=True)
def test_what_happened_is_told_to_the_webhooks(make_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    monkeypatch.setattr(posting, "post", lambda *_: 204)
    kind = Kind.POINTS_EARNED
    webhooks.register("https://shop.example/", events=[kind], by=make_user(Role.ADMINISTRATOR), at=timezone.now())
    webhooks.store([Event(kind, timezone.now(), {})], webhooks.wanted(kind), at=timezone.now())

    tasks.deliver_webhooks()

    assert WebhookEvent.objects.get().state == WebhookEvent.State.SENT


@pytest.mark.django_db
def test_the_night_that_is_due_is_planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    three_in_the_morning = datetime(2026, 11, 17, 19, tzinfo=UTC)
    monkeypatch.setattr(tasks.timezone, "now", lambda: three_in_the_morning)

    tasks.plan_nights()
    tasks.plan_nights()

    assert JobRun.objects.get().business_date == date(2026, 11, 18)


def test_the_systems_of_the_mall_are_told_within_seconds() -> None:
    every = {task: when for task, when, _expires in TIMETABLE.values()}

    assert every["crm.flows.tasks.deliver_webhooks"] <= 15.0
