"""Tables as numpy arrays and back, by binary COPY: fixed-width NOT NULL columns only, no row objects."""

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

Array = NDArray[Any]

# The wire types of PostgreSQL's binary COPY, big-endian. A date is days since 2000-01-01.
WIRE = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "date": ">i4"}
NATIVE = {"int2": np.int16, "int4": np.int32, "int8": np.int64, "float8": np.float64, "date": np.int64}
# Days from 1970-01-01 (numpy's and our day number) to PostgreSQL's 2000-01-01.
EPOCH_SHIFT = 10_957
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)


def _row_type(kinds: Sequence[str]) -> np.dtype[Any]:
    fields: list[tuple[str, str]] = [("field_count", ">i2")]
    for position, kind in enumerate(kinds):
        fields += [(f"size_{position}", ">i4"), (f"value_{position}", WIRE[kind])]
    return np.dtype(fields)


def read(select: str, parameters: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Array]:
    """The rows of a SELECT as one array per column, in the machine's byte order; dates as days since 1970.

    `columns` gives name → wire type in the order of the SELECT list. Raises ValueError on a NULL.
    """
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        query = cursor.mogrify(select, parameters).decode()
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", buffer)
    row = _row_type(list(columns.values()))
    body = buffer.getbuffer()[len(_SIGNATURE) : -len(_TRAILER)]
    if len(body) % row.itemsize:
        raise ValueError("a column holds NULL or another type than declared")
    rows = np.frombuffer(body, dtype=row)
    arrays: dict[str, Array] = {}
    for position, (name, kind) in enumerate(columns.items()):
        arrays[name] = rows[f"value_{position}"].astype(NATIVE[kind])
        if kind == "date":
            arrays[name] += EPOCH_SHIFT
    return arrays


def write(table: str, columns: Mapping[str, tuple[str, Array]]) -> None:
    """Append equally long arrays to a table by binary COPY. `columns`: name → (wire type, values)."""
    kinds = [kind for kind, _ in columns.values()]
    row = _row_type(kinds)
    length = len(next(iter(columns.values()))[1])
    rows = np.empty(length, dtype=row)
    rows["field_count"] = len(kinds)
    for position, (kind, values) in enumerate(columns.values()):
        rows[f"size_{position}"] = np.dtype(WIRE[kind]).itemsize
        rows[f"value_{position}"] = values - EPOCH_SHIFT if kind == "date" else values
    buffer = io.BytesIO(_SIGNATURE + rows.tobytes() + _TRAILER)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", buffer)
