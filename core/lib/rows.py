"""Many rows: changed in one statement whose text does not grow with them, worked a few at a time, or read together."""

import io
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar, cast
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection, connections, models
from django.db.models import QuerySet
from psycopg2.extensions import Binary
from psycopg2.extras import Json

T = TypeVar("T")
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
QUOTED = str.maketrans({"\\": r"\\", '"': r"\""})
NUMBERS = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
ARRAY = "ARRAY(SELECT json_array_elements_text(told.{column}::json))::{kind}"
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
    # The type without what makes a key number itself. An array within an array would have to be as long as the others.
    kinds = [meta.pk.rel_db_type(connection), *(field.db_type(connection) for field in chosen[1:])]
    arrays = [str(kind).endswith("[]") for kind in kinds]
    types = ["text" if is_array else kind for kind, is_array in zip(kinds, arrays, strict=True)]
    sets = [
        f"{column} = {ARRAY.format(column=column, kind=kind) if is_array else f'told.{column}'}"
        for column, kind, is_array in zip(columns, kinds[1:], arrays[1:], strict=True)
    ]
    values = [
        [json.dumps(value) for value in column] if is_array else column
        for column, is_array in zip(values, arrays, strict=True)
    ]
    statement = UPDATE.format(
        table=quote(meta.db_table),
        key=key,
        names=", ".join([key, *columns]),
        sets=", ".join(sets),
        arrays=", ".join(f"%s::{kind}[]" for kind in types),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def insert(objects: Sequence[models.Model]) -> None:
    """The objects, all of one model, are rows; those without a key have one. Their arrays are of texts or numbers.

    Does what `bulk_create` does, by COPY, without a statement as long as all of them.
    """
    if not objects:
        return
    meta = objects[0]._meta
    database = connections[connection.alias]  # itself: what stands for it is asked for each value
    named = connection.ops.quote_name(meta.db_table)
    fresh = [row for row in objects if row.pk is None]
    with connection.cursor() as cursor:
        if fresh:
            cursor.execute(NUMBERS, [meta.db_table, meta.pk.column, len(fresh)])
            for row, (number,) in zip(fresh, cursor.fetchall(), strict=True):
                row.pk = number
        told = [field for field in meta.concrete_fields if not field.generated]
        columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in told)
        buffer = io.StringIO()
        for row in objects:
            saved = [field.get_db_prep_save(field.pre_save(row, True), database) for field in told]
            buffer.write("\t".join(map(_copied, saved)) + "\n")
        buffer.seek(0)
        cursor.copy_expert(f"COPY {named} ({columns}) FROM STDIN", buffer)
    for row in objects:
        row._state.adding, row._state.db = False, connection.alias


def _copied(value: Any) -> str:
    """As COPY reads it."""
    if value is None:
        return r"\N"
    if isinstance(value, Json):
        value = json.dumps(value.adapted)
    elif isinstance(value, Binary):
        value = rf"\x{bytes(value.adapted).hex()}"
    elif isinstance(value, list):
        value = "{" + ",".join(f'"{str(item).translate(QUOTED)}"' for item in value) + "}"
    text = str(value)
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)


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
