"""Orders as they are read: those of a customer, and the sources that have told any."""

from django.db import connection
from django.db.models import QuerySet

from customers.models import Customer, Order

# Walks the index from one source to the next: a mall has a handful of them and a million orders.
_SOURCES = """
WITH RECURSIVE s (source) AS (
    SELECT min(source) FROM customers_order
    UNION ALL
    SELECT (SELECT min(source) FROM customers_order o WHERE o.source > s.source) FROM s WHERE s.source IS NOT NULL
)
SELECT source FROM s WHERE source IS NOT NULL
"""


def sources() -> list[str]:
    """Every source that has told an order."""
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES)
        return [row[0] for row in cursor.fetchall()]


def of_customer(customer: Customer) -> QuerySet[Order]:
    """Everything somebody has ordered, with lines and refunds, the newest first."""
    return customer.orders.prefetch_related("lines__product", "refunds").order_by("-ordered_at", "-pk")
