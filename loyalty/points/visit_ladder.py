"""Whoever comes often has points for it: steps of purchase days within a calendar year."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Count

from customers.models import Customer, Order
from loyalty.models import PointLot, PointTxn, VisitStep
from loyalty.points import accounts, rules

# Orders that came by file or late are looked at for so long.
LOOK_BACK = timedelta(days=3)


class Reached(NamedTuple):
    """A step that a customer has reached this year; `key` gives its points once."""

    key: str
    customer: Customer
    step: VisitStep


def due(*, as_of: date, at: datetime) -> list[Reached]:
    """Steps not yet rewarded of everybody whose orders arrived lately, by customer."""
    steps = list(VisitStep.objects.all())
    if not steps or rules.in_force(at) is None:
        return []
    lately = Order.objects.filter(received_at__gte=at - LOOK_BACK, status=Order.Status.PAID).values("customer")
    visits = (
        Order.objects.filter(
            customer__in=lately,
            status=Order.Status.PAID,
            fully_refunded_on__isnull=True,
            ordered_on__gte=date(as_of.year, 1, 1),
            ordered_on__lte=as_of,
        )
        .values("customer")
        .annotate(days=Count("ordered_on", distinct=True))
        .filter(days__gte=steps[0].visits)
    )
    reached = {
        f"visits:{as_of.year}:{step.visits}:{row['customer']}": (row["customer"], step)
        for row in visits.order_by("customer")
        for step in steps
        if row["days"] >= step.visits
    }
    done = set(PointTxn.objects.filter(key__in=reached).values_list("key", flat=True))
    people = Customer.objects.in_bulk({customer_id for customer_id, _step in reached.values()})
    return [Reached(key, people[pk], step) for key, (pk, step) in reached.items() if key not in done]


def reward(reached: Reached, *, as_of: date, at: datetime) -> int:
    """The customer has the points of the step. It is kept, even when an order is refunded later. Returns 1."""
    accounts.grant(
        accounts.owner(reached.customer),
        reached.step.points,
        source=PointLot.Source.REWARD,
        key=reached.key,
        at=at,
        reason=f"{reached.step.visits} × {as_of.year}",
    )
    return 1
