"""Who had a customer's page before them, on which day. One row a day, so that working with somebody costs one upsert."""

from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet

from core.accounts.models import User
from customers.models import Customer, Opened
from customers.privacy import budget

# Nothing is written, and so nothing shown, of one customer more than a person may open on a day.
NOTE = """
INSERT INTO customers_opened (customer_id, user_id, "on", first_at, last_at, times)
SELECT %(customer)s, %(user)s, %(on)s, %(at)s, %(at)s, 1
WHERE (SELECT count(*) FROM customers_opened WHERE "on" = %(on)s AND user_id = %(user)s AND customer_id <> %(customer)s)
    < %(most)s
ON CONFLICT (customer_id, user_id, "on") DO UPDATE SET last_at = excluded.last_at, times = customers_opened.times + 1
"""


def note(customer: Customer, *, by: User, at: datetime, on: date) -> None:
    """It is on record that this person opened the customer's page on this day of the mall.

    Raises TooMany, and the page is not to be shown, when they have opened as many others as one person may.
    """
    told: dict[str, Any] = {"customer": customer.pk, "user": by.pk, "on": on, "at": at, "most": budget.MOST_OPENED}
    with connection.cursor() as cursor:
        cursor.execute(NOTE, told)
        if not cursor.rowcount:
            raise budget.too_many_opened()


def of(customer: Customer) -> QuerySet[Opened]:
    """Who opened the page, or that of a record that was merged into this one, the newest day first."""
    theirs = Q(customer=customer) | Q(customer__merged_into=customer)
    return Opened.objects.filter(theirs).select_related("user").order_by("-on", "-last_at", "-pk")


def customers_a_day(*, since: date) -> dict[tuple[date, int], int]:
    """(Day, person) -> how many customers they opened."""
    rows = Opened.objects.filter(on__gte=since).values_list("on", "user").annotate(n=Count("pk")).order_by()
    return {(on, user): n for on, user, n in rows}
