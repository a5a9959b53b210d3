"""An order on record by the verbs of its floor alone: nothing is asked about it, and nobody above is told."""

from datetime import date, datetime

from core.lib.deadlock import joining
from core.lib.periods import mall_day
from customers import identity, locks, orders
from customers.orders import OrderFact, Outcome, Recorded


@joining()
def record_order(fact: OrderFact, *, at: datetime, today: date) -> Recorded:
    orders.refuse_impossible(fact)
    who = identity.told(fact.customer)
    orders.hold([fact], [who])
    known = orders.stored(fact.source, [fact.external_id]).get(fact.external_id)
    order = known.order if known else None
    customer = orders.erased_of(order) or identity.found_or_created(who, today=today, hold=known is None)
    locks.hold_customers([customer.pk, *([order.customer_id] if order else [])])
    if (day := min(mall_day(fact.ordered_at), today)) < customer.registered_on:
        customer.registered_on = day
        customer.save(update_fields=["registered_on"])
    version = orders.Version(fact, customer, order)
    outcome = orders.outcome(version, orders.contents([order] if order else []))
    if order and outcome in (Outcome.STALE, Outcome.UNCHANGED):
        return Recorded(outcome, order, order.customer)
    [recorded] = orders.record([version], at=at, today=today)
    return recorded
