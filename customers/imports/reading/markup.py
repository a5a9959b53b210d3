"""Pages of HTML and XML spreadsheets that are called `.xls`. Runs in the child. No Django here."""

import codecs
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import IO
from xml.parsers import expat

from customers.imports.reading import charsets
from customers.imports.reading.book import Cells, Refused
from customers.imports.reading.workbook import number

SPREADSHEET = "urn:schemas-microsoft-com:office:spreadsheet"
HTML = re.compile(
    r"\s*(<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(!doctype\s+html|html|head|meta|body|table|div|style|tr)\b", re.I | re.S
)
MOST_ROWS = 1_100_000
MOST_COLUMNS = 1_000
STEP = 64 * 1024


def is_markup(head: bytes) -> bool:
    return kind_of(head) != ""


def kind_of(head: bytes) -> str:
    """ "html" or "xml" when the file is a page or an XML spreadsheet, "" when it is neither."""
    encoding = charsets.marked(head) or "latin-1"
    text = head[:4096].decode(encoding, errors="replace").lstrip("\ufeffï»¿")
    if HTML.match(text):
        return "html"
    return "xml" if text.lstrip().startswith("<?xml") or SPREADSHEET in text else ""


class Tables:
    """The tables of a page, or the sheets of a spreadsheet, each as rows."""

    def __init__(self) -> None:
        self.tables: dict[str, list[list[str]]] = {}
        self.encoding, self.evidence = "", ""
        self.plausible: list[str] = []

    @property
    def sheets(self) -> list[str]:
        return list(self.tables)

    def height(self, sheet: str) -> int:
        return len(self.tables.get(sheet, ()))

    def rows(self, sheet: str) -> Iterator[Cells]:
        if sheet not in self.tables:
            raise Refused("no_sheet")
        for place, cells in enumerate(self.tables[sheet], start=1):
            yield place, list(cells)


def opened(file: IO[bytes], encoding: str) -> Tables:
    data = file.read()
    found = Tables()
    if kind_of(data[:4096]) == "xml":
        _read_xml(data, found)
        return found
    found.encoding = encoding or _encoding(data, found)
    page = _Page(found.tables)
    text = data.decode(found.encoding, errors="replace")
    for start in range(0, len(text), STEP):
        page.feed(text[start : start + STEP])
    page.close()
    if not found.tables:
        raise Refused("no_table_in_page")
    return found


def _encoding(data: bytes, found: Tables) -> str:
    """As a mark or the page itself says, if it can be read so, else worked out."""
    if marked := charsets.marked(data[:4096]):
        return marked
    evidence = charsets.evidence([data])
    if not evidence or charsets.is_utf8(evidence):
        return "utf-8"
    said = re.search(rb"charset\s*=\s*[\"']?\s*([\w-]+)", data[:4096], re.I)
    if said and (name := charsets.name_of(said[1].decode("ascii", "replace"))):
        try:
            codecs.getincrementaldecoder(name)("strict").decode(evidence)
            return name
        except UnicodeDecodeError:
            pass
    plausible = charsets.plausible(evidence, lambda name: "")
    if not plausible:
        raise Refused("bad_encoding")
    if len(plausible) > 1:
        found.plausible, found.evidence = plausible, re.sub(rb"<[^>]*>", b",", evidence[:STEP]).hex()
    return plausible[0]


