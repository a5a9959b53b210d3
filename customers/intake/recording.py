"""One order as a source tells it, before it is a fact: whose it is, whether it can be, and whether to ask first."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from core.lib.deadlock import joining
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import identity, keys, orders
from customers.identity import CustomerRef, Told
from customers.intake import guests, unusual
from customers.intake.guests import Kept
from customers.models import Customer, GuestOrder, Order
from customers.orders import OrderFact, Outcome, Recorded

AHEAD = timedelta(days=1)
# Before it nobody sold online; programs that have no time write days of 1970 or 1980.
FIRST_DAY = date(1990, 1, 1)


@joining()
def record(fact: OrderFact, *, at: datetime, today: date) -> Recorded | Kept:
    """`orders.record_order`; without a customer the order is kept among those of nobody instead.

    A later version that names nobody stays with the customer who was named. An amount far from everything the shop
    sells is held until somebody confirms it. Raises Invalid for a number that a spreadsheet damaged and for times that
    cannot be.
    """
    fact = _in_normal_form(fact)
    _refuse_impossible_times(fact, at)
    orders.refuse_impossible(fact)
    who = None if _names_nobody(fact.customer) else identity.told(fact.customer)
    orders.hold(fact, who)
    known = orders.stored(fact)
    order = known.order if known else None
    customer = _customer(who, order, today)
    if customer is None:
        return guests.keep(fact, GuestOrder.Why.AMBIGUOUS if who else _why(fact.customer), at=at)
    told, usual = unusual.judged(fact if order else guests.take(fact), order)
    recorded = orders.record_order(told, at=at, today=today, read=orders.Read(customer, order))
    if recorded.outcome in (Outcome.CREATED, Outcome.UPDATED) and (usual is not None or (known and known.was_asked)):
        unusual.note(recorded.order, usual, at=at)
    return recorded


def _customer(who: Told | None, order: Order | None, today: date) -> Customer | None:
    """Whose order it is: of whoever is told, else of whoever has it already; None where nobody can be said."""
    if who is not None:
        try:
            return identity.found_or_created(who, today=today, hold=order is None)
        except DomainError as refusal:
            # Nothing has been written yet.
            if refusal.code != "ambiguous_customer":
                raise
    if order is None:
        return None
    number = CustomerRef(number=order.customer.number)
    return identity.found_or_created(identity.told(number), today=today)


def _in_normal_form(fact: OrderFact) -> OrderFact:
    if keys.damaged(fact.external_id):
        raise identity.number_damaged()
    number = keys.order_key(fact.external_id)
    if not number:
        raise Invalid(_("The order number is missing."), code="order_number_missing")
    return replace(fact, external_id=number, customer=identity.in_normal_form(fact.customer))


def _refuse_impossible_times(fact: OrderFact, at: datetime) -> None:
    moments = [fact.ordered_at, *(refund.refunded_at for refund in fact.refunds)]
    if max(moments) > at + AHEAD:
        raise Invalid(_("The order or a refund of it lies in the future. Check the date."), code="time_ahead")
    if mall_day(min(moments)) < FIRST_DAY:
        raise Invalid(_("The order lies before 1990: its date is missing or wrong."), code="time_too_early")


def _names_nobody(customer: CustomerRef) -> bool:
    return not (customer.number or customer.external_id or customer.phone or customer.email)


def _why(customer: CustomerRef) -> str:
    return GuestOrder.Why.UNUSABLE if customer.left_out else GuestOrder.Why.NOBODY
