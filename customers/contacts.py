"""The log of conversations, and what was agreed."""

from collections.abc import Iterable
from datetime import date, datetime, time

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day, mall_moment
from customers import locks, todo
from customers.models import Contact, ContactStop, Customer, Promise, Todo
from customers.promises import ledger


@transaction.atomic
def log_contact(
    customer: Customer,
    *,
    by: User,
    at: datetime,
    channel: str,
    direction: str,
    outcome: str,
    mood: str,
    note: str,
    next_contact_on: date | None = None,
    promise: str = "",
    promise_due_on: date | None = None,
    promise_due_time: time | None = None,
    minutes: int | None = None,
    place: str = "",
    attendees: Iterable[User] = (),
    from_complaint: bool = False,
    client_key: str = "",
) -> Contact:
    """The conversation is on record, what was promised is in the ledger, and the planned contacts that it fulfils are done.

    A new next contact takes the place of the one that was planned before: there is one at most. Told again under the
    same `client_key` it is the contact that was logged first. `from_complaint`: it fulfils no contact plan.
    """
    if client_key:
        locks.hold_customers([customer.pk])
        if first := Contact.objects.filter(customer=customer, client_key=client_key).first():
            return first
    today, promise = mall_day(at), promise.strip()
    _refuse(customer, promise, promise_due_on, next_contact_on, today)
    due = _due(promise_due_on, promise_due_time, at) if promise_due_on else None
    contact = Contact.objects.create(
        customer=customer,
        by=by,
        at=at,
        channel=channel,
        direction=direction,
        outcome=outcome,
        mood=mood,
        note=note.strip(),
        minutes=minutes,
        place=place.strip()[:120],
        from_complaint=from_complaint,
        client_key=client_key,
    )
    contact.attendees.set(attendees)
    if outcome != Contact.Outcome.NO_ANSWER:
        _fulfil(customer, by, at, today)
    if next_contact_on:
        _plan(contact, next_contact_on, today)
    if due:
        _promise(contact, promise, due)
    audit.record(by, "contact.logged", customer, at=at, contact=contact.pk, channel=channel, outcome=outcome)
    return contact


def _promise(contact: Contact, words: str, due: ledger.Due) -> None:
    ledger.make(
        contact.customer,
        words=words,
        due=due,
        owner=ledger.keeper_of(contact.customer, contact.by),
        by=contact.by,
        at=contact.at,
        source=Promise.Source.TALK,
        source_id=contact.pk,
        dedupe_key=f"promise:{contact.pk}",
    )


def _refuse(customer: Customer, promise: str, due_on: date | None, next_on: date | None, today: date) -> None:
    if bool(promise) != bool(due_on):
        raise Invalid(_("A promise needs its words and the day by which it must be kept."), code="promise_incomplete")
    if any(day and day < today for day in (next_on, due_on)):
        raise Invalid(_("Choose today or a later day."), code="day_past")
    if next_on and ContactStop.objects.filter(customer=customer).exists():
        raise Invalid(_("This customer is not to be reached: leave the next contact empty."), code="stopped")


def _plan(contact: Contact, day: date, today: date) -> None:
    """The next contact is on that day, and no other is planned."""
    customer = contact.customer
    _close(Todo.objects.filter(customer=customer, reason=Todo.Reason.CONTACT), contact.by, contact.at)
    Customer.objects.filter(pk=customer.pk).update(next_contact_on=day)
    customer.next_contact_on = day
    todo.open_task(
        customer,
        reason=Todo.Reason.CONTACT,
        text={"agreed_on": today.isoformat()},
        due_on=day,
        at=contact.at,
        dedupe_key=f"contact:{contact.pk}",
    )


def _fulfil(customer: Customer, by: User, at: datetime, today: date) -> None:
    _close(Todo.objects.filter(customer=customer, reason=Todo.Reason.CONTACT, due_on__lte=today), by, at)
    if customer.next_contact_on and customer.next_contact_on <= today:
        Customer.objects.filter(pk=customer.pk).update(next_contact_on=None)
        customer.next_contact_on = None


def _close(todos: QuerySet[Todo], by: User, at: datetime) -> None:
    todos.filter(state=Todo.State.OPEN).update(state=Todo.State.DONE, closed_at=at, closed_by=by)


def _due(day: date, hour: time | None, at: datetime) -> ledger.Due:
    """By when it was promised; raises Invalid for an hour that is past."""
    if hour is None:
        return ledger.on_day(day, at=at)
    moment = mall_moment(day, hour.hour, hour.minute)
    if moment <= at:
        raise Invalid(_("That hour is past: choose a later one."), code="hour_past")
    return ledger.to_the_hour(moment)
