"""Laoke for a mall, in one command: ``bin/laoke``.

    bin/laoke init     make the database ready and set up the mall, asked or by options
    bin/laoke serve    run web, worker, beat and relay, and start again what ends
    bin/laoke code     a new code for the setup page
    bin/laoke manage … any command of manage.py in the same surroundings

DATABASE_URL and REDIS_URL name the servers. Where they are not set, PostgreSQL and Redis come along and keep their data in
the folder LAOKE_HOME (.laoke/mall), beside keys of its own; whoever takes that folder away takes the mall.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from crm.demo.embedded import PROJECT, Embedded, EmbeddedError, children
from crm.demo.embedded.children import Child, manage
from crm.demo.embedded.processes import write_private
from crm.demo.server import DemoError, end, run_step, where

KEYS = ("SECRET_KEY", "VAULT_KEY")


def home() -> Path:
    return Path(os.environ.get("LAOKE_HOME") or PROJECT / ".laoke" / "mall").resolve()


def keys_of(folder: Path) -> dict[str, str]:
    """The keys of this folder, made when they are missing. Lost, its contact data can never be read again."""
    file = folder / "keys.env"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        new = file.with_name("keys.new")  # in its place only when it is whole
        write_private(new, "".join(f"{name}={secrets.token_urlsafe(48)}\n" for name in KEYS))
        new.replace(file)
    lines = file.read_text().splitlines()
    keys = dict(line.split("=", 1) for line in lines if line.split("=", 1)[0] in KEYS)
    missing = [name for name in KEYS if not keys.get(name)]
    if missing:
        raise DemoError(f"{file} lacks {' and '.join(missing)}: put its copy in its place. New keys read nothing.")
    return keys


def surroundings(servers: Embedded) -> dict[str, str]:
    """The environment of every process: what is set already, and for the rest the servers and keys of the folder."""
    own = {} if all(os.environ.get(name) for name in KEYS) else keys_of(servers.home)
    environment = {
        "MEDIA_ROOT": str(servers.home / "media"),
        "CELERY_BEAT_SCHEDULE_FILENAME": str(servers.home / "celerybeat-schedule"),
        **own,
        **{name: value for name, value in os.environ.items() if value},
        "DJANGO_SETTINGS_MODULE": "crm.settings",
        "PYTHONUNBUFFERED": "1",
    }
    environment["DATABASE_URL"] = os.environ.get("DATABASE_URL") or servers.start_postgres()
    environment["REDIS_URL"] = os.environ.get("REDIS_URL") or servers.start_redis()
    return environment


@contextlib.contextmanager
def ready() -> Iterator[tuple[Embedded, dict[str, str]]]:
    """The servers answer; what this process started is stopped at the end."""
    servers = Embedded(home())
    try:
        yield servers, surroundings(servers)
    finally:
        servers.stop()


def prepare(environment: dict[str, str]) -> None:
    run_step(environment, "migrate", "--verbosity", "0")
    run_step(environment, "createcachetable")


def init(options: list[str]) -> int:
    if {"-h", "--help"} & set(options):
        return _explain("set_up")
    with ready() as (servers, environment):
        prepare(environment)
        code = subprocess.run(manage("set_up", *options), cwd=PROJECT, env=environment, check=False).returncode
    if code == 0 and (servers.home / "keys.env").exists():
        print(f"Keep a copy of {servers.home / 'keys.env'} apart from the data: without it contact data is lost.")
    return code


def _explain(verb: str) -> int:
    """The help of a command is printed; no server is started and no key is made."""
    unused = dict.fromkeys(KEYS, "unused-" * 8) | {"DATABASE_URL": "postgres://localhost/unused"}
    environment = {**os.environ, **unused, "DJANGO_SETTINGS_MODULE": "crm.settings"}
    return subprocess.run(manage(verb, "--help"), cwd=PROJECT, env=environment, check=False).returncode


def _refuse_taken(address: str) -> None:
    """Raises DemoError when the web pages cannot listen there."""
    host, _colon, port = address.rpartition(":")
    if not port.isdecimal():
        raise DemoError(f"“{address}” is no address to listen at. Write it like 127.0.0.1:8000")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, OverflowError) as error:
            raise DemoError(
                f"cannot listen at {address}: {error}. If Laoke runs there already, it is at http://{address};"
                f" else choose another port: bin/laoke serve --bind {address.rpartition(':')[0]}:{int(port) + 1}"
            ) from error


def command(options: list[str]) -> int:
    with ready() as (_servers, environment):
        return subprocess.run(manage(*options), cwd=PROJECT, env=environment, check=False).returncode


def serve(address: str, workers: int) -> int:
    _refuse_taken(address)
    with ready() as (servers, environment):
        if not servers.claim():
            raise DemoError(f"Laoke already runs from {servers.home}")
        prepare(environment)
        commands = children.parts(address, ["--workers", str(workers)])
        own: list[Child] = children.children(commands, servers.home, environment)
        try:
            print(
                f"\nLaoke runs: http://{address}\nLogs are in {servers.home}. Ctrl-C ends it; the data stays"
                f"{where(servers, dict(os.environ))}.",
                flush=True,
            )
            _say_how_to_begin(address, environment)
            watched = [*children.servers_of(servers), *own]
            while True:
                for part in watched:
                    part.look()
                time.sleep(1)
        finally:
            for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(sig, signal.SIG_IGN)
            children.stop(own)


def _say_how_to_begin(address: str, environment: dict[str, str]) -> None:
    """While nobody can sign in: the address of the setup page with its code."""
    asked = subprocess.run(
        manage("set_up", "--code"), cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    code = asked.stdout.strip()
    if asked.returncode == 0 and " " not in code:
        print(f"\nNobody can sign in yet. Set it up: http://{address}/setup/?code={code}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/laoke", description="Run Laoke for a mall. docs/install.md says more.")
    deeds = parser.add_subparsers(dest="deed", required=True)
    deeds.add_parser("init", help="set up the mall; options: bin/laoke init --help", add_help=False)
    run = deeds.add_parser("serve", help="run it")
    run.add_argument("--bind", default="127.0.0.1:8000", help="where the web pages listen (127.0.0.1:8000)")
    run.add_argument("--web-workers", type=int, default=2, help="processes that answer pages (2)")
    deeds.add_parser("code", help="a new code for the setup page")
    deeds.add_parser("manage", help="any command of manage.py", add_help=False)
    options, rest = parser.parse_known_args()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, end)
    try:
        if options.deed == "serve":
            return serve(options.bind, options.web_workers)
        if options.deed == "init":
            return init(rest)
        return command(rest if options.deed == "manage" else ["set_up", "--code"])
    except (DemoError, EmbeddedError) as error:
        print(f"laoke: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
