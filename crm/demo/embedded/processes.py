"""What both servers need: a folder with its lock and its state, ports, and processes that end with their parent."""

import contextlib
import ctypes
import fcntl
import importlib.util
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).resolve().parents[3]
SERVER_START_SECONDS = 120


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


def write_private(path: Path, text: str, owner: pwd.struct_passwd | None = None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w") as file:
        if owner:
            os.fchown(file.fileno(), owner.pw_uid, owner.pw_gid)
        file.write(text)


def identity(pid: int) -> list[float] | None:
    """Return what tells a process from a later one with the same pid."""
    try:
        return [pid, psutil.Process(pid).create_time()]
    except psutil.Error:
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # finds it without importing it
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


class Folder:
    """One folder with its servers. ``durable=False`` is for tests: fast, forgets on a crash."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = Path(home).resolve()
        self.durable = durable
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._held: int | None = None

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
            state: dict[str, Any] = json.loads((self.home / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return state

    def _save(self, state: dict[str, Any]) -> None:
        new = self.home / "state.new"
        write_private(new, json.dumps(state))
        new.replace(self.home / "state.json")

    @staticmethod
    def _usable(name: str, state: dict[str, Any], answers: Callable[[], bool]) -> bool:
        """Say whether a running server can be used. One whose starter was killed is about to end: see it off."""
        deadline = time.monotonic() + 30
        while answers():
            pid, born = state.get(f"{name}_starter") or (0, 0.0)
            if sys.platform != "linux" or identity(pid) == [pid, born]:
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
