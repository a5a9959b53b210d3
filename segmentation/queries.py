"""Named reads of what the numbers say. Every tile is the count of the list it opens: both start from the same queryset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Greatest

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field, rights_of
from core.lib import arrays
from customers.access import scope_filter
from customers.models import Standing
from segmentation.maths import classes
from segmentation.models import Change, Night
from segmentation.shop import feeds, notes


def standings(user: User, today: date) -> QuerySet[Standing]:
    """The standings of the customers this user may see."""
    return Standing.objects.filter(scope_filter(user, today, "customer__", book=""))


def aggregates(user: User, today: date) -> QuerySet[Standing]:
    """What a user may count: the visible customers, or all for roles that see aggregates only."""
    return standings(user, today) if rights_of(user).sees_customers else Standing.objects.all()


@dataclass(frozen=True)
class Quadrant:
    matrix_type: int
    customers: int
    value: Decimal
    potential: Decimal


def quadrants(rows: QuerySet[Standing]) -> dict[int, Quadrant]:
    """Customers, value and potential per matrix type I–IV; types nobody has are there with zeros."""
    taken = {
        row["matrix_type"]: Quadrant(row["matrix_type"], row["n"], row["v"] or Decimal(0), row["p"] or Decimal(0))
        for row in rows.filter(matrix_type__gt=0)
        .values("matrix_type")
        .annotate(n=Count("pk"), v=Sum("value"), p=Sum("potential"))
    }
    return {code: taken.get(code, Quadrant(code, 0, Decimal(0), Decimal(0))) for code in (1, 2, 3, 4)}


def matrix_points(user: User, today: date, *, limit: int = 2000) -> list[tuple[int, str, Decimal, Decimal, int]]:
    """(customer id, name, value, potential, type) of visible customers, the most valuable first."""
    if not sees(user, Field.VALUE):
        return []
    return list(
        standings(user, today)
        .filter(matrix_type__gt=0)
        .annotate(larger=Greatest("value", "potential"))
        .order_by("-larger", "customer_id")
        .values_list("customer_id", "customer__name", "value", "potential", "matrix_type")[:limit]
    )


def concentration() -> classes.Concentration:
    """The shop's real curve: share of customers against share of (positive) value."""
    values = arrays.read("SELECT value FROM customers_standing WHERE customer_class >= 0", {}, {"value": "int8"})
    return classes.concentration(values["value"].astype(np.float64))


def movers(user: User, today: date, *, days: int = 30) -> QuerySet[Change]:
    """Class and type changes of the last days, newest first; first classifications are no movement."""
    return (
        Change.objects.filter(
            scope_filter(user, today, "customer__", book="customer__standing__"), on__gt=today - timedelta(days=days)
        )
        .filter(~Q(class_before=-1))
        .select_related("customer")
        .order_by("-on", "-value", "customer_id")
    )


def long_absent(user: User, today: date, *, days: int) -> QuerySet[Standing]:
    """Customers without a purchase for more than `days` days, whatever their class; the longest first."""
    return (
        standings(user, today)
        .filter(last_on__lt=today - timedelta(days=days))
        .select_related("customer", "manager")
        .order_by("last_on", "customer_id")
    )


def never_activated(user: User, today: date) -> QuerySet[Standing]:
    """Registered customers who never bought, the oldest registration first."""
    return (
        standings(user, today)
        .filter(last_on__isnull=True)
        .select_related("customer", "manager")
        .order_by("customer__registered_on", "customer_id")
    )


def silent_sources() -> list[feeds.Silent]:
    """The sources that the last night found silent, longest first, with what has been heard of them since."""
    night = Night.objects.order_by("-as_of").values_list("figures", flat=True).first()
    return sorted(feeds.silent_now(night or {}), key=lambda source: (source.since, source.source))


def unusual(reader: User, kinds: Sequence[str]) -> list[str]:
    """What the last night found unusual about the shop, of these kinds of `notes`, in words for this reader."""
    night = Night.objects.order_by("-as_of").values_list("figures", flat=True).first()
    return notes.in_words(night or {}, kinds, sees_value=sees(reader, Field.VALUE))


def last_night() -> Night | None:
    return Night.objects.select_related("rules", "fit").order_by("-as_of").first()
