"""Which errors of the database pass by themselves, and which are a fault of ours."""

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from core.lib import busy


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "passes"),
    [
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", True),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'lock_not_available'; END $$", True),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$", True),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'too_many_connections'; END $$", True),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$", True),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'unique_violation'; END $$", False),
        ("SELECT 1 / 0", False),
        ("SELECT nothing_of_this_name", False),
    ],
)
def test_what_passes_by_itself(statement: str, passes: bool) -> None:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert busy.is_busy(caught.value) is passes


def test_a_broken_connection_passes_and_an_error_of_python_does_not() -> None:
    assert busy.is_busy(OperationalError("server closed the connection unexpectedly"))
    assert not busy.is_busy(ValueError("database"))
    assert not busy.is_busy(None)
