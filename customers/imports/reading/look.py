"""Reading a file: `look` at its beginning, `rows` for the whole. Nothing is guessed without a way to say otherwise."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from customers.imports.reading import charsets, sandbox, table
from customers.imports.reading.shape import Broken, Content, FieldOf, How, Look, Row
from customers.imports.reading.stream import Lines, TooLong, without_mark

LARGEST = 400 * 1024 * 1024
HEAD = 256 * 1024
LINES = 400
DOUBTED = 6
SHOWN = 20
LONGEST_SHOWN = 300
Doubts = list[tuple[str, list[str]]]
# What is surely no table, by its first bytes.
STRANGERS = (
    b"MZ",
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
    b"{\\rtf",
    b"\x7fELF",
    b"SQLite",
)


def look(content: Content, how: How, field_of: FieldOf) -> Look:
    """What there is to see of a file, and how it is read: as `how` says, the rest worked out.

    `field_of` knows the names of columns. Raises Invalid with a sentence when it is no table, or too large.
    """
    try:
        content, kind = _opened(content)
        if kind == "text":
            return _look_at_text(content, how, field_of)
        return _look_at_workbook(content, kind, how, field_of)
    except TooLong:
        raise _endless() from None


def rows(content: Content, how: How, field_of: FieldOf, names: list[str] | None = None) -> tuple[list[str], "Reading"]:
    """(names of the columns, every row below the header), with as much memory for a large file as for a small one.

    `how` is that of a `Look`; what it does not say is worked out again. `names` are those of the `Look`, which was
    perhaps had in another language.
    """
    try:
        reading = Reading(content, how, field_of)
    except TooLong:
        raise _endless() from None
    return names or reading.names, reading


class Reading:
    """The rows of a file, once. `share` is how much has been read; `left_out` is complete at the end."""

    def __init__(self, content: Content, how: How, field_of: FieldOf) -> None:
        content, kind = _opened(content)
        self._source: Lines | sandbox.Sheet
        if kind == "text":
            encoding, _doubts = _encoding(content, how, field_of)
            self._source = Lines(content, encoding)
            text = _Text(self._source, how, field_of, encoding)
            found, below = text.table, text.below()
        else:
            if not how.sheet:
                how = _look_at_workbook(content, kind, how, field_of).how
            self._source = sandbox.Sheet(content, how.sheet, how.encoding)
            found, below = _sheet(self._source, how, field_of)
        self.names = found.names
        self._body = table.Body(found, below)
        self.left_out = self._body.left_out

    def __iter__(self) -> Iterator[Row | Broken]:
        try:
            yield from self._body
        except TooLong:
            raise _endless() from None

    @property
    def share(self) -> float:
        return self._source.share


def _opened(content: Content) -> tuple[Content, str]:
    """(the table itself, "text" or the kind of workbook): what is packed is unpacked as it is read."""
    if content.size > LARGEST:
        raise Invalid(_("The file is larger than 400 MB. Split it."), code="file_too_large")
    head = next(content.chunks(), b"")[:HEAD]
    if not head.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise Invalid(_("The file is empty."), code="file_empty")
    if head.startswith(STRANGERS):
        raise sandbox.no_table()
    kind = sandbox.kind_of(head)
    if kind == "packed":
        return sandbox.unpacked(content), "text"
    return content, kind


def _endless() -> Invalid:
    return Invalid(_("A line of the file is longer than 4 MB. Save the table as “CSV UTF-8”."), code="not_csv")


# Text -----------------------------------------------------------------------------------------------------------------


class _Text:
    """The first lines of a text, the table that they show, and all the rows below its header."""

    def __init__(self, lines: Iterable[str], how: How, field_of: FieldOf, encoding: str) -> None:
        self._lines, self._encoding = iter(lines), encoding
        self._head = list(islice(self._lines, LINES))
        said = table.separator_said(self._head[0])
        skipped = 1 if said else 0
        separator = how.separator or said or table.likely_separator(self._head[skipped:], field_of)
        taken = list(table.records(self._head[skipped:], separator, skipped + 1, table.Fit(), encoding))
        self.first = table.first_rows(taken)
        if taken and isinstance(taken[0], Broken) and not how.header_line:
            raise Invalid(
                _("The first line cannot be read: %(reason)s") % {"reason": taken[0].reason}, code="bad_header"
            )
        self.table = _table(self.first, how.header_line, separator, field_of)

    def below(self) -> Iterator[Row | Broken]:
        at = self.table.header_line
        lines = chain(self._head[at - 1 :], self._lines)
        # The header may have cells of several lines: it is read once more, as a row.
        read = table.records(lines, self.table.separator, at, self.table.fit, self._encoding)
        return islice(read, 1, None)


def _look_at_text(content: Content, how: How, field_of: FieldOf) -> Look:
    encoding, doubts = _encoding(content, how, field_of)
    text = _Text(Lines(content, encoding), how, field_of, encoding)
    complete = How(encoding, text.table.separator, "", text.table.header_line)
    return _look(complete, text.table, text.first, text.below(), doubts=doubts)


def _head(content: Content) -> bytes:
    head = b""
    for chunk in content.chunks():
        head += chunk
        if len(head) >= HEAD:
            break
    return head[:HEAD]


def _encoding(content: Content, how: How, field_of: FieldOf) -> tuple[str, Doubts]:
    """(the encoding that is read, what others would read); refused when none fits."""
    if how.encoding:
        if not (name := charsets.name_of(how.encoding)):
            raise Invalid(
                _("“%(encoding)s” is no encoding that can be read. Choose one of these: %(choices)s.")
                % {"encoding": how.encoding, "choices": ", ".join(charsets.ENCODINGS)},
                code="bad_encoding",
            )
        return name, []
    head = _head(content)
    if marked := charsets.marked(head):
        return marked, []
    if sum(head.count(byte) for byte in _CONTROLS) * 100 > len(head):
        raise sandbox.no_table()
    found = charsets.evidence(content.chunks())
    if not found or charsets.is_utf8(found):
        return "utf-8", []
    plausible = charsets.plausible(found, field_of)
    if not plausible:
        raise Invalid(
            _("The encoding of the file is none that can be read. Save it as “CSV UTF-8”."), code="bad_encoding"
        )
    doubts = [(encoding, _telling(found, encoding)) for encoding in plausible] if len(plausible) > 1 else []
    return plausible[0], doubts


_CONTROLS = [bytes([code]) for code in range(1, 32) if code not in (7, 9, 10, 11, 12, 13, 26, 27)]


def _telling(found: bytes, encoding: str) -> list[str]:
    """The same first lines in this encoding: the cells that are not plain ASCII."""
    shown: list[str] = []
    for line in without_mark(found).decode(encoding, errors="replace").split("\n"):
        cells = [cell.strip(' "\r') for cell in line.replace("\t", ",").replace(";", ",").split(",")]
        text = " · ".join(cell for cell in cells if not cell.isascii())
        if text and text not in shown:
            shown.append(text[:200])
        if len(shown) == DOUBTED:
            break
    return shown


# Workbooks ------------------------------------------------------------------------------------------------------------


def _look_at_workbook(content: Content, kind: str, how: How, field_of: FieldOf) -> Look:
    heads = sandbox.heads(content, how.encoding)
    doubts = [(encoding, _telling(heads.evidence, encoding)) for encoding in heads.plausible]
    filled = {name: first for name, first in heads.sheets.items() if any(any(cells) for _number, cells in first)}
    if not filled:
        raise Invalid(_("The workbook has no sheet with anything on it."), code="file_empty")
    if how.sheet and how.sheet not in filled:
        raise Invalid(
            _("The workbook has no sheet “%(sheet)s” with anything on it.") % {"sheet": how.sheet}, code="bad_sheet"
        )
    sheet = how.sheet or max(filled, key=lambda name: table.header_strength(filled[name], field_of))
    first = filled[sheet]
    found = _table(first, how.header_line, "", field_of)
    below = _rows_of(first, found)
    complete = How(heads.encoding, "", sheet, found.header_line)
    notes = []
    if len(filled) > 1:
        notes.append(_("Read from the sheet “%(sheet)s”, one of %(count)d.") % {"sheet": sheet, "count": len(filled)})
    return _look(complete, found, first, below, doubts=doubts, kind=kind, sheets=list(filled), notes=notes)


def _sheet(sheet: sandbox.Sheet, how: How, field_of: FieldOf) -> tuple[table.Table, Iterator[Row | Broken]]:
    source = iter(sheet)
    first = list(islice(source, table.SAMPLE))
    found = _table(first, how.header_line, "", field_of)
    return found, _rows_of(chain(first, source), found)


def _rows_of(source: Iterable[tuple[int, list[str]]], found: table.Table) -> Iterator[Row | Broken]:
    for number, cells in source:
        if number > found.header_line and any(cells):
            yield table.sheet_row(number, cells, found.fit)


# Both -----------------------------------------------------------------------------------------------------------------


def _table(first: list[tuple[int, list[str]]], header_line: int, separator: str, field_of: FieldOf) -> table.Table:
    if header_line:
        place = next((place for place, (number, _cells) in enumerate(first) if number == header_line), -1)
    else:
        place = table.likely_header(first, field_of)
    if place < 0:
        raise table.no_header()
    return table.tabled(first, place, separator, field_of)


def _look(
    how: How,
    found: table.Table,
    first: list[tuple[int, list[str]]],
    below: Iterable[Row | Broken],
    *,
    doubts: Doubts,
    kind: str = "text",
    sheets: list[str] | None = None,
    notes: list[str] | None = None,
) -> Look:
    body = table.Body(found, islice(below, table.SAMPLE))
    read = [row for row in body if isinstance(row, Row)]
    totals = [
        _("Line %(line)d is left out: %(why)s.") % {"line": row.line_number, "why": row.reason} for row in body.left_out
    ]
    return Look(
        how=how,
        names=found.names,
        sample=[[cell[:LONGEST_SHOWN] for cell in row.cells] for row in read[:SHOWN]],
        kind=kind,
        sheets=sheets or [],
        lines=[(number, [cell[:LONGEST_SHOWN] for cell in cells[:SHOWN]]) for number, cells in first[:SHOWN]],
        doubts=doubts,
        notes=[*(notes or []), *found.notes, *totals[:5]],
    )
