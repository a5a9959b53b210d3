"""What is noted about a customer besides facts: mindset, preferred channel, free notes."""

from datetime import datetime

from django.db import transaction

from core.accounts import audit
from core.accounts.models import User
from customers import locks
from customers.models import Customer


@transaction.atomic
def edit(customer: Customer, *, mindset: str, preferred_channel: str, notes: str, by: User, at: datetime) -> Customer:
    """The profile holds these values, and the audit trail says which of them were changed; no change, no line.

    What the notes say stays out of the trail.
    """
    locks.hold_customers([customer.pk])
    locked = Customer.objects.get(pk=customer.pk)
    told = {"mindset": mindset, "preferred_channel": preferred_channel, "notes": notes}
    changed = {name: value for name, value in told.items() if getattr(locked, name) != value}
    if not changed:
        return locked
    detail = {name: [getattr(locked, name), value] for name, value in changed.items() if name != "notes"}
    for name, value in changed.items():
        setattr(locked, name, value)
    locked.save(update_fields=list(changed))
    audit.record(by, "customer.profile_edited", locked, at=at, fields=sorted(changed), **detail)
    return locked
