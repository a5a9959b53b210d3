"""Tickets of a draw: of paid orders, bought with points, or given by hand."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import mall, sql
from core.lib.deadlock import again_after_deadlock, joining
from core.lib.errors import DomainError, Invalid, SameKey
from customers.models import Customer, Order
from loyalty.models import Lottery, LotteryTicket
from loyalty.points import accounts as points

Status = Lottery.Status
Ticket = LotteryTicket
_STEPS = sql.steps(__file__, "tickets")


def of_orders(*orders: Order) -> QuerySet[LotteryTicket]:
    """Tickets of the orders that can still be used."""
    return Ticket.objects.filter(order__in=[order.pk for order in orders], status=Ticket.Status.ISSUED)


def for_orders(*, at: datetime) -> QuerySet[Lottery]:
    """The draws that give a ticket for each paid order, and whose end is still to come."""
    return Lottery.objects.filter(status=Status.PUBLISHED, entry=Lottery.Entry.ORDER, ends_at__gt=at)


@joining()
def follow_some(order_ids: Sequence[int], *, at: datetime) -> int:
    """A paid order has its tickets for the draws that run, one taken back none still to be used. How many changed."""
    ids = sorted(order_ids)
    return _run("void", {"orders": ids}) + _issue(at, orders=ids)


@transaction.atomic
def follow_orders(*, at: datetime) -> int:
    """`follow_some` for all orders of the draws that run, as files of orders bring them."""
    return _run("void", {"orders": None}) + _issue(at, orders=None)


def _issue(at: datetime, *, orders: list[int] | None) -> int:
    return _run("issue", {"at": at, "zone": mall.facts().time_zone, "orders": orders})


def _run(step: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_STEPS[step], values)
        return int(cursor.rowcount)


@transaction.atomic
def give_ticket(
    lottery_id: int, customer: Customer, *, reason: str, by: User, at: datetime, key: str = ""
) -> LotteryTicket:
    """One ticket as a gesture; it draws with the same odds as every other. The same `key` gives it once."""
    lottery = Lottery.objects.get(pk=lottery_id)
    refuse_closed(lottery, at)
    if not reason.strip():
        raise Invalid(_("Say why the customer is given a ticket."), code="reason")
    ref = f"{customer.pk}:{key or secrets.token_hex(8)}"
    ticket, fresh = Ticket.objects.get_or_create(
        lottery=lottery,
        source=Ticket.Source.GIFT,
        source_ref=ref,
        n=1,
        defaults={"customer": customer, "issued_at": at},
    )
    if fresh:
        audit.record(by, "draw.ticket_given", customer, at=at, lottery=lottery.code, reason=reason.strip()[:200])
    return ticket


def for_points(*, at: datetime) -> QuerySet[Lottery]:
    """The draws that run at this moment and sell their tickets for points, the first to end first."""
    running = Lottery.objects.filter(status=Lottery.Status.PUBLISHED, starts_at__lte=at, ends_at__gt=at)
    return running.filter(entry=Lottery.Entry.POINTS).order_by("ends_at", "pk")


@again_after_deadlock
@transaction.atomic
def buy_ticket(lottery_id: int, customer: Customer, *, ref: str, at: datetime, by: User | None = None) -> LotteryTicket:
    """A ticket paid for with points, once per `ref`. Raises DomainError for too few points or a frozen account."""
    lottery = Lottery.objects.get(pk=lottery_id)
    refuse_closed(lottery, at)
    if lottery.entry != Lottery.Entry.POINTS:
        raise DomainError(_("Tickets of this draw are not for points."), code="not_for_points")
    known = Ticket.objects.filter(lottery=lottery, source=Ticket.Source.POINTS, source_ref=ref, n=1).first()
    if known is not None and known.customer_id != customer.pk:
        raise SameKey()
    points.spend(customer, lottery.points_cost, key=f"ticket:{lottery.pk}:{ref}", at=at, by=by, reason=lottery.name)
    ticket, _created = Ticket.objects.get_or_create(
        lottery=lottery,
        source=Ticket.Source.POINTS,
        source_ref=ref,
        n=1,
        defaults={"customer": customer, "issued_at": at},
    )
    return ticket


def refuse_closed(lottery: Lottery, at: datetime) -> None:
    if lottery.status == Status.DRAFT or lottery.starts_at > at:
        raise DomainError(_("This draw has not begun."), code="not_begun")
    if lottery.status == Status.ENDED or lottery.ends_at <= at:
        raise DomainError(_("This draw is over."), code="draw_over")
