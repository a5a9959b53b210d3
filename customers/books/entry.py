"""How customers without a manager get one: the team of their province, and in it whose book is least full; seen first."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from core.accounts.leaves.covers import not_here
from core.accounts.models import Absence, User
from core.lib.errors import DomainError
from core.outbox import delivery
from customers import managers
from customers.books import moving
from customers.models import Customer
from customers.work import capacity

# So many at once, the most valuable first.
MOST = 500


def waiting(rows: QuerySet[Customer]) -> QuerySet[Customer]:
    """Those of them who have no manager."""
    return rows.filter(manager=None, merged_into=None, erased_at=None)


def shares(rows: QuerySet[Customer], by: User, *, on: date, at: datetime) -> list[moving.Share]:
    """Who would get whom now: nobody beyond what is agreed, nobody who is away. Whoever finds no place is in no share."""
    rules = capacity.in_force(at=at)
    away = Absence.objects.filter(starts_on__lte=on, ends_on__gte=on).values("user")
    people = list(managers.choosable(by).exclude(pk__in=not_here(on)).exclude(pk__in=away))
    most = capacity.most_of(people, on=on, at=at, rules=rules)
    books = managers.books(User.objects.filter(pk__in=most))
    parts = {person.pk: moving.Share(person, [], books.get(person.pk, 0), most[person.pk]) for person in people}
    told = waiting(rows).order_by(F("standing__value").desc(nulls_last=True), "pk").values_list("pk", "region")
    for pk, region in told[:MOST]:
        team = rules.regions.get(region)
        able = [part for part in parts.values() if part.after < part.most and team in (None, part.manager.team_id)]
        if able:
            min(able, key=lambda part: ((part.after + 1) / part.most, part.manager.pk)).customers.append(pk)
    return [part for part in parts.values() if part.customers]


@transaction.atomic
def assign(
    rows: QuerySet[Customer], *, by: User, reason: str, seen: str, on: date, at: datetime
) -> dict[int, Sequence[int]]:
    """The customers have the managers that `shares` says, who are told how many; returns who got whom.

    Raises Invalid without a reason, DomainError when it is another plan than the one `seen`.
    """
    parts = shares(rows, by, on=on, at=at)
    if not parts or moving.plan_of(parts) != seen:
        raise DomainError(
            _("It is not the same customers any more. Look at who gets whom once more."), code="book_changed"
        )
    for part in parts:
        managers.assign_many(part.customers, manager=part.manager, by=by, on=on, reason=reason, at=at, over=True)
        if part.manager != by:
            _tell(part, by, reason, at)
    return {part.manager.pk: part.customers for part in parts}


def _tell(part: moving.Share, by: User, reason: str, at: datetime) -> None:
    """The manager hears how many, once."""
    told = {"name": str(by), "count": len(part.customers), "reason": reason.strip()[:120]}
    key = f"entry:{part.manager.pk}:{at.isoformat()}"
    link = f"/customers/?manager={part.manager.pk}"
    delivery.tell([part.manager.pk], moving.GIVEN_MANY, told, key=key, thread=key[:80], at=at, link=link)
