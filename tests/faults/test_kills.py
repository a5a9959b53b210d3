"""Killed with -9 in the middle of a step: the night goes on where it stopped and ends as if nothing had been."""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack

from core.jobs.models import JobRun
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve, done, planned
from tests.faults.processes import Lock, Processes, gone, kill, until, writes_wait

# What each step writes, or reads if it writes nothing, so that a lock on it catches the worker in mid-step.
STEPS = {
    "summaries": "customers_summary",
    "fit": "segmentation_fit",
    "scores": "segmentation_night",
    "tiers": "loyalty_membership",
    "points": "loyalty_pointtxn",
    "campaigns": "loyalty_couponcampaign",
    "segments": "segmentation_segmentday",
    "plans": "care_plandue",
    "notify": "outbox_message",
    "complaints": "complaints_silentsign",
    "duplicates": "customers_possibleduplicate",
    "laws": "loyalty_posting",
}


def caught_in(step: str) -> Lock:
    return writes_wait(STEPS[step], "ACCESS EXCLUSIVE" if step == "laws" else "SHARE")


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

    with writes_wait(STEPS["scores"]) as lock:
        [worker] = processes.crew()
        killed = struck(lock, "scores", lambda pid: os.kill(pid, signal.SIGKILL))
    until(lambda: gone(killed), "the session of the dead has ended")
    until(done, "the night is done")

    assert digest.digest() == expected
    assert worker.poll() is None
    assert JobRun.objects.get(business_date=NIGHT).fence == 2


def test_whole_workers_killed_in_every_step(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    expected = undisturbed()
    eve()
    planned()

    with ExitStack() as locks:
        lock = locks.enter_context(caught_in(next(iter(STEPS))))
        workers = {worker.pid: worker for worker in processes.crew(*[f"{name}@mall" for name in ("one", *STEPS)])}
        for step, following in zip(STEPS, [*list(STEPS)[1:], ""], strict=True):
            killed = struck(lock, step, lambda pid: kill(workers[os.getpgid(pid)]))
            before = lock
            if following:  # is stopped before this step may go on: a quick worker would be past it
                lock = locks.enter_context(caught_in(following))
            before.release()
            until(lambda pids=killed: gone(pids), "the session of the dead has ended")  # type: ignore[misc]
    until(done, "the night is done")

    assert digest.digest() == expected
    assert [worker.poll() for worker in workers.values()].count(-signal.SIGKILL) == len(STEPS)
