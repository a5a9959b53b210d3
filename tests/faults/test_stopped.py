"""A worker frozen for longer than anybody waits: another finishes, and what the frozen one still does is refused."""

import signal
import subprocess

from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve, done
from tests.faults.processes import Processes, gone, kill, said, until, writes_wait


def finish_by_another(processes: Processes) -> None:
    processes.crew()
    until(done, "the night is done by another")


def wake(frozen: subprocess.Popen[bytes]) -> str:
    """What the frozen process says when it goes on."""
    kill(frozen, signal.SIGCONT)
    until(lambda: frozen.poll() is not None, "the woken one ends")
    return said(frozen)


def test_frozen_within_a_step(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    """It holds the row of the run: PostgreSQL ends its session, or nobody could take over."""
    expected = undisturbed()
    eve()
    with writes_wait("customers_standing") as lock:
        frozen = processes.night(NIGHT.isoformat())
        caught = lock.caught()
        kill(frozen, signal.SIGSTOP)
    assert not gone(caught)

    finish_by_another(processes)
    assert gone(caught)
    told = wake(frozen)

    assert "worked scores" not in told
    assert "ended with" in told
    assert digest.digest() == expected


def frozen_between_steps(processes: Processes, *options: str) -> subprocess.Popen[bytes]:
    """It has claimed the night and holds nothing."""
    with writes_wait("segmentation_fit", "ACCESS EXCLUSIVE") as lock:  # read before the first step
        frozen = processes.night(NIGHT.isoformat(), *options)
        lock.caught()
        kill(frozen, signal.SIGSTOP)
    return frozen


def test_frozen_between_steps(eve: Eve, undisturbed: Digest, processes: Processes) -> None:
    expected = undisturbed()
    eve()
    frozen = frozen_between_steps(processes)

    finish_by_another(processes)
    told = wake(frozen)

    assert told.splitlines()[-1] == "ended with Superseded"
    assert "worked" not in told
    assert digest.digest() == expected


def test_without_the_fence_the_woken_one_works_it_all_again(
    eve: Eve, undisturbed: Digest, processes: Processes
) -> None:
    expected = undisturbed()
    eve()
    frozen = frozen_between_steps(processes, "--unguarded")

    finish_by_another(processes)
    told = wake(frozen)

    assert "worked scores" in told
    assert digest.digest() != expected
