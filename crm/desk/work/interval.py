"""The picture of a customer's rhythm: purchases, when the next is due, the personal limit, and today."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from customers.models import Customer, Order
from segmentation.explain import Explanation


def chart(person: Customer, why: Explanation) -> dict[str, Any]:
    """Data of the `interval` chart over the last year before the last purchase."""
    bought = (
        person.orders.filter(status=Order.Status.PAID, ordered_on__gt=why.last_on - timedelta(days=365))
        .order_by("ordered_on")
        .values_list("ordered_on", "paid")
    )
    limit_on = why.last_on + timedelta(days=round(why.limit_days))
    return {
        "purchases": [[day.isoformat(), float(paid)] for day, paid in bought],
        "next": {
            "from": why.next_low_on.isoformat(),
            "to": why.next_high_on.isoformat(),
            "label": _("Next purchase, 80 % likely"),
        },
        "limit": {"on": limit_on.isoformat(), "label": _("Personal limit")},
        "today": {"on": why.as_of.isoformat(), "label": _("Today")},
        "label": _("Purchase"),
        "amount": _("Paid"),
    }
