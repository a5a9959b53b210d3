"""Who looks after whom."""

from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import Role, User
from core.accounts.roles import Scope, rights_of
from core.lib.errors import DomainError, Invalid
from customers import locks
from customers.models import Customer, Standing

LOOK_AFTER = (Role.ACCOUNT_MANAGER, Role.TEAM_LEAD)


class Assigned(NamedTuple):
    customer: Customer
    warning: str


@transaction.atomic
def assign(customer: Customer, *, manager: User | None, by: User, on: date, reason: str, at: datetime) -> Assigned:
    """The customer has this manager from that day on (or none); the warning says when the book is over its capacity."""
    locks.hold_customers([customer.pk])
    locked = Customer.objects.get(pk=customer.pk)
    if manager and (not manager.is_active or not manager.holds(*LOOK_AFTER)):
        raise DomainError(_("%(name)s does not look after customers.") % {"name": manager}, code="not_a_manager")
    if manager and Scope.ALL not in rights_of(by).scopes and manager.team_id != by.team_id:
        raise DomainError(_("%(name)s belongs to another team.") % {"name": manager}, code="other_team")
    if not reason.strip():
        raise Invalid(_("Say why the manager changes."), code="reason_missing")
    if manager == locked.manager:
        return Assigned(locked, "")

    before = locked.manager_id
    locked.manager, locked.manager_since = manager, on if manager else None
    locked.save(update_fields=["manager", "manager_since"])
    Standing.objects.update_or_create(customer=locked, defaults={"manager": manager})
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
    return Assigned(locked, _over_capacity(manager))


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
