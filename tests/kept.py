"""The whole database copied aside and put back: what takes long to build is built once for many tests."""

from collections.abc import Iterator

from django.db import connection, transaction

SCHEMA = "whole"
# What a migration has done is not what a test has written.
TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'django_migrations'
    ORDER BY c.relname
"""
COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"


def tables() -> Iterator[tuple[str, str]]:
    """Each table (of a divided one its pieces) with its columns that can be written."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        names = [f'"{name}"' for (name,) in cursor.fetchall()]
        for name in names:
            cursor.execute(COLUMNS, [name])
            yield name, cursor.fetchone()[0]


def is_kept() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [SCHEMA])
        return bool(cursor.fetchone()[0])


@transaction.atomic
def keep() -> None:
    """Every row and every counter of the database stands a second time in a schema of its own."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for name, columns in tables():
            cursor.execute(f"CREATE TABLE {SCHEMA}.{name} AS SELECT {columns} FROM {name}")
        cursor.execute(f"CREATE TABLE {SCHEMA}.sequences AS {SEQUENCES}")


@transaction.atomic
def put_back() -> None:
    """The database is what it was when it was kept, by rows alone: no trigger fires and no key is looked up."""
    every = list(tables())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"TRUNCATE {', '.join(name for name, _columns in every)} CASCADE")
        for name, columns in every:
            cursor.execute(
                f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {SCHEMA}.{name}"
            )
        cursor.execute(
            f"SELECT setval(format('%I', sequencename)::regclass, greatest(last_value, 1), last_value IS NOT NULL)"
            f" FROM {SCHEMA}.sequences"
        )


def forget() -> None:
    """Nothing stands beside the tables of the product."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
