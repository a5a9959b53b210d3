"""Amounts that are hard to believe: asked about before they count, so that a typing slip is no fact."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from statistics import median

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError
from customers import orders
from customers.intake import guests
from customers.models import Order, UnusualOrder
from customers.orders import OrderFact

TIMES = 1000
# Of so many orders before it the usual one is the middle; of fewer nothing can be said.
LATEST, FEWEST = 500, 30
# What no shop asks about, however little it sells for.
FREE = Decimal(10_000)

State = UnusualOrder.State


def usual_amount() -> Decimal | None:
    """What an order comes to: the middle of the latest paid ones. None while the shop has told too few."""
    paid = Order.objects.filter(status=Order.Status.PAID, paid__gt=0).order_by("-pk").values_list("paid", flat=True)
    latest = list(paid[:LATEST])
    return median(latest) if len(latest) >= FEWEST else None


def is_unusual(amount: Decimal, usual: Decimal | None) -> bool:
    """Whether the amount is more than a thousand times the usual one."""
    return usual is not None and amount > max(FREE, TIMES * usual)


Usual = Callable[[], Decimal | None]


def may_be(fact: OrderFact, usual: Usual) -> bool:
    """Whether some orders more or less could decide what is said of this one: then it is judged after those before it."""
    if not _is_large(fact):
        return False
    known = usual()
    return known is None or max(fact.paid, fact.cost) > TIMES * known / 10


def _is_large(fact: OrderFact) -> bool:
    return fact.status == Order.Status.PAID and max(fact.paid, fact.cost) > FREE


def judged(fact: OrderFact, order: Order | None, usual_now: Usual) -> tuple[OrderFact, Decimal | None]:
    """The fact as it may be recorded: held where its amount has to be confirmed first; the usual amount if that is new.

    `order` is what is stored of it; `usual_now` is `usual_amount`, asked only if need be. What was answered for this
    amount stays answered. Call with the order held.
    """
    amount = max(fact.paid, fact.cost)
    if not _is_large(fact):
        return fact, None
    if order and (order.paid, order.cost) == (fact.paid, fact.cost):
        asked = UnusualOrder.objects.filter(order=order).first()
        if asked and asked.state != State.RIGHT:
            return replace(fact, status=Order.Status.HELD), None
        if asked or order.status == Order.Status.PAID:
            return fact, None
    if order and order.version == fact.version:
        return fact, None
    usual = usual_now()
    return (replace(fact, status=Order.Status.HELD), usual) if is_unusual(amount, usual) else (fact, None)


def note(order: Order, usual: Decimal | None, *, at: datetime) -> None:
    """What `judged` said about the order that is now stored so: a new question is asked, one that is past is gone."""
    if usual is not None:
        asked = {
            "usual": usual,
            "asked_at": at,
            "state": State.OPEN,
            "decided_by": None,
            "decided_at": None,
        }
        UnusualOrder.objects.update_or_create(order=order, defaults=asked)
    elif order.status != Order.Status.HELD:
        past = UnusualOrder.objects.filter(order=order)
        (past.exclude(state=State.RIGHT) if order.status == Order.Status.PAID else past).delete()


@transaction.atomic
def confirm(pk: int, *, by: User, at: datetime, today: date) -> Order:
    """The order counts from now on. Raises DomainError when it no longer waits for an answer."""
    asked = _held(pk)
    order = asked.order
    order.status, order.received_at = Order.Status.PAID, at
    order.save(update_fields=["status", "received_at"])
    _decide(asked, State.RIGHT, by=by, at=at)
    orders.refresh([order.customer_id], today=today)
    return order


@transaction.atomic
def keep_out(pk: int, *, by: User, at: datetime) -> Order:
    """The order stays out of all figures until its source tells another amount, or somebody confirms it after all."""
    asked = _held(pk)
    _decide(asked, State.KEPT_OUT, by=by, at=at)
    return asked.order


def _held(pk: int) -> UnusualOrder:
    """The question about the order, with the order locked as its next version would lock it."""
    named = Order.objects.filter(pk=pk).first()
    if named:
        guests.hold(named.source, named.external_id)
    rows = UnusualOrder.objects.select_for_update().select_related("order__customer").exclude(state=State.RIGHT)
    asked = rows.filter(pk=pk, order__status=Order.Status.HELD).first()
    if asked is None:
        raise DomainError(_("This order no longer waits to be confirmed."), code="not_held")
    return asked


def _decide(asked: UnusualOrder, state: State, *, by: User, at: datetime) -> None:
    asked.state, asked.decided_by, asked.decided_at = state, by, at
    asked.save()
    audit.record(by, f"order.unusual_{state}", asked.order.customer, at=at, order=str(asked.order))
