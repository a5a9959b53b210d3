"""Named reads of customers: search, and the list that walks `Standing` by its indexes."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, OrderBy, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import mask, sees
from core.accounts.roles import Field, Scope, rights_of
from core.lib import sql
from core.lib.errors import Invalid
from core.lib.money import from_minor, to_minor
from core.lib.periods import mall_midnight
from customers import contact_points
from customers.access import scope_filter, standings_of, visible_to
from customers.contact_points import Kind
from customers.identity import query_grams
from customers.models import Contact, Customer, Lookup, Order, Standing
from customers.privacy import budget

MOST_FOUND = 20
MOST_CALLERS = 10
PAGE = 50
_STEPS = sql.steps(__file__, "queries")


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


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; None means anything. `absent_days`: more than that many days without purchase.

    `text` is a name or part of one, a customer number or a city; never a phone or an e-mail.
    """

    customer_class: int | None = None
    matrix_type: int | None = None
    manager_id: int | None = None
    unassigned: bool = False
    region: str = ""
    text: str = ""
    absent_days: int | None = None


class Page(NamedTuple):
    rows: list[Standing]
    next: str


def addressed(user: User, filters: Filters, today: date) -> QuerySet[Standing]:
    """Whom a campaign of this user for such a group reaches, see `access.addressable`."""
    if rights_of(user).sees_customers or not user.is_active:
        return standings(user, filters, today)
    return _narrowed(Standing.objects.filter(customer__merged_into__isnull=True), filters, today)


def standings(user: User, filters: Filters, today: date) -> QuerySet[Standing]:
    """The rows of the list, unordered: its length is the number on every tile that opens it."""
    return _narrowed(standings_of(user, today), filters, today)


def _narrowed(rows: QuerySet[Standing], filters: Filters, today: date) -> QuerySet[Standing]:
    if filters.customer_class is not None:
        rows = rows.filter(customer_class=filters.customer_class)
    if filters.matrix_type is not None:
        rows = rows.filter(matrix_type=filters.matrix_type)
    if filters.unassigned:
        rows = rows.filter(manager__isnull=True)
    elif filters.manager_id is not None:
        rows = rows.filter(manager=filters.manager_id)
    if filters.region:
        rows = rows.filter(customer__region=filters.region)
    if text := filters.text.strip():
        meant = Q(customer__number=text.upper()) | Q(customer__city=text)
        if grams := query_grams(text):
            meant |= Q(customer__name_grams__contains=grams)
        rows = rows.filter(meant)
    if filters.absent_days is not None:
        rows = rows.filter(last_on__lt=today - timedelta(days=filters.absent_days))
    return rows


def regions() -> list[str]:
    """Every region in which there are customers: found by its index from one to the next, however many live there."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["regions"])
        return [row[0] for row in cursor.fetchall()]


def page(user: User, filters: Filters, today: date, *, after: str = "", size: int = PAGE) -> Page:
    """One page by falling value, then id; by id alone for who sees no values. `after`: the `next` of the page before."""
    by_value = sees(user, Field.VALUE)
    rows = standings(user, filters, today).select_related("customer", "manager")
    if after:
        value, customer_id = _cursor(after)
        if by_value:
            rows = rows.filter(value__lte=value).filter(Q(value__lt=value) | Q(customer_id__gt=customer_id))
        else:
            rows = rows.filter(customer_id__gt=customer_id)
    read = list(rows.order_by(*(["-value"] if by_value else []), "customer_id")[: size + 1])
    last = read[size - 1] if len(read) > size else None
    value_of = to_minor(last.value) if last and by_value else 0
    shown = [mask(user, row, value=Field.VALUE, potential=Field.VALUE) for row in read[:size]]
    return Page(shown, f"{value_of}_{last.customer_id}" if last else "")


def contacts_of(user: User, today: date, *, days: int) -> QuerySet[Contact]:
    """What the user talked about in the last days with customers they look after, the latest first."""
    since = mall_midnight(today - timedelta(days=days))
    talks = Contact.objects.filter(scope_filter(user, today, "customer__"), by=user, at__gte=since)
    return talks.select_related("customer").order_by("-at", "-pk")


def _cursor(text: str) -> tuple[object, int]:
    match = re.fullmatch(r"(-?[0-9]{1,16})_([0-9]{1,18})", text)
    if not match:
        raise Invalid(_("This page link is not complete. Start again at the first page."), code="bad_cursor")
    return from_minor(int(match[1])), int(match[2])
