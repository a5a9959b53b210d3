"""What the pages of days away show: whose, who stands in, what falls due meanwhile, and what happened."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q, QuerySet
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from complaints.models import Case
from core.accounts.leaves.covers import Covers
from core.accounts.models import Absence, Delegation, LeaveRequest, User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib.periods import mall_day, mall_midnight, mall_time
from customers import managers
from customers.access import standing_in_for
from customers.books import leaves
from customers.models import Contact, Promise, Todo

OVER_FOR = timedelta(days=30)
SHOWN = 50
# So long before and after, My day speaks of it.
SOON = timedelta(days=7)
NAMES = " · "


class State(NamedTuple):
    label: str | Lazy
    tone: str


AWAY, COMING, OVER = State(_("Away"), "amber"), State(_("To come"), "blue"), State(_("Over"), "grey")


@dataclass(frozen=True)
class Row:
    leave: Absence
    covers: list[Delegation]
    promises: int
    state: State
    alone: date | None
    """The first day from today on that nobody covers, of somebody with customers."""


class Due(NamedTuple):
    """A promise that falls due meanwhile, and who keeps it."""

    promise: Promise
    when: str
    keeper: User
    late: bool


def state_of(leave: Absence, today: date) -> State:
    if leave.ends_on < today:
        return OVER
    return AWAY if leave.starts_on <= today else COMING


def decides(user: User, about: User) -> bool:
    """Whether this person grants and changes the days of that one."""
    return may(user, Permission.HAND_OVER_BOOKS) and managers.may_choose(about, user)


def in_reach(user: User, today: date) -> QuerySet[Absence]:
    """One's own days away, those for whom one stands in, and for who leads those of the team."""
    reached = Q(user=user) | Q(covers__assistant=user)
    if may(user, Permission.HAND_OVER_BOOKS):
        reached |= Q(user__in=managers.choosable(user).order_by().values("pk"))
    # Whoever covers for a cover reads what it is about, too.
    through = Covers(today, today)
    reached |= Q(user__in=[pk for pk in through.away_on(today) if through.keeper(pk, today) == user.pk])
    rows = Absence.objects.filter(pk__in=Absence.objects.filter(reached).values("pk"))
    return rows.select_related("user").order_by("starts_on", "pk")


def rows(user: User, today: date) -> list[Row]:
    """Who is away, will be, and was lately."""
    found = list(in_reach(user, today).filter(ends_on__gte=today - OVER_FOR).prefetch_related("covers__assistant"))
    if not found:
        return []
    people = {leave.user_id for leave in found}
    due = _due(people)
    with_book = set(User.objects.filter(pk__in=people, book__isnull=False).values_list("pk", flat=True))
    covers = Covers(min(today, *(row.starts_on for row in found)), max(row.ends_on for row in found))
    return [
        Row(
            leave,
            sorted(leave.covers.all(), key=lambda held: (held.starts_on, held.pk)),
            sum(day <= leave.ends_on for day in due.get(leave.user_id, ())) if leave.ends_on >= today else 0,
            state_of(leave, today),
            _alone(leave, covers, today) if leave.user_id in with_book else None,
        )
        for leave in found
    ]


def _alone(leave: Absence, covers: Covers, today: date) -> date | None:
    first = max(today, leave.starts_on)
    return next(iter(covers.alone(leave.user_id, first, leave.ends_on)), None) if first <= leave.ends_on else None


def _due(people: Collection[int]) -> dict[int, list[date]]:
    """On which days the open promises of these people fall due."""
    days: dict[int, list[date]] = {}
    open_ones = Promise.objects.filter(Q(owner__in=people) | Q(kept_for__in=people), state=Promise.State.OPEN)
    for owner, kept_for, due_at in open_ones.values_list("owner", "kept_for", "due_at"):
        days.setdefault(kept_for or owner, []).append(mall_day(due_at))
    return days


