"""One order as a source tells it, before it is a fact: whose it is, whether it can be, and whether to ask first."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import identity, keys, orders
from customers.identity import CustomerRef
from customers.intake import guests, unusual
from customers.intake.guests import Kept
from customers.models import GuestOrder, Order
from customers.orders import OrderFact, Outcome, Recorded

AHEAD = timedelta(days=1)
# Before it nobody sold online; programs that have no time write days of 1970 or 1980.
FIRST_DAY = date(1990, 1, 1)


@transaction.atomic
def record(fact: OrderFact, *, at: datetime, today: date) -> Recorded | Kept:
    """`orders.record_order`; without a customer the order is kept among those of nobody instead.

    A later version that names nobody stays with the customer who was named. An amount far from everything the shop
    sells is held until somebody confirms it. Raises Invalid for a number that a spreadsheet damaged and for times that
    cannot be.
    """
    fact = _in_normal_form(fact)
    _refuse_impossible_times(fact, at)
    orders.refuse_impossible(fact)
    guests.hold(fact.source, fact.external_id)
    order = guests.stored(fact)
    if _names_nobody(fact.customer):
        if order is None:
            return guests.keep(fact, _why(fact.customer), at=at)
        fact = _of_its_customer(fact, order)
    if fact.customer.number or fact.customer.external_id:
        return _recorded(fact, order, at=at, today=today)
    try:
        with transaction.atomic():
            return _recorded(fact, order, at=at, today=today)
    except DomainError as refusal:
        if refusal.code != "ambiguous_customer":
            raise
    if order is None:
        return guests.keep(fact, GuestOrder.Why.AMBIGUOUS, at=at)
    return _recorded(_of_its_customer(fact, order), order, at=at, today=today)


def _recorded(fact: OrderFact, order: Order | None, *, at: datetime, today: date) -> Recorded:
    told, usual = unusual.judged(guests.take(fact), order)
    recorded = orders.record_order(told, at=at, today=today)
    if recorded.outcome in (Outcome.CREATED, Outcome.UPDATED):
        unusual.note(recorded.order, usual, at=at)
    return recorded


def _of_its_customer(fact: OrderFact, order: Order) -> OrderFact:
    return replace(fact, customer=CustomerRef(source=fact.source, number=order.customer.number))


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
