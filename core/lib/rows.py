"""Many rows: changed in one statement whose text does not grow with them, worked a few at a time, or read together."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar, cast
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import QuerySet

T = TypeVar("T")
UPDATE = "UPDATE {table} kept SET {sets} FROM unnest({arrays}) AS told ({names}) WHERE kept.{key} = told.{key}"


def update(objects: Collection[models.Model], fields: Sequence[str]) -> None:
    """The rows of these objects, all of one model, have what the objects say in `fields` (a foreign key: "…_id").

    Does what `bulk_update` does, without its CASE per row and field, which takes longer to build than to execute.
    """
    if not objects:
        return
    meta = next(iter(objects))._meta
    named = {field.attname: field for field in meta.concrete_fields}
    chosen = [meta.pk, *(named[name] for name in fields)]
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for row in objects] for field in chosen]
    quote = connection.ops.quote_name
    key, *columns = (quote(str(field.column)) for field in chosen)
    # The type without what makes a key number itself.
    types = [meta.pk.rel_db_type(connection), *(field.db_type(connection) for field in chosen[1:])]
    statement = UPDATE.format(
        table=quote(meta.db_table),
        key=key,
        names=", ".join([key, *columns]),
        sets=", ".join(f"{column} = told.{column}" for column in columns),
        arrays=", ".join(f"%s::{kind}[]" for kind in types),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def value(model: type[models.Model], name: str, told: Any) -> Any:
    """What the field of this name (or attname) holds when it was told in JSON."""
    field = cast("models.Field[Any, Any]", model._meta.get_field(name))
    return field.to_python(told)


def batches(objects: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The objects in their order, `size` of them at a time; the last batch may be shorter."""
    return (objects[start : start + size] for start in range(0, len(objects), size))


# Many lists in one statement ----------------------------------------------------------------------------------------

PART = """SELECT {number} AS part, row_number() OVER () AS place, to_json(line)::text AS line
            FROM ({statement}) AS line ({names})"""
# From JSON to what the driver would have read.
READ: dict[str, Callable[[Any], Any]] = {
    "timestamp with time zone": datetime.fromisoformat,
    "date": date.fromisoformat,
    "uuid": UUID,
    "bytea": lambda text: memoryview(bytes.fromhex(text.removeprefix("\\x"))),
    "double precision": float,
    "numeric": Decimal,
    "jsonb": partial(json.dumps, default=float),  # Django takes it apart itself
}


def together(*querysets: QuerySet[Any, Any]) -> None:
    """These querysets have been read, all in one statement; whoever goes through them waits for nothing more.

    For a page that shows a little of everything: twenty lists cost one wait instead of twenty. What they prefetch is
    still read apart. Not for columns of ranges or durations.
    """
    parts, told, compilers = [], [], {}
    for number, queryset in enumerate(querysets):
        compiler = queryset.query.get_compiler(connection.alias)
        try:
            statement, parameters = compiler.as_sql()
        except EmptyResultSet:  # nothing could be in it
            queryset._result_cache = []
            continue
        compilers[number] = compiler
        names = ", ".join(f"c{place}" for place in range(len(compiler.select)))
        parts.append(PART.format(number=number, statement=statement, names=names))
        told += parameters
    lines: dict[int, list[Any]] = {number: [] for number in compilers}
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(f"{' UNION ALL '.join(parts)} ORDER BY part, place", told)
            for number, _place, line in cursor.fetchall():
                lines[number].append(list(json.loads(line, parse_float=Decimal).values()))
    for number, compiler in compilers.items():
        _answered(querysets[number], compiler, lines[number])


def _answered(queryset: QuerySet[Any, Any], compiler: Any, lines: list[list[Any]]) -> None:
    """The queryset holds these rows, made into what it is a queryset of by Django itself."""
    types = [str(column.output_field.db_type(connection)).split("(")[0] for column, _sql, _alias in compiler.select]
    readers = [READ.get(kind) for kind in types]
    read = [
        tuple(reader(cell) if reader and cell is not None else cell for cell, reader in zip(line, readers, strict=True))
        for line in lines
    ]
    compiler.execute_sql = lambda *_, **__: [read]
    query: Any = queryset.query
    query.get_compiler = lambda *_, **__: compiler
    queryset._fetch_all()
