"""Under a write load, whatever falls over: each acknowledged order is there once, as it was acknowledged."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
from django.db import connection

from core.jobs.models import JobRun
from crm.demo.embedded import Embedded
from crm.operating import database
from customers.models import Customer, Order
from tests.faults.conftest import Eve, done, planned, state
from tests.faults.load import NONE, SOURCE, Shop, harm, laws_broken
from tests.faults.processes import Processes, database_url, kill, until
from tests.faults.serving import client_token, serve

STORED = (
    "SELECT external_id, version, (paid / 100.0)::numeric(12, 2)::text, status FROM customers_order WHERE source = %s"
)


def stored(url: str = "") -> list[tuple[str, int, str, str]]:
    """Read by a connection of its own: what is there, not what somebody remembers."""
    with contextlib.closing(psycopg2.connect(url or database_url())) as own, own.cursor() as cursor:
        cursor.execute(STORED, [SOURCE])
        return cursor.fetchall()


def some_customers() -> list[str]:
    return list(Customer.objects.order_by("pk").values_list("number", flat=True)[:12])


@pytest.fixture
def shop(eve: Eve, processes: Processes) -> Shop:
    eve()
    Order.objects.filter(source=SOURCE).delete()
    token = client_token()
    return Shop(serve(processes, GUNICORN_CMD_ARGS="--workers 2"), token, some_customers())


def a_web_worker_dies(processes: Processes, redis: Embedded) -> None:
    for _twice in range(2):
        master = psutil.Process(processes.started[-1].pid)
        master.children()[0].kill()
        time.sleep(0.5)


def sessions_are_cut(processes: Processes, redis: Embedded) -> None:
    """As when PostgreSQL is restarted: every session of the others ends, again and again."""
    for _time in range(5):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        time.sleep(0.2)


def redis_hangs_stops_and_is_emptied(processes: Processes, redis: Embedded) -> None:
    processes.redis.flushall()
    server = redis._started["redis"]
    server.send_signal(signal.SIGSTOP)
    time.sleep(1)
    server.send_signal(signal.SIGCONT)
    redis.stop()
    time.sleep(1)
    redis.start_redis()


def a_night_whose_worker_dies(processes: Processes, redis: Embedded) -> None:
    planned()
    [worker] = processes.crew("dies@mall")
    until(is_worked, "the night is worked")
    kill(worker)
    processes.redis.flushall()  # its message is lost as well
    processes.crew("late@mall")
    until(done, "the night is done")


def is_worked() -> bool:
    return state() == JobRun.State.RUNNING


# What falls over, and whether a client may see of it more than a connection that was cut.
FAULTS: dict[Callable[[Processes, Embedded], None], set[int]] = {
    a_web_worker_dies: {0},
    sessions_are_cut: {0, 503},
    redis_hangs_stops_and_is_emptied: set(),
    a_night_whose_worker_dies: set(),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_nothing_acknowledged_is_lost_doubled_or_wrong(
    fault: Callable[[Processes, Embedded], None], shop: Shop, processes: Processes, redis: Embedded
) -> None:
    with shop.sending():
        fault(processes, redis)

    assert set(shop.answers) - {200, 201} <= FAULTS[fault]
    assert harm(shop.acknowledged, stored()) == NONE
    assert laws_broken() == {}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[Embedded, str]]:
    """A PostgreSQL of its own, as durable as in production, with all that is in the mall."""
    servers = Embedded(tmp_path / "own")
    url = servers.start_postgres()
    dump = tmp_path / "mall.dump"
    database.run("pg_dump", "--format=custom", f"--file={dump}", database=str(connection.settings_dict["NAME"]))
    restore = [database.program("pg_restore"), "--no-owner", f"--dbname={url}", str(dump)]
    subprocess.run(restore, check=True, capture_output=True)
    yield servers, url
    servers.stop()


def test_a_postgresql_killed_and_started_again_has_all_it_acknowledged(
    eve: Eve, processes: Processes, request: pytest.FixtureRequest
) -> None:
    eve()
    Order.objects.filter(source=SOURCE).delete()
    token = client_token()
    servers, url = request.getfixturevalue("own_server")
    shop = Shop(serve(processes, DATABASE_URL=url), token, some_customers())

    with shop.sending():
        os.kill(servers.process("postgres").pid, signal.SIGKILL)
        servers.process("postgres").wait()
        time.sleep(0.5)
        assert servers.start_postgres() == url

    assert set(shop.answers) <= {0, 200, 201, 503}
    assert harm(shop.acknowledged, stored(url)) == NONE


def test_what_is_lost_doubled_or_wrong_is_found(shop: Shop) -> None:
    with shop.sending(least=5):
        pass
    rows = stored()
    assert harm(shop.acknowledged, rows) == NONE

    (first, version, _paid, status), (second, *_rest), third, *others = sorted(rows, key=lambda row: -row[1])
    told = harm(shop.acknowledged, [(first, version, "0.01", status), third, third, *others])

    assert (told["lost"], told["doubled"]) == ([second], [third[0]])
    assert first in told["wrong"]
