"""The record is written: a customer is created, corrected, told by a source. One way for pages, REST and files."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Invalid, Unknown
from customers import contact_points, identity, keys, locks
from customers.contact_points import Kind
from customers.identity import CustomerRef
from customers.models import ContactPoint, Customer, ExternalIdentity, Standing
from customers.record import changes, life_dates
from customers.record.changes import Changed, Door
from customers.record.facts import NOT_TOLD, Facts

EDITED = "customer.profile_edited"
# What of an edit the audit trail repeats: choices, never what somebody wrote.
IN_THE_TRAIL = ("mindset", "preferred_channel", "is_reseller")
RECOGNISES = (Kind.PHONE, Kind.EMAIL)


class KnownAlready(DomainError):
    """Somebody is reached by one of these phones or e-mails already: `customer_ids`."""

    code = "known_already"

    def __init__(self, customer_ids: list[int]) -> None:
        super().__init__(_("Somebody with this phone or e-mail is on record already."))
        self.customer_ids = customer_ids


class Written(NamedTuple):
    """The customer as they are now, and the names of the fields that say something else than before."""

    customer: Customer
    fields: list[str]
    created: bool = False


@again_after_deadlock
@transaction.atomic
def create(
    facts: Facts, *, by: User, at: datetime, today: date, manager: User | None = None, anyway: bool = False
) -> Written:
    """A new customer with what is told; in the book of `manager`, if one is given.

    Raises KnownAlready, unless it is to be `anyway`, when somebody has one of the phones or e-mails.
    """
    columns, reached = facts.columns(today=today), facts.reached_by()
    if not columns.get("name") and not reached:
        raise Invalid(_("Write a name, a phone or an e-mail."), code="customer_missing")
    _hold(reached)
    if not anyway and (known := _who_has(reached)):
        raise KnownAlready(known)
    customer = identity.create(_ref(facts, columns), today=today)
    _hand_to(customer, manager, today)
    _apply(customer, columns, by=by, at=at, door=Door.PAGE)
    add_points(customer, reached, at=at)
    changes.record(customer, [Changed(changes.CREATED, "", customer.number)], by=by, door=Door.PAGE, at=at)
    audit.record(by, "customer.created", customer, at=at)
    return Written(customer, sorted(columns), created=True)


@again_after_deadlock
@transaction.atomic
def correct(
    customer: Customer, facts: Facts, *, by: User | None, at: datetime, today: date, door: str = Door.PAGE
) -> Written:
    """The record says what is told; what is not told stays. Each field that changes keeps what it said before.

    Telling the same again changes nothing and leaves no line.
    """
    columns, reached = facts.columns(today=today), facts.reached_by()
    if reached:
        _hold(reached)
    locks.hold_customers([customer.pk])
    locked = Customer.objects.get(pk=customer.pk)
    _refuse_merged(locked)
    _refuse_after_first_order(locked, columns)
    before = words_of(locked)
    _apply(locked, columns, by=by, at=at, door=door)
    after = words_of(locked)
    rows = [Changed(name, before.get(name, ""), text) for name, text in after.items() if before.get(name, "") != text]
    rows += [Changed(name, text, "") for name, text in before.items() if name not in after]
    names = [row.field for row in rows]
    trail = {row.field: [row.before, row.after] for row in rows if row.field in IN_THE_TRAIL}
    rows += [Changed(point.kind, "", point.mask) for point in add_points(locked, reached, at=at)]
    if rows:
        changes.record(locked, rows, by=by, door=door, at=at)
        fields = sorted({row.field for row in rows})
        audit.record(by, EDITED, locked, at=at, fields=fields, **trail)
    return Written(locked, sorted({*names, *(row.field for row in rows)}))


@again_after_deadlock
@transaction.atomic
def put(
    source: str,
    external_id: str,
    facts: Facts,
    *,
    by: User | None,
    at: datetime,
    today: date,
    manager: User | None = None,
) -> Written:
    """The customer whom the source knows under this id is on record with what it tells, whether or not they have bought.

    Recognised as an order of theirs would be: by the id, else by phone or e-mail; a new one is in the book of `manager`.
    The same again changes nothing.
    """
    columns, reached = facts.columns(today=today), facts.reached_by()
    external_id = _key(external_id)
    first = {kind: value for kind, value in reversed(reached)}
    ref = CustomerRef(
        source=source, external_id=external_id, phone=first.get(Kind.PHONE, ""), email=first.get(Kind.EMAIL, "")
    )
    _hold(reached, f"customer:{source}:id:{external_id}")
    had = _who_has_each(reached)
    try:
        with transaction.atomic():
            customer = identity.find_or_create(replace(ref, create_if_missing=False), today=today)
    except DomainError as refusal:
        if refusal.code != "unknown_customer":
            raise
        told = _ref(facts, columns)
        ref = replace(told, source=source, external_id=external_id, phone=ref.phone, email=ref.email)
        customer = identity.find_or_create(ref, today=today)
        _hand_to(customer, manager, today)
        _apply(customer, columns, by=by, at=at, door=Door.API)
        add_points(customer, reached, at=at)
        changes.record(customer, [Changed(changes.CREATED, "", customer.number)], by=by, door=Door.API, at=at)
        audit.record(by, "customer.created", customer, at=at, source=source)
        return Written(customer, sorted(columns), created=True)
    learnt = [
        Changed(point.kind, "", point.mask)
        for point in _points(customer, reached)
        if customer.pk not in had[point.kind, bytes(point.blind_index)]
    ]
    changes.record(customer, learnt, by=by, door=Door.API, at=at)
    written = correct(customer, facts, by=by, at=at, today=today, door=Door.API)
    return written._replace(fields=sorted({*written.fields, *(row.field for row in learnt)}))


def patch(source: str, external_id: str, facts: Facts, *, by: User | None, at: datetime, today: date) -> Written:
    """The same for somebody whom the source has told before. Raises Unknown for anybody else."""
    rows = ExternalIdentity.objects.filter(source=source, external_id=_key(external_id))
    known = rows.select_related("customer").first()
    if known is None:
        raise Unknown(_("This source has not told of this customer yet. Send a PUT first."), code="customer_unknown")
    return correct(known.customer, facts, by=by, at=at, today=today, door=Door.API)


def _key(external_id: str) -> str:
    """The id in the one form that all doors know. Raises Invalid for one that is nobody's or that a spreadsheet rounded."""
    if keys.damaged(external_id):
        raise identity.number_damaged()
    key = keys.customer_key(external_id)
    if not key:
        raise Invalid(_("This number means nobody. Send the customer’s own number."), code="nobody")
    return key