def asked(user: User) -> list[LeaveRequest]:
    """What waits for this person's decision, and what they wait for themselves."""
    rows = LeaveRequest.objects.filter(state=LeaveRequest.State.ASKED).select_related("user", "cover")
    return [row for row in rows.order_by("starts_on", "pk") if row.user_id == user.pk or decides(user, row.user)]


def due(rows: Iterable[Promise], today: date) -> list[Due]:
    return [Due(row, f"{mall_time(row.due_at):%m-%d %H:%M}", row.owner, mall_day(row.due_at) < today) for row in rows]


def happened(leave: Absence, today: date) -> dict[str, Any]:
    """What happened in the book while its owner was away: talks, what was done for them, promises, complaints."""
    since, until = mall_midnight(leave.starts_on), mall_midnight(min(leave.ends_on, today) + timedelta(days=1))
    within = {"at__gte": since, "at__lt": until}
    theirs = Q(owner=leave.user) | Q(customer__manager=leave.user)
    done = Todo.objects.filter(theirs, closed_at__gte=since, closed_at__lt=until, state=Todo.State.DONE)
    contacts = Contact.objects.filter(customer__manager=leave.user, **within).exclude(by=leave.user)
    promises = Promise.objects.filter(Q(owner=leave.user) | Q(kept_for=leave.user)).exclude(state="open")
    cases = Case.objects.filter(customer__manager=leave.user, opened_at__gte=since, opened_at__lt=until)
    return {
        "contacts": list(contacts.select_related("customer", "by").order_by("-at")[:SHOWN]),
        "done": list(
            done.exclude(closed_by=leave.user).select_related("customer", "closed_by").order_by("-closed_at")[:SHOWN]
        ),
        "kept": list(
            promises.filter(done_at__gte=since, done_at__lt=until)
            .select_related("customer", "done_by")
            .order_by("-done_at")[:SHOWN]
        ),
        "cases": list(cases.select_related("customer").order_by("-opened_at")[:SHOWN]),
    }


def context(leave: Absence, user: User, today: date) -> dict[str, Any]:
    return {
        "leave": leave,
        "state": state_of(leave, today),
        "covers": leave.covers.select_related("assistant").order_by("starts_on", "pk"),
        "is_mine": leave.user_id == user.pk,
        "decides": decides(user, leave.user),
        "is_over": leave.ends_on < today,
        "has_begun": leave.starts_on <= today,
        "due": due(leaves.due_while_away(leave.user, leave.starts_on, leave.ends_on), today)
        if leave.ends_on >= today
        else [],
        **(happened(leave, today) if leave.starts_on <= today else {}),
    }


def my_leaves(user: User, today: date) -> QuerySet[Absence]:
    """One's own days away, now, soon or just over, each with who stands in: for My day."""
    near = Absence.objects.filter(user=user, ends_on__gte=today - SOON, starts_on__lte=today + SOON)
    names = ArrayAgg("covers__assistant__full_name", distinct=True, filter=Q(covers__isnull=False), default=[])
    return near.annotate(names=names).order_by("starts_on")


def running(user_id: int | None, today: date) -> QuerySet[Absence]:
    """The days away of this person that hold today, with who stands in."""
    names = ArrayAgg(
        "covers__assistant__full_name",
        distinct=True,
        filter=Q(covers__starts_on__lte=today, covers__ends_on__gte=today),
        default=[],
    )
    rows = Absence.objects.filter(user=user_id, starts_on__lte=today, ends_on__gte=today)
    return rows.annotate(names=names).order_by("-ends_on")


def notices(mine: Iterable[Any], user: User, today: date) -> dict[str, Any]:
    """What My day says of days away: one's own, and those of whom one stands in for."""
    theirs = standing_in_for(user, today)
    away = Absence.objects.filter(user__in=theirs, starts_on__lte=today, ends_on__gte=today).select_related("user")
    return {
        "my_leaves": [(leave, state_of(leave, today), NAMES.join(leave.names)) for leave in mine],
        "covering": list(away.order_by("ends_on", "pk")) if theirs else [],
    }
