"""Who comes first: severity by class, snapshotted with the reason. Value decides the order, never whether."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypedDict

from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from complaints.models import Case, PriorityMatrix
from complaints.models.catalogue import Severity
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.money import from_minor
from customers.models import Customer, Standing

HIGHEST, LOWEST = 1, 4
RECENT = timedelta(days=30)
CLASSES = (Standing.Class.BIG, Standing.Class.ACTIVE, Standing.Class.RANDOM)
DEFAULT_CELLS = {"2": [1, 1, 2, 2], "1": [1, 2, 3, 3], "0": [1, 2, 3, 4]}


# What a priority was made from; `class` is the class the customer is served as.
Reason = TypedDict("Reason", {"class": int, "severity": int, "value": str, "recent": int, "matrix": int})


@dataclass(frozen=True)
class Assessment:
    priority: int
    reason: Reason


def matrix(*, at: datetime | None = None) -> PriorityMatrix:
    """The matrix in force, at that moment or the newest that is not withdrawn; version 1 is made on first use."""
    rows = PriorityMatrix.objects.filter(withdrawn_at=None).order_by("-version")
    if at is not None:
        rows = rows.filter(Q(starts_at=None) | Q(starts_at__lte=at))
    newest = rows.first()
    if newest is None:
        newest, _created = PriorityMatrix.objects.get_or_create(
            version=1,
            defaults={
                "cells": DEFAULT_CELLS,
                "reason": "Defaults",
                "at": datetime.fromisoformat("2000-01-01T00:00Z"),
            },
        )
    return newest


def checked(cells: dict[str, list[int]]) -> dict[str, list[int]]:
    """The cells of the classes. Raises Invalid where somebody has none, or a lighter matter would come first."""
    for customer_class in CLASSES:
        row = cells.get(str(customer_class.value), [])
        if len(row) != len(Severity) or not all(HIGHEST <= p <= LOWEST for p in row):
            raise Invalid(_("Each class needs a priority from 1 to 4 for each severity."), code="matrix_incomplete")
        if row[0] != HIGHEST:
            raise Invalid(_("Safety and legal matters are priority 1 for everybody."), code="matrix_safety")
        if row != sorted(row):
            raise Invalid(_("A graver case cannot come after a lighter one of the same class."), code="matrix_order")
    rows = [cells[str(c.value)] for c in CLASSES]
    if any(better > worse for row, other in pairwise(rows) for better, worse in zip(row, other, strict=True)):
        raise Invalid(_("A big customer cannot come after a smaller one of the same severity."), code="matrix_order")
    return {str(c.value): cells[str(c.value)] for c in CLASSES}


@transaction.atomic
def add(cells: dict[str, list[int]], *, starts_at: datetime, reason: str, by: User, at: datetime) -> PriorityMatrix:
    """The next version, for cases logged from `starts_at` on. A safety or legal matter is priority 1 for everybody."""
    matrix()
    top = PriorityMatrix.objects.aggregate(top=Max("version"))["top"]
    saved = PriorityMatrix.objects.create(
        version=top + 1, cells=checked(cells), starts_at=starts_at, reason=reason.strip()[:200], by=by, at=at
    )
    audit.record(by, "priorities.saved", saved, at=at, version=saved.version)
    return saved


def by_table(cells: dict[str, list[int]], *, served_as: int, severity: int) -> int:
    """Whoever has not bought yet is served like a random customer."""
    return cells[str(max(served_as, Standing.Class.RANDOM))][severity - 1]


def assess(customer: Customer | None, *, severity: int, served_as: int, at: datetime) -> Assessment:
    """The priority by the matrix of that moment, and what it was made from."""
    used = matrix(at=at)
    recent, standing = 0, None
    if customer:
        recent = Case.objects.filter(customer=customer, opened_at__gt=at - RECENT, opened_at__lte=at).count()
        standing = Standing.objects.filter(customer=customer).first()
    return Assessment(
        by_table(used.cells, served_as=served_as, severity=severity),
        {
            "class": served_as,
            "severity": severity,
            "value": str(standing.value if standing else from_minor(0)),
            "recent": recent,
            "matrix": used.version,
        },
    )


def raised(priority: int) -> int:
    return max(HIGHEST, priority - 1)


def wording(case: Case, *, with_value: bool) -> str:
    """Why this case has its priority, in a sentence. The value is left out for who may not see it."""
    reason = case.priority_reason
    if case.priority_source == Case.PrioritySource.MANUAL:
        return _("P%(priority)d by hand: %(why)s") % {"priority": case.priority, "why": reason.get("why", "")}
    parts = [str(Standing.Class(reason["class"]).label), str(Severity(reason["severity"]).label)]
    if with_value:
        parts.append(_("value %(value)s") % {"value": reason["value"]})
    if reason["recent"]:
        parts.append(_("%(count)d earlier cases in 30 days") % {"count": reason["recent"]})
    if case.priority_source == Case.PrioritySource.ESCALATION:
        parts.append(_("raised as time ran out"))
    return f"P{case.priority}: " + _(", ").join(parts)
