"""Abusive callers: marked by whoever took the call, judged by the head of the desk, over on a day named in advance."""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from complaints.models import CallerMark
from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.lib.errors import DomainError, Invalid
from customers import locks
from customers.models import Customer

State = CallerMark.State
LONGEST = timedelta(days=365)
USUAL = timedelta(days=90)
DECIDES = Permission.LEAD_COMPLAINTS


@transaction.atomic
def mark(customer: Customer, *, reason: str, until: date, by: User, at: datetime, today: date) -> CallerMark:
    """The next colleague who has this customer on the line is warned, until the end of that day.

    What a head of the desk marks is approved by that; from anybody else it waits for one, and warns meanwhile. Raises
    Invalid without a reason or for a day that is over or too far; DomainError while a mark is in force.
    """
    if not reason.strip():
        raise Invalid(_("Say what the caller did, in a few words."), code="reason_missing")
    if not today <= until <= today + LONGEST:
        raise Invalid(_("Choose a day from today on, within %(days)d days.") % {"days": LONGEST.days}, code="until")
    locks.hold_customers([customer.pk])
    if known := in_force(customer, today=today):
        raise DomainError(
            _("This caller is marked already, until %(day)s.") % {"day": known.until.isoformat()}, code="marked"
        )
    decides = may(by, DECIDES)
    row = CallerMark.objects.create(
        customer=customer,
        reason=reason.strip()[:200],
        until=until,
        marked_by=by,
        marked_at=at,
        marked_on=today,
        state=State.APPROVED if decides else State.PROPOSED,
        decided_by=by if decides else None,
        decided_at=at if decides else None,
    )
    audit.record(by, "caller.marked", customer, at=at, mark=row.pk, until=until.isoformat(), state=row.state)
    return row


@transaction.atomic
def approve(mark_id: int, *, by: User, at: datetime, because: str = "") -> CallerMark:
    """A head of the desk agrees: the warning stands. `because`: why the only one who may decide does so alone."""
    row = _held(mark_id)
    if row.state != State.PROPOSED:
        raise _settled(row)
    _must_lead(by)
    row.decided_because = second_person(
        by,
        row.marked_by_id,
        who_may(DECIDES),
        refusal=_("A second person must approve this: not the one who proposed it."),
        because=because,
    )
    return _decide(row, State.APPROVED, "caller.mark_approved", by=by, at=at)


@transaction.atomic
def remove(mark_id: int, *, by: User, at: datetime, reason: str) -> CallerMark:
    """Nobody is warned any more. Only a head of the desk takes a warning away, or whoever proposed it before that."""
    row = _held(mark_id)
    if row.state == State.REMOVED:
        raise _settled(row)
    if not (row.state == State.PROPOSED and row.marked_by_id == by.pk):
        _must_lead(by)
    if not reason.strip():
        raise Invalid(_("Say why the warning goes."), code="reason_missing")
    row.decided_because = reason.strip()[:200]
    return _decide(row, State.REMOVED, "caller.mark_removed", by=by, at=at)


def in_force(customer: Customer, *, today: date) -> CallerMark | None:
    """The warning colleagues see today; of several, by a merge, the one that lasts longest."""
    return of(customer, today=today).first()


def of(customer: Customer, *, today: date) -> QuerySet[CallerMark]:
    """The warnings of today, the one that lasts longest first."""
    rows = _warning(today).filter(customer=customer).select_related("marked_by", "decided_by")
    return rows.order_by("-until", "-pk")


def waiting(*, today: date) -> QuerySet[CallerMark]:
    """The warnings that a head of the desk has not judged yet, the oldest first."""
    rows = _warning(today).filter(state=State.PROPOSED)
    return rows.select_related("customer", "marked_by").order_by("marked_at", "pk")


def move(loser_id: int, winner_id: int) -> None:
    """Two records are one person's: so are their warnings."""
    CallerMark.objects.filter(customer=loser_id).update(customer=winner_id)


def _warning(today: date) -> QuerySet[CallerMark]:
    return CallerMark.objects.filter(state__in=(State.PROPOSED, State.APPROVED), until__gte=today)


def _held(mark_id: int) -> CallerMark:
    return CallerMark.objects.select_for_update(of=("self",)).select_related("customer").get(pk=mark_id)


def _must_lead(by: User) -> None:
    if not may(by, DECIDES):
        raise DomainError(_("Only the head of the desk decides about a warning."), code="not_the_head")


def _settled(row: CallerMark) -> DomainError:
    return DomainError(
        _("This warning is settled already: %(how)s.") % {"how": row.get_state_display()}, code="mark_settled"
    )


def _decide(row: CallerMark, state: State, action: str, *, by: User, at: datetime) -> CallerMark:
    row.state, row.decided_by, row.decided_at = state, by, at
    row.save(update_fields=["state", "decided_by", "decided_at", "decided_because"])
    audit.record(by, action, row.customer, at=at, mark=row.pk, because=row.decided_because)
    return row
