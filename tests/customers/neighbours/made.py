"""Files as shops make them, written by code, and what came of them in words that can be compared."""

import csv
import io
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import xlsxwriter
from django.utils import timezone

from core.lib.periods import mall_zone
from crm.flows import arrival
from customers.imports import runs, understanding
from customers.imports.choices import Choices
from customers.imports.reading.shape import Row
from customers.imports.row import Staged, parse
from customers.imports.understanding import Findings
from customers.models import Customer, GuestOrder, Import, Order, OrderLine
from tests.conftest import NOW, TODAY

FILES = Path(__file__).parents[2] / "data" / "shops"


def given(name: str) -> str:
    """The rows of a shop's file, cells parted by `|`."""
    return (FILES / f"{name}.txt").read_text()


def cells(text: str) -> list[list[str]]:
    """A row a line, cells parted by `|`, tabs written as `\\t`."""
    return [line.replace("\\t", "\t").split("|") for line in text.strip("\n").split("\n")]


def table(text: str, encoding: str = "utf-8", separator: str = ",") -> bytes:
    """As a program writes it: quoted where it must be, lines that end as those of Windows."""
    held = io.StringIO()
    csv.writer(held, delimiter=separator, lineterminator="\r\n").writerows(cells(text))
    return held.getvalue().encode(encoding)


def book(*sheets: str) -> bytes:
    """A workbook whose cells are all text, as the platforms write theirs."""
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True, "strings_to_numbers": False}) as made:
        for text in sheets:
            sheet = made.add_worksheet()
            for number, row in enumerate(cells(text)):
                for column, cell in enumerate(row):
                    sheet.write_string(number, column, cell)
    return held.getvalue()


class Outcome(NamedTuple):
    """`orders` are lines such as `101 paid 128.00 -18.00 林一`: the end of the number, state, paid, money back, whose.

    Orders of nobody are those of `nobody`. `notes` is code -> how often.
    """

    orders: list[str]
    people: int
    refused: list[int]
    notes: dict[str, int]
    asked: dict[str, list[str]]


def load(content: bytes, source: str = "shop", name: str = "orders.csv") -> tuple[Import, Outcome]:
    """What becomes of the file when somebody drops it and presses once, whatever it leaves open."""
    run = arrival.file(runs.upload(name, content, source=source, by=None, at=NOW), by=None, at=NOW, today=TODAY)
    return run, outcome(run)


def outcome(run: Import) -> Outcome:
    return Outcome(
        [*_orders(run.source), *_orders_of_nobody(run.source)],
        Customer.objects.count(),
        list(run.rejected.order_by("line_number").values_list("line_number", flat=True)),
        dict(Counter(run.notes.values_list("code", flat=True))),
        {question.external_id[-3:]: question.asks for question in run.questions.order_by("external_id")},
    )


def _orders(source: str) -> list[str]:
    rows = Order.objects.filter(source=source).order_by("external_id").select_related("customer")
    return [
        f"{row.external_id[-3:]} {row.status} {row.paid} {-sum((r.amount for r in row.refunds.all()), Decimal(0))} "
        f"{row.customer.name}"
        for row in rows.prefetch_related("refunds")
    ]


def _orders_of_nobody(source: str) -> list[str]:
    rows = GuestOrder.objects.filter(source=source).order_by("external_id")
    return [f"{row.external_id[-3:]} {row.status} {row.paid} 0 nobody" for row in rows]


def lines_of(end: str) -> list[tuple[str, int, str]]:
    """(product, pieces, amount) of the order whose number ends so."""
    rows = OrderLine.objects.filter(order__external_id__endswith=end).order_by("id").select_related("product")
    return [(row.product.name, row.quantity, str(row.amount)) for row in rows]


def minute_of(end: str) -> str:
    order = Order.objects.get(external_id__endswith=end)
    return f"{timezone.localtime(order.ordered_at, mall_zone()):%Y-%m-%d %H:%M}"


def understood(text: str) -> tuple[Choices, Findings, list[Row]]:
    """What a table says of itself before anybody is asked, and its rows."""
    names, *below = cells(text)
    rows = [Row(number, "|".join(row), row) for number, row in enumerate(below, 2)]
    choices, findings = understanding.columns(names, below, Choices(), None)
    if not findings.missing:
        choices = understanding.survey(rows, names, choices, findings, is_guess=True)
    return choices, findings, rows


def told(text: str) -> list[tuple[str, str, int | None, int | None]]:
    """(number, state, paid, else for the line, money back) in cents of each row that goes in."""
    choices, _findings, rows = understood(text)
    return [
        (row.external_id, row.status, row.line_paid if row.paid is None else row.paid, row.refunded)
        for row in parse(iter(rows), cells(text)[0], choices)
        if isinstance(row, Staged)
    ]
