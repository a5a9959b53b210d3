"""An import undone while another file changes the same orders."""

import threading
from collections import Counter
from typing import Any

import pytest

from crm.flows import arrival
from customers import locks
from customers.imports import runs, staging
from customers.models import Import, Order
from tests.conftest import NOW, TODAY
from tests.customers.test_imports import upload
from tests.races import PATIENCE, at_once, let_pass

pytestmark = pytest.mark.django_db(transaction=True)
HEAD = "order_no,customer,date,paid,status\n"


def undo_during_import(monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], Import]:
    """The second file has seen the order; then the undo of the first goes as far as it can; then the second stores."""
    first = runs.run(upload(f"{HEAD}1,a,2026-11-01,100,paid\n"), by=None, at=NOW, today=TODAY)
    second = upload(f"{HEAD}1,a,2026-11-01,100,cancelled\n")
    seen, undone = threading.Event(), threading.Event()
    classify = staging.classify

    def classify_and_dawdle(*args: Any, **named: Any) -> None:
        classify(*args, **named)
        seen.set()
        let_pass(undone)

    def load() -> None:
        runs.run(second, by=None, at=NOW, today=TODAY)

    def take_back() -> None:
        assert seen.wait(PATIENCE)
        arrival.undo_file(first, by=None, at=NOW, today=TODAY)
        undone.set()

    monkeypatch.setattr(staging, "classify", classify_and_dawdle)
    ends = at_once([load, take_back])
    return ends, first


def test_what_another_file_changes_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    ends, first = undo_during_import(monkeypatch)

    first.refresh_from_db()
    assert ends == {"done": 2}
    assert (Order.objects.get().status, first.undone["kept"], first.undone["removed"]) == ("cancelled", 1, 0)


def test_without_the_lock_the_order_would_be_taken_from_under_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "hold_off_everyone", lambda: None)

    ends, first = undo_during_import(monkeypatch)

    first.refresh_from_db()
    assert ends != {"done": 2} or first.undone.get("removed") == 1
