"""How many promises were kept: counted by the first hour that was said, with what chance alone would explain."""

from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.accounts.models import User
from customers.models import Promise, PromiseEvent

# Below this a percentage says less than the fraction.
ENOUGH = 20
Z = 1.959964
State = Promise.State


@dataclass(frozen=True)
class Kept:
    """`late` holds those kept late and those open past their hour; let go and void ones are in neither."""

    kept: int = 0
    late: int = 0
    let_go: int = 0

    @property
    def due(self) -> int:
        return self.kept + self.late

    @property
    def share(self) -> float | None:
        """None while there are too few for a percentage."""
        return self.kept / self.due if self.due >= ENOUGH else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which shares the true one lies (95 %)."""
        return wilson(self.kept, self.due) if self.due >= ENOUGH else None


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The interval of Wilson (1927) for a share, 95 %: two numbers between 0 and 1."""
    share = hits / of
    middle = share + Z**2 / (2 * of)
    spread = Z * sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    scale = 1 + Z**2 / of
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def counted(promises: QuerySet[Promise], *, since: datetime, until: datetime, at: datetime) -> Kept:
    """Of the promises first due from `since` and before `until`, as it stands at `at`."""
    return Kept(**_due_within(promises, since, until).aggregate(**_counts(at)))


def by_person(
    promises: QuerySet[Promise], *, since: datetime, until: datetime, at: datetime
) -> list[tuple[User, Kept]]:
    """The same for each who kept them when they were due, those with the most due first."""
    counts = _counts(at)
    rows = _due_within(promises, since, until).annotate(keeper=_keeper()).order_by().values("keeper").annotate(**counts)
    found = {row["keeper"]: Kept(*(row[name] for name in counts)) for row in rows.values("keeper", *counts)}
    people = User.objects.in_bulk(found)
    return sorted(((people[pk], kept) for pk, kept in found.items()), key=lambda row: (-row[1].due, str(row[0])))


def _keeper() -> Coalesce:
    """Who kept the promise when it was due, whoever has it now."""
    given_later = PromiseEvent.objects.filter(
        promise=OuterRef("pk"), kind=PromiseEvent.Kind.HANDED_OVER, at__gt=OuterRef("counts_at")
    ).order_by("pk")
    return Coalesce(Subquery(given_later.values("owner_before")[:1]), F("owner"), output_field=IntegerField())


def due_of(
    person: User, promises: QuerySet[Promise], *, since: datetime, until: datetime, at: datetime
) -> QuerySet[Promise]:
    """Those of this person that `by_person` counts as kept or late."""
    promises = promises.annotate(keeper=_keeper()).filter(keeper=person.pk)
    settled = Q(state__in=[State.KEPT, State.LATE]) | Q(state=State.OPEN, counts_at__lt=at)
    return _due_within(promises, since, until).filter(settled)


def _due_within(promises: QuerySet[Promise], since: datetime, until: datetime) -> QuerySet[Promise]:
    return promises.filter(first_due_at__gte=since, first_due_at__lt=until)


def _counts(at: datetime) -> dict[str, Count]:
    return {
        "kept": Count("pk", filter=Q(state=State.KEPT)),
        "late": Count("pk", filter=Q(state=State.LATE) | Q(state=State.OPEN, counts_at__lt=at)),
        "let_go": Count("pk", filter=Q(state__in=[State.RELEASED, State.VOID])),
    }
