"""The Celery doors: what the timetable and old messages name is there."""

import pytest

from crm.celery import TIMETABLE, app

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

    assert {task for task, _schedule in TIMETABLE.values()} <= set(app.tasks)
