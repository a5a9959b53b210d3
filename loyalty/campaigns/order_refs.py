"""How a shop names an order that may not have arrived yet: by a text, until there is a row to point at.

The text is put together and compared, never taken apart: a source or a number may contain a colon.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from customers.models import Order


def ref_of(order: Order) -> str:
    return f"{order.source}:{order.external_id}"


def names(*orders: Order) -> Q:
    """Rows that point at one of these orders, or wait for it by its text. Whoever follows them lets them point at it."""
    waiting = Q(order__isnull=True, order_ref__in=[ref_of(order) for order in orders])
    return Q(order__in=[order.pk for order in orders]) | waiting


def named(orders: Iterable[Order], rows: QuerySet[Any, tuple[int | None, str]]) -> list[Order]:
    """Those of the orders that one of these rows, (order_id, order_ref), names."""
    named_ = set(rows)
    ids, refs = {order_id for order_id, _ref in named_}, {ref for order_id, ref in named_ if order_id is None}
    return [order for order in orders if order.pk in ids or ref_of(order) in refs]