# Contacts -----------------------------------------------------------------------------------------------------------


def add_points(customer: Customer, reached: list[tuple[str, str]], *, at: datetime) -> list[ContactPoint]:
    """The customer is reached by these values too; returns the points that are new."""
    had = set(_points(customer, reached).values_list("pk", flat=True))
    contact_points.add_many([(customer.pk, kind, value) for kind, value in reached])
    fresh = list(_points(customer, reached).exclude(pk__in=had))
    ContactPoint.objects.filter(pk__in=[point.pk for point in fresh]).update(added_at=at)
    return fresh


def _points(customer: Customer, reached: list[tuple[str, str]]) -> Any:
    indexes = [contact_points.blind_index(kind, value) for kind, value in reached]
    kinds = {kind for kind, _value in reached}
    return ContactPoint.objects.filter(customer=customer, kind__in=kinds, blind_index__in=indexes).order_by("pk")


def _hold(reached: list[tuple[str, str]], *names: str) -> None:
    """Nobody else makes a customer of one of these phones or e-mails meanwhile, or of what else is named.

    All at once, as `identity.find_or_create` does: they are taken in one order.
    """
    locks.hold_off_imports()
    locks.hold(*names, *(f"customer::{kind}:{value}" for kind, value in reached if kind in RECOGNISES))


