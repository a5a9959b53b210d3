"""The lead's page: each colleague of the team with what they hold, keep and leave undecided, and the list behind each number."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from care import plans
from care.plans import Kept as Planned
from core.accounts.leaves.covers import Covers
from core.accounts.models import Absence, Role, User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, holders
from crm.desk.lists import page as lists
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.desk.work.lists.alert_list import ALERT_LIST
from crm.desk.work.promises import FIGURES_OF
from crm.flows.catalogue.rows import alerts_of
from customers.access import standings_of
from customers.books import kept as kept_customers
from customers.books.kept import Kept as Bought
from customers.models import HandOverLine, Promise
from customers.promises import figures, ledger
from customers.work import capacity
from segmentation.models import Alert


@dataclass(frozen=True)
class Cell:
    """A number, and the list that holds as many rows."""

    count: int
    url: str


@dataclass(frozen=True)
class Row:
    person: User
    book: Cell
    capacity: int
    promises: Cell
    late: Cell
    kept: figures.Kept
    kept_url: str
    plan: Planned
    plan_url: str
    undecided: Cell
    recovered: Cell
    bought: Bought
    proposed: int
    leave: Absence | None
    cover: str

    @property
    def is_over(self) -> bool:
        return self.book.count > self.capacity


@needs(Permission.ASSIGN_MANAGER)
@takeable("team", people=False)
def overview(request: StaffRequest) -> HttpResponse:
    """The team at a glance."""
    rows = _rows(request.user, today())
    standings = standings_of(request.user, today())
    context = {
        "rows": rows,
        "customers": standings.count(),
        "unassigned": standings.filter(manager__isnull=True).count(),
        "late": sum(row.late.count for row in rows),
        "away": sum(row.leave is not None for row in rows),
        "days": FIGURES_OF.days,
    }
    return render(request, "desk/books/overview.html", context)


def _rows(user: User, on: date) -> list[Row]:
    """Everybody of the team who looks after customers, by name: the same questions for one and for sixty."""
    members = holders(Role.ACCOUNT_MANAGER).filter(team__in=user.teams_led) if user.team_id else _without_team()
    people = list(User.objects.filter(Q(pk__in=members) | Q(pk=user.pk)).order_by("full_name", "pk"))
    at, ids = now(), [person.pk for person in people]
    books = _by_manager(standings_of(user, on), "manager")
    promises = ledger.visible_to(user, on)
    open_ones = promises.filter(owner__in=ids, state=Promise.State.OPEN)
    waits = _by_manager(open_ones, "owner")
    late = _by_manager(open_ones.filter(due_at__lt=at), "owner")
    kept = {person.pk: row for person, row in figures.by_person(promises, since=at - FIGURES_OF, until=at, at=at)}
    planned = plans.kept_by_owner(plans.visible_to(user, on), on)
    undecided = _by_manager(lists.of_view(ALERT_LIST, user, "undecided", at), "customer__manager")
    recovered = _by_manager(alerts_of(user, on).filter(state=Alert.State.RECOVERED), "customer__manager")
    lines = HandOverLine.objects.filter(state=HandOverLine.State.PROPOSED, hand_over__giver__in=ids)
    proposed = _by_manager(lines, "hand_over__giver")
    leaves = {row.user_id: row for row in Absence.objects.filter(user__in=ids, starts_on__lte=on, ends_on__gte=on)}
    covers, names = Covers(on, on), {person.pk: str(person) for person in User.objects.filter(is_active=True)}
    bought = kept_customers.by_manager(people, as_of=on)
    most = capacity.most_of(people, on=on, at=at)
    return [
        Row(
            person,
            Cell(
                books.get(person.pk, 0),
                _list("desk:customers", manager="any.me" if person == user else f"any.{person.pk}"),
            ),
            most[person.pk],
            Cell(waits.get(person.pk, 0), _list("desk:promises", who=person.pk, show="open")),
            Cell(late.get(person.pk, 0), _list("desk:promises", who=person.pk, show="late")),
            kept.get(person.pk, figures.Kept()),
            _list("desk:promises", who=person.pk, show="due"),
            planned.get(person.pk, Planned(0, 0, 0)),
            _list("desk:contact_plans", who=person.pk),
            Cell(undecided.get(person.pk, 0), _alerts(person, user, state="any.open", decision="unknown")),
            Cell(recovered.get(person.pk, 0), _alerts(person, user, state="any.recovered")),
            bought.get(person.pk, Bought()),
            proposed.get(person.pk, 0),
            leaves.get(person.pk),
            names.get(covers.keeper(person.pk, on) or 0, "") if person.pk in leaves else "",
        )
        for person in people
    ]


def _without_team() -> QuerySet[User]:
    """A lead without a team leads those who have none."""
    return holders(Role.ACCOUNT_MANAGER).filter(team=None)


def _alerts(person: User, reader: User, **asked: str) -> str:
    return _list("desk:alerts", **asked, manager="any.me" if person == reader else f"any.{person.pk}")


def _by_manager(rows: Any, path: str) -> Mapping[int, int]:
    return dict(rows.order_by().values_list(path).annotate(n=Count("pk")))


def _list(route: str, **asked: Any) -> str:
    return f"{reverse(route)}?{urlencode(asked)}"
