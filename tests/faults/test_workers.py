"""Workers that share a night: by whatever names they call themselves, however they end, the night is the same."""

import os

import pytest
from django.utils import timezone

from crm import nightly
from crm.jobs.models import JobRun, Part
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve, done, planned
from tests.faults.processes import Processes, kill, until, writes_wait


@pytest.mark.parametrize("names", [("one@mall", "two@mall"), ("same@here", "same@there")])
def test_two_workers_share_the_rebuild(
    names: tuple[str, str], eve: Eve, undisturbed: Digest, processes: Processes
) -> None:
    expected = undisturbed("rebuilding")
    eve("rebuilding")
    planned()
    processes.relay()
    for name in names:
        processes.worker(name)

    with writes_wait("customers_summary") as lock:
        lock.caught(2)  # each in a part of its own
    until(done, "the night is done")

    assert digest.digest() == expected


def test_a_helper_killed_over_its_part_is_replaced(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    expected = undisturbed("rebuilding")
    eve("rebuilding")
    planned()
    processes.relay()
    workers = [processes.worker(name) for name in ("one@mall", "two@mall")]

    with writes_wait("customers_summary") as lock:
        lock.caught(2)
        holder = int(JobRun.objects.get(business_date=NIGHT).holder.rpartition(":")[2])
        [helper] = [worker for worker in workers if worker.pid != os.getpgid(holder)]
        kill(helper)
        assert Part.objects.filter(done_at__isnull=True).count() > 1
    until(done, "the night is done")

    assert digest.digest() == expected
    assert JobRun.objects.get(business_date=NIGHT).fence == 1
