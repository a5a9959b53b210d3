"""A part of a colleague's customers goes to others: chosen by what every floor knows of them, and everybody is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, Scope, rights_of
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from core.outbox import bell, delivery
from core.outbox.kinds import Kind
from customers import managers
from customers.books import handing
from customers.books import moving as books
from customers.models import BookHandOver, BookMove, Customer, HandOverLine
from loyalty.tiers import membership
from segmentation.models import Alert

State = HandOverLine.State


@dataclass(frozen=True)
class Part:
    """Which of a colleague's customers: of a class, on a level (its code), silent; None or empty: whichever.

    `quiet`: with an open alert of their silence. `absent_days`: more than so many days without a purchase.
    """

    customer_class: int | None = None
    level: str = ""
    quiet: bool = False
    absent_days: int | None = None


def chosen(giver: User, part: Part, *, on: date) -> QuerySet[Customer]:
    """The giver's customers who are meant."""
    rows = Customer.objects.filter(manager=giver)
    if part.customer_class is not None:
        rows = rows.filter(standing__customer_class=part.customer_class)
    if part.quiet:
        rows = rows.filter(alerts__state=Alert.State.OPEN)
    if part.absent_days is not None:
        rows = rows.filter(standing__last_on__lt=on - timedelta(days=part.absent_days))
    if part.level:
        held = membership.levels_held(list(rows.values_list("pk", flat=True)), on=on)
        rows = rows.filter(pk__in=[pk for pk, level in held.items() if level["code"] == part.level])
    return rows


def givers(by: User) -> QuerySet[User]:
    """Whose customers this person may hand over, and to whom: a lead's team, and anybody for who manages the staff."""
    return managers.choosable(by)


def propose(
    giver: User,
    part: Part,
    *,
    to: Sequence[User],
    by: User,
    reason: str,
    seen: str | None,
    at: datetime,
    over: bool = True,
) -> list[BookHandOver]:
    """See `handing.propose`: the receivers read the packs first, then say yes or no. Raises DomainError across teams."""
    _refuse_other_teams((giver, *to), by)
    among = handing.free(chosen(giver, part, on=mall_day(at)))
    parts = books.shares(giver, to=to, at=at, among=among)
    if not over:
        books.refuse_over(parts, on=mall_day(at), at=at)
    return handing.propose(giver, parts=parts, by=by, reason=reason, seen=seen, at=at)


def counted(rows: QuerySet[BookHandOver]) -> QuerySet[BookHandOver]:
    """Each with how many customers it is about, are undecided, accepted, refused, and whose pack was read."""
    return rows.annotate(
        customers=Count("lines"),
        undecided=Count("lines", filter=Q(lines__state=State.PROPOSED)),
        accepted=Count("lines", filter=Q(lines__state=State.ACCEPTED)),
        refused=Count("lines", filter=Q(lines__state=State.REFUSED)),
        read=Count("lines", filter=Q(lines__read_at__isnull=False)),
    )


def _refuse_other_teams(people: Sequence[User], by: User) -> None:
    for person in people:
        if not managers.may_choose(person, by):
            raise DomainError(_("%(name)s belongs to another team.") % {"name": person}, code="other_team")


@transaction.atomic
def hand_over(
    giver: User,
    part: Part,
    *,
    to: Sequence[User],
    by: User,
    reason: str,
    seen: str | None,
    at: datetime,
    over: bool = True,
) -> BookMove:
    """See `books.hand_over`; the giver and the receivers are told how many. Raises DomainError across teams."""
    _refuse_other_teams((giver, *to), by)
    on = mall_day(at)
    move = books.hand_over(
        giver, to=to, by=by, on=on, reason=reason, at=at, among=chosen(giver, part, on=on), seen=seen, over=over
    )
    told = {"reason": move.reason[:120]}
    for person in to:
        count = sum(manager == person.pk for _pk, manager, _since in move.customers)
        if count:
            about = told | {"name": str(giver), "count": count}
            _tell(person, books.GIVEN_MANY, about, move, by=by, at=at, link=f"/customers/?manager={person.pk}")
    names = str(_(", ")).join(str(person) for person in to)
    about = told | {"name": names, "count": len(move.customers)}
    _tell(giver, books.TAKEN_MANY, about, move, by=by, at=at, link="/")
    return move


def undo(move_id: int, *, by: User, at: datetime) -> int:
    """See `books.undo`; nobody is told any more what is not so, and those concerned are told that it was taken back."""
    with transaction.atomic():
        move = BookMove.objects.select_related("giver").get(pk=move_id)
        if not managers.may_choose(move.giver, by):
            raise DomainError(_("%(name)s belongs to another team.") % {"name": move.giver}, code="other_team")
        count = books.undo(move_id, by=by, on=mall_day(at), at=at)
        bell.settle(_thread(move), at=at)
        people = {manager for _pk, manager, _since in move.customers} | {move.giver_id}
        about = {"name": str(move.giver), "count": count}
        for person in User.objects.filter(pk__in=people).order_by("pk"):
            _tell(person, books.BACK_MANY, about, move, by=by, at=at, link="/")
    return count


def latest(by: User, *, at: datetime) -> list[BookMove]:
    """What was handed over in the last month within this person's reach, the newest first."""
    rows = BookMove.objects.filter(at__gte=at - timedelta(days=30)).select_related("giver", "by", "undone_by")
    if Scope.ALL not in rights_of(by).scopes and not may(by, Permission.MANAGE_STAFF):
        rows = rows.filter(giver__team=by.team_id)
    return list(rows.order_by("-at", "-pk")[:20])


def _tell(
    person: User, kind: Kind, about: dict[str, object], move: BookMove, *, by: User, at: datetime, link: str
) -> None:
    if person == by:
        return
    key = f"{kind.name}:{move.pk}:{at.isoformat()}"
    delivery.tell([person.pk], kind, about, key=key, thread=_thread(move), at=at, link=link)


def _thread(move: BookMove) -> str:
    return f"books:{move.pk}"
