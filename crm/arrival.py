"""Orders arrive: the record takes them, and every floor above it that must know at once is told."""

from datetime import date, datetime

from django.db import transaction

from crm.accounts.models import User
from crm.lib.deadlock import again_after_deadlock
from customers import imports, orders
from customers.models import Import
from customers.orders import OrderFact, Outcome, Recorded
from loyalty import coupons, credit, draws, point_orders, tiers
from segmentation import alerts


@again_after_deadlock
@transaction.atomic
def order(fact: OrderFact, *, at: datetime, today: date) -> Recorded:
    """`orders.record_order`, after which nobody who has bought is said to be quiet, or lacks points or a level.

    A paid order redeems its coupon and has its lottery tickets; a dead one gives back what it took.
    """
    recorded = orders.record_order(fact, at=at, today=today)
    if recorded.outcome in (Outcome.CREATED, Outcome.UPDATED):
        concerned = [recorded.customer.pk, recorded.left] if recorded.left else [recorded.customer.pk]
        alerts.follow_purchases(concerned, as_of=today, at=at)
        # Before the level: a purchase earns with the level it was made with.
        point_orders.reconcile([recorded.order.pk], at=at)
        tiers.after_orders(concerned, at=at)
        coupons.follow_order(recorded.order, at=at)
        draws.follow_order(recorded.order, at=at)
        credit.follow_order(recorded.order, at=at)
    return recorded


def file(run: Import, *, by: User | None, at: datetime, today: date) -> Import:
    """`imports.run`, after which no open alert speaks of somebody whose figures say that they have bought."""
    done = imports.run(run, by=by, at=at, today=today)
    alerts.follow_purchases(None, as_of=today, at=at)
    return done
