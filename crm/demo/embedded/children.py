"""The parts of Laoke as processes of their own: started, looked after, started again when they end, and stopped."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crm.demo.embedded.processes import PROJECT, EmbeddedError, die_with_parent, tail
from crm.demo.embedded.servers import Embedded

# What ends is started again after so many seconds, twice as many each time, until it has stayed up.
FIRST_WAIT, LONGEST_WAIT, STAYED_UP = 1.0, 60.0, 120.0
STOP_SECONDS = 20
# A log that is longer is put aside, over the one before.
LONGEST_LOG = 10_000_000


def manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def worker_pool() -> list[str]:
    """Return the worker's options; processes need semaphores, which some containers deny."""
    try:
        multiprocessing.Lock()
    except OSError:
        return ["--pool", "threads", "--concurrency", "2"]
    return ["--concurrency", "2"]


def parts(address: str, web: Sequence[str] = ()) -> dict[str, list[str]]:
    """The four processes of Laoke, by name; `web` are further options of gunicorn."""
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "crm.wsgi"]
    worker = [sys.executable, "-m", "celery", "-A", "crm", "worker", "--loglevel", "INFO"]
    return {
        "web": [*gunicorn, "--bind", address, *web],
        "worker": [*worker, *worker_pool()],
        "beat": manage("beat"),
        "relay": manage("relay"),
    }


def _run(command: Sequence[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )


@dataclass
class Child:
    """A process that is started, and when it ends started again, after longer and longer waits.

    `look` is called every second or so, from the main thread; `say` hears each end and each start after it.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    say: Callable[[str], None] = field(default=lambda line: print(line, flush=True))
    process: subprocess.Popen[bytes] | None = None
    wait: float = FIRST_WAIT
    again: float = 0.0
    since: float = 0.0

    def begin(self) -> "Child":
        self.process, self.since = self.start(), time.monotonic()
        return self

    def ended(self) -> int | None:
        """With what it has ended; None while it runs."""
        return self.process.poll() if self.process else None

    def look(self) -> None:
        _put_aside(self.log)
        now = time.monotonic()
        if self.process is None:
            if now >= self.again:
                self._once_more()
            return
        code = self.process.poll()
        if code is not None:
            if now - self.since > STAYED_UP:
                self.wait = FIRST_WAIT
            self._later(f"ended with {code}")

    def _once_more(self) -> None:
        try:
            self.begin()
        except (EmbeddedError, OSError) as error:
            self._later(f"does not start ({error})")
        else:
            self.say(f"laoke: {self.name} is started again")

    def _later(self, what: str) -> None:
        self.say(f"laoke: {self.name} {what}, again in {self.wait:.0f} s; see {self.log}")
        last = tail(self.log, 5)
        if last:
            print(last, file=sys.stderr, flush=True)
        self.process, self.again = None, time.monotonic() + self.wait
        self.wait = min(self.wait * 2, LONGEST_WAIT)


def _put_aside(log: Path) -> None:
    """A log that has grown too long begins anew; whoever writes it goes on in the same file, at its new end."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LONGEST_LOG:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


def children(commands: dict[str, list[str]], home: Path, environment: dict[str, str]) -> list[Child]:
    """One for each command, started."""

    def started(name: str, command: list[str]) -> Child:
        log = home / f"{name}.log"
        return Child(name, lambda: _run(command, log, environment), log).begin()

    return [started(name, command) for name, command in commands.items()]


def servers_of(servers: Embedded) -> list[Child]:
    """PostgreSQL and Redis, those of them that came along."""

    def known(name: str) -> Child:
        child = Child(name, lambda: servers.again(name), servers.home / f"{name}.log")
        child.process, child.since = servers.process(name), time.monotonic()
        return child

    return [known(name) for name in ("postgres", "redis") if servers.process(name)]


def stop(running: Iterable[Child]) -> None:
    """Ask every child to end; after 20 seconds end what is left, with all its own children."""
    processes = [child.process for child in running if child.process and child.process.poll() is None]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # each child leads a session of its own
            process.wait()
