"""A long request has a process of its own: pages and single orders go on, whatever becomes of that process."""

import json
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

import psutil
import pytest
from django.db import connection

from customers.models import Customer, Order
from tests.faults.processes import Lock, Processes, until
from tests.faults.serving import answer, client_token, serve_as_shipped

Sent = tuple[int, str, str]
ORDER = {"version": 1, "customer": {"external_id": "c-1"}, "ordered_at": "2026-11-17T12:00:00+08:00", "paid": "80"}


def long_process(master: psutil.Process) -> psutil.Process:
    """Whatever else runs here yields to nobody: those of long requests do."""
    [own] = [child for child in master.children() if child.nice() > master.nice()]
    return own


def sender(address: str) -> tuple[Callable[[str], Sent], Callable[[str], Sent]]:
    """Sends a batch of one order of this number, or that order alone."""
    at = f"{address}/api/v1/sources/shop/orders"
    ask = partial(answer, Authorization=f"Token {client_token()}")

    def batch(number: str) -> Sent:
        return ask(f"{at}/batch", {"orders": [ORDER | {"external_id": number}]}, by="POST")

    return batch, lambda number: ask(f"{at}/{number}", ORDER)


def is_at_work(sent: Future[Sent]) -> bool:
    return not wait([sent], timeout=1).done


@pytest.fixture
def master(mall: None, processes: Processes) -> tuple[str, psutil.Process]:
    address = serve_as_shipped(processes)
    return address, psutil.Process(processes.started[-1].pid)


def test_a_long_request_holds_up_nobody(master: tuple[str, psutil.Process], processes: Processes) -> None:
    address, gunicorn = master
    batch, single = sender(address)
    assert batch("turn-1")[0] == 200
    assert len(gunicorn.children()) == 2

    with ThreadPoolExecutor() as pool:
        # It is at work, and for long: the rest goes on.
        own = long_process(gunicorn)
        own.send_signal(signal.SIGSTOP)
        waiting = pool.submit(batch, "turn-2")
        assert is_at_work(waiting)
        assert answer(f"{address}/accounts/login/", seconds=20)[0] == 200
        assert single("turn-3")[0] == 201
        refused = batch("turn-4")
        assert (refused[0], refused[1], json.loads(refused[2])["code"]) == (429, "5", "busy")
        own.send_signal(signal.SIGCONT)
        assert waiting.result()[0] == 200

        # It dies before it has begun: the next one does it.
        own.send_signal(signal.SIGSTOP)
        waiting = pool.submit(batch, "turn-5")
        assert is_at_work(waiting)
        own.kill()
        assert waiting.result()[0] == 200
        assert long_process(gunicorn).pid != own.pid

        # It dies at work: who sent that is told to send it again.
        customer = Customer.objects.get(identities__external_id="c-1", identities__source="shop")
        with Lock(f"SELECT 1 FROM customers_customer WHERE id = {customer.pk} FOR UPDATE"):
            waiting = pool.submit(batch, "turn-8")
            assert is_at_work(waiting)
            long_process(gunicorn).kill()
            lost = waiting.result()
        assert (lost[0], lost[1], json.loads(lost[2])["code"]) == (503, "5", "busy")
        assert batch("turn-8")[0] == 200

        # Other settings are read: all processes are new ones, one of them for what takes long.
        before = {child.pid for child in gunicorn.children()}
        gunicorn.send_signal(signal.SIGHUP)
        until(lambda: len({child.pid for child in gunicorn.children()} - before) == 2, "they are new")
        until(lambda: len(gunicorn.children()) == 2, "the old ones have ended")
        assert batch("turn-6")[0] == 200
        long_process(gunicorn).send_signal(signal.SIGSTOP)
        waiting = pool.submit(batch, "turn-7")
        assert is_at_work(waiting)
        long_process(gunicorn).send_signal(signal.SIGCONT)
        assert waiting.result()[0] == 200

        # Fewer and more processes: the one for long requests is not the one that goes.
        own = long_process(gunicorn)
        gunicorn.send_signal(signal.SIGTTIN)
        until(lambda: len(gunicorn.children()) == 3, "one more")
        gunicorn.send_signal(signal.SIGTTOU)
        until(lambda: len(gunicorn.children()) == 2, "one less")
        assert long_process(gunicorn) == own

    stored = set(Order.objects.filter(external_id__startswith="turn-").values_list("external_id", flat=True))
    assert stored == {f"turn-{n}" for n in (1, 2, 3, 5, 6, 7, 8)}
    connection.close()


def test_without_processes_of_their_own_they_are_worked_on_where_they_come(mall: None, processes: Processes) -> None:
    batch, _single = sender(serve_as_shipped(processes, API_LONG_AT_ONCE="0"))

    assert batch("here-1")[0] == 200
    assert len(psutil.Process(processes.started[-1].pid).children()) == 1
