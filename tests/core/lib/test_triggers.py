"""What every trigger of the database asks first."""

from contextlib import closing

import pytest
from django.db import connection


@pytest.mark.django_db
def test_no_trigger_has_to_catch_an_error_to_learn_that_it_is_not_ignored() -> None:
    """A caught error rolls back a subtransaction, which costs more with every deferred check of the transaction."""
    fresh = connection.copy()
    with closing(fresh), fresh.cursor() as cursor:
        cursor.execute("SELECT current_setting('pgtrigger.ignore')::text[]")
        assert cursor.fetchone() == ([],)
