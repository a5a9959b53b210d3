"""An error at one SQL statement after the other: whatever statement fails, the next attempt ends as it should."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from core.jobs import leases
from crm.flows import nightly
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve

POSITIONS = 10
Fault = Callable[[int], Callable[[int], BaseException | None]]


class Died(BaseException):
    """The process is gone: it cannot even note that it failed."""


@contextmanager
def failing(fails: Callable[[int], BaseException | None]) -> Iterator[list[int]]:
    """Statement after statement, raise what `fails` says of its number; tells how many there were."""
    count = [0]

    def execute(run: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        count[0] += 1
        if error := fails(count[0]):
            raise error
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield count


def once(at: int) -> Callable[[int], BaseException | None]:
    return lambda number: OperationalError("injected") if number == at else None


def from_then_on(at: int) -> Callable[[int], BaseException | None]:
    return lambda number: OperationalError("the database is away") if number >= at else None


def death(at: int) -> Callable[[int], BaseException | None]:
    return lambda number: Died() if number == at else None


def evenly(last: int, count: int) -> list[int]:
    """So many whole numbers from 1 to `last`, both included."""
    return sorted({1 + round(step * (last - 1) / (count - 1)) for step in range(count)})


def wrong_after(fault: Fault, way: str, eve: Eve, expected: str, *, tried: int = POSITIONS) -> Iterator[int]:
    """Of so many statements, those at which this fault, and another attempt after it, ends in another state than none."""
    eve(way)
    with failing(lambda number: None) as count:
        nightly.run(NIGHT)
    assert count[0] > tried
    for position in evenly(count[0], tried):
        eve(way)
        with failing(fault(position)), pytest.raises((OperationalError, Died)):
            nightly.run(NIGHT)
        nightly.run(NIGHT)
        if digest.digest() != expected:
            yield position


@pytest.fixture(autouse=True)
def _whoever_does_not_speak_now_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SILENT_AFTER", timedelta())


@pytest.mark.parametrize("fault", [once, from_then_on, death])
@pytest.mark.parametrize("way", ["keeping up", "rebuilding"])
def test_whichever_statement_fails_the_next_attempt_mends_it(
    fault: Fault, way: str, eve: Eve, undisturbed: Digest
) -> None:
    assert list(wrong_after(fault, way, eve, undisturbed(way))) == []


class CommitsAnyway:
    """A transaction that keeps what was written before the error."""

    def __init__(self) -> None:
        self.atomic = transaction.atomic()

    def __enter__(self) -> None:
        self.atomic.__enter__()

    def __exit__(self, *error: object) -> None:
        self.atomic.__exit__(None, None, None)


def test_where_half_a_step_is_kept_it_shows(eve: Eve, undisturbed: Digest, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = undisturbed()
    monkeypatch.setattr(nightly, "transaction", SimpleNamespace(atomic=CommitsAnyway))

    assert any(wrong_after(once, "keeping up", eve, expected, tried=60))
