"""Several people at the same instant: jobs that start together, and places where they are made to meet.

Nothing here hopes for a meeting. Whoever waits goes on when the other one has come, is through, or is seen by the
database to wait for a lock; how busy the machine is does not matter.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, connection

from core.lib.errors import DomainError

CRASH = "crash"
NEVER_MET = "never met"
# Only what is broken takes so long.
PATIENCE = 120.0

# How the jobs of this `at_once` ended so far: whoever is through comes to no meeting any more.
_ends: list[str] = []


class NeverMet(AssertionError):
    """Somebody whom the others wait for waits for a lock that they hold."""


def at_once(jobs: list[Callable[[], Any]], *, crashes: type[Exception] = IntegrityError) -> Counter[str]:
    """Run the jobs in threads that start together; how each ended.

    That is "done", the code of a refusal, "crash", or "never met" if a lock kept them from the `meeting` of a control.
    """
    start = threading.Barrier(len(jobs))
    _ends.clear()

    def run(job: Callable[[], Any]) -> None:
        try:
            start.wait(PATIENCE)
            job()
            _ends.append("done")
        except DomainError as refusal:
            _ends.append(refusal.code)
        except NeverMet:
            _ends.append(NEVER_MET)
        except crashes:
            _ends.append(CRASH)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(_ends)


def meeting(people: int) -> Callable[[], None]:
    """A place where this many threads wait for each other once; later visits pass.

    Put it after the last thing that a control reads and before the first that it writes. If the lock that was to be
    away is still there, those who wait here for somebody who waits for them, or is through already, are told so.
    """
    came, changed, seen = [0], threading.Condition(), threading.local()

    def meet() -> None:
        if getattr(seen, "been", False):
            return
        seen.been = True
        deadline = time.monotonic() + PATIENCE
        with changed:
            came[0] += 1
            changed.notify_all()
            while not changed.wait_for(lambda: came[0] >= people, timeout=0.5):
                # Nobody comes in meanwhile: whoever does so needs what we hold here.
                if came[0] + len(_ends) + len(waiting()) >= people or time.monotonic() > deadline:
                    raise NeverMet

    return meet


def waiting(for_: int | None = None) -> list[int]:
    """Backends that wait for a lock: of that backend, or of anybody."""
    watcher = connection.copy()  # within a transaction the view of the others would stand still
    try:
        with watcher.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                "AND CASE WHEN %(pid)s IS NULL THEN pg_blocking_pids(pid) <> '{}' "
                "ELSE %(pid)s = ANY(pg_blocking_pids(pid)) END",
                {"pid": for_},
            )
            return [pid for (pid,) in cursor.fetchall()]
    finally:
        watcher.close()


def backend() -> int:
    """The number by which the database knows this thread."""
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def let_pass(done: threading.Event) -> None:
    """Give the other one all the time it needs: until it is done, or waits for a lock that this thread holds."""
    me, deadline = backend(), time.monotonic() + PATIENCE
    while not done.wait(0.05) and not waiting(me):
        if time.monotonic() > deadline:
            raise NeverMet
