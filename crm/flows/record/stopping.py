"""Nobody is to reach a customer any more, and how that is taken back: the record and the alerts, together."""

from datetime import date, datetime

from django.db import transaction

from core.accounts.models import User
from core.lib.periods import mall_day
from customers.models import ContactStop, Customer
from customers.record import stops
from segmentation import alerts


@transaction.atomic
def say(customer: Customer, kind: str, *, since: date, said_by: str, note: str, by: User, at: datetime) -> ContactStop:
    """As `stops.say` has it; an open alert has ended, because nobody can be asked to win this customer back."""
    stop = stops.say(customer, kind, since=since, said_by=said_by, note=note, by=by, at=at)
    alerts.end_stopped(on=mall_day(at), at=at, by=by, customer_ids=[customer.pk])
    return stop


@transaction.atomic
def undo(customer: Customer, *, reason: str, by: User, at: datetime) -> None:
    """As `stops.undo` has it; an alert that ended by the stop goes on within its window."""
    stops.undo(customer, reason=reason, by=by, at=at)
    alerts.reopen_stopped(customer.pk, as_of=mall_day(at), at=at)
