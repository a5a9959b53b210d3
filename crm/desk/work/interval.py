"""The picture of a customer's rhythm: purchases, when the next is due, the personal limit, and today."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from customers.models import Customer, Order
from segmentation.reading.rhythm import Rhythm


def purchases(person: Customer, last_on: date) -> QuerySet[Order, tuple[date, Decimal]]:
    """What was bought in the year before the last purchase: (day, paid)."""
    paid = person.orders.filter(status=Order.Status.PAID, ordered_on__gt=last_on - timedelta(days=365))
    return paid.order_by("ordered_on").values_list("ordered_on", "paid")


def chart(bought: Iterable[tuple[date, Decimal]], rhythm: Rhythm) -> dict[str, Any]:
    """Data of the `interval` chart: these purchases, and what is expected after them on the day it is read."""
    return {
        "purchases": [[day.isoformat(), float(paid)] for day, paid in bought],
        "next": {
            "from": rhythm.next_low_on.isoformat(),
            "to": rhythm.next_high_on.isoformat(),
            "label": _("Next purchase, 80 % likely"),
        },
        "limit": {"on": rhythm.limit_on.isoformat(), "label": _("Personal limit")},
        "today": {"on": rhythm.on.isoformat(), "label": _("Today")},
        "label": _("Purchase"),
        "amount": _("Amount paid"),
    }
