"""How gunicorn runs Laoke: `gunicorn -c deploy/gunicorn.conf.py crm.wsgi`. The command line wins over these."""

import os
import shutil
import sys
import tempfile
from typing import Any

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


def post_fork(server: Any, worker: Any) -> None:
    """A thread that computes, for a batch of orders say, lets a page go on after a thousandth of a second, not five."""
    sys.setswitchinterval(0.001)


def child_exit(server: Any, worker: Any) -> None:
    """Of a process that has ended, only what it counted goes on being told."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    shutil.rmtree(counts, ignore_errors=True)
