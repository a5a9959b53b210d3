"""The lost, counted: every figure is the count of the list it opens, because both start from one queryset."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Trim

from core.accounts.models import User
from customers.access import scope_filter
from customers.models import Category
from segmentation.models import Alert


@dataclass(frozen=True)
class Filters:
    """Which of the lost; None or empty: whichever. `line` 0 is nobody's line, `rival` "-" means that none was named.

    `returned`: whether they bought again after all. They are lost nevertheless, and never counted as recovered.
    """

    since: date | None = None
    until: date | None = None
    cause: str = ""
    line: int | None = None
    rival: str = ""
    chance: str = ""
    manager: int | None = None
    returned: bool | None = None


class Share(NamedTuple):
    """How many of the lost have this cause, line or rival, and the filter that lists exactly them."""

    key: str
    label: str
    number: int
    filters: Filters


def lost(user: User, today: date, filters: Filters) -> QuerySet[Alert]:
    """The lost customers this person may see, the latest first; `rival` is the one they named."""
    rows = Alert.objects.filter(
        scope_filter(user, today, "customer__", book="customer__standing__"), state=Alert.State.LOST
    ).annotate(rival=Trim(KeyTextTransform("rival", "interview")))
    return _narrowed(rows, filters).order_by("-closed_on", "-pk")


def _narrowed(rows: QuerySet[Alert], filters: Filters) -> QuerySet[Alert]:
    asked = Q()
    if filters.since:
        asked &= Q(closed_on__gte=filters.since)
    if filters.until:
        asked &= Q(closed_on__lte=filters.until)
    if filters.cause:
        asked &= Q(cause=filters.cause)
    if filters.line is not None:
        asked &= Q(line=filters.line) if filters.line else Q(line__isnull=True)
    if filters.rival:
        unnamed = Q(rival__isnull=True) | Q(rival="")
        asked &= unnamed if filters.rival == "-" else Q(rival=filters.rival)
    if filters.chance:
        asked &= Q(chance="" if filters.chance == "-" else filters.chance)
    if filters.manager is not None:
        asked &= Q(manager_at_close=filters.manager)
    if filters.returned is not None:
        asked &= Q(returned_on__isnull=not filters.returned)
    return rows.filter(asked)


def by_cause(rows: QuerySet[Alert], filters: Filters) -> list[Share]:
    """All six causes in their order, those of nobody with 0."""
    counts = dict(_counted(rows, "cause"))
    return [
        Share(cause.value, str(cause.label), counts.get(cause.value, 0), replace(filters, cause=cause.value))
        for cause in Alert.Cause
    ]


def by_line(rows: QuerySet[Alert], filters: Filters, *, unknown: str) -> list[Share]:
    """By what they mostly bought, the most first."""
    names = dict(Category.objects.filter(pk__in=rows.order_by().values("line")).values_list("pk", "name"))
    return [
        Share(str(pk or 0), names.get(pk, unknown), count, replace(filters, line=pk or 0))
        for pk, count in _counted(rows, "line")
    ]


def by_rival(rows: QuerySet[Alert], filters: Filters, *, unknown: str) -> list[Share]:
    """By the rival they named, the most first."""
    counts: dict[str, int] = {}
    for name, count in _counted(rows, "rival"):
        counts[name or ""] = counts.get(name or "", 0) + count
    named = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Share(name or "-", name or unknown, count, replace(filters, rival=name or "-")) for name, count in named]


def _counted(rows: QuerySet[Alert], field: str) -> Iterable[tuple[Any, int]]:
    return list(rows.order_by().values_list(field).annotate(n=Count("pk")).order_by("-n", field))
