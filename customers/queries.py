"""Named reads of customers: search, and the list that walks `Standing` by its indexes."""

import re
from datetime import date, timedelta

from django.db import transaction
from django.db.models import F, OrderBy, Q, QuerySet
from django.db.models.functions import Coalesce

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field, Scope, rights_of
from core.lib.errors import Invalid
from core.lib.periods import mall_midnight
from customers import contact_points
from customers.access import scope_filter, standings_of, visible_to
from customers.contact_points import Kind
from customers.identity import query_grams
from customers.models import Contact, Customer, Lookup, Order, Standing
from customers.privacy import budget

MOST_FOUND = 20
MOST_CALLERS = 10


# Search -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def search(user: User, text: str, today: date) -> list[Customer]:
    """Customers meant by a number, phone, e-mail, order number, four last digits or name; at most twenty.

    A service agent finds anybody, but only by a whole number, and may open whom they found until midnight. Raises
    TooMany when they have found as many as one may on a day, or missed too often.
    """
    text = contact_points.plain(text)[:120]
    if not text:
        return []
    exact = _exact_ids(user, text)
    rights = rights_of(user)
    if rights.looks_up:
        if not exact and re.search(r"[0-9]{5}|@", text):
            budget.count_miss(user)
        budget.hold_look_ups(user, set(exact[:MOST_FOUND]), today)
        customers = list(
            Customer.objects.filter(pk__in=exact).select_related("manager", "standing").order_by("pk")[:MOST_FOUND]
        )
        Lookup.objects.bulk_create([Lookup(user=user, customer=c, on=today) for c in customers], ignore_conflicts=True)
        if rights.scopes == {Scope.LOOKED_UP}:
            return customers
    people = visible_to(user, today).select_related("manager", "standing")
    meant = Q(pk__in=exact)
    if re.fullmatch(r"[0-9]{4}", text) and sees(user, Field.CONTACT):
        meant |= Q(pk__in=contact_points.find_by_last_four(text))
    if grams := query_grams(text):
        meant |= Q(name_grams__contains=grams)
    return list(people.filter(meant).order_by(*_best_first(user))[:MOST_FOUND])


def callers(user: User, text: str, today: date) -> list[Customer]:
    """Whom a caller may be who gives only a name or four last digits; at most ten, so that nobody leafs through.

    A service agent may open one of them only through `look_up`.
    """
    text = contact_points.plain(text)[:120]
    if re.fullmatch(r"[0-9]{4}", text):
        if not sees(user, Field.CONTACT):
            return []
        meant = Q(pk__in=contact_points.find_by_last_four(text))
    elif (grams := query_grams(text)) and not text.isdigit():
        meant = Q(name_grams__contains=grams)
    else:
        return []
    everybody = rights_of(user).looks_up
    people = Customer.objects.all() if everybody else visible_to(user, today)
    return list(people.filter(meant).select_related("manager", "standing").order_by(*_best_first(user))[:MOST_CALLERS])


def _best_first(user: User) -> tuple[OrderBy | str, ...]:
    """By value where it may be seen, else by the last purchase: an order tells what it is by."""
    by = "standing__value" if sees(user, Field.VALUE) else "standing__last_on"
    return F(by).desc(nulls_last=True), "pk"


def look_up(user: User, customer_id: int, today: date) -> None:
    """The agent has this customer on the line and may open the record until midnight. Raises TooMany as `search` does."""
    if rights_of(user).looks_up:
        budget.hold_look_ups(user, {customer_id}, today)
    Lookup.objects.get_or_create(user=user, customer_id=customer_id, on=today)


def _exact_ids(user: User, text: str) -> list[int]:
    if not re.search(r"[0-9@]", text):
        return []  # a name: nothing else is written without a digit or an @
    ids = set(Customer.objects.filter(number=text.upper()).values_list(Coalesce("merged_into", "pk"), flat=True))
    ids.update(Order.objects.filter(external_id=text).values_list("customer_id", flat=True)[:MOST_FOUND])
    if sees(user, Field.CONTACT):
        for kind in (Kind.PHONE, Kind.EMAIL):
            try:
                ids.update(contact_points.find(kind, text))
            except Invalid:
                continue
    return sorted(ids)


# List ---------------------------------------------------------------------------------------------------------------


def addressed(user: User, today: date) -> QuerySet[Standing]:
    """Whom a campaign of this user reaches, see `access.addressable`."""
    if rights_of(user).sees_customers or not user.is_active:
        return standings_of(user, today)
    return Standing.objects.filter(customer__merged_into__isnull=True)


def contacts_of(user: User, today: date, *, days: int) -> QuerySet[Contact]:
    """What the user talked about in the last days with customers they look after, the latest first."""
    since = mall_midnight(today - timedelta(days=days))
    talks = Contact.objects.filter(scope_filter(user, today, "customer__"), by=user, at__gte=since)
    return talks.select_related("customer").order_by("-at", "-pk")
