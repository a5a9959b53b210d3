"""What happened with a customer: orders, refunds, contacts, alerts and changes together, newest first."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

from django.db.models import F, Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from core.accounts import trail
from core.accounts.models import AuditEntry, User
from core.accounts.permissions import sees
from core.accounts.roles import Field
from core.accounts.trail import Search
from core.lib import mall
from core.lib.periods import mall_moment, mall_time
from core.lib.rows import together
from crm.desk.winback.forms import interview_of
from customers.models import (
    Contact,
    ContactPoint,
    Customer,
    CustomerChange,
    CustomField,
    Order,
    OrderLine,
    PromiseEvent,
    Refund,
)
from customers.record import changes
from loyalty.models import TierChange
from segmentation.models import Alert, Change


class Event(NamedTuple):
    at: datetime
    icon: str
    tone: str
    title: str
    text: str = ""
    by: str = ""
    url: str = ""


class Topic(StrEnum):
    """What a reader may want to see alone."""

    ORDERS = "orders"
    TALKS = "talks"
    PROMISES = "promises"
    ALERTS = "alerts"
    MOVES = "moves"
    RECORD = "record"

    @property
    def label(self) -> str:
        return {
            Topic.ORDERS: _("Orders and refunds"),
            Topic.TALKS: _("Contacts"),
            Topic.PROMISES: _("Promises"),
            Topic.ALERTS: _("Alerts"),
            Topic.MOVES: _("Class and level"),
            Topic.RECORD: _("The record"),
        }[self]


def topic_of(wanted: str) -> Topic | None:
    """The topic that is named; None, which is all of them, where none is."""
    return Topic(wanted) if wanted in list(Topic) else None


@dataclass(frozen=True)
class Timeline:
    """Cut like a list; of each source only as many rows are read as the part can hold. Without `topic` it has all."""

    customer: Customer
    reader: User
    topic: Topic | None = None

    def __getitem__(self, part: slice) -> list[Event]:
        sources = [source for source in SOURCES if self.topic in (None, source.topic)]
        rows = [source.rows(self.customer)[: part.stop] for source in sources]
        record = self.topic in (None, Topic.RECORD)
        corrected, fields = _corrected(self.customer, self.reader)[: part.stop], CustomField.objects.all()
        together(*rows, *((corrected, fields) if record else ()))
        events = chain(
            chain.from_iterable(source.events(told) for source, told in zip(sources, rows, strict=True)),
            _corrections(corrected, fields) if record else (),
        )
        return sorted(events, key=lambda event: event.at, reverse=True)[part]


def _noon(day: date) -> datetime:
    return mall_moment(day, 12)


def _purchases(orders: Iterable[Order]) -> Iterator[Event]:
    for order in orders:
        goods = ", ".join(f"{line.product.name} × {line.quantity}" for line in order.lines.all())
        title = _("Order %(number)s: %(paid)s") % {"number": order.external_id, "paid": mall.priced(order.paid, 2)}
        if order.status != order.Status.PAID:
            title += f" ({order.get_status_display()})"
        yield Event(order.ordered_at, "shopping-cart", "blue", title, goods)


def _refunds(refunds: Iterable[Refund]) -> Iterator[Event]:
    for refund in refunds:
        title = _("Refund of %(amount)s on order %(number)s") % {
            "amount": mall.priced(refund.amount, 2),
            "number": refund.order.external_id,
        }
        yield Event(refund.refunded_at, "arrow-back-up", "amber", title)


def _contacts(contacts: Iterable[Contact]) -> Iterator[Event]:
    for contact in contacts:
        icon = "phone" if contact.channel == Contact.Channel.PHONE else "message"
        title = f"{contact.get_channel_display()} · {contact.get_outcome_display()}"
        yield Event(contact.at, icon, "green", title, contact.note, str(contact.by))


def _alerts(alerts: Iterable[Alert]) -> Iterator[Event]:
    for alert in alerts:
        url = reverse("desk:alert", args=[alert.pk])
        opened, state = alert.get_kind_display(), alert.get_state_display()
        yield Event(_noon(alert.opened_on), "alert-triangle", "red", opened, state, url=url)
        if alert.closed_on:
            title = " · ".join(filter(None, [state, alert.get_cause_display() if alert.cause else ""]))
            said = "\n".join(f"{question} {answer}" for question, answer in interview_of(alert))
            by = str(alert.closed_by) if alert.closed_by else ""
            yield Event(_noon(alert.closed_on), "check", "grey", title, said, by, url)


def _decisions(made: Iterable[AuditEntry]) -> Iterator[Event]:
    for entry in made:
        decision = Alert.Decision(entry.detail["decision"]).label
        until = entry.detail.get("due_on", "")
        text = _("to be done by %(day)s") % {"day": until} if until else ""
        url = reverse("desk:alert", args=[entry.subject_id])
        title = _("Decided: %(name)s") % {"name": decision}
        yield Event(entry.at, "check", "amber", title, text, str(entry.actor or ""), url)


def _class_changes(changed: Iterable[Change]) -> Iterator[Event]:
    for change in changed:
        moves = []
        if change.class_before != change.class_after:
            moves.append(f"{change.get_class_before_display()} → {change.get_class_after_display()}")
        if change.type_before != change.type_after and change.type_before:
            moves.append(f"{change.get_type_before_display()} → {change.get_type_after_display()}")
        yield Event(_noon(change.on), "trending-up", "violet", _("Moved"), " · ".join(moves))


def _level_changes(changed: Iterable[TierChange]) -> Iterator[Event]:
    for change in changed:
        title = f"{change.name_before} → {change.name_after}"
        yield Event(_noon(change.since), "chart-bar", "blue", title, change.get_reason_display())


def _corrected(customer: Customer, reader: User) -> QuerySet[CustomerChange]:
    """What was changed on the record, as far as the reader may know it."""
    records = Customer.objects.filter(Q(pk=customer.pk) | Q(merged_into=customer)).values("pk")
    rows = CustomerChange.objects.filter(customer__in=records).select_related("by")
    if not sees(reader, Field.BIRTHDAY):
        rows = rows.exclude(field__in=changes.OF_THEIR_LIFE)
    if not sees(reader, Field.CONTACT):
        rows = rows.exclude(field__in=ContactPoint.Kind.values)
    return rows.order_by("-at", "-pk")


def _corrections(rows: Iterable[CustomerChange], fields: Iterable[CustomField]) -> Iterator[Event]:
    names = {f"{changes.CUSTOM}{asked.key}": asked.name for asked in fields}
    for row in rows:
        by = str(row.by) if row.by and row.door == row.Door.PAGE else row.get_door_display()
        if row.field == changes.CREATED:
            yield Event(row.at, "user-plus", "grey", _("Put on record"), row.after, by)
            continue
        title = _("%(field)s changed") % {"field": changes.LABELS.get(row.field) or names.get(row.field, row.field)}
        text = f"{changes.words(row.field, row.before)} → {changes.words(row.field, row.after)}"
        yield Event(row.at, "edit", "grey", title, text, by)


def _handed_over(lines: Collection[AuditEntry]) -> Iterator[Event]:
    managers = {line.detail["manager"] for line in lines if line.detail.get("manager")}
    names = User.objects.in_bulk(managers) if managers else {}
    for line in lines:
        manager = names.get(line.detail.get("manager"))
        title = _("Handed over to %(name)s") % {"name": manager} if manager else _("Without a manager")
        by = str(line.actor) if line.actor else ""
        yield Event(line.at, "users", "grey", title, str(line.detail.get("reason", "")), by)


PROMISE_TONES = {"kept": "green", "late": "red", "moved": "amber"}


def _promises(events: Iterable[PromiseEvent]) -> Iterator[Event]:
    for event in events:
        promise, hour = event.promise, f"{mall_time(event.after):%Y-%m-%d %H:%M}" if event.after else ""
        words = [promise.words, _("due %(hour)s") % {"hour": hour}, event.reason]
        if event.before:
            words.insert(1, _("was due %(hour)s") % {"hour": f"{mall_time(event.before):%Y-%m-%d %H:%M}"})
        title, by = event.get_kind_display(), str(event.by) if event.by else ""
        yield Event(
            event.at, "clock", PROMISE_TONES.get(event.kind, "blue"), title, " · ".join(filter(None, words)), by
        )


class Source(NamedTuple):
    """What is read of a customer, the newest first, and the events it tells of."""

    topic: Topic
    rows: Callable[[Customer], QuerySet[Any]]
    events: Callable[[Any], Iterator[Event]]


def _orders_of(customer: Customer) -> QuerySet[Order]:
    lines = Prefetch("lines", OrderLine.objects.select_related("product"))
    return customer.orders.order_by("-ordered_at", "-pk").prefetch_related(lines)


def _contacts_of(customer: Customer) -> QuerySet[Contact]:
    return customer.contacts.select_related("by").order_by("-at", "-pk")


def _alerts_of(customer: Customer) -> QuerySet[Alert]:
    return customer.alerts.select_related("closed_by").order_by("-opened_on", "-pk")


def _decisions_of(customer: Customer) -> QuerySet[AuditEntry]:
    made = trail.entries(Search(actions=["alert.decided"], subject_type="alert"))
    return made.filter(subject_id__in=customer.alerts.values("pk"))


def _changes_of(customer: Customer) -> QuerySet[Change]:
    still = Q(class_before=F("class_after")) & (Q(type_before=F("type_after")) | Q(type_before=0))
    return customer.changes.exclude(still).order_by("-on", "-pk")


def _levels_of(customer: Customer) -> QuerySet[TierChange]:
    moved = customer.tier_changes.exclude(rank_before=F("rank_after"))
    return moved.select_related("rules").order_by("-seq")


def _hand_overs_of(customer: Customer) -> QuerySet[AuditEntry]:
    return trail.entries(Search(actions=["customer.assigned"], subject_type="customer", subject_id=customer.pk))


def _refunds_of(customer: Customer) -> QuerySet[Refund]:
    return Refund.objects.filter(customer=customer).select_related("order").order_by("-refunded_at", "-pk")


def _promises_of(customer: Customer) -> QuerySet[PromiseEvent]:
    events = PromiseEvent.objects.filter(promise__customer=customer).select_related("promise", "by")
    return events.order_by("-at", "-pk")


SOURCES = (
    Source(Topic.ORDERS, _orders_of, _purchases),
    Source(Topic.ORDERS, _refunds_of, _refunds),
    Source(Topic.TALKS, _contacts_of, _contacts),
    Source(Topic.ALERTS, _alerts_of, _alerts),
    Source(Topic.ALERTS, _decisions_of, _decisions),
    Source(Topic.MOVES, _changes_of, _class_changes),
    Source(Topic.MOVES, _levels_of, _level_changes),
    Source(Topic.RECORD, _hand_overs_of, _handed_over),
    Source(Topic.PROMISES, _promises_of, _promises),
)
