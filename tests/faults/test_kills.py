"""Killed with -9 in the middle of a step: the night goes on where it stopped and ends as if nothing had been."""

import os
import signal
from collections.abc import Callable

from crm.jobs.models import JobRun
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve, done, planned
from tests.faults.processes import Processes, gone, kill, until, writes_wait

# What each step writes, so that a lock on it catches the worker in mid-step.
STEPS = {
    "summaries": "customers_summary",
    "fit": "segmentation_fit",
    "scores": "customers_standing",
    "tiers": "loyalty_membership",
    "points": "loyalty_pointtxn",
    "campaigns": "loyalty_couponcampaign",
    "notify": "outbox_message",
    "complaints": "complaints_silentsign",
}


def strike_in(step: str, strike: Callable[[int], object]) -> None:
    """`strike` gets the process that works the night, while it is in the middle of this step."""
    with writes_wait(STEPS[step]) as lock:
        caught = lock.caught()
        held = JobRun.objects.get(business_date=NIGHT)
        assert held.cursor.get("done", []) == list(STEPS)[: list(STEPS).index(step)]
        strike(int(held.holder.rpartition(":")[2]))
    until(lambda: gone(caught), "the session of the dead has ended")


def test_the_working_child_killed(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    expected = undisturbed("rebuilding")
    eve("rebuilding")
    planned()
    [worker] = processes.crew()

    strike_in("scores", lambda pid: os.kill(pid, signal.SIGKILL))
    until(done, "the night is done")

    assert digest.digest() == expected
    assert worker.poll() is None
    assert JobRun.objects.get(business_date=NIGHT).fence == 2


def test_whole_workers_killed_in_every_step(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    expected = undisturbed()
    eve()
    planned()
    workers = {worker.pid: worker for worker in processes.crew(*[f"{name}@mall" for name in ("one", *STEPS)])}

    for step in STEPS:
        strike_in(step, lambda pid: kill(workers[os.getpgid(pid)]))
    until(done, "the night is done")

    assert digest.digest() == expected
    assert [worker.poll() for worker in workers.values()].count(-signal.SIGKILL) == len(STEPS)
