"""Whom coupons are handed out to: customers who have something in common, in the reach of who hands out."""

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from core.accounts.models import User
from customers import queries
from customers.models import Customer


def people(group: dict[str, Any], *, by: User, today: date) -> QuerySet[Customer]:
    """The customers whom a campaign of this user reaches and who have all of `group` in common; empty is no bound.

    `group` may name `customer_class`, `level` (a rank), `absent_days` and `region`.
    """
    filters = queries.Filters(
        customer_class=int(group["customer_class"]) if group.get("customer_class") else None,
        region=str(group.get("region", "")).strip(),
        absent_days=group.get("absent_days"),
    )
    rows = queries.addressed(by, filters, today)
    chosen = Customer.objects.filter(pk__in=rows.values("pk"))
    if group.get("level"):
        rank = int(group["level"])
        held = Q(membership__rank=rank)
        chosen = chosen.filter(held if rank else held | Q(membership__isnull=True))
    return chosen
