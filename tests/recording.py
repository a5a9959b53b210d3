"""An order on record by the verbs of its floor alone: nothing is asked about it, and nobody above is told."""

from datetime import date, datetime

from core.lib.deadlock import joining
from customers import identity, orders
from customers.orders import OrderFact, Recorded


@joining()
def record_order(fact: OrderFact, *, at: datetime, today: date) -> Recorded:
    orders.refuse_impossible(fact)
    who = identity.told(fact.customer)
    orders.hold(fact, who)
    known = orders.stored(fact)
    order = known.order if known else None
    customer = orders.erased_of(order) or identity.found_or_created(who, today=today, hold=known is None)
    return orders.recorded(fact, customer, order, at=at, today=today)
