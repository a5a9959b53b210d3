"""A pytest plugin that brings PostgreSQL and Redis.

It is named in pyproject.toml (``-p crm.demo.testing``): pytest imports it before
pytest-django reads the settings, which take DATABASE_URL and REDIS_URL from the environment.
Whoever sets DATABASE_URL tests against that server and sets REDIS_URL too.
"""

from __future__ import annotations

import os
import shutil

import pytest

from crm.demo.embedded import Embedded, servers_for_tests

# The processes of a run share the cores: threads of the linear algebra would only wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_servers: Embedded | None = None
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")

if _worker:
    # Workers share the servers of the run; each has its own Redis database, and pytest-django
    # gives each its own PostgreSQL database.
    _number = int(_worker.removeprefix("gw")) % 15 + 1
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].rsplit("/", 1)[0] + f"/{_number}"
elif not os.environ.get("DATABASE_URL"):
    _servers = servers_for_tests()
    _servers.stop_all()  # what a killed run may have left
    try:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = _servers.start()
    except BaseException:
        _servers.stop()
        raise


class _Failures:
    """Tells each failure when it happens: a run that is cut off has said what went wrong."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal:
            terminal.write_line(f"\n{report.nodeid} failed in {report.when}:\n{report.longreprtext}")


CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return the browser for the browser tests, or None when they are to be left out."""
    if os.environ.get("LAOKE_NO_BROWSER"):
        return None
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than there are cores: a fifth of the time a process waits for a browser, a worker or a clock."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs Chromium; left out without one or with LAOKE_NO_BROWSER")
    if not _worker:
        config.pluginmanager.register(_Failures(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if chromium():
        return
    skip = pytest.mark.skip(reason="no Chromium: browser test left out")
    for item in items:
        if item.get_closest_marker("browser") or "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(skip)


def pytest_unconfigure() -> None:
    if _servers:
        _servers.stop()
