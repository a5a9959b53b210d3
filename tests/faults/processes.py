"""Real processes over the test database and a Redis of their own, and the ways to stop them in mid-work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg2
from django.db import connection
from redis import Redis

from crm.demo.embedded import Embedded

ROOT = Path(__file__).resolve().parents[2]
# Silence that in production is a matter of minutes.
QUEUES = ("clocks", "long", "out", "celery")
SILENT_SECONDS, IDLE_SECONDS, LEASE_SECONDS = 1.5, 2.0, 3.0


def until(true: Callable[[], Any], what: str, *, seconds: float = 120) -> Any:
    """Wait for something to be so, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)
    return answer


def database_url() -> str:
    told = connection.settings_dict
    user, password = quote(str(told["USER"])), quote(str(told["PASSWORD"]), safe="")
    return f"postgres://{user}:{password}@{told['HOST']}:{told['PORT']}/{told['NAME']}"


class Processes:
    """Starts processes in sessions of their own; whatever is left of them is killed at the end."""

    def __init__(self, servers: Embedded, folder: Path) -> None:
        self.folder = folder
        redis_url = servers.start_redis()
        self.redis = Redis.from_url(redis_url)
        self.environment = os.environ | {
            "DATABASE_URL": database_url(),
            "REDIS_URL": redis_url,
            "JOB_SILENT_SECONDS": str(SILENT_SECONDS),
            "JOB_IDLE_SECONDS": str(IDLE_SECONDS),
            "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
            "EMAIL_URL": f"filemail:///{folder}/mail",
            "DJANGO_SETTINGS_MODULE": "crm.settings",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.started: list[subprocess.Popen[bytes]] = []
        self.named: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process.log = log  # type: ignore[attr-defined]
        self.started.append(process)
        return process

    @staticmethod
    def elsewhen(seconds_ahead: float) -> list[str]:
        """What stands before the name of a module so that its clock is so far ahead."""
        return ["tests.faults.elsewhen", str(seconds_ahead)] if seconds_ahead else []

    def night(self, *options: str) -> subprocess.Popen[bytes]:
        """One process that works a night, without Celery; see `one_night.py`."""
        return self.start("-m", "tests.faults.one_night", *options)

    def crew(self, *names: str) -> list[subprocess.Popen[bytes]]:
        """A relay, and Celery workers of these names with one child each; those that live already go on."""
        self._keep("relay", "manage.py", "relay", "--every", "0.3")
        kill(self.named["relay"], signal.SIGCONT)
        return [
            self._keep(
                name,
                "-m",
                "celery",
                "-A",
                "crm",
                "worker",
                "-c",
                "1",
                "-l",
                "info",
                "-n",
                name,
                "--without-mingle",
                "--without-gossip",
            )
            for name in names or ("one@mall",)
        ]

    def _keep(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        if name not in self.named or self.named[name].poll() is not None:
            self.named[name] = self.start(*command)
        return self.named[name]

    def rest(self) -> None:
        """The relay is silent until the next `crew`, and no message is under way."""
        if "relay" in self.named:
            kill(self.named["relay"], signal.SIGSTOP)
        self.redis.delete(*QUEUES)
        until(lambda: not self.redis.exists(*QUEUES, "unacked"), "the workers are at rest")

    def kill_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                kill(process)
            print(f"--- {process.args!r}\n{said(process)[-3000:]}")


def kill(process: subprocess.Popen[bytes], sig: signal.Signals = signal.SIGKILL) -> None:
    """Signal the process and its children; wait until a killed one is gone."""
    os.killpg(process.pid, sig)
    if sig == signal.SIGKILL:
        process.wait(10)


def said(process: subprocess.Popen[bytes]) -> str:
    return process.log.read_text(errors="replace")  # type: ignore[attr-defined,no-any-return]


class Lock:
    """A lock the test holds on a connection of its own until the `with` ends, so that whoever writes there waits.

    Whatever ends the test gives it back: with the lock still held, the next test that empties the tables would wait
    for ever.
    """

    def __init__(self, statement: str) -> None:
        self.statement = statement

    def __enter__(self) -> Self:
        self.connection = psycopg2.connect(database_url())
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(self.statement)
        except psycopg2.Error:
            self.release()
            raise
        self.pid = self.connection.info.backend_pid
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def waiting(self) -> list[int]:
        """Backends that wait for this lock."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [self.pid])
            return [pid for (pid,) in cursor.fetchall()]

    def caught(self, count: int = 1) -> list[int]:
        """Wait until so many wait for this lock."""
        return until(lambda: len(found := self.waiting()) >= count and found, f"{count} waiting for the lock")

    def release(self) -> None:
        self.connection.close()


def writes_wait(table: str, mode: str = "SHARE") -> Lock:
    """Nobody writes this table meanwhile; with ACCESS EXCLUSIVE nobody reads it either."""
    return Lock(f"LOCK TABLE {table} IN {mode} MODE")


@contextmanager
def notes_wait(table: str) -> Iterator[Lock]:
    """Whoever notes in this table that something was sent waits; claiming it goes on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.wait() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_advisory_xact_lock(72); RETURN NEW; END';"
            f"CREATE TRIGGER waits BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.state = 'sent')"
            " EXECUTE FUNCTION pg_temp.wait()"
        )
    try:
        with Lock("SELECT pg_advisory_xact_lock(72)") as lock:
            yield lock
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER waits ON {table}; DROP FUNCTION pg_temp.wait()")


def end(pids: list[int]) -> None:
    """The database notices now that the processes behind these sessions are gone: what they had begun is undone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [pids])
    until(lambda: gone(pids), "the sessions of the dead have ended")


def gone(pids: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])
        return cursor.fetchone() is None
