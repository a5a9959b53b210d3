"""The database keeps what the models promise: Django can drop an index with another one of its column."""

import pytest
from django.apps import apps
from django.db import connection


@pytest.mark.django_db
def test_every_index_and_constraint_of_a_model_is_in_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, i.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
              JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indisvalid
             UNION SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
            """
        )
        there = set(cursor.fetchall())
    promised = {
        (model._meta.db_table, one.name)
        for model in apps.get_models()
        if model._meta.managed
        for one in (*model._meta.indexes, *model._meta.constraints)
    }

    assert len(promised) > 300
    assert promised - there == set()
