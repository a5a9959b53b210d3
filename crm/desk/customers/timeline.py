"""What happened with a customer: orders, refunds, contacts, alerts and changes together, newest first."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain
from typing import NamedTuple

from django.db.models import F
from django.utils.translation import gettext as _

from core.lib.periods import mall_moment
from customers.models import Contact, Customer

SHOWN = 60


class Event(NamedTuple):
    at: datetime
    icon: str
    tone: str
    title: str
    text: str = ""
    by: str = ""


def of(customer: Customer) -> list[Event]:
    events = chain(
        _purchases(customer), _contacts(customer), _alerts(customer), _class_changes(customer), _level_changes(customer)
    )
    return sorted(events, key=lambda event: event.at, reverse=True)[:SHOWN]


def _noon(day: date) -> datetime:
    return mall_moment(day, 12)


def _purchases(customer: Customer) -> Iterator[Event]:
    for order in customer.orders.order_by("-ordered_at").prefetch_related("lines__product", "refunds")[:SHOWN]:
        goods = ", ".join(f"{line.product.name} × {line.quantity}" for line in order.lines.all())
        title = _("Order %(number)s: ¥%(paid)s") % {"number": order.external_id, "paid": f"{order.paid:,.2f}"}
        if order.status != order.Status.PAID:
            title += f" ({order.get_status_display()})"
        yield Event(order.ordered_at, "shopping-cart", "blue", title, goods)
        for refund in order.refunds.all():
            title = _("Refund of ¥%(amount)s on order %(number)s") % {
                "amount": f"{refund.amount:,.2f}",
                "number": order.external_id,
            }
            yield Event(refund.refunded_at, "arrow-back-up", "amber", title)


def _contacts(customer: Customer) -> Iterator[Event]:
    for contact in customer.contacts.select_related("by").order_by("-at")[:SHOWN]:
        icon = "phone" if contact.channel == Contact.Channel.PHONE else "message"
        title = f"{contact.get_channel_display()} · {contact.get_outcome_display()}"
        yield Event(contact.at, icon, "green", title, contact.note, str(contact.by))


def _alerts(customer: Customer) -> Iterator[Event]:
    for alert in customer.alerts.order_by("-opened_on")[:SHOWN]:
        yield Event(
            _noon(alert.opened_on), "alert-triangle", "red", alert.get_kind_display(), alert.get_state_display()
        )


def _class_changes(customer: Customer) -> Iterator[Event]:
    for change in customer.changes.order_by("-on")[:SHOWN]:
        moves = []
        if change.class_before != change.class_after:
            moves.append(f"{change.get_class_before_display()} → {change.get_class_after_display()}")
        if change.type_before != change.type_after and change.type_before:
            moves.append(f"{change.get_type_before_display()} → {change.get_type_after_display()}")
        if moves:
            yield Event(_noon(change.on), "trending-up", "violet", _("Moved"), " · ".join(moves))


def _level_changes(customer: Customer) -> Iterator[Event]:
    changes = customer.tier_changes.exclude(rank_before=F("rank_after")).select_related("rules").order_by("-seq")
    for change in changes[:SHOWN]:
        title = f"{change.name_before} → {change.name_after}"
        yield Event(_noon(change.since), "chart-bar", "blue", title, change.get_reason_display())
