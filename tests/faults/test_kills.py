"""A worker killed with -9 in the middle of a step: the night goes on where it stopped and ends as if nothing had been."""

from collections.abc import Callable

import pytest

from crm.jobs.models import JobRun
from tests.faults import digest
from tests.faults.conftest import NIGHT, done, planned
from tests.faults.processes import Processes, gone, kill, until, writes_wait

Eve = Callable[[str], None]
# What each step writes, so that a lock on it catches the worker in mid-step.
STEPS = {
    "summaries": "customers_summary",
    "fit": "segmentation_fit",
    "scores": "customers_standing",
    "notify": "outbox_message",
}


@pytest.mark.parametrize("way", ["keeping up", "rebuilding"])
def test_a_worker_killed_in_every_step_leaves_the_night_as_it_should_be(
    way: str, eve: Eve, undisturbed: Callable[[str], str], processes: Processes
) -> None:
    expected = undisturbed(way)
    eve(way)
    planned()
    processes.relay()
    worker = processes.worker()
    for step, table in STEPS.items():
        with writes_wait(table) as lock:
            caught = lock.caught()
            held = JobRun.objects.get(business_date=NIGHT)
            successor = processes.worker()  # starts while the other one waits
            kill(worker)
        until(lambda pids=caught: gone(pids), "the dead worker's session has ended")
        assert held.step == list(["", *STEPS])[list(STEPS).index(step)]
        worker = successor
    until(done, "the night is done")

    assert digest.digest() == expected
    assert JobRun.objects.get(business_date=NIGHT).fence == len(STEPS) + 1
