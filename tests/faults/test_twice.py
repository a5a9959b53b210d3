"""The same night started twice at the same time, and two nights at once."""

from datetime import timedelta

from django.utils import timezone

from core.jobs import leases, runs
from core.jobs.models import JobRun
from crm.flows import nightly
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve, planned
from tests.faults.processes import Processes, said, until, writes_wait

STEPS = [name for name, _work in nightly.STEPS]


def worked_by_two(processes: Processes, *options: str) -> list[list[str]]:
    """What two processes say that were let go at the same moment, each with the night before it."""
    with writes_wait("jobs_jobrun", "ACCESS EXCLUSIVE") as start:
        two = [processes.night(NIGHT.isoformat(), *options) for _ in range(2)]
        start.caught(2)
    until(lambda: all(process.poll() is not None for process in two), "both have ended")
    return [[line for line in said(process).splitlines() if not line.startswith("20")] for process in two]


def test_a_night_started_twice_is_worked_once(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    expected = undisturbed()
    eve()

    told = worked_by_two(processes)

    assert sorted(told) == [["nothing to do"], [*(f"worked {step}" for step in STEPS), "done"]]
    assert digest.digest() == expected


def test_without_claim_and_fence_it_is_worked_twice(eve: Eve, processes: Processes) -> None:
    eve()

    told = worked_by_two(processes, "--unguarded")

    begun_twice = [step for step in STEPS if all(f"worked {step}" in lines for lines in told)]
    assert begun_twice


def test_nights_of_one_job_follow_each_other_oldest_first(eve: Eve) -> None:
    eve()
    older, newer = (runs.plan(nightly.JOB, NIGHT + timedelta(days=days), at=timezone.now()) for days in (0, 1))

    assert nightly.run(newer.business_date) is None
    held = runs.claim(older.pk, at=timezone.now(), holder="one")
    assert held is not None
    assert nightly.run(newer.business_date, again=True) is None
    runs.finish(held, at=timezone.now())

    assert nightly.run(newer.business_date) is not None


def test_a_person_may_pass_over_an_earlier_night_that_lies_dead(eve: Eve) -> None:
    eve()
    long_ago = timezone.now() - timedelta(hours=1)
    dead = runs.claim(planned().pk, at=long_ago, holder="dead")

    run = nightly.run(NIGHT + timedelta(days=1), again=True)

    assert dead is not None
    assert run is not None
    dead.refresh_from_db()
    assert (dead.state, dead.error) == (JobRun.State.FAILED, "Overtaken by the run of 2026-11-18.")
    assert runs.to_issue(nightly.JOB, at=timezone.now()) == []


def test_a_night_that_kills_its_worker_three_times_is_given_up_until_somebody_asks(eve: Eve) -> None:
    eve()
    run = planned()
    at = timezone.now() - timedelta(days=1)
    for _ in range(leases.GIVE_UP_AFTER):
        assert runs.claim(run.pk, at=at, holder="dies") is not None
        at += timedelta(hours=1)

    assert runs.claim(run.pk, at=at, holder="wiser") is None
    run.refresh_from_db()
    assert (run.state, run.error) == (JobRun.State.FAILED, "Its worker died 3 times in the same step.")
    assert runs.to_issue(nightly.JOB, at=at) == []

    runs.ask_for(nightly.JOB, NIGHT, at=at)

    assert nightly.run(NIGHT) is not None