def _who_has(reached: list[tuple[str, str]]) -> list[int]:
    return sorted({pk for kind, value in reached if kind in RECOGNISES for pk in contact_points.find(kind, value)})


def _who_has_each(reached: list[tuple[str, str]]) -> dict[tuple[str, bytes], set[int]]:
    rows = {(kind, contact_points.blind_index(kind, value)): set[int]() for kind, value in reached}
    points = ContactPoint.objects.filter(kind__in={k for k, _ in rows}, blind_index__in=[index for _, index in rows])
    for kind, index, customer_id in points.values_list("kind", "blind_index", "customer_id"):
        rows.setdefault((kind, bytes(index)), set()).add(customer_id)
    return rows


# Fields -------------------------------------------------------------------------------------------------------------


def _ref(facts: Facts, columns: Mapping[str, Any]) -> CustomerRef:
    return CustomerRef(
        name=columns.get("name", ""),
        region=columns.get("region", ""),
        city=columns.get("city", ""),
        registered_on=None if facts.registered_on is NOT_TOLD else facts.registered_on,
    )


def _hand_to(customer: Customer, manager: User | None, on: date) -> None:
    if manager is not None:
        customer.manager, customer.manager_since = manager, on
        customer.save(update_fields=["manager", "manager_since"])
        Standing.objects.filter(customer=customer).update(manager=manager)


def _apply(customer: Customer, columns: Mapping[str, Any], *, by: User | None, at: datetime, door: str) -> None:
    names = fill(customer, columns)
    if "birthday" in names:
        names.remove("birthday")
        life_dates.say_birthday(customer, columns["birthday"], by=by, at=at, source=door)
    if names:
        customer.save(update_fields=names)


def fill(customer: Customer, columns: Mapping[str, Any]) -> list[str]:
    """The object says what the columns say, and is not saved; returns which of its attributes are others now.

    An answer of None is taken out of the mall's own fields.
    """
    written = dict(columns)
    if "custom" in written:
        written["custom"] = answered(customer.custom, written["custom"])
    if "name" in written:
        written["name_pinyin"] = identity.pinyin(written["name"])
        written["name_grams"] = identity.name_grams(written["name"])
    written = {name: value for name, value in written.items() if getattr(customer, name) != value}
    for name, value in written.items():
        setattr(customer, name, value)
    return list(written)


def answered(answers: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to the mall's own fields with those that are told; one of None is taken out."""
    return {key: value for key, value in {**answers, **told}.items() if value is not None}


def words_of(customer: Customer) -> dict[str, str]:
    """What the record says, field by field, as it is kept in the history."""
    return {
        "name": customer.name,
        "region": customer.region,
        "city": customer.city,
        "registered_on": customer.registered_on.isoformat(),
        changes.BIRTHDAY: customer.birthday.text if customer.birthday else "",
        "interests": ", ".join(customer.interests),
        "mindset": customer.mindset,
        "preferred_channel": customer.preferred_channel,
        "is_reseller": "yes" if customer.is_reseller else "no",
        "influencers": customer.influencers,
        "notes": customer.notes,
        **{f"{changes.CUSTOM}{key}": str(value) for key, value in customer.custom.items()},
    }


def _refuse_merged(customer: Customer) -> None:
    if customer.merged_into_id:
        raise DomainError(_("This record has been merged into another one. Change that one."), code="merged_already")


def _refuse_after_first_order(customer: Customer, columns: Mapping[str, Any]) -> None:
    day = columns.get("registered_on")
    first = customer.orders.filter(ordered_on__lt=day).order_by("ordered_on").first() if day else None
    if first is not None:
        raise Invalid(
            _("The first order is of %(day)s: nobody is registered later than that.")
            % {"day": first.ordered_on.isoformat()},
            code="registered_later",
        )
