"""Redis gone, hung or emptied: pages and orders come and go, and the night is late, never lost."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.test import Client
from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from core.jobs.models import JobRun
from crm.celery import app
from crm.demo.embedded import Embedded
from customers.models import Order
from tests.faults import digest
from tests.faults.conftest import Digest, Eve, done, planned, state
from tests.faults.processes import Processes, kill, said, until, writes_wait


@pytest.fixture(autouse=True)
def _this_process_too_would_use_that_redis(redis: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.conf, "broker_url", redis.start_redis())


@contextmanager
def away(redis: Embedded) -> Iterator[None]:
    """Redis is stopped, and comes back empty."""
    redis.stop()
    try:
        yield
    finally:
        redis.start_redis()


@contextmanager
def hung(redis: Embedded) -> Iterator[None]:
    server = redis._started["redis"]
    server.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send_signal(signal.SIGCONT)


def signed_in() -> Client:
    client = Client()
    client.force_login(User.objects.get_or_create(username="lead", roles=[Role.TEAM_LEAD])[0])
    return client


def a_day_at_the_mall(browser: Client) -> None:
    """Somebody looks at pages, the shop sends an order."""
    for page in ("/", "/customers/", "/alerts/"):
        assert browser.get(page).status_code == 200, page
    shop, _new = User.objects.get_or_create(username="shop", roles=[Role.CLIENT])
    _token, secret = tokens.issue(shop, name="shop", scopes=[ApiScope.ORDERS_WRITE], at=timezone.now())
    told = Order.objects.filter(source="shop").select_related("customer").latest("pk")
    answer = Client().put(
        f"/api/v1/sources/shop/orders/{told.external_id}",
        {
            "version": 1,
            "ordered_at": told.ordered_at.isoformat(),
            "paid": str(told.paid),
            "customer": {"number": told.customer.number},
        },
        content_type="application/json",
        headers={"Authorization": f"Token {secret}"},
    )
    assert answer.json()["outcome"] == "unchanged"


@pytest.mark.parametrize("trouble", [away, hung])
def test_the_web_does_not_notice(trouble: object, eve: Eve, processes: Processes, redis: Embedded) -> None:
    eve()
    browser = signed_in()

    with trouble(redis):  # type: ignore[operator]
        began = time.monotonic()
        a_day_at_the_mall(browser)
        took = time.monotonic() - began

    assert took < 10


def test_a_night_planned_while_redis_is_away_runs_when_it_is_back(
    eve: Eve, undisturbed: Digest, processes: Processes, redis: Embedded
) -> None:
    expected = undisturbed()
    eve()
    processes.crew()
    with away(redis):
        planned()
        time.sleep(2)
        assert state() == JobRun.State.WAITING
    until(done, "the night is done")

    assert digest.digest() == expected


@pytest.mark.parametrize("way", ["keeping up", "rebuilding"])
def test_a_night_under_way_ends_without_redis(
    way: str, eve: Eve, undisturbed: Digest, processes: Processes, redis: Embedded
) -> None:
    """The rebuild even calls for help meanwhile, and does without."""
    expected = undisturbed(way)
    eve(way)
    planned()
    with writes_wait("jobs_part" if way == "rebuilding" else "customers_summary") as lock:
        processes.crew()
        lock.caught()
        redis.stop()
    try:
        until(done, "the night is done")
    finally:
        redis.start_redis()

    assert digest.digest() == expected


def test_messages_lost_by_a_flush_are_sent_again(
    eve: Eve, undisturbed: Digest, processes: Processes, redis: Embedded
) -> None:
    expected = undisturbed()
    eve()
    browser = signed_in()
    planned()
    with writes_wait("customers_standing") as lock:
        [worker] = processes.crew()
        lock.caught()
        kill(worker)
        until(lambda: processes.redis.exists("long"), "messages wait")
        processes.redis.flushall()
    processes.crew("late@mall")
    until(done, "the night is done")

    assert digest.digest() == expected
    assert browser.get("/").status_code == 200  # still signed in


def test_a_worker_outlives_a_redis_that_answers_with_errors(
    eve: Eve, undisturbed: Digest, processes: Processes
) -> None:
    expected = undisturbed()
    eve()
    [worker] = processes.crew()
    until(lambda: "ready." in said(worker), "the worker is up")

    processes.redis.config_set("min-replicas-to-write", 1)  # as with a full disk: whoever writes is refused
    try:
        until(lambda: "NOREPLICAS" in said(worker), "the worker has met the error")
        planned()
        time.sleep(2)
        assert (worker.poll(), state()) == (None, JobRun.State.WAITING)
    finally:
        processes.redis.config_set("min-replicas-to-write", 0)
    until(done, "the night is done")

    assert worker.poll() is None
    assert digest.digest() == expected


def test_with_the_usual_transport_it_would_not(eve: Eve, processes: Processes) -> None:
    eve()
    worker_of_old = "app.worker_main(['worker', '-c', '1', '-l', 'info'])"
    usual = f"from crm.celery import app; app.conf.broker_transport = 'redis'; {worker_of_old}"
    worker = processes.start("-c", usual)
    until(lambda: "ready." in said(worker), "the worker is up")

    processes.redis.config_set("min-replicas-to-write", 1)
    try:
        until(lambda: worker.poll() is not None, "it has ended for good")
    finally:
        processes.redis.config_set("min-replicas-to-write", 0)
