"""What takes a workbook apart, in a process of its own with little memory and time, no settings and nothing to write.

    python -m customers.imports.reading.child heads|rows|unpack SHEET ENCODING  < file

Answers in lines of JSON: one object about the file, then `[row number, [cells]]` for each row with anything in it, and
`{"end": true}`, or `{"error": code}`. `unpack` answers with the bytes of the one packed text, and its refusal as its
exit status. No Django here.
"""

import json
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from customers.imports.reading import markup, packed, workbook
from customers.imports.reading.book import Cells, Refused

MEMORY = 1024 * 1024 * 1024
SECONDS = 120
SHEETS = 20
ROWS = 200
LONGEST_CELL = 128 * 1024
MOST_CELLS = 1_000
# Exit statuses of `unpack`.
STATUSES = {"not_csv": 10, "file_too_large": 11, "several_files": 12, "password": 13, "too_large": 14}


def shut_in() -> None:
    """From here on this process can neither grow, nor go on for ever, nor write a file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def say(thing: Any) -> None:
    sys.stdout.write(json.dumps(thing, ensure_ascii=False, separators=(",", ":")) + "\n")


def bounded(rows: Iterable[Cells]) -> Iterator[Cells]:
    """Rows with anything in them, without the blank cells at their ends; absurd ones are refused."""
    for number, cells in rows:
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MOST_CELLS:
            raise Refused("too_wide")
        if any(len(cell) > LONGEST_CELL for cell in cells):
            raise Refused("cell_too_long")
        if cells:
            yield number, cells


def answer(task: str, sheet: str, encoding: str) -> None:
    file = os.fdopen(0, "rb")
    if task == "unpack":
        packed.unpack(file, sys.stdout.buffer)
        return
    head = file.read(4096)
    file.seek(0)
    book = markup.opened(file, encoding) if markup.is_markup(head) else workbook.opened(file)
    say({"sheets": book.sheets, "encoding": book.encoding, "plausible": book.plausible, "evidence": book.evidence})
    for name in book.sheets[:SHEETS] if task == "heads" else [sheet]:
        say({"sheet": name, "height": book.height(name)})
        for place, (number, cells) in enumerate(bounded(book.rows(name))):
            if task == "heads" and place == ROWS:
                break
            say([number, cells])
    say({"end": True})


def main(task: str, sheet: str, encoding: str) -> int:
    try:
        answer(task, sheet, encoding)
        sys.stdout.flush()
        return 0
    except Refused as refusal:
        code = str(refusal)
    except (MemoryError, RecursionError):
        code = "too_large"
    if task == "unpack":
        return STATUSES[code]
    say({"error": code})
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    shut_in()
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        status = main(*sys.argv[1:4])
    except BrokenPipeError:
        status = 0  # whoever asked has heard enough
    os._exit(status)
