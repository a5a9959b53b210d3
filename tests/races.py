"""Several people at the same instant: jobs that start together, and a place where they wait for each other."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, connection

from core.lib.errors import DomainError

CRASH = "crash"


def at_once(jobs: list[Callable[[], Any]], *, crashes: type[Exception] = IntegrityError) -> Counter[str]:
    """Run the jobs in threads that start together; how each ended: "done", the code of a refusal, or "crash"."""
    start, ends = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], Any]) -> None:
        try:
            start.wait(10)
            job()
            ends.append("done")
        except DomainError as refusal:
            ends.append(refusal.code)
        except crashes:
            ends.append(CRASH)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(ends)


def meeting(people: int) -> Callable[[], None]:
    """A place where this many threads wait for each other once; later visits pass."""
    barrier = threading.Barrier(people)
    seen = threading.local()

    def meet() -> None:
        if not getattr(seen, "been", False):
            seen.been = True
            barrier.wait(10)

    return meet
