"""How a shop names an order that may not have arrived yet: by a text, until there is a row to point at.

The text is put together and compared, never taken apart: a source or a number may contain a colon.
"""

from django.db.models import Q

from customers.models import Order


def ref_of(order: Order) -> str:
    return f"{order.source}:{order.external_id}"


def names(order: Order) -> Q:
    """Rows that point at this order, or wait for it by its text. Whoever follows them lets them point at it."""
    return Q(order=order) | Q(order__isnull=True, order_ref=ref_of(order))
