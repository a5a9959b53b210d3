"""Runs as rows: who may take one over, and what is left of it then."""

from datetime import date, timedelta

import pytest

from core.jobs import leases, runs
from core.jobs.models import JobRun
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 16)


def test_work_whose_holder_never_spoke_is_to_be_had() -> None:
    run = runs.plan("night", DAY, at=NOW)
    JobRun.objects.filter(pk=run.pk).update(state=JobRun.State.RUNNING, heartbeat_at=None)

    assert runs.to_issue("night", at=NOW) == [run]
    taken = runs.claim(run.pk, at=NOW, holder="b")
    assert taken is not None
    assert (taken.holder, taken.fence) == ("b", 1)


def test_the_oldest_day_comes_first_and_no_two_at_a_time() -> None:
    first, second = (runs.plan("night", day, at=NOW) for day in (DAY, DAY + timedelta(days=1)))

    assert runs.claim(second.pk, at=NOW, holder="a") is None
    taken = runs.claim(first.pk, at=NOW, holder="a")
    assert taken is not None
    assert runs.claim(second.pk, at=NOW, holder="b") is None
    runs.finish(taken, at=NOW)
    assert runs.claim(second.pk, at=NOW, holder="b") is not None


def test_work_over_which_three_holders_died_is_given_up_until_a_person_asks_for_it() -> None:
    run, at = runs.plan("night", DAY, at=NOW), NOW
    for holder in "abc":
        assert runs.claim(run.pk, at=at, holder=holder) is not None
        at += leases.SILENT_AFTER + timedelta(seconds=1)

    assert runs.claim(run.pk, at=at, holder="d") is None
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "Its worker died 3 times in the same step.")
    assert runs.to_issue("night", at=at) == []
    asked = runs.ask_for("night", DAY, at=at)
    assert (asked.pk, asked.state, asked.attempts) == (run.pk, "waiting", 0)


def test_a_finished_run_that_is_asked_for_again_begins_anew() -> None:
    run = runs.claim(runs.plan("night", DAY, at=NOW).pk, at=NOW, holder="a")
    assert run is not None
    runs.advance(run, step="scores", at=NOW, scored=7)
    runs.finish(run, at=NOW)

    assert runs.claim(run.pk, at=NOW, holder="b") is None
    again = runs.claim(run.pk, at=NOW, holder="b", again=True)

    assert again is not None
    assert (again.step, again.cursor, again.counts, again.attempts) == ("", {}, {}, 1)


def test_work_whose_holder_spoke_just_now_is_not() -> None:
    run = runs.plan("night", DAY, at=NOW)
    runs.claim(run.pk, at=NOW, holder="a")

    assert runs.to_issue("night", at=NOW) == []
    assert runs.claim(run.pk, at=NOW, holder="b") is None
