"""Somebody calls from a phone that others are known by: a new person, who shares it or has taken it over."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from core.accounts import audit
from core.accounts.models import User
from core.lib.deadlock import again_after_deadlock
from customers import contact_points
from customers.contact_points import Kind
from customers.models import Customer
from customers.record import reach, writing
from customers.record.facts import Facts


def owners(phone: str) -> list[Customer]:
    """Who is known by this phone today, the oldest record first. Raises Invalid for what is no phone."""
    ids = contact_points.find(Kind.PHONE, phone)
    people = Customer.objects.filter(pk__in=ids, merged_into__isnull=True)
    return list(people.select_related("manager", "standing").order_by("pk"))


@again_after_deadlock
@transaction.atomic
def welcome(phone: str, name: str, *, gone: Sequence[Customer], by: User, at: datetime, today: date) -> Customer:
    """There is a new customer with this phone. Those who are `gone` keep it as a number that is no longer theirs.

    Everybody else who has the phone keeps it: a family may share one. Raises Invalid for what is not a phone.
    """
    for owner in sorted(gone, key=lambda person: person.pk):
        point = contact_points.point_of(owner, Kind.PHONE, phone)
        if point and not point.retired:
            reach.retire(point.pk, why=reach.Retired.OLD, by=by, at=at)
    person = writing.create(Facts(name=name, phones=(phone,)), by=by, at=at, today=today, anyway=True).customer
    if gone:
        audit.record(by, "customer.took_number", person, at=at, of=[owner.pk for owner in gone])
    return person
