"""Appointments: a call or a visit agreed for a day, perhaps an hour; moved, done, nobody there, missed, called off."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from care import plans
from care.days import WorkingDays
from care.models import Appointment
from core.accounts import audit
from core.accounts.models import Absence, User
from core.lib import sql
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_day, mall_moment
from customers import locks, todo
from customers.access import scope_filter
from customers.models import Contact, ContactStop, Customer, Todo
from customers.promises import ledger

FURTHEST = timedelta(days=366)
State, How = Appointment.State, Appointment.How
# What a talk may still end: an appointment of today or of a day that was missed.
WAITS = (State.BOOKED, State.MISSED)
_STEPS = sql.steps(__file__, "plans")


class Booked(NamedTuple):
    """`warning`: what speaks against it and does not forbid it; empty for nothing."""

    appointment: Appointment
    warning: str


class Agreed(NamedTuple):
    """What was agreed with the customer."""

    on: date
    hour: time | None = None
    minutes: int = 30
    how: str = How.CALL
    purpose: str = Appointment.Purpose.PLAN
    place: str = ""
    note: str = ""


@transaction.atomic
def book(
    customer: Customer,
    agreed: Agreed,
    *,
    by: User,
    at: datetime,
    days: WorkingDays,
    client_key: str,
    attendees: Iterable[User] = (),
    owner: User | None = None,
) -> Booked:
    """The appointment stands, and on its day it is a task of whoever keeps it. Told again it is the first one.

    It is kept by `owner`, else by the customer's manager where an assistant books it, else by who books it. Two at one
    hour are warned about. Raises Invalid for a day that is past or on which they are away, DomainError for whom nobody
    may reach, or SameKey.
    """
    locks.hold_customers([customer.pk])
    if first := Appointment.objects.filter(client_key=client_key).first():
        if (first.customer_id, first.on, first.hour) != (customer.pk, agreed.on, agreed.hour) and not first.moves:
            raise SameKey()
        return Booked(first, "")
    if ContactStop.objects.filter(customer=customer).exists():
        raise DomainError(_("This customer is not to be reached: nothing is planned for them."), code="stopped")
    owner = owner or ledger.keeper_of(customer, by)
    _must_be_possible(owner, agreed.on, agreed.hour, at)
    if agreed.how not in How.values or agreed.purpose not in Appointment.Purpose.values:
        raise Invalid(_("Choose a call or a visit, and what for."), code="appointment_how")
    if not 5 <= agreed.minutes <= 480:
        raise Invalid(_("An appointment lasts 5 to 480 minutes."), code="appointment_minutes")
    row = Appointment.objects.create(
        customer=customer, owner=owner, by=by, at=at, client_key=client_key, **_tidy(agreed)._asdict()
    )
    row.attendees.set(attendees)
    _open_task(row, at)
    plans.refresh([customer.pk], today=mall_day(at), at=at, days=days)
    audit.record(by, "appointment.booked", row, at=at, customer=customer.pk, on=agreed.on.isoformat())
    return Booked(row, _overlap(row))


def _tidy(agreed: Agreed) -> Agreed:
    return agreed._replace(place=agreed.place.strip()[:120], note=agreed.note.strip()[:200])


@transaction.atomic
def move(pk: int, *, on: date, hour: time | None, by: User, at: datetime, days: WorkingDays) -> Booked:
    """It stands on that day and hour instead; one that was missed stands again. Its task moves along.

    Raises DomainError for one that has ended, Invalid for a day that is past or on which they are away.
    """
    row = _held(pk, by, at)
    if row.state not in WAITS:
        raise DomainError(_ended(row), code="appointment_ended")
    if (row.on, row.hour) == (on, hour) and row.state == State.BOOKED:
        return Booked(row, "")
    _must_be_possible(row.owner, on, hour, at)
    row.before_on, row.before_hour, row.moves = row.on, row.hour, row.moves + 1
    row.on, row.hour, row.state = on, hour, State.BOOKED
    row.save(update_fields=["on", "hour", "state", "before_on", "before_hour", "moves"])
    _open_task(row, at)
    plans.refresh([row.customer_id], today=mall_day(at), at=at, days=days)
    audit.record(by, "appointment.moved", row, at=at, customer=row.customer_id, on=on.isoformat())
    return Booked(row, _overlap(row))


@transaction.atomic
def move_back(pk: int, *, by: User, at: datetime, days: WorkingDays) -> Booked:
    """Undo: it stands where it stood before it was moved last. Raises DomainError where it was not moved."""
    row = _held(pk, by, at)
    if row.before_on is None:
        raise DomainError(_("This appointment has not been moved."), code="not_moved")
    return move(pk, on=row.before_on, hour=row.before_hour, by=by, at=at, days=days)


@transaction.atomic
def cancel(pk: int, *, reason: str, by: User, at: datetime, days: WorkingDays) -> Appointment:
    """It is called off, with the reason; what the plan asks is due as if it had never been agreed."""
    row = _held(pk, by, at)
    if row.state not in WAITS:
        raise DomainError(_ended(row), code="appointment_ended")
    if not reason.strip():
        raise Invalid(_("Say why it is called off."), code="cancel_reason")
    row.state, row.reason = State.CANCELLED, reason.strip()[:200]
    row.save(update_fields=["state", "reason"])
    _close([row], Todo.State.DROPPED, by=by, at=at)
    plans.refresh([row.customer_id], today=mall_day(at), at=at, days=days)
    audit.record(by, "appointment.cancelled", row, at=at, customer=row.customer_id, reason=row.reason)
    return row


@transaction.atomic
def restore(pk: int, *, by: User, at: datetime, days: WorkingDays) -> Appointment:
    """Undo of calling off: it stands again, where its day has not passed."""
    row = _held(pk, by, at)
    if row.state != State.CANCELLED:
        raise DomainError(_("This appointment has not been called off."), code="not_cancelled")
    _must_be_possible(row.owner, row.on, None, at)
    row.state, row.reason = State.BOOKED, ""
    row.save(update_fields=["state", "reason"])
    _open_task(row, at)
    plans.refresh([row.customer_id], today=mall_day(at), at=at, days=days)
    audit.record(by, "appointment.restored", row, at=at, customer=row.customer_id)
    return row


def talked(contact: Contact) -> Appointment | None:
    """The appointment of that day, or the oldest missed one, is done by this contact; nobody was there, if so.

    A visit is done by a visit; a call by any talk. What was said about a complaint ends none.
    """
    if contact.from_complaint:
        return None
    rows = Appointment.objects.select_for_update(of=("self",)).filter(
        customer=contact.customer_id, state__in=WAITS, on__lte=mall_day(contact.at), contact=None
    )
    if contact.channel != Contact.Channel.VISIT:
        rows = rows.filter(how=How.CALL)
    row = rows.order_by(F("on").desc(), F("hour").asc(nulls_last=True), "pk").first()
    if row is None:
        return None
    nobody = contact.outcome == Contact.Outcome.NO_ANSWER
    row.state, row.contact = (State.NOT_REACHED if nobody else State.DONE), contact
    row.save(update_fields=["state", "contact"])
    _close([row], Todo.State.DROPPED if nobody else Todo.State.DONE, by=contact.by, at=contact.at)
    return row


@transaction.atomic
def pass_days(*, today: date, at: datetime) -> dict[str, int]:
    """The night: what was not kept on its day is missed; of whom nobody may reach it is called off; who has the task
    now keeps the appointment.
    """
    stopped = Appointment.objects.filter(
        state__in=WAITS, customer__in=ContactStop.objects.values("customer")
    ).select_related("customer")
    gone = list(stopped.select_for_update(of=("self",)))
    for row in gone:
        row.state, row.reason = State.CANCELLED, _("The customer is not to be reached")
        row.save(update_fields=["state", "reason"])
    _close(gone, Todo.State.DROPPED, by=None, at=at)
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["follow"])
        cursor.execute(_STEPS["missed"], {"today": today})
        missed = cursor.rowcount
    return {"appointments_missed": missed, "appointments_off": len(gone)}


def reach(user: User, today: date) -> Q:
    """Appointments somebody may touch: their own, those they go along to, and those of customers they may see."""
    return Q(owner=user) | scope_filter(user, today, "customer__")


def visible_to(user: User, today: date) -> QuerySet[Appointment]:
    return Appointment.objects.filter(reach(user, today))


def appointment_for(user: User, pk: int, today: date) -> Appointment:
    """The appointment, or Http404 if it is missing or out of reach."""
    row = visible_to(user, today).filter(pk=pk).select_related("customer", "owner").first()
    if row is None:
        raise Http404
    return row


def away(people: Collection[int], first: date, last: date) -> dict[int, list[tuple[date, date]]]:
    """When these people are away between the two days, by person."""
    rows = Absence.objects.filter(user__in=people, starts_on__lte=last, ends_on__gte=first).order_by("starts_on", "pk")
    found: dict[int, list[tuple[date, date]]] = {}
    for user_id, start, end in rows.values_list("user", "starts_on", "ends_on"):
        found.setdefault(user_id, []).append((start, end))
    return found


def _must_be_possible(owner: User, on: date, hour: time | None, at: datetime) -> None:
    today = mall_day(at)
    if on < today:
        raise Invalid(_("Choose today or a later day."), code="day_past")
    if on > today + FURTHEST:
        raise Invalid(_("Agree on a day within a year."), code="day_far")
    if hour and mall_moment(on, hour.hour, hour.minute) < at:
        raise Invalid(_("That hour is past: choose a later one."), code="hour_past")
    if owner.pk in away([owner.pk], on, on):
        raise Invalid(_("%(name)s is away on that day: choose another one.") % {"name": owner}, code="away")


def _held(pk: int, by: User, at: datetime) -> Appointment:
    allowed = visible_to(by, mall_day(at)).values("pk")
    row = Appointment.objects.select_for_update(of=("self",)).filter(pk=pk, pk__in=allowed).first()
    if row is None:
        raise Http404
    return row


def _ended(row: Appointment) -> str:
    return _("This appointment has ended: %(how)s.") % {"how": row.get_state_display()}


def _key(row: Appointment) -> str:
    return f"appointment:{row.pk}"


def _open_task(row: Appointment, at: datetime) -> None:
    """The task of the appointment stands on its day and hour, and is open."""
    moment = mall_moment(row.on, row.hour.hour, row.hour.minute) if row.hour else None
    task = todo.open_task(
        row.customer,
        owner=row.owner,
        reason=Todo.Reason.BOOKED,
        text={"appointment": row.pk, "how": row.how, "place": row.place},
        due_on=row.on,
        due_at=moment,
        at=at,
        dedupe_key=_key(row),
    )
    Todo.objects.filter(pk=task.pk).update(
        due_on=row.on, due_at=moment, state=Todo.State.OPEN, closed_at=None, closed_by=None, snoozed_until=None
    )


def _close(rows: Collection[Appointment], state: str, *, by: User | None, at: datetime) -> None:
    tasks = Todo.objects.filter(dedupe_key__in=[_key(row) for row in rows], state=Todo.State.OPEN)
    tasks.update(state=state, closed_at=at, closed_by=by)


def _overlap(row: Appointment) -> str:
    """That another one of the same person stands at that time; empty for none."""
    if row.hour is None:
        return ""
    start = row.hour.hour * 60 + row.hour.minute
    others = Appointment.objects.filter(owner=row.owner_id, on=row.on, state=State.BOOKED, hour__isnull=False)
    for other in others.exclude(pk=row.pk).select_related("customer").order_by("hour", "pk"):
        begin = other.hour.hour * 60 + other.hour.minute if other.hour else 0
        if begin < start + row.minutes and start < begin + other.minutes:
            return _("At %(hour)s there is another appointment: %(name)s.") % {
                "hour": f"{other.hour:%H:%M}",
                "name": other.customer.name,
            }
    return ""
