"""The log of conversations, and what was agreed."""

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from customers import todo
from customers.models import Contact, Customer, Todo


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
) -> Contact:
    """The conversation is on record, what was agreed is a task, and the planned contacts that it fulfils are done."""
    today = mall_day(at)
    promise = promise.strip()
    if bool(promise) != bool(promise_due_on):
        raise Invalid(_("A promise needs its words and the day by which it must be kept."), code="promise_incomplete")
    for day in (next_contact_on, promise_due_on):
        if day and day < today:
            raise Invalid(_("Choose today or a later day."), code="day_past")

    contact = Contact.objects.create(
        customer=customer,
        by=by,
        at=at,
        channel=channel,
        direction=direction,
        outcome=outcome,
        mood=mood,
        note=note.strip(),
    )
    if outcome != Contact.Outcome.NO_ANSWER:
        _fulfil(customer, by, at, today)
    if next_contact_on:
        Customer.objects.filter(pk=customer.pk).update(next_contact_on=next_contact_on)
        customer.next_contact_on = next_contact_on
        todo.open_task(
            customer,
            reason=Todo.Reason.CONTACT,
            text={"agreed_on": today.isoformat()},
            due_on=next_contact_on,
            at=at,
            dedupe_key=f"contact:{contact.pk}",
        )
    if promise and promise_due_on:
        todo.open_task(
            customer,
            reason=Todo.Reason.PROMISE,
            text={"promise": promise},
            due_on=promise_due_on,
            at=at,
            dedupe_key=f"promise:{contact.pk}",
        )
    audit.record(by, "contact.logged", customer, at=at, contact=contact.pk, channel=channel, outcome=outcome)
    return contact


def _fulfil(customer: Customer, by: User, at: datetime, today: date) -> None:
    Todo.objects.filter(customer=customer, reason=Todo.Reason.CONTACT, state=Todo.State.OPEN, due_on__lte=today).update(
        state=Todo.State.DONE, closed_at=at, closed_by=by
    )
    if customer.next_contact_on and customer.next_contact_on <= today:
        Customer.objects.filter(pk=customer.pk).update(next_contact_on=None)
        customer.next_contact_on = None
