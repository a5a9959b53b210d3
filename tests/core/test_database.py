"""What the models say the database keeps, it keeps: a migration may lose an index without a word."""

import pytest
from django.apps import apps
from django.db import connection


@pytest.mark.django_db
def test_every_constraint_and_index_of_the_models_is_in_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes")
        known = {name for (name,) in cursor.fetchall()}
    named = {
        f"{model._meta.label}: {row.name}"
        for model in apps.get_models()
        if model._meta.managed
        for row in (*model._meta.constraints, *model._meta.indexes)
    }

    assert {name for name in named if name.split(": ")[1] not in known} == set()
