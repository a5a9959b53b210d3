"""The tables of a page, read from the page itself: what is taken away cannot say anything else than what is shown."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from lxml import html
from lxml.html import HtmlElement

from core.lib import mall

Cell = str | Decimal

# What a page writes where there is nothing.
NOTHING = "–"

# A figure as pages write it, but for the sign of its currency: a minus, groups of three.
_FIGURE = re.compile(r"([-−]?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?", re.ASCII)
# Parts of a cell that stand under each other.
_BLOCKS = {"p", "div", "li", "br", "dd", "dt", "small", "span"}
# Columns that are there to be pressed: of buttons, and of boxes to tick.
_PRESSED = {"actions", "lk-tick-cell"}
# Not words of the page, or words of a table inside the cell's own.
_SILENT = {"script", "style", "template", "svg", "button", "form", "dialog", "kbd"}


class Table(NamedTuple):
    """A table of a page: its caption, its head (empty where it has none), and its rows."""

    title: str
    head: list[str]
    rows: list[list[Cell]]


class Content(NamedTuple):
    """What is taken away of a page: its heading and its tables."""

    title: str
    tables: list[Table]


def read(page: str) -> Content:
    """The heading of a page, and the tables in its content that have rows, without columns of buttons and of boxes to tick.

    What stands in a column of figures is a number where it is written as one.
    """
    document = html.document_fromstring(page)
    tables = (_table(element) for element in document.iterfind(".//main//table[@class]"))
    return Content(_text(next(document.iter("h1"), None)), [table for table in tables if table and table.rows])


def figure(text: str) -> Cell:
    """The number that is written, without the mall's currency and its groups of three; other words stay words."""
    match = _FIGURE.fullmatch(text.replace(mall.facts().symbol, "", 1))
    if match is None:
        return text
    minus, whole, part = match.groups()
    return Decimal(("-" if minus else "") + whole.replace(",", "") + (part or ""))


def _table(element: HtmlElement) -> Table | None:
    if "lk-table" not in element.classes:
        return None
    heads = [[str(cell) for cell in _cells(row)] for row in element.iterfind("thead/tr")]
    rows = [row for row in (_cells(row) for row in element.iterfind("tbody/tr")) if any(cell != "" for cell in row)]
    return Table(_text(next(element.iter("caption"), None)), heads[0] if heads else [], rows)


def _text(element: HtmlElement | None) -> str:
    return " ".join(str(element.text_content()).split()) if element is not None else ""


def _cells(row: HtmlElement) -> list[Cell]:
    return [_cell(cell) for cell in row if cell.tag in {"td", "th"} and _PRESSED.isdisjoint(cell.classes)]


def _cell(cell: HtmlElement) -> Cell:
    """Words as they are read: blanks as one, parts that stand under each other with a point between."""
    lines = (" ".join(line.split()) for line in "".join(_words(cell)).split("\0"))
    text = " · ".join(line for line in lines if line)
    if text == NOTHING:
        return ""
    return figure(text) if cell.tag == "td" and "num" in cell.classes else text


def _words(element: HtmlElement) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _SILENT and "visually-hidden" not in child.classes:
            apart = child.tag in _BLOCKS
            yield "\0" if apart else ""
            yield from _words(child)
            yield "\0" if apart else ""
        yield child.tail or ""
