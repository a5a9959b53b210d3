"""Both servers of a folder together."""

import contextlib
import shutil
import subprocess

from crm.demo.embedded.postgres import Postgres
from crm.demo.embedded.processes import EmbeddedError, default_home
from crm.demo.embedded.redis_server import Redis

TEST_SLOTS = 16


class Embedded(Postgres, Redis):
    """One pair of servers with its folder. ``durable=False`` is for tests: fast, forgets on a crash."""

    def start(self) -> tuple[str, str]:
        """Start both servers unless they run. Return DATABASE_URL and REDIS_URL."""
        return self.start_postgres(), self.start_redis()

    def process(self, name: str) -> subprocess.Popen[bytes] | None:
        """The server of this name that this object started."""
        return self._started.get(name)

    def again(self, name: str) -> subprocess.Popen[bytes]:
        """Start a server that has ended, where it was: whoever uses it knows its address. Raises EmbeddedError."""
        before = self.state()
        self.start_postgres() if name == "postgres" else self.start_redis()
        port = "pg_port" if name == "postgres" else "redis_port"
        if self.state()[port] != before[port]:
            raise EmbeddedError(f"Port {before[port]} of {name} belongs to somebody else now: start Laoke again.")
        return self._started[name]

    def stop_all(self) -> None:
        """Stop the servers of this folder, whoever started them."""
        self.stop()
        if not (self.home / "state.json").exists():
            return
        with self._lock():
            self._stop_redis(self.state())
            self._stop_postgres()

    def wipe(self) -> None:
        """Stop the servers and delete everything below the folder except a claim on it."""
        self.stop_all()
        for folder in (self._outside(), self.home):
            for entry in folder.iterdir() if folder.exists() else ():
                if entry.name in ("lock", "claim"):
                    continue
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        with contextlib.suppress(FileNotFoundError):
            self._outside().rmdir()

    def running(self) -> dict[str, bool]:
        """Say which servers of this folder answer."""
        state = self.state()
        return {
            "postgres": self._postgres_answers(state, self._install().data) if state else False,
            "redis": self._redis_answers(state),
        }


def servers_for_tests() -> Embedded:
    """Return servers for one test run; runs at the same time get folders of their own."""
    for slot in range(1, TEST_SLOTS + 1):
        servers = Embedded(default_home() / "test" / str(slot), durable=False)
        if servers.claim():
            return servers
    raise EmbeddedError(f"{TEST_SLOTS} test runs are going on already.")
