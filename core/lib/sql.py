"""SQL of more than a few lines stands in a `.sql` file beside the code that runs it, read once for each process.

    _STEPS = sql.steps(__file__, "staging")      # the folder of this file, sql/staging.sql
    cursor.execute(_STEPS["find_customers"], {"source": source})

A file holds either one statement (`load`) or named steps (`steps`), each under a line `-- name: …`. In both, `%(value)s`
is filled in by the database driver and a percent sign is written twice; a `{name}` is put in by the caller, never a value.
"""

import re
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^--[ ]name:[ ]*(\w+)[ ]*\n", re.MULTILINE)


@cache
def load(here: str, name: str) -> str:
    """The whole text of `sql/<name>.sql` beside `here`, which is the `__file__` of the caller."""
    return (Path(here).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def steps(here: str, name: str) -> dict[str, str]:
    """The named steps of that file, in the order they stand there. A step without text, or named twice, is a mistake."""
    _head, *parts = _NAME.split(load(here, name))
    names, texts = parts[::2], [text.strip() for text in parts[1::2]]
    if not names or len(set(names)) < len(names) or not all(texts):
        raise ValueError(f"sql/{name}.sql beside {here} needs steps, each with a name of its own and some text")
    return dict(zip(names, texts, strict=True))
