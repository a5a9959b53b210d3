"""Many rows changed in one statement."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.lib import rows
from loyalty.models import PointAccount
from tests.loyalty.points.stories import START, person

LATER = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def accounts(db: None) -> list[PointAccount]:
    people = [person(name) for name in ("李雷", "韩梅梅", "林涛")]
    return [PointAccount.objects.create(customer=one, settled_at=START) for one in people]


def test_what_the_objects_say_is_stored_for_them_and_nobody_else(accounts: list[PointAccount]) -> None:
    first, second, _untold = accounts
    first.available, first.pending = 7, 70
    second.available, second.settled_at = 8, LATER
    with CaptureQueriesContext(connection) as asked:
        rows.update([first, second], ["available", "settled_at"])

    assert len(asked) == 1
    stored = PointAccount.objects.order_by("pk").values_list("available", "pending", "settled_at")
    assert list(stored) == [(7, 0, START), (8, 0, LATER), (0, 0, START)]


def test_a_foreign_key_and_nothing_are_values_too(accounts: list[PointAccount]) -> None:
    first, second, third = accounts
    first.state, first.merged_into_id = PointAccount.State.MERGED, third.pk
    second.state = PointAccount.State.FROZEN
    rows.update([first, second], ["state", "merged_into_id"])

    stored = PointAccount.objects.order_by("pk").values_list("state", "merged_into")
    assert list(stored) == [("merged", third.pk), ("frozen", None), ("active", None)]


def test_of_no_rows_nothing_is_asked(db: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        rows.update([], ["available"])
    assert len(asked) == 0
