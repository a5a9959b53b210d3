"""Who stands in for whom on which day: a colleague who covers, and when they are away themselves, who covers for them."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.accounts.models import Absence, Delegation, User


class _Days(NamedTuple):
    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


class Covers:
    """Everybody's days away, and who covers on them, between two days; read once, asked for as many as there are."""

    def __init__(self, first: date, last: date) -> None:
        within = {"starts_on__lte": last, "ends_on__gte": first}
        self._away: dict[int, list[_Days]] = {}
        self._covers: dict[int, list[tuple[_Days, int]]] = {}
        for user, *days in Absence.objects.filter(**within).values_list("user", "starts_on", "ends_on"):
            self._away.setdefault(user, []).append(_Days(*days))
        rows = Delegation.objects.filter(absence__isnull=False, assistant__is_active=True, **within).order_by("-pk")
        for manager, by, *days in rows.values_list("manager", "assistant", "starts_on", "ends_on"):
            self._covers.setdefault(manager, []).append((_Days(*days), by))

    def is_away(self, user_id: int, on: date) -> bool:
        return any(on in days for days in self._away.get(user_id, ()))

    def keeper(self, user_id: int, on: date) -> int | None:
        """Who works this person's book on that day: themselves while they are here, else who stands in; None: nobody."""
        asked: set[int] = set()
        person: int | None = user_id
        while person is not None and self.is_away(person, on):
            asked.add(person)
            person = next((by for days, by in self._covers.get(person, ()) if on in days), None)
            if person in asked:
                return None
        return person

    def away_on(self, day: date) -> list[int]:
        return sorted(user for user in self._away if self.is_away(user, day))

    def alone(self, user_id: int, first: date, last: date) -> list[date]:
        """The days between these on which this person is away and nobody stands in."""
        return [day for day in days_between(first, last) if self.keeper(user_id, day) is None]

    def covered_by(self, user_id: int, first: date, last: date) -> list[int]:
        """For whom this person is to stand in on any of these days, away or not, at first hand."""
        rows = ((manager, days, by) for manager, covers in self._covers.items() for days, by in covers)
        return sorted({pk for pk, days, by in rows if by == user_id and days.first <= last and days.last >= first})


def days_between(first: date, last: date) -> Iterator[date]:
    """Each day from the first to the last, both included."""
    return (first + timedelta(n) for n in range((last - first).days + 1))


def stand_in(user: User, on: date) -> User | None:
    """Who stands in for this person on that day; None while they are here, and where nobody does."""
    keeper = Covers(on, on).keeper(user.pk, on)
    return User.objects.get(pk=keeper) if keeper and keeper != user.pk else None


def not_here(on: date) -> QuerySet[User]:
    """Who does not work here any more, or is away on that day with nobody who stands in and is here themselves."""
    away = Absence.objects.filter(starts_on__lte=on, ends_on__gte=on)
    running = Delegation.objects.filter(
        absence__isnull=False, assistant__is_active=True, starts_on__lte=on, ends_on__gte=on
    )
    through = running.filter(manager=OuterRef("assistant"))
    working = running.filter(Exists(through) | ~Exists(away.filter(user=OuterRef("assistant"))))
    alone = Exists(away.filter(user=OuterRef("pk"))) & ~Exists(working.filter(manager=OuterRef("pk")))
    return User.objects.filter(Q(is_active=False) | alone)


def works_for(user: User, on: date) -> list[int]:
    """The managers whose book this person works on that day: given to them, or to somebody they cover for."""
    rows = Delegation.objects.filter(starts_on__lte=on, ends_on__gte=on, manager__is_active=True)
    running = list(rows.values_list("manager", "assistant", "absence"))
    reached, through = set[int](), [user.pk]
    while through:
        someone = through.pop()
        for manager, by, absence in running:
            if by == someone and manager not in reached and manager != user.pk:
                # Beyond the first hand only from leave to leave: an assistant of somebody covered for is nobody's cover.
                if someone != user.pk and absence is None:
                    continue
                reached.add(manager)
                if absence is not None:
                    through.append(manager)
    return sorted(reached)
