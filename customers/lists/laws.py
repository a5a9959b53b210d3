"""What must always be true of the copies that lists and segments read, asked of the tables they are copied from."""

from core.jobs.lawbook import Book
from core.lib import sql

# The step of sql/laws.sql that asks, and what is true when nothing is found.
LAWS = {
    "one_standing": "each customer who is not merged has a standing, and nobody else",
    "copies_of_the_record": "what lists know of the record is what the record says",
    "copies_of_the_purchases": "what lists know of the purchases is what they add up to",
    "windows": "what lists know of the last 90 and 365 days is what the orders of these days say",
    "labels": "what lists know of the labels is what the customers carry",
    "bought": "what a customer has bought of a product is what the lines of the orders say",
}
_QUESTIONS, _OF_SOME = sql.steps(__file__, "laws"), sql.steps(__file__, "laws_of_some")
BOOK = Book(
    name="lists",
    questions={step: _QUESTIONS[step] for step in LAWS},
    owners=_OF_SOME["owners"],
    changed=_OF_SOME["changed"],
    parts={f"customers_{table}": rows for table, rows in _OF_SOME.items() if table not in ("owners", "changed")},
    indexed={"customers_order": ("id",)},
)