class _Grid:
    """Rows of cells, some of which reach down or to the right."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._down: dict[int, tuple[int, str]] = {}  # column -> (rows still to come, value)

    def begin(self) -> None:
        if len(self.rows) >= MOST_ROWS:
            raise Refused("too_large")
        self.rows.append([])

    def put(self, value: str, across: int, down: int, at: int = 0) -> None:
        if not self.rows:
            self.begin()
        row = self.rows[-1]
        self._fill(row)
        while len(row) < at - 1:
            row.append("")
            self._fill(row)
        for place in range(max(1, min(across, MOST_COLUMNS))):
            if len(row) > MOST_COLUMNS:
                raise Refused("too_wide")
            if down > 1:
                self._down[len(row)] = (min(down, MOST_ROWS) - 1, "" if place else value)
            row.append("" if place else value)

    def end(self) -> None:
        if self.rows:
            self._fill(self.rows[-1], to_end=True)

    def _fill(self, row: list[str], *, to_end: bool = False) -> None:
        while self._down and (len(row) in self._down or (to_end and max(self._down) >= len(row))):
            left, value = self._down.get(len(row), (0, ""))
            if left > 1:
                self._down[len(row)] = (left - 1, value)
            else:
                self._down.pop(len(row), None)
            row.append(value)


class _Page(HTMLParser):
    """Every table of a page that is no mere frame around another."""

    def __init__(self, tables: dict[str, list[list[str]]]) -> None:
        super().__init__(convert_charrefs=True)
        self._tables = tables
        self._open: list[_Grid] = []
        self._cell: list[str] | None = None
        self._span = (1, 1)
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script"):
            self._silent += 1
        elif tag == "table":
            self._end_cell()
            if len(self._open) > 20:
                raise Refused("too_large")
            self._open.append(_Grid())
        elif tag == "tr" and self._open:
            self._end_row()
            self._open[-1].begin()
        elif tag in ("td", "th") and self._open:
            self._end_cell()
            said = dict(attrs)
            self._span = (_count(said.get("colspan")), _count(said.get("rowspan")))
            self._cell = []
        elif tag in ("br", "p", "div") and self._cell:
            self._cell.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._silent = max(0, self._silent - 1)
        elif tag in ("td", "th"):
            self._end_cell()
        elif tag == "tr":
            self._end_row()
        elif tag == "table" and self._open:
            self._end_row()
            self._keep(self._open.pop())

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._silent:
            self._cell.append(data)

    def close(self) -> None:
        super().close()
        while self._open:
            self._end_row()
            self._keep(self._open.pop())

    def _end_cell(self) -> None:
        if self._cell is not None and self._open:
            value = " ".join("".join(self._cell).split())
            self._open[-1].put(value, *self._span)
        self._cell = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._open:
            self._open[-1].end()

    def _keep(self, grid: _Grid) -> None:
        if any(any(row) for row in grid.rows):
            self._tables[f"Table {len(self._tables) + 1}"] = grid.rows


def _count(said: str | None) -> int:
    return int(said) if said and said.isdecimal() and len(said) < 8 else 1


def _read_xml(data: bytes, found: Tables) -> None:
    """The sheets of an XML spreadsheet of 2003; entities of its own are refused, they grow without end."""
    parser = expat.ParserCreate(namespace_separator=" ")
    said = re.search(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w-]+)", data[:200])
    if said and (name := charsets.name_of(said[1].decode())) and name not in ("utf-8", "utf-16-le", "utf-16-be"):
        data = data.decode(name, errors="replace").encode()
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    _Spreadsheet(parser, found.tables)
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        raise Refused("not_csv") from None
    if not found.tables:
        raise Refused("not_csv")


class _Spreadsheet:
    def __init__(self, parser: "expat.XMLParserType", tables: dict[str, list[list[str]]]) -> None:
        self._tables = tables
        self._grid: _Grid | None = None
        self._data: list[str] | None = None
        self._value, self._type = "", ""
        self._cell: dict[str, str] = {}
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.buffer_text = True

    def _entity(self, *_declared: object) -> None:
        raise Refused("not_csv")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        said = {name.rpartition(" ")[2]: value for name, value in attributes.items()}
        tag = tag.rpartition(" ")[2] if tag.startswith(SPREADSHEET) else ""
        if tag == "Worksheet":
            self._grid = _Grid()
            self._tables[said.get("Name", f"Sheet {len(self._tables) + 1}")] = self._grid.rows
        elif tag == "Row" and self._grid:
            at = _count(said.get("Index")) if "Index" in said else 0
            if at > MOST_ROWS:
                raise Refused("too_large")
            while len(self._grid.rows) < at - 1:
                self._grid.begin()
                self._grid.end()
            self._grid.begin()
        elif tag == "Cell":
            self._cell, self._value = said, ""
        elif tag == "Data":
            self._data, self._type = [], said.get("Type", "")

    def _text(self, text: str) -> None:
        if self._data is not None:
            self._data.append(text)

    def _end(self, tag: str) -> None:
        tag = tag.rpartition(" ")[2] if tag.startswith(SPREADSHEET) else ""
        if tag == "Data" and self._data is not None:
            self._value = _typed("".join(self._data), self._type)
            self._data = None
        elif tag == "Cell" and self._grid:
            across, down = (int(self._cell.get(name, "0") or 0) for name in ("MergeAcross", "MergeDown"))
            at = _count(self._cell.get("Index")) if "Index" in self._cell else 0
            if at > MOST_COLUMNS:
                raise Refused("too_wide")
            self._grid.put(self._value, across + 1, down + 1, at)
        elif tag == "Row" and self._grid:
            self._grid.end()


def _typed(text: str, kind: str) -> str:
    if kind == "Number":
        try:
            return number(float(text))
        except ValueError:
            return text
    if kind == "DateTime":
        day, _t, clock = text.partition("T")
        clock = clock.partition(".")[0]
        return day if clock in ("", "00:00:00") else f"{day} {clock}"
    return text
