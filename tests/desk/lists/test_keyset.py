"""8: walking a list forward and back, with ties, with what is not known, while rows come in."""

import os
import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet

from core.lib.database import keyset
from core.lib.database.keyset import Order
from core.lib.errors import Invalid
from customers.models import Customer, Standing
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db
MANY = "LAOKE_MANY_TREES" in os.environ
ROWS, SIZE = (5000, 173) if MANY else (900, 173)


def people(first: int, count: int, chance: random.Random) -> list[int]:
    numbers = range(first, first + count)
    Customer.objects.bulk_create(
        Customer(pk=n, number=f"C{n:07d}", name="李雷", registered_on=date(2024, 1, 1)) for n in numbers
    )
    Standing.objects.bulk_create(
        Standing(
            customer_id=n,
            value=Decimal(chance.randint(-3, 9)),
            last_on=chance.choice([None, TODAY - timedelta(days=chance.randint(0, 40))]),
        )
        for n in numbers
    )
    Standing.objects.filter(pk__gte=first).update(region=chance.choice(["浙江", "上海"]))
    return list(numbers)


def walked(rows: QuerySet[Any], order: Order, *, back: bool, chance: random.Random) -> list[int]:
    """The ids of all pages, from one end to the other, while somebody is put on record after each page."""
    seen: list[int] = []
    cursor = ""
    while True:
        if back:
            part = keyset.part(rows, order, SIZE, before=cursor)
            seen[:0] = [row.pk for row in part.rows]
            cursor = part.before
        else:
            part = keyset.part(rows, order, SIZE, after=cursor)
            seen += [row.pk for row in part.rows]
            cursor = part.after
        if not cursor:
            return seen
        people(1_000_000 + Customer.objects.count(), 1, chance)


@pytest.mark.parametrize(
    ("path", "falling", "then"),
    [
        ("value", True, ()),
        ("value", False, ()),
        ("last_on", True, ()),
        ("last_on", False, ()),
        ("region", False, ()),
        ("", False, ()),
        ("value", False, ("last_on",)),
        ("last_on", True, ("value", "pk")),
        ("region", True, ("pk",)),
    ],
)
def test_each_row_is_seen_once_forward_and_back(path: str, falling: bool, then: tuple[str, ...]) -> None:
    chance = random.Random(8)
    there = people(1, ROWS if MANY or (path == "last_on" and then) else 400, chance)
    rows = Standing.objects.all()
    order = Order.of(rows, path, falling, *then)

    forward = walked(rows, order, back=False, chance=chance)
    assert len(forward) == len(set(forward))
    assert set(there) <= set(forward)
    values = [Standing.objects.values_list(path or "pk", flat=True).get(pk=pk) for pk in forward[:400]]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=falling)
    assert values == known + [None] * (len(values) - len(known)) or len(values) == 400

    end = keyset.part(rows, order, 10**6).rows[-1]
    cursor = keyset._written(order, end)
    seen, part = [end.pk], keyset.part(rows, order, SIZE, before=cursor)
    seen[:0] = [row.pk for row in part.rows]
    while part.before:
        part = keyset.part(rows, order, SIZE, before=part.before)
        seen[:0] = [row.pk for row in part.rows]
    assert len(seen) == len(set(seen))
    assert seen == [row.pk for row in keyset.part(rows, order, 10**6).rows]


@pytest.mark.parametrize(
    "cursor",
    ["x", "W10", "WzFd", "bnVsbA", "WyJ4IiwxXQ", "WzEsLTFd", "WzEsInQiXQ", "e30", "W251bGwsMV0", "9" * 400, "é"],
)
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        keyset.part(Standing.objects.all(), Order("value", True, False), 5, after=cursor)
