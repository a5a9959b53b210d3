"""Two writers that wait for each other: both get their way, one after the other."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction
from psycopg2.errors import DeadlockDetected

from core.accounts.models import Team
from core.lib.deadlock import again_after_deadlock
from tests.races import PATIENCE

Write = Callable[[str, str], None]


def write_at_once(guard: Callable[[Write], Write]) -> list[Exception]:
    """Two transactions write two rows in opposite order; the errors that came out."""
    for name in ("east", "west"):
        Team.objects.create(name=name)
    wrong: list[Exception] = []
    both_hold_one = threading.Barrier(2)
    begun: list[str] = []

    @guard
    @transaction.atomic
    def write(first: str, second: str) -> None:
        Team.objects.select_for_update().get(name=first)
        begun.append(first)
        if len(begun) <= 2:
            both_hold_one.wait(PATIENCE)
        Team.objects.select_for_update().get(name=second)

    def alone(first: str, second: str) -> None:
        try:
            write(first, second)
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=alone, args=names) for names in (("east", "west"), ("west", "east"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


@pytest.mark.django_db(transaction=True)
def test_the_one_that_lost_begins_again() -> None:
    assert write_at_once(again_after_deadlock) == []


@pytest.mark.django_db(transaction=True)
def test_otherwise_it_is_an_error() -> None:
    wrong = write_at_once(lambda write: write)

    assert [type(error.__cause__) for error in wrong] == [DeadlockDetected]


class Lost(DeadlockDetected):
    pgcode = "40P01"


def lost_deadlocks() -> int:
    """How many times a verb was begun that loses each time."""
    calls = []

    @again_after_deadlock
    def lose() -> None:
        calls.append(1)
        raise OperationalError from Lost()

    with pytest.raises(OperationalError):
        lose()
    return len(calls)


@pytest.mark.django_db
def test_within_a_transaction_nothing_is_repeated() -> None:
    assert lost_deadlocks() == 1


@pytest.mark.django_db(transaction=True)
def test_the_error_of_the_third_repetition_goes_up() -> None:
    assert lost_deadlocks() == 4
