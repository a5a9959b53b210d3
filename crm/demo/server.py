"""The whole of Laoke with a demo mall in one command: ``bin/demo``.

Starts PostgreSQL and Redis, prepares the database, fills in the mall, and runs the web server, the
worker and the relay until Ctrl-C. ``--check`` does the same in a folder of its own, tries the
product out and ends. DATABASE_URL and REDIS_URL, when set, replace the servers that come along.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import errno
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import FrameType

from crm.demo.embedded import (
    PROJECT,
    Embedded,
    EmbeddedError,
    children,
    default_home,
    die_with_parent,
    free_port,
    port_is_free,
    tail,
)
from crm.demo.embedded.children import Child, manage

DEFAULT_PORT = 8000
READY_SECONDS = 90
# The name that answers to customers are signed with.
MALL = "山野茶行"


class DemoError(RuntimeError):
    """The demo cannot go on; the text says why."""


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


def refuse_ended(running: list[Child]) -> None:
    """Raises DemoError when one of them has ended: what does not start once does not start later."""
    for child in running:
        code = child.ended()
        if code is not None:
            raise DemoError(f"the {child.name} process ended with {code}; the end of {child.log}:\n{tail(child.log)}")


def wait_until_ready(base: str, running: list[Child]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer"
    while True:
        refuse_ended(running)
        try:
            with urllib.request.urlopen(f"{base}/accounts/login/", timeout=10) as response:  # noqa: S310
                if response.status == 200:
                    return
        except urllib.error.HTTPError as error:
            answer = f"status {error.code}"
        except OSError as error:
            answer = str(error)
        if time.monotonic() > deadline:
            web = running[0]
            raise DemoError(f"{base} is not ready ({answer}); the end of {web.log}:\n{tail(web.log, 40)}")
        time.sleep(0.2)


def why_not(port: int) -> str:
    """Why nobody can listen at this port of this machine; empty when one can."""
    if not 1 <= port <= 65535:
        return f"{port} is no port: they go from 1 to 65535"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return f"port {port} needs rights that you have not: ports below 1024 are the system's"
        except OSError as error:
            return f"port {port} is taken" if error.errno == errno.EADDRINUSE else f"port {port}: {error.strerror}"
    return ""


def choose_port(wanted: int | None, check: bool) -> int:
    if wanted is not None:
        why = why_not(wanted)
        if why:
            raise DemoError(f"{why}; choose another with --port, {DEFAULT_PORT} for one")
        return wanted
    if check:
        return free_port()
    return next((port for port in range(DEFAULT_PORT, DEFAULT_PORT + 100) if port_is_free(port)), None) or free_port()


def of_the_mall() -> dict[str, str]:
    """The demo's mall is a Chinese one: its customers are written to in Chinese, whatever its colleagues read."""
    return {
        "MALL_NAME": os.environ.get("MALL_NAME") or MALL,
        "LANGUAGE_CODE": os.environ.get("LANGUAGE_CODE") or "zh-hans",
    }


def outside(servers: Embedded, port: int, mail_port: int, gateway_port: int) -> dict[str, str]:
    """What Laoke writes to the made-up customers goes to servers of this machine, whatever the environment says."""
    return {
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        "DEFAULT_FROM_EMAIL": f"{MALL} <care@shanye.example>",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "LETTER_GATEWAY_URL": f"http://127.0.0.1:{gateway_port}/letters",
        "LETTER_GATEWAY_SECRET": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "LETTER_GATEWAY_CHANNELS": "sms,wechat",
        "LETTER_SHOP_CHAT": "1",
        "WEBHOOK_PRIVATE_ADDRESSES": "1",
        "LAOKE_DEMO_ARRIVED": str(servers.home / "arrived" / "letters.sqlite3"),
    }


@contextlib.contextmanager
def running(
    servers: Embedded, port: int, *, small: bool, given: dict[str, str]
) -> Iterator[tuple[list[Child], dict[str, str]]]:
    """Run all of Laoke on the port, ready for the first request; stop what was started at the end."""
    own: list[Child] = []
    mail_port, gateway_port = free_port(), free_port()
    try:
        environment = {
            **os.environ,
            "DATABASE_URL": given.get("DATABASE_URL") or servers.start_postgres(),
            "REDIS_URL": given.get("REDIS_URL") or servers.start_redis(),
            "DJANGO_SETTINGS_MODULE": "crm.settings",
            "LAOKE_DEMO": "1",
            **of_the_mall(),
            **outside(servers, port, mail_port, gateway_port),
            "MEDIA_ROOT": str(servers.home / "media"),
            "CELERY_BEAT_SCHEDULE_FILENAME": str(servers.home / "celerybeat-schedule"),
            "PYTHONUNBUFFERED": "1",
        }
        run_step(environment, "migrate", "--verbosity", "0")
        run_step(environment, "createcachetable")
        run_step(environment, "seed_demo", *(["--small"] if small else []))
        run_step(environment, "seed_nights")
        run_step(environment, "nightly")
        run_step(environment, "seed_complaints", "--demo")
        run_step(environment, "seed_points")
        run_step(environment, "seed_campaigns")
        ports = ["--mail-port", str(mail_port), "--gateway-port", str(gateway_port)]
        post = {"post": manage("mall_post", "--base", f"http://127.0.0.1:{port}", *ports)}
        own += children.children(children.parts(f"127.0.0.1:{port}") | post, servers.home, environment)
        wait_until_ready(f"http://127.0.0.1:{port}", own)
        yield [*children.servers_of(servers), *own], environment
    finally:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
        children.stop(own)
        servers.stop()


def where(servers: Embedded, given: dict[str, str]) -> str:
    """Where the data stays, when that is not beside the logs."""
    data = servers.home if given.get("DATABASE_URL") else servers.data()
    return "" if data.is_relative_to(servers.home) else f" in {data}, until you delete that folder too"


def serve(port: int, *, small: bool) -> int:
    servers = Embedded(default_home())
    if not servers.claim():
        raise DemoError(f"the demo already runs from {servers.home}")
    given = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    with running(servers, port, small=small, given=given) as (running_parts, environment):
        print(f"\nLaoke is ready: http://127.0.0.1:{port}\n", flush=True)
        subprocess.run(manage("seed_demo", "--logins"), cwd=PROJECT, env=environment, check=False)
        print(f"\nLogs are in {servers.home}. Ctrl-C ends Laoke; the data stays{where(servers, given)}.", flush=True)
        while True:
            for part in running_parts:
                part.look()
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
        with running(servers, port, small=True, given={}) as (running_parts, environment):
            ready = time.monotonic() - start
            smoke = manage("smoke", "--base", f"http://127.0.0.1:{port}")
            code = subprocess.run(smoke, cwd=PROJECT, env=environment, check=False).returncode
            refuse_ended(running_parts)
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
