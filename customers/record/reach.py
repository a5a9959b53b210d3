"""How a customer is reached: added, confirmed, preferred, retired, taken back. Nothing is ever deleted."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from customers import contact_points, locks
from customers.models import ContactPoint, Customer
from customers.record import changes, facts, writing
from customers.record.changes import Changed, Door

Retired = ContactPoint.Retired


def points_of(customer: Customer) -> QuerySet[ContactPoint]:
    """Every way to reach the customer: those in use first, the preferred one of each kind on top."""
    return customer.contact_points.order_by("retired", "kind", "-is_preferred", "pk")


def add(customer: Customer, *, kind: str, value: str, by: User, at: datetime) -> ContactPoint:
    """The customer is reached by this value too; one that was retired is in use again.

    Others who have the same value keep it: a family may share a phone. Refused where it is on record already, which
    counts as said by whoever tried.
    """
    point, is_known = _added(customer, kind, value, by=by, at=at)
    if is_known:
        raise DomainError(_("This is on record already."), code="contact_known")
    return point


@transaction.atomic
def _added(customer: Customer, kind: str, value: str, *, by: User, at: datetime) -> tuple[ContactPoint, bool]:
    """(the point, whether it was on record and in use before)"""
    if kind not in ContactPoint.Kind.values:
        raise Invalid(_("Choose a phone, an e-mail or an address."), code="no_choice")
    normal = facts.usable(kind, value)
    locks.hold_off_imports()
    locks.hold(f"customer::{kind}:{normal}")
    locks.hold_customers([customer.pk])
    fresh = writing.add_points(customer, [(kind, normal)], at=at)
    index = contact_points.blind_index(kind, normal)
    point = customer.contact_points.get(kind=kind, blind_index=index)
    if point.retired:
        return _change(point, "contact_point.restored", by, at, retired="", retired_at=None), False
    if fresh:
        _record(point, "", point.mask, "contact_point.added", by, at)
    return point, not fresh


@transaction.atomic
def confirm(point_id: int, *, by: User, at: datetime) -> ContactPoint:
    """The customer has answered there: it is good as of now."""
    point = _held(point_id)
    _refuse_retired(point)
    return _change(point, "contact_point.confirmed", by, at, confirmed_at=at)


@transaction.atomic
def prefer(point_id: int, *, by: User, at: datetime) -> ContactPoint:
    """Of its kind this is the one to use first."""
    point = _held(point_id)
    _refuse_retired(point)
    if point.is_preferred:
        return point
    ContactPoint.objects.filter(customer=point.customer_id, kind=point.kind, is_preferred=True).update(
        is_preferred=False
    )
    return _change(point, "contact_point.preferred", by, at, is_preferred=True)


@transaction.atomic
def retire(point_id: int, *, why: str, by: User, at: datetime) -> ContactPoint:
    """It stays on the record, marked wrong or old; nobody is recognised by it or called there any more."""
    if why not in Retired.values:
        raise Invalid(_("Say whether it is wrong or no longer theirs."), code="no_choice")
    point = _held(point_id)
    if point.retired == why:
        return point
    return _change(point, "contact_point.retired", by, at, retired=why, retired_at=at, is_preferred=False)


@transaction.atomic
def restore(point_id: int, *, by: User, at: datetime) -> ContactPoint:
    """It is in use again, as it was before it was retired by mistake."""
    point = _held(point_id)
    if not point.retired:
        return point
    return _change(point, "contact_point.restored", by, at, retired="", retired_at=None)


def _held(point_id: int) -> ContactPoint:
    """The point, with nobody else changing those of its customer until the transaction ends."""
    customer_id = ContactPoint.objects.values_list("customer_id", flat=True).get(pk=point_id)
    locks.hold_customers([customer_id])
    return ContactPoint.objects.select_related("customer").get(pk=point_id)


def _refuse_retired(point: ContactPoint) -> None:
    if point.retired:
        raise DomainError(_("This is retired. Take it back into use first."), code="contact_retired")


def _change(point: ContactPoint, action: str, by: User, at: datetime, **fields: Any) -> ContactPoint:
    before = state(point)
    fields["import_run"] = None  # a person has spoken of it
    for name, value in fields.items():
        setattr(point, name, value)
    point.save(update_fields=list(fields))
    _record(point, f"{point.mask} {before}".strip(), f"{point.mask} {state(point)}".strip(), action, by, at)
    return point


def state(point: ContactPoint) -> str:
    """A word for the history: the reason it is retired, else that it is preferred or confirmed."""
    if point.retired:
        return point.retired
    words = ("preferred" if point.is_preferred else "", "confirmed" if point.confirmed_at else "")
    return " ".join(filter(None, words))


def _record(point: ContactPoint, before: str, after: str, action: str, by: User, at: datetime) -> None:
    changes.record(point.customer, [Changed(point.kind, before, after)], by=by, door=Door.PAGE, at=at)
    audit.record(by, action, point.customer, at=at, point=point.pk, kind=point.kind)
