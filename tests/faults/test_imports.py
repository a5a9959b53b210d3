"""An import killed half-way is run again, and two imports of one file at once are one."""

import re
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.accounts.models import User
from customers import summary
from customers.imports import runs as imports
from customers.models import Customer, Import, Order, Standing, Summary, SummaryState
from tests.faults.conftest import AT, NIGHT, Eve, order
from tests.faults.processes import SILENT_SECONDS, Lock, Processes, gone, kill, said, until, writes_wait

ROWS = 12


@pytest.fixture
def file(eve: Eve, tmp_path: Path) -> Path:
    """Twelve orders of six new and six known people; the last one is known in an older version."""
    eve()
    Import.objects.all().delete()  # a worker would take up the one that was killed
    Order.objects.filter(source="file").delete()
    Customer.objects.filter(identities__source="file").delete()
    lines = ["order_no,customer,date,paid,version"]
    lines += [f"f-{n},p-{n % 6},{NIGHT - timedelta(days=n)},{10 + n},2" for n in range(ROWS)]
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def importing(processes: Processes, file: Path, rows_a_chunk: int) -> subprocess.Popen[bytes]:
    return processes.start(
        "-c",
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from customers.imports import runs\n"
        f"runs.CHUNK = {rows_a_chunk}\n"
        f"call_command('import_orders', {str(file)!r})",
    )


def counts(process: subprocess.Popen[bytes]) -> dict[str, int]:
    assert process.wait(30) == 0, said(process)
    return {name: int(count) for name, count in re.findall(r"(\w+): (\d+)", said(process))}


def figures() -> list[Any]:
    concerned = Customer.objects.filter(orders__source="file").values("pk")
    return list(Summary.objects.filter(pk__in=concerned).order_by("pk").values_list(*summary.COLUMNS))


def test_killed_half_way_it_is_run_again(file: Path, processes: Processes) -> None:
    known = Customer.objects.order_by("pk")[0]
    order("f-11", known, NIGHT - timedelta(days=30))
    Order.objects.filter(external_id="f-11").update(source="file", version=1)
    with Lock("SELECT 1 FROM customers_order WHERE source = 'file' AND external_id = 'f-11' FOR UPDATE") as lock:
        killed = importing(processes, file, rows_a_chunk=4)
        lock.caught()  # in the last of three chunks and a rest
        kill(killed)
    assert 4 <= Order.objects.filter(source="file", version=2).count() < ROWS

    told = counts(importing(processes, file, rows_a_chunk=4))

    assert told["rows"] == ROWS
    assert told["unchanged"] >= 4
    assert (told["created"] + told["unchanged"], told["updated"], told["rejected"]) == (ROWS - 1, 1, 0)
    assert Order.objects.filter(source="file", version=2).count() == ROWS
    assert Customer.objects.filter(identities__source="file").count() == 6
    concerned = Customer.objects.filter(orders__source="file").values("pk")
    shown = dict(Standing.objects.filter(pk__in=concerned).values_list("pk", "last_on"))
    assert shown == dict(Summary.objects.filter(pk__in=concerned).values_list("pk", "last_on"))
    refreshed = figures()
    state = SummaryState.objects.get()
    summary.rebuild(as_of=max(state.as_of, NIGHT), half_life_days=state.half_life_days)
    assert figures() == refreshed


def test_a_worker_killed_over_an_import_is_replaced(file: Path, processes: Processes) -> None:
    order("f-11", Customer.objects.order_by("pk")[0], NIGHT - timedelta(days=30))
    Order.objects.filter(external_id="f-11").update(source="file", version=1)
    run = imports.upload(file.name, file.read_bytes(), source="file", by=None, at=AT)
    imports.ask_for(run, Import.Task.RUN, by=User.objects.get(username="chen"), at=AT)
    with Lock("SELECT 1 FROM customers_order WHERE source = 'file' AND external_id = 'f-11' FOR UPDATE") as lock:
        [worker] = processes.crew()
        [caught] = lock.caught()
        time.sleep(2 * SILENT_SECONDS)
        assert imports.claim(run.pk) is None  # silent, but alive
        kill(worker)
    until(lambda: gone([caught]), "the session of the dead has ended")
    processes.redis.flushall()  # its message is lost as well
    assert Import.objects.get(pk=run.pk).state == Import.State.RUNNING

    processes.crew("late@mall")
    until(lambda: Import.objects.get(pk=run.pk).state == Import.State.DONE, "the import is done")

    assert Order.objects.filter(source="file", version=2).count() == ROWS
    assert Import.objects.get(pk=run.pk).attempts == 2


def test_two_at_once_store_everything_once(file: Path, processes: Processes) -> None:
    with writes_wait("customers_import") as start:
        two = [importing(processes, file, rows_a_chunk=4) for _ in range(2)]
        start.caught(2)
    told = [counts(process) for process in two]

    assert sum(one["created"] for one in told) == Order.objects.filter(source="file").count() == ROWS
    assert sum(one["unchanged"] for one in told) == ROWS
    assert sum(one["new_customers"] for one in told) == 6
    until(lambda: Summary.objects.filter(customer__identities__source="file").count() == 6, "all have figures")
