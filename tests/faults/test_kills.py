"""Killed with -9 in the middle of a step: the night goes on where it stopped and ends as if nothing had been."""

import os
import signal
from collections.abc import Callable

from crm.jobs.models import JobRun
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve, done, planned
from tests.faults.processes import Lock, Processes, gone, kill, no_writes, until, writes_wait

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
        caught = struck(lock, step, strike)
    until(lambda: gone(caught), "the session of the dead has ended")


def struck(lock: Lock, step: str, strike: Callable[[int], object]) -> list[int]:
    """The sessions that waited for the lock in this step when its process was struck."""
    caught = lock.caught()
    held = JobRun.objects.get(business_date=NIGHT)
    assert held.cursor.get("done", []) == list(STEPS)[: list(STEPS).index(step)]
    strike(int(held.holder.rpartition(":")[2]))
    return caught


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

    steps = list(STEPS)
    lock = no_writes(STEPS[steps[0]])
    for step, following in zip(steps, [*steps[1:], ""], strict=True):
        killed = struck(lock, step, lambda pid: kill(workers[os.getpgid(pid)]))
        # The next step is stopped before this one may go on: a quick worker would be past it.
        before, lock = lock, no_writes(STEPS[following]) if following else lock
        before.release()
        until(lambda pids=killed: gone(pids), "the session of the dead has ended")  # type: ignore[misc]
    until(done, "the night is done")

    assert digest.digest() == expected
    assert [worker.poll() for worker in workers.values()].count(-signal.SIGKILL) == len(STEPS)
