"""How many customers a book holds: more with an assistant than alone, by the rules in force or as agreed with a person."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts.models import Delegation, User
from core.lib.errors import DomainError
from customers.models import BookRules, Customer


class Rules(NamedTuple):
    """`refuse_at`: the per cent of the agreed most above which a book is filled only if somebody means it.

    `regions`: which team new customers of a province go to.
    """

    version: int
    with_assistant: int
    alone: int
    refuse_at: int
    regions: Mapping[str, int]

    def content(self) -> dict[str, object]:
        return {
            "with_assistant": self.with_assistant,
            "alone": self.alone,
            "refuse_at": self.refuse_at,
            "regions": dict(sorted(self.regions.items())),
        }


FIRST = Rules(1, 300, 200, 110, {})


def rules_of(version: int, content: Mapping[str, object]) -> Rules:
    """What a version says; where it is silent, what the first one says."""
    told = {**FIRST.content(), **content}
    regions = told["regions"] if isinstance(told["regions"], dict) else {}
    with_assistant, alone, refuse_at = (int(str(told[name])) for name in ("with_assistant", "alone", "refuse_at"))
    return Rules(version, with_assistant, alone, refuse_at, {str(name): int(team) for name, team in regions.items()})


def in_force(*, at: datetime) -> Rules:
    """The newest rules that have begun."""
    return _newest(_begun(at))


def _begun(at: datetime) -> QuerySet[BookRules]:
    return BookRules.objects.filter(starts_at__lte=at, withdrawn_at=None).order_by("-version")[:1]


def _newest(rows: Iterable[BookRules]) -> Rules:
    row = next(iter(rows), None)
    return rules_of(row.version, row.content) if row else FIRST


class Asked(NamedTuple):
    """What the capacity of one person hangs on, to be read together with other rows."""

    rules: QuerySet[BookRules]
    helped: QuerySet[Delegation]

    def most_of(self, person: User) -> int:
        return _most(person, _newest(self.rules), is_helped=bool(self.helped))


def asked(person: User, *, on: date, at: datetime) -> Asked:
    """To be asked with `Asked.most_of`."""
    return Asked(_begun(at), _assistants(on).filter(manager=person)[:1])


def _assistants(on: date) -> QuerySet[Delegation]:
    return Delegation.objects.filter(absence=None, starts_on__lte=on, ends_on__gte=on, assistant__is_active=True)


def _most(person: User, rules: Rules, *, is_helped: bool) -> int:
    usual = rules.with_assistant if is_helped else rules.alone
    return usual if person.capacity is None else person.capacity


def most_of(people: Collection[User], *, on: date, at: datetime, rules: Rules | None = None) -> dict[int, int]:
    """How many customers each of these people looks after at most: as agreed with them, else by the rules."""
    rules = rules or in_force(at=at)
    rows = _assistants(on).filter(manager__in=[person.pk for person in people])
    helped = set(rows.values_list("manager", flat=True))
    return {person.pk: _most(person, rules, is_helped=person.pk in helped) for person in people}


def refuse_beyond(manager: User, more: int, *, on: date, at: datetime) -> None:
    """Raises DomainError when so many more would put the book beyond what is filled without a second thought."""
    rules = in_force(at=at)
    most = most_of([manager], on=on, at=at, rules=rules)[manager.pk]
    book = Customer.objects.filter(manager=manager, merged_into=None).count() + more
    if book * 100 > most * rules.refuse_at:
        raise DomainError(
            _("%(name)s would look after %(book)d customers, and %(most)d are agreed. Tick that it is meant.")
            % {"name": manager, "book": book, "most": most},
            code="over_capacity",
        )
