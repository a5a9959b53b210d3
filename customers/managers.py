"""Who looks after whom."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import Delegation, Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission, Scope, holders, rights_of
from core.lib.errors import DomainError, Invalid
from core.outbox import delivery
from core.outbox.kinds import Kind, Topic
from customers import locks, todo
from customers.models import Customer, Standing, Todo
from customers.work import capacity

LOOK_AFTER = (Role.ACCOUNT_MANAGER, Role.TEAM_LEAD)
GIVEN = Kind("customer_given", Topic.CASE, gettext_lazy("Customer %(number)s is yours now: %(reason)s"))
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
def assign(
    customer: Customer,
    *,
    manager: User | None,
    by: User,
    on: date,
    reason: str,
    at: datetime,
    over: bool = True,
) -> Assigned:
    """The customer has this manager from that day on (or none); the warning says when the book is over its capacity.

    Unless `over` it is refused where the book would be beyond what is filled without a second thought.
    """
    changed = assign_many([customer.pk], manager=manager, by=by, on=on, reason=reason, at=at, over=over)
    locked = Customer.objects.get(pk=customer.pk)
    if not changed:
        return Assigned(locked, "")
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
    return Assigned(locked, over_capacity(manager, on=on, at=at))


class Before(NamedTuple):
    """Whose a customer was, and since when."""

    manager: int | None
    since: date | None


@transaction.atomic
def assign_many(
    ids: Collection[int],
    *,
    manager: User | None,
    by: User,
    on: date,
    reason: str,
    at: datetime,
    over: bool = True,
) -> dict[int, Before]:
    """These customers have this manager from that day on (or none); returns those who had another, with what was before.

    What the one before had to do for them and had promised them goes along. Nobody is told: the caller does that.
    """
    if manager and (not manager.is_active or not manager.holds(*LOOK_AFTER)):
        raise DomainError(_("%(name)s does not look after customers.") % {"name": manager}, code="not_a_manager")
    if manager and not may_choose(manager, by):
        raise DomainError(_("%(name)s belongs to another team.") % {"name": manager}, code="other_team")
    if not reason.strip():
        raise Invalid(_("Say why the manager changes."), code="reason_missing")
    locks.hold_customers(ids)
    new = manager.pk if manager else None
    rows = Customer.objects.filter(pk__in=ids, merged_into__isnull=True).order_by("pk")
    before = {
        pk: Before(was, since) for pk, was, since in rows.values_list("pk", "manager", "manager_since") if was != new
    }
    if manager and not over and before:
        capacity.refuse_beyond(manager, len(before), on=on, at=at)
    _give({pk: Before(new, on if manager else None) for pk in before}, by=by, on=on, reason=reason, at=at)
    if manager:
        for was in sorted({had.manager for had in before.values() if had.manager}):
            theirs = [pk for pk, had in before.items() if had.manager == was]
            todo.go_along(Todo.objects.filter(todo.left_by(was), customer__in=theirs), manager, by=by, at=at)
    return before


@transaction.atomic
def give_back(
    before: Mapping[int, Before], *, manager: int | None, by: User, on: date, reason: str, at: datetime
) -> list[int]:
    """Whoever of them is still with `manager` is with whom they were before, since when they were; returns those."""
    locks.hold_customers(before)
    rows = Customer.objects.filter(pk__in=before, merged_into__isnull=True, manager=manager).order_by("pk")
    still = list(rows.values_list("pk", flat=True))
    _give({pk: before[pk] for pk in still}, by=by, on=on, reason=_("Taken back: %s") % reason, at=at)
    for was in User.objects.filter(pk__in={before[pk].manager for pk in still if before[pk].manager}).order_by("pk"):
        theirs = [pk for pk in still if before[pk].manager == was.pk]
        if manager and was.is_active:
            todo.go_along(Todo.objects.filter(customer__in=theirs, owner=manager), was, by=by, at=at)
    return still


def _give(to: Mapping[int, Before], *, by: User, on: date, reason: str, at: datetime) -> None:
    """Each customer is with that manager; each has a line in the audit trail."""
    was = dict(Customer.objects.filter(pk__in=to).values_list("pk", "manager"))
    for part in sorted(set(to.values()), key=str):
        ids = [pk for pk, given in to.items() if given == part]
        Customer.objects.filter(pk__in=ids).update(manager=part.manager, manager_since=part.since)
        Standing.objects.filter(customer__in=ids).update(manager=part.manager)
    about = {"on": on.isoformat(), "reason": reason.strip()[:200]}
    lines = [(Customer(pk=pk), {"before": was[pk], "manager": given.manager, **about}) for pk, given in to.items()]
    audit.record_many(by, "customer.assigned", lines, at=at)


def may_choose(manager: User, by: User) -> bool:
    """A lead gives customers to their own team; who sees everybody or manages the staff, to anybody."""
    return _chooses_anybody(by) or manager.team_id == by.team_id


def _chooses_anybody(by: User) -> bool:
    return Scope.ALL in rights_of(by).scopes or may(by, Permission.MANAGE_STAFF)


def choosable(by: User) -> QuerySet[User]:
    """To whom this person may give customers, by name."""
    people = holders(*LOOK_AFTER).order_by("full_name", "pk")
    return people if _chooses_anybody(by) else people.filter(team=by.team_id)


def books(people: QuerySet[User]) -> dict[int, int]:
    """How many customers each of these people looks after; nothing of who has none."""
    rows = Customer.objects.filter(manager__in=people.order_by().values("pk")).order_by()
    return dict(rows.values_list("manager").annotate(n=Count("pk")))


def over_capacity(manager: User | None, *, on: date, at: datetime) -> str:
    """That the book is over what was agreed; empty where it is not."""
    if manager is None:
        return ""
    book = Customer.objects.filter(manager=manager).count()
    most = capacity.most_of([manager], on=on, at=at)[manager.pk]
    if book <= most:
        return ""
    return _("%(name)s now looks after %(book)d customers; the agreed most is %(most)d.") % {
        "name": manager,
        "book": book,
        "most": most,
    }
