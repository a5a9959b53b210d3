"""Which customers a user may see: the only place that answers it."""

from collections.abc import Collection, Iterable
from datetime import date
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet
from django.http import Http404

from core.accounts.leaves import covers
from core.accounts.models import Delegation, User
from core.accounts.roles import Scope, rights_of
from core.lib.rows import together
from customers.models import Customer, Lookup, Standing

# Whose role lets them work a colleague's book between two dates.
STAND_IN = {Scope.OWN, Scope.DELEGATED, Scope.TEAM}
# Who looks after customers of their own: what a colleague has to do is in their day while they stand in.
HAS_BOOK = {Scope.OWN, Scope.TEAM}


class MergedAway(Http404):
    """The record went into another one, which is in reach."""

    def __init__(self, old: Customer, winner: Customer) -> None:
        super().__init__()
        self.old, self.winner = old, winner


def scope_filter(user: User, today: date, prefix: str = "", *, book: str | None = None) -> Q:
    """A condition for any table that reaches a customer through `prefix` (for example "customer__").

    Fields used: `manager` and, for service agents, today's exact look-ups. `book` is the path to a row that carries
    a copy of the manager, such as Standing, where that is nearer than the customer.
    """
    book = prefix if book is None else book
    scopes = rights_of(user).scopes if user.is_active else frozenset[Scope]()
    if Scope.ALL in scopes:
        # Not an empty Q: joined by "or" with another condition it would vanish, and the other one would hold alone.
        return ~Q(pk__in=[])
    reached = []
    if Scope.OWN in scopes:
        reached.append(Q(**{f"{book}manager": user}))
    if scopes & STAND_IN:
        reached.append(Q(**{f"{book}manager__in": delegating(user, today)}))
    if Scope.TEAM in scopes:
        reached += [_of_team(user, book), Q(**{f"{book}manager__isnull": True})]
    if Scope.LOOKED_UP in scopes:
        # A subquery: joined beside another condition, somebody looked up by two agents would be there twice.
        people = Lookup.objects.filter(user=user, on=today).values("customer")
        reached.append(Q(**{f"{prefix.removesuffix('__') or 'pk'}__in": people}))
    return reduce(or_, reached) if reached else Q(pk__in=[])


def _of_team(lead: User, book: str) -> Q:
    """Whose managers stand in the lead's team or in one below it; a lead without a team leads those who have none."""
    if lead.team_id is None:
        return Q(**{f"{book}manager__isnull": False, f"{book}manager__team__isnull": True})
    return Q(**{f"{book}manager__team__in": lead.teams_led})


def delegating(user: User, today: date) -> Collection[int] | QuerySet[Delegation, int]:
    """The managers whose book this person works today: as their assistant, or as a colleague while they are away.

    A colleague's are given as numbers: beside one's own book a subquery would keep the index of managers from being
    used. Who covers for somebody works along what those cover who are away themselves.
    """
    if not rights_of(user).scopes & HAS_BOOK:
        held = Delegation.objects.filter(
            assistant=user, starts_on__lte=today, ends_on__gte=today, manager__is_active=True
        )
        return held.values_list("manager", flat=True)
    return standing_in_for(user, today)


def standing_in_for(user: User, today: date) -> list[int]:
    """The colleagues whose work somebody with a book of their own does today; nobody else's."""
    stands_in = user.stands_in_until is not None and user.stands_in_until >= today
    if not stands_in or not user.is_active or not rights_of(user).scopes & HAS_BOOK:
        return []
    return covers.works_for(user, today)


def reached(user: User, today: date, prefix: str) -> Q:
    """The same for rows that stay under the number of a record that was merged: they are of the one it went into."""
    stays = Q(**{f"{prefix}merged_into__isnull": True})
    return (stays & scope_filter(user, today, prefix)) | (~stays & scope_filter(user, today, f"{prefix}merged_into__"))


def visible_to(user: User, today: date) -> QuerySet[Customer]:
    return Customer.objects.filter(scope_filter(user, today), merged_into__isnull=True)


def standings_of(user: User, today: date) -> QuerySet[Standing]:
    """The narrow rows of those the user may see: the short way to their ids, found by one index of the manager.

    Whoever was erased is not among them.
    """
    rows = Standing.objects.filter(scope_filter(user, today, "customer__", book=""))
    return rows.exclude(customer_id__in=erased())


def erased() -> QuerySet[Customer, int]:
    """The numbers of those who were erased: they keep figures without a name, and are on no list."""
    return Customer.objects.filter(erased_at__isnull=False).values_list("pk", flat=True)


def addressable(user: User, today: date) -> QuerySet[Customer]:
    """Whom a campaign of this user reaches: whom they see; and everybody, unseen, for who sees nobody by name."""
    if user.is_active and not rights_of(user).sees_customers:
        return Customer.objects.filter(merged_into__isnull=True)
    return visible_to(user, today)


def customer_for(user: User, pk: int, today: date) -> Customer:
    """The customer, or Http404 whether it is missing or out of reach: the two cannot be told apart.

    MergedAway, which is an Http404 too, when it was merged into a record that the user may see.
    """
    people = visible_to(user, today).select_related("manager", "standing")
    customer = people.filter(pk=pk).first()
    if customer is not None:
        return customer
    if winner := people.filter(merged=pk).first():
        raise MergedAway(Customer.objects.get(pk=pk), winner)
    raise Http404


def in_reach(users: Iterable[User], customer_ids: Collection[int], today: date) -> dict[int, set[int]]:
    """Which of these customers each of these users sees, by user; asked for all of them at once."""
    seen = {user.pk: visible_to(user, today).filter(pk__in=customer_ids).values_list("pk", flat=True) for user in users}
    together(*seen.values())
    return {user_id: set(rows) for user_id, rows in seen.items()}
