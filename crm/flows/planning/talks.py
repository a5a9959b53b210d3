"""A talk as every page logs it: on record, with all that follows from it."""

from datetime import datetime
from typing import Any

from django.db import transaction

from care import appointments, plans
from core.accounts.models import User
from core.lib.periods import mall_day
from crm.flows.planning.days_off import working_days
from customers import contacts
from customers.models import Contact, Customer


@transaction.atomic
def log(customer: Customer, *, by: User, at: datetime, **said: Any) -> Contact:
    """The talk is on record (see `contacts.log_contact`), the appointment that it was is over, and the contact plan
    counts from it.
    """
    contact = contacts.log_contact(customer, by=by, at=at, **said)
    appointments.talked(contact)
    today = mall_day(at)
    plans.refresh([customer.pk], today=today, at=at, days=working_days(today), by=by)
    return contact
