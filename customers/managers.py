"""Who looks after whom."""

from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from core.accounts import audit
from core.accounts.models import Delegation, Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission, Scope, holders, rights_of
from core.lib.errors import DomainError, Invalid
from core.outbox import delivery
from core.outbox.kinds import Kind, Topic
from customers import locks, todo
from customers.models import Customer, Standing, Todo

LOOK_AFTER = (Role.ACCOUNT_MANAGER, Role.TEAM_LEAD)
GIVEN = Kind("customer_given", Topic.CASE, _lazy("Customer %(number)s is yours now: %(reason)s"))
KINDS = (GIVEN,)


class Assigned(NamedTuple):
    customer: Customer
    warning: str


def book_of(user: User, today: date) -> User | None:
    """In whose book somebody belongs whom this user puts on record; None: nobody's yet."""
    scopes = rights_of(user).scopes
    if Scope.OWN in scopes:
        return user
    works_for = Delegation.objects.filter(
        assistant=user, starts_on__lte=today, ends_on__gte=today, manager__is_active=True
    ).select_related("manager")
    first = works_for.order_by("starts_on", "pk").first() if Scope.DELEGATED in scopes else None
    return first.manager if first else None


@transaction.atomic
def assign(customer: Customer, *, manager: User | None, by: User, on: date, reason: str, at: datetime) -> Assigned:
    """The customer has this manager from that day on (or none); the warning says when the book is over its capacity."""
    locks.hold_customers([customer.pk])
    locked = Customer.objects.get(pk=customer.pk)
    if manager and (not manager.is_active or not manager.holds(*LOOK_AFTER)):
        raise DomainError(_("%(name)s does not look after customers.") % {"name": manager}, code="not_a_manager")
    if manager and not may_choose(manager, by):
        raise DomainError(_("%(name)s belongs to another team.") % {"name": manager}, code="other_team")
    if not reason.strip():
        raise Invalid(_("Say why the manager changes."), code="reason_missing")
    if manager == locked.manager:
        return Assigned(locked, "")

    before = locked.manager_id
    locked.manager, locked.manager_since = manager, on if manager else None
    locked.save(update_fields=["manager", "manager_since"])
    Standing.objects.update_or_create(customer=locked, defaults={"manager": manager})
    if manager and before:
        # What the one before had to do and had promised them goes along.
        todo.go_along(Todo.objects.filter(customer=locked, owner=before), manager, by=by, at=at)
    audit.record(
        by,
        "customer.assigned",
        locked,
        at=at,
        before=before,
        manager=manager.pk if manager else None,
        on=on.isoformat(),
        reason=reason.strip()[:200],
    )
    if manager and manager != by:
        delivery.tell(
            [manager.pk],
            GIVEN,
            {"number": locked.number, "reason": reason.strip()[:120]},
            key=f"given:{locked.pk}:{at.isoformat()}",
            thread=f"given:{locked.pk}",
            at=at,
            link=f"/customers/{locked.pk}/",
        )
    return Assigned(locked, _over_capacity(manager))


def may_choose(manager: User, by: User) -> bool:
    """A lead gives customers to their own team; who sees everybody or manages the staff, to anybody."""
    return _chooses_anybody(by) or manager.team_id == by.team_id


def _chooses_anybody(by: User) -> bool:
    return Scope.ALL in rights_of(by).scopes or may(by, Permission.MANAGE_STAFF)


def choosable(by: User) -> QuerySet[User]:
    """To whom this person may give customers, by name."""
    people = holders(*LOOK_AFTER).order_by("full_name", "pk")
    return people if _chooses_anybody(by) else people.filter(team=by.team_id)


def _over_capacity(manager: User | None) -> str:
    if manager is None:
        return ""
    book = Customer.objects.filter(manager=manager).count()
    if book <= manager.capacity:
        return ""
    return _("%(name)s now looks after %(book)d customers; the agreed most is %(most)d.") % {
        "name": manager,
        "book": book,
        "most": manager.capacity,
    }
