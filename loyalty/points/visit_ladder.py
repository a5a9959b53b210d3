"""Whoever comes often has points for it: steps of purchase days within a calendar year."""

from datetime import date, datetime, timedelta

from django.db.models import Count

from customers.models import Customer, Order
from loyalty.models import PointLot, PointTxn, VisitStep
from loyalty.points import accounts, rules

# Orders that came by file or late are looked at for so long.
LOOK_BACK = timedelta(days=3)


def reward_due(*, as_of: date, at: datetime) -> int:
    """Everybody whose orders arrived lately has the points of the steps they have reached this year, each once.

    Returns how many steps were rewarded. A step once reached is kept, even when an order is refunded later.
    """
    steps = list(VisitStep.objects.all())
    if not steps or rules.in_force(at) is None:
        return 0
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
    fresh = [(key, *step) for key, step in reached.items() if key not in done]
    for key, customer_id, step in fresh:
        accounts.grant(
            accounts.owner(people[customer_id]),
            step.points,
            source=PointLot.Source.REWARD,
            key=key,
            at=at,
            reason=f"{step.visits} × {as_of.year}",
        )
    return len(fresh)
