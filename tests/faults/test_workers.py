"""Workers that share a night: by whatever names they call themselves, however they end, the night is the same."""

import os

from core.jobs.models import JobRun, Part
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve, done, planned
from tests.faults.processes import Processes, kill, until, writes_wait

# Two of one machine, and one of another machine that has a name in common with them.
NAMES = ("one@mall", "two@mall", "one@elsewhere")


def test_workers_of_one_and_of_two_machines_share_the_rebuild(
    eve: Eve, undisturbed: Digest, processes: Processes
) -> None:
    expected = undisturbed("rebuilding")
    eve("rebuilding")
    planned()

    with writes_wait("customers_summary") as lock:
        processes.crew(*NAMES)
        lock.caught(len(NAMES))  # each in a part of its own
    until(done, "the night is done")

    assert digest.digest() == expected


def test_a_helper_killed_over_its_part_is_replaced(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    expected = undisturbed("rebuilding")
    eve("rebuilding")
    planned()

    with writes_wait("customers_summary") as lock:
        workers = processes.crew(*NAMES[:2])
        lock.caught(2)
        holder = int(JobRun.objects.get(business_date=NIGHT).holder.rpartition(":")[2])
        helper = next(worker for worker in workers if worker.pid != os.getpgid(holder))
        kill(helper)
        assert Part.objects.filter(done_at__isnull=True).count() > 1
    until(done, "the night is done")

    assert digest.digest() == expected
    assert JobRun.objects.get(business_date=NIGHT).fence == 1
