"""What happened with a customer: orders, refunds, contacts, alerts and changes together, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import NamedTuple

from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from core.accounts import trail
from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field
from core.accounts.trail import Search
from core.lib.periods import mall_moment
from crm.desk.work.forms import interview_of
from customers.models import Contact, ContactPoint, Customer, CustomerChange, CustomField, Refund
from customers.record import changes


class Event(NamedTuple):
    at: datetime
    icon: str
    tone: str
    title: str
    text: str = ""
    by: str = ""
    url: str = ""


@dataclass(frozen=True)
class Timeline:
    """Cut like a list; of each source only as many rows are read as the part can hold."""

    customer: Customer
    reader: User

    def __getitem__(self, part: slice) -> list[Event]:
        events = chain(
            chain.from_iterable(source(self.customer, part.stop) for source in SOURCES),
            _corrections(self.customer, self.reader, part.stop),
        )
        return sorted(events, key=lambda event: event.at, reverse=True)[part]


def _noon(day: date) -> datetime:
    return mall_moment(day, 12)


def _purchases(customer: Customer, most: int) -> Iterator[Event]:
    for order in customer.orders.order_by("-ordered_at", "-pk").prefetch_related("lines__product")[:most]:
        goods = ", ".join(f"{line.product.name} × {line.quantity}" for line in order.lines.all())
        title = _("Order %(number)s: ¥%(paid)s") % {"number": order.external_id, "paid": f"{order.paid:,.2f}"}
        if order.status != order.Status.PAID:
            title += f" ({order.get_status_display()})"
        yield Event(order.ordered_at, "shopping-cart", "blue", title, goods)


def _refunds(customer: Customer, most: int) -> Iterator[Event]:
    refunds = Refund.objects.filter(customer=customer).select_related("order")
    for refund in refunds.order_by("-refunded_at", "-pk")[:most]:
        title = _("Refund of ¥%(amount)s on order %(number)s") % {
            "amount": f"{refund.amount:,.2f}",
            "number": refund.order.external_id,
        }
        yield Event(refund.refunded_at, "arrow-back-up", "amber", title)


def _contacts(customer: Customer, most: int) -> Iterator[Event]:
    for contact in customer.contacts.select_related("by").order_by("-at", "-pk")[:most]:
        icon = "phone" if contact.channel == Contact.Channel.PHONE else "message"
        title = f"{contact.get_channel_display()} · {contact.get_outcome_display()}"
        yield Event(contact.at, icon, "green", title, contact.note, str(contact.by))


def _alerts(customer: Customer, most: int) -> Iterator[Event]:
    for alert in customer.alerts.select_related("closed_by").order_by("-opened_on", "-pk")[:most]:
        url = reverse("desk:alert", args=[alert.pk])
        opened, state = alert.get_kind_display(), alert.get_state_display()
        yield Event(_noon(alert.opened_on), "alert-triangle", "red", opened, state, url=url)
        if alert.closed_on:
            title = " · ".join(filter(None, [state, alert.get_cause_display() if alert.cause else ""]))
            said = "\n".join(f"{question} {answer}" for question, answer in interview_of(alert))
            by = str(alert.closed_by) if alert.closed_by else ""
            yield Event(_noon(alert.closed_on), "check", "grey", title, said, by, url)


def _class_changes(customer: Customer, most: int) -> Iterator[Event]:
    still = Q(class_before=F("class_after")) & (Q(type_before=F("type_after")) | Q(type_before=0))
    for change in customer.changes.exclude(still).order_by("-on", "-pk")[:most]:
        moves = []
        if change.class_before != change.class_after:
            moves.append(f"{change.get_class_before_display()} → {change.get_class_after_display()}")
        if change.type_before != change.type_after and change.type_before:
            moves.append(f"{change.get_type_before_display()} → {change.get_type_after_display()}")
        yield Event(_noon(change.on), "trending-up", "violet", _("Moved"), " · ".join(moves))


def _level_changes(customer: Customer, most: int) -> Iterator[Event]:
    changes = customer.tier_changes.exclude(rank_before=F("rank_after")).select_related("rules").order_by("-seq")
    for change in changes[:most]:
        title = f"{change.name_before} → {change.name_after}"
        yield Event(_noon(change.since), "chart-bar", "blue", title, change.get_reason_display())


def _corrections(customer: Customer, reader: User, most: int) -> Iterator[Event]:
    """What was changed on the record, as far as the reader may know it."""
    records = Q(customer=customer) | Q(customer__merged_into=customer)
    rows = CustomerChange.objects.filter(records).select_related("by")
    if not sees(reader, Field.BIRTHDAY):
        rows = rows.exclude(field=changes.BIRTHDAY)
    if not sees(reader, Field.CONTACT):
        rows = rows.exclude(field__in=ContactPoint.Kind.values)
    names = {f"{changes.CUSTOM}{asked.key}": asked.name for asked in CustomField.objects.all()}
    for row in rows.order_by("-at", "-pk")[:most]:
        by = str(row.by) if row.by and row.door == row.Door.PAGE else row.get_door_display()
        if row.field == changes.CREATED:
            yield Event(row.at, "user-plus", "grey", _("Put on record"), row.after, by)
            continue
        title = _("%(field)s changed") % {"field": changes.LABELS.get(row.field) or names.get(row.field, row.field)}
        text = f"{changes.words(row.field, row.before)} → {changes.words(row.field, row.after)}"
        yield Event(row.at, "edit", "grey", title, text, by)


def _handed_over(customer: Customer, most: int) -> Iterator[Event]:
    search = Search(actions=["customer.assigned"], subject_type="customer", subject_id=customer.pk)
    lines = list(trail.entries(search)[:most])
    names = User.objects.in_bulk({line.detail["manager"] for line in lines if line.detail.get("manager")})
    for line in lines:
        manager = names.get(line.detail.get("manager"))
        title = _("Handed over to %(name)s") % {"name": manager} if manager else _("Without a manager")
        by = str(line.actor) if line.actor else ""
        yield Event(line.at, "users", "grey", title, str(line.detail.get("reason", "")), by)


SOURCES = (_purchases, _refunds, _contacts, _alerts, _class_changes, _level_changes, _handed_over)
