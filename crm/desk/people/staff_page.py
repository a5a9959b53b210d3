"""What the pages of colleagues show."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from complaints.models import Case
from complaints.models.cases import OPEN
from core.accounts.models import Absence, Delegation, Invitation, Role, User
from crm.desk.today import now
from crm.flows import staff
from customers.models import Customer
from customers.work import capacity


@dataclass(frozen=True)
class PersonRow:
    user: User
    customers: int
    most: int
    cases: int
    state: "State"

    @property
    def is_over(self) -> bool:
        return self.customers > self.most

    @property
    def has_book(self) -> bool:
        return self.customers > 0 or self.user.holds(Role.ACCOUNT_MANAGER)


@dataclass(frozen=True)
class State:
    label: str | Promise
    tone: str


GONE = State(gettext_lazy("Left"), "grey")
AWAY = State(gettext_lazy("Away"), "amber")
INVITED = State(gettext_lazy("Invited"), "blue")
WAITS = State(gettext_lazy("Needs a link"), "red")
HERE = State(gettext_lazy("Here"), "green")
PROGRAM = State(gettext_lazy("Program"), "grey")


def rows(people: QuerySet[User], day: date) -> list[PersonRow]:
    """Colleagues by their names, each with the size of their book and their open cases: five questions for any number."""
    books = dict(Customer.objects.filter(manager__isnull=False).values_list("manager").annotate(n=Count("pk")))
    open_cases = Case.objects.filter(owner__isnull=False, status__in=OPEN)
    cases = dict(open_cases.order_by("owner").values_list("owner").annotate(n=Count("pk")))
    away = set(Absence.objects.filter(starts_on__lte=day, ends_on__gte=day).values_list("user", flat=True))
    invited = set(Invitation.objects.filter(used_at__isnull=True).values_list("user", flat=True))
    found = list(people.order_by("full_name", "username"))
    most = capacity.most_of(found, on=day, at=now())
    return [
        PersonRow(user, books.get(user.pk, 0), most[user.pk], cases.get(user.pk, 0), state_of(user, away, invited))
        for user in found
    ]


def state_of(user: User, away: Iterable[int], invited: Iterable[int]) -> State:
    if not user.is_active:
        return GONE
    if user.holds(Role.CLIENT):
        return PROGRAM
    if not user.has_usable_password():
        return INVITED if user.pk in invited else WAITS
    return AWAY if user.pk in away else HERE


def person_context(user: User, day: date, at: datetime) -> dict[str, Any]:
    """The colleague, their state, what they look after, their days away and who stands in for whom."""
    absences = user.absences.filter(ends_on__gte=day).order_by("starts_on")
    open_link = user.invitations.filter(used_at__isnull=True, expires_at__gt=at).first()
    away = [user.pk] if any(row.starts_on <= day for row in absences) else []
    delegations = Delegation.objects.filter(ends_on__gte=day).order_by("starts_on", "pk")
    return {
        "person": user,
        "state": state_of(user, away, [user.pk] if open_link else []),
        "held": staff.held_by(user),
        "most": capacity.most_of([user], on=day, at=at)[user.pk],
        "absences": absences,
        "stood_in_by": delegations.filter(manager=user).select_related("assistant"),
        "stands_in_for": delegations.filter(assistant=user).select_related("manager"),
        "open_link": open_link,
        "is_program": user.holds(Role.CLIENT),
    }
