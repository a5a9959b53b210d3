"""Orders as a list: narrowed by source, number, day and state, the newest first, in reach of who reads it."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_midnight
from customers.access import scope_filter
from customers.contact_points import plain
from customers.keys import order_key
from customers.models import Customer, Order

# No order is of a day before or after these.
FIRST, LAST = date(1970, 1, 1), date(2100, 12, 31)
PAGE = 50
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Walks the index from one source to the next: a mall has a handful of them and a million orders.
_SOURCES = """
WITH RECURSIVE s (source) AS (
    SELECT min(source) FROM customers_order
    UNION ALL
    SELECT (SELECT min(source) FROM customers_order o WHERE o.source > s.source) FROM s WHERE s.source IS NOT NULL
)
SELECT source FROM s WHERE source IS NOT NULL
"""


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; empty or None means anything. `since` and `until` are mall days, both included."""

    source: str = ""
    number: str = ""
    status: str = ""
    since: date | None = None
    until: date | None = None


class Page(NamedTuple):
    rows: list[Order]
    next: str


def orders_for(user: User, filters: Filters, today: date) -> QuerySet[Order]:
    """The orders of those whom the user may see, unordered.

    The newest of a million are read by an index of the time; those of one book by the customers of the book.
    """
    rows = Order.objects.filter(scope_filter(user, today, "customer__"))
    if number := plain(filters.number):
        # As a shop writes it, or the number of whom it belongs to.
        people = list(Customer.objects.filter(number=number.upper()).values_list("pk", flat=True))
        rows = rows.filter(Q(external_id__in={number, order_key(number)}) | Q(customer__in=people))
    if filters.source:
        rows = rows.filter(source=filters.source)
    if filters.status:
        rows = rows.filter(status=filters.status)
    if filters.since:
        rows = rows.filter(ordered_at__gte=mall_midnight(max(filters.since, FIRST)))
    if filters.until:
        rows = rows.filter(ordered_at__lt=mall_midnight(min(filters.until, LAST) + timedelta(days=1)))
    return rows


def page(user: User, filters: Filters, today: date, *, after: str = "", size: int = PAGE) -> Page:
    """One page, the newest first. `after`: the `next` of the page before; raises Invalid for one that is none."""
    rows = orders_for(user, filters, today)
    if after:
        at, pk = _cursor(after)
        rows = rows.filter(ordered_at__lte=at).filter(Q(ordered_at__lt=at) | Q(pk__lt=pk))
    read = list(rows.select_related("customer").order_by("-ordered_at", "-pk")[: size + 1])
    last = read[size - 1] if len(read) > size else None
    return Page(read[:size], f"{(last.ordered_at - EPOCH) // MICROSECOND}_{last.pk}" if last else "")


def sources() -> list[str]:
    """Every source that has told an order."""
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES)
        return [row[0] for row in cursor.fetchall()]


def of_customer(customer: Customer) -> QuerySet[Order]:
    """Everything somebody has ordered, with lines and refunds, the newest first."""
    return customer.orders.prefetch_related("lines__product", "refunds").order_by("-ordered_at", "-pk")


def _cursor(text: str) -> tuple[datetime, int]:
    match = re.fullmatch(r"([0-9]{1,17})_([0-9]{1,18})", text)
    if not match:
        raise Invalid(_("This page link is not complete. Start again at the first page."), code="bad_cursor")
    return EPOCH + int(match[1]) * MICROSECOND, int(match[2])
