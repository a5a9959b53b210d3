"""Which customers a user may see: the only place that answers it."""

from collections.abc import Collection, Iterable
from datetime import date

from django.db.models import Q, QuerySet
from django.http import Http404

from core.accounts.models import Delegation, User
from core.accounts.roles import Scope, rights_of
from customers.models import Customer, Standing


def scope_filter(user: User, today: date, prefix: str = "", *, book: str | None = None) -> Q:
    """A condition for any table that reaches a customer through `prefix` (for example "customer__").

    Fields used: `manager` and, for service agents, today's exact look-ups. `book` is the path to a row that carries
    a copy of the manager, such as Standing, where that is nearer than the customer.
    """
    book = prefix if book is None else book
    scope = rights_of(user.role).scope if user.is_active else Scope.NONE
    if scope == Scope.ALL:
        return Q()
    if scope == Scope.OWN:
        return Q(**{f"{book}manager": user})
    if scope == Scope.DELEGATED:
        managers = Delegation.objects.filter(
            assistant=user, starts_on__lte=today, ends_on__gte=today, manager__is_active=True
        )
        return Q(**{f"{book}manager__in": managers.values("manager")})
    if scope == Scope.TEAM and user.team_id:
        return Q(**{f"{book}manager__team": user.team_id}) | Q(**{f"{book}manager__isnull": True})
    if scope == Scope.LOOKED_UP:
        return Q(**{f"{prefix}lookup__user": user, f"{prefix}lookup__on": today})
    return Q(pk__in=[])


def visible_to(user: User, today: date) -> QuerySet[Customer]:
    return Customer.objects.filter(scope_filter(user, today), merged_into__isnull=True)


def standings_of(user: User, today: date) -> QuerySet[Standing]:
    """The narrow rows of those the user may see: the short way to their ids, found by one index of the manager."""
    return Standing.objects.filter(scope_filter(user, today, "customer__", book=""))


def customer_for(user: User, pk: int, today: date) -> Customer:
    """The customer, or Http404 whether it is missing or out of reach: the two cannot be told apart."""
    customer = visible_to(user, today).select_related("manager", "standing").filter(pk=pk).first()
    if customer is None:
        raise Http404
    return customer


def in_reach(users: Iterable[User], customer_ids: Collection[int], today: date) -> dict[int, set[int]]:
    """Which of these customers each of these users sees, by user."""
    return {
        user.pk: set(visible_to(user, today).filter(pk__in=customer_ids).values_list("pk", flat=True)) for user in users
    }
