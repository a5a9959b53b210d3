"""The whole of Laoke with a demo mall in one command: ``bin/demo``.

Starts PostgreSQL and Redis, prepares the database, fills in the mall, and runs the web server, the
worker and the relay until Ctrl-C. ``--check`` does the same in a folder of its own, tries the
product out and ends. DATABASE_URL and REDIS_URL, when set, replace the servers that come along.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from crm.demo.embedded import (
    PROJECT,
    Embedded,
    EmbeddedError,
    default_home,
    die_with_parent,
    free_port,
    port_is_free,
    tail,
)

DEFAULT_PORT = 8000
READY_SECONDS = 90
STOP_SECONDS = 20


class DemoError(RuntimeError):
    """The demo cannot go on; the text says why."""


@dataclass
class Child:
    """A part of Laoke that runs as a process of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def run_step(environment: dict[str, str], *arguments: str) -> None:
    """Run one command of manage.py to its end and say how long it took."""
    print(f"  {' '.join(arguments)} …", flush=True)
    start = time.monotonic()
    with subprocess.Popen(
        manage(*arguments),
        cwd=PROJECT,
        env=environment,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    ) as process:
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
    if code:
        raise DemoError(f"manage.py {' '.join(arguments)} failed with exit code {code}")
    print(f"  {' '.join(arguments)}: {time.monotonic() - start:.1f} s", flush=True)


def worker_pool() -> list[str]:
    """Return the worker's options; processes need semaphores, which some containers deny."""
    try:
        import multiprocessing

        multiprocessing.Lock()
    except OSError:
        return ["--pool", "threads", "--concurrency", "2"]
    return ["--concurrency", "2"]


def commands(port: int, home: Path) -> dict[str, list[str]]:
    return {
        "web": [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "deploy/gunicorn.conf.py",
            "crm.wsgi",
            "--bind",
            f"127.0.0.1:{port}",
        ],
        "worker": [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "crm",
            "worker",
            "--loglevel",
            "INFO",
            *worker_pool(),
            "-B",
            "--schedule",
            str(home / "celerybeat-schedule"),
        ],
        "relay": manage("relay"),
    }


def start_child(name: str, command: Sequence[str], home: Path, environment: dict[str, str]) -> Child:
    log = home / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    return Child(name, process, log)


def stop_children(children: list[Child]) -> None:
    """Ask every child to end; after 20 seconds end what is left, with all its own children."""
    for child in children:
        if child.process.poll() is None:
            child.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.0, deadline - time.monotonic()))
    for child in children:
        if child.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)  # each child leads a session of its own
            child.process.wait()


def watch(children: list[Child]) -> None:
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise DemoError(f"the {child.name} process ended with {code}; the end of {child.log}:\n{tail(child.log)}")


def wait_until_ready(base: str, children: list[Child]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer"
    while True:
        watch(children)
        try:
            with urllib.request.urlopen(f"{base}/accounts/login/", timeout=10) as response:  # noqa: S310
                if response.status == 200:
                    return
        except urllib.error.HTTPError as error:
            answer = f"status {error.code}"
        except OSError as error:
            answer = str(error)
        if time.monotonic() > deadline:
            web = children[0]
            raise DemoError(f"{base} is not ready ({answer}); the end of {web.log}:\n{tail(web.log, 40)}")
        time.sleep(0.2)


def choose_port(wanted: int | None, check: bool) -> int:
    if wanted is not None:
        if not port_is_free(wanted):
            raise DemoError(f"port {wanted} is taken; choose another with --port")
        return wanted
    if check:
        return free_port()
    return next((port for port in range(DEFAULT_PORT, DEFAULT_PORT + 100) if port_is_free(port)), None) or free_port()


@contextlib.contextmanager
def running(
    servers: Embedded, port: int, *, small: bool, given: dict[str, str]
) -> Iterator[tuple[list[Child], dict[str, str]]]:
    """Run all of Laoke on the port, ready for the first request; stop what was started at the end."""
    children: list[Child] = []
    try:
        environment = {
            **os.environ,
            "DATABASE_URL": given.get("DATABASE_URL") or servers.start_postgres(),
            "REDIS_URL": given.get("REDIS_URL") or servers.start_redis(),
            "DJANGO_SETTINGS_MODULE": "crm.settings",
            "LAOKE_DEMO": "1",
            "MEDIA_ROOT": str(servers.home / "media"),
            "PYTHONUNBUFFERED": "1",
        }
        run_step(environment, "migrate", "--verbosity", "0")
        run_step(environment, "createcachetable")
        run_step(environment, "seed_demo", *(["--small"] if small else []))
        run_step(environment, "nightly")
        run_step(environment, "seed_complaints", "--demo")
        run_step(environment, "seed_points")
        run_step(environment, "seed_campaigns")
        children += [
            start_child(name, command, servers.home, environment)
            for name, command in commands(port, servers.home).items()
        ]
        wait_until_ready(f"http://127.0.0.1:{port}", children)
        yield children, environment
    finally:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
        stop_children(children)
        servers.stop()


def serve(port: int, *, small: bool) -> int:
    servers = Embedded(default_home())
    if not servers.claim():
        raise DemoError(f"the demo already runs from {servers.home}")
    given = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    with running(servers, port, small=small, given=given) as (children, environment):
        print(f"\nLaoke is ready: http://127.0.0.1:{port}\n", flush=True)
        subprocess.run(manage("seed_demo", "--logins"), cwd=PROJECT, env=environment, check=False)
        print(f"\nLogs are in {servers.home}. Ctrl-C ends Laoke; the data stays.", flush=True)
        while True:
            watch(children)
            time.sleep(1)


def check(port: int) -> int:
    """Start a small mall from nothing, try the product out, and say in one line how it went."""
    start = time.monotonic()
    servers = Embedded(default_home() / "check")
    if not servers.claim():
        raise DemoError(f"another check runs in {servers.home}")
    outcome = "FAILED"
    try:
        servers.wipe()
        with running(servers, port, small=True, given={}) as (children, environment):
            ready = time.monotonic() - start
            smoke = manage("smoke", "--base", f"http://127.0.0.1:{port}")
            code = subprocess.run(smoke, cwd=PROJECT, env=environment, check=False).returncode
            watch(children)
        outcome = f"ok, ready after {ready:.0f} s" if code == 0 else f"FAILED, smoke ended with {code}"
        return 1 if code else 0
    finally:
        print(f"demo check: {outcome}, {time.monotonic() - start:.0f} s in all", flush=True)


def end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0 if number == signal.SIGINT else 128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/demo", description="Run Laoke with a demo mall.")
    parser.add_argument("--port", type=int, help=f"port of the web pages ({DEFAULT_PORT}, or the next free one)")
    parser.add_argument("--small", action="store_true", help="fill in a small mall")
    parser.add_argument("--check", action="store_true", help="start from nothing, try everything out, and end")
    options = parser.parse_args()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, end)
    try:
        port = choose_port(options.port, options.check)
        return check(port) if options.check else serve(port, small=options.small)
    except (DemoError, EmbeddedError) as error:
        print(f"laoke: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
