"""How gunicorn runs Laoke: `gunicorn -c deploy/gunicorn.conf.py crm.wsgi`. The command line wins over these."""

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from crm import turns
from crm.operating import logs

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
# A page waits 30 s for a statement at most; an upload of a large file over a slow line is read by the proxy in front.
timeout = 60
# Longer than the minute for which nginx keeps a connection: whoever ends it must not be the one that is being asked.
keepalive = 75
graceful_timeout = 45
# What leaks is given back: a process ends after so many requests, not all at once.
max_requests, max_requests_jitter = 20_000, 2_000
control_socket_disable = True
# Every request leaves one line of its own, without its query: `crm.operating.requests`.
accesslog = None
logconfig_dict = logs.configuration(os.environ.get("LOG_FORMAT", "line"), os.environ.get("LOG_LEVEL", "INFO"))
logconfig_dict["loggers"] = {
    "gunicorn.error": {"level": "INFO", "handlers": ["console"], "propagate": False},
    "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
}

# Where the processes count requests together; gone with the service.
counts = os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="laoke-metrics-"))


# What takes long works in so many processes more: `crm.turns`.
at_once = int(os.environ.get("API_LONG_AT_ONCE", "1"))


def on_starting(server: Any) -> None:
    """Their sockets are open for as long as gunicorn runs: what comes while such a process starts again waits."""
    server.doors = []
    for number in range(at_once):
        path = turns.door(counts, number)
        Path(path).unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX)
        door.bind(path)
        door.listen()
        server.doors.append(door)
    on_reload(server)


def on_reload(server: Any) -> None:
    server.cfg.set("workers", server.cfg.workers + at_once)
    server.num_workers = server.cfg.workers


def nworkers_changed(server: Any, new: int, old: int | None) -> None:
    """gunicorn ends the oldest when there are to be fewer: never one that the long requests wait for."""
    for worker in server.WORKERS.values():
        if worker.cfg is server.cfg and worker.turn is not None:
            worker.age = server.worker_age + 1


def pre_fork(server: Any, worker: Any) -> None:
    """The first processes get the turns, and whoever follows one that has ended; after a reload all begin anew."""
    taken = {other.turn for other in server.WORKERS.values() if other.cfg is worker.cfg}
    worker.turn = next((number for number in range(at_once) if number not in taken), None)


def post_fork(server: Any, worker: Any) -> None:
    """A thread that computes lets a page go on after a millisecond, not five; what is long yields to pages."""
    sys.setswitchinterval(0.001)
    if worker.turn is not None:
        worker.sockets = [server.doors[worker.turn]]
        os.nice(5)
    if at_once:
        os.environ[turns.PLACE] = "elsewhere" if worker.turn is None else "here"


def child_exit(server: Any, worker: Any) -> None:
    """Of a process that has ended, only what it counted goes on being told."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    shutil.rmtree(counts, ignore_errors=True)
