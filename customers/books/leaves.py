"""Days away: asked for, granted with a colleague who covers, begun, extended, ended early; no promise is nobody's.

Work stays its owner's: whoever covers has it in their day, under the owner's name. A promise that falls due while its
owner is away is kept by whoever covers, and is its owner's again when they are back.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit, deciding, staff
from core.accounts.deciding import Waiting
from core.accounts.leaves.covers import Covers
from core.accounts.models import Absence, Delegation, LeaveRequest, User
from core.accounts.permissions import may
from core.accounts.roles import Permission, holders, who_may
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day, mall_midnight
from core.outbox import bell, delivery
from core.outbox.kinds import Kind, Topic
from customers import managers, todo
from customers.models import Promise, Todo
from customers.work import settling

DAY = timedelta(days=1)
State = LeaveRequest.State
ASKED = Kind("leave_asked", Topic.APPROVAL, gettext_lazy("%(name)s asks to be away from %(first)s to %(last)s"))
GRANTED = Kind(
    "leave_granted", Topic.REFUSED, gettext_lazy("You are away from %(first)s to %(last)s: granted by %(name)s")
)
REFUSED = Kind("leave_refused", Topic.REFUSED, gettext_lazy("Your days away from %(first)s are refused: %(reason)s"))
COVERS = Kind("leave_cover", Topic.CASE, gettext_lazy("You stand in for %(name)s from %(first)s to %(last)s"))
CHANGED = Kind(
    "leave_changed", Topic.CASE, gettext_lazy("%(name)s is away from %(first)s to %(last)s now, and you stand in")
)
COVERED = Kind("leave_ended", Topic.CASE, gettext_lazy("%(name)s is back: you do not stand in any more"))
KINDS = (ASKED, GRANTED, REFUSED, COVERS, CHANGED, COVERED)


def deciders(user: User) -> list[User]:
    """Who may grant this person days away: leads of the same team, and whoever manages the staff."""
    return _of_them(list(who_may(Permission.HAND_OVER_BOOKS).order_by("pk")), user)


def _of_them(people: Iterable[User], user: User) -> list[User]:
    return [person for person in people if person.pk != user.pk and managers.may_choose(user, person)]


@transaction.atomic
def ask(user: User, *, starts_on: date, ends_on: date, cover: User | None, words: str, at: datetime) -> LeaveRequest:
    """The leads of this person's team have it to decide. Raises Invalid for days that are over or taken already."""
    _refuse_days(user, starts_on, ends_on, today=mall_day(at))
    row = LeaveRequest.objects.create(
        user=user, starts_on=starts_on, ends_on=ends_on, cover=cover, words=words.strip()[:200], at=at
    )
    audit.record(user, "leave.asked", user, at=at, **_span(starts_on, ends_on))
    leads = [person for person in deciders(user) if person.team_id == user.team_id] or deciders(user)
    _tell(leads, ASKED, row.user, starts_on, ends_on, thread=_thread(row), at=at, link=f"/leaves/asked/{row.pk}/")
    return row


@transaction.atomic
def withdraw(request_id: int, *, by: User, at: datetime) -> None:
    """Who asked does not want it any more. Raises DomainError once it is decided."""
    row = _held(request_id)
    if row.user_id != by.pk:
        raise DomainError(_("Only who asked for it takes it back."), code="not_yours")
    _decide(row, State.WITHDRAWN, by=by, at=at)


@transaction.atomic
def refuse(request_id: int, *, why: str, by: User, at: datetime) -> None:
    """The person hears why not."""
    row = _held(request_id)
    _refuse_decider(row.user, by)
    if not why.strip():
        raise Invalid(_("Say why, in a few words."), code="why")
    _decide(row, State.REFUSED, by=by, at=at, why=why)
    told = {"first": row.starts_on.isoformat(), "reason": why.strip()[:120]}
    delivery.tell([row.user_id], REFUSED, told, key=_key(row, at), thread=_thread(row), at=at, link="/leaves/")


@transaction.atomic
def grant(request_id: int, *, cover: User | None, by: User, at: datetime) -> Absence:
    """The person is away on the days they asked for, and `cover` stands in. See `note`."""
    row = _held(request_id)
    _refuse_decider(row.user, by)
    row.absence = note(row.user, starts_on=row.starts_on, ends_on=row.ends_on, cover=cover, by=by, at=at, asked=row)
    row.cover = cover
    _decide(row, State.GRANTED, by=by, at=at)
    told = {"name": str(by), "first": row.starts_on.isoformat(), "last": row.ends_on.isoformat()}
    link = f"/leaves/{row.absence.pk}/"
    delivery.tell([row.user_id], GRANTED, told, key=_key(row, at), thread=_thread(row), at=at, link=link)
    return row.absence


@transaction.atomic
def note(
    user: User,
    *,
    starts_on: date,
    ends_on: date,
    cover: User | None,
    by: User | None,
    at: datetime,
    asked: LeaveRequest | None = None,
) -> Absence:
    """The person is away on these days, and `cover` has their work in the day; whoever covers is told.

    Raises Invalid for days that are taken already, without a cover for a book or for whom the person stands in for, and
    for a cover who is away too and has nobody.
    """
    _refuse_days(user, starts_on, ends_on, today=None, but=asked)
    row = staff.set_away(user, starts_on, ends_on, by=by, at=at, cover=cover)
    _refuse_gaps(row, cover)
    if cover:
        _tell([cover], COVERS, user, starts_on, ends_on, thread=f"leave:{row.pk}", at=at, link=f"/leaves/{row.pk}/")
    align(at=at)
    return row


@transaction.atomic
def change(absence_id: int, *, ends_on: date, by: User | None, at: datetime) -> Absence:
    """The person is away to that day, longer or shorter, and so is whoever covered to the end.

    Raises Invalid before the first day or yesterday, and where nobody could stand in on the days that come along.
    """
    row = _absence(absence_id)
    staff.refuse_order(row.starts_on, ends_on)
    if ends_on < mall_day(at) - DAY or row.ends_on < mall_day(at):
        raise Invalid(_("These days are over: note new ones."), code="ends_on")
    before, row.ends_on = row.ends_on, ends_on
    row.save(update_fields=["ends_on"])
    row.covers.filter(starts_on__gt=ends_on).delete()
    for held in row.covers.filter(Q(ends_on=before) | Q(ends_on__gt=ends_on)).select_related("assistant"):
        held.ends_on = ends_on
        held.save(update_fields=["ends_on"])
        staff.stands_in_until(held.assistant, ends_on)
    _refuse_gaps(row, None, must_cover=ends_on > before and row.covers.exists())
    audit.record(by, "leave.changed", row.user, at=at, before=before.isoformat(), **_span(row.starts_on, ends_on))
    people = _people(row)
    _tell(people, CHANGED, row.user, row.starts_on, ends_on, thread=f"leave:{row.pk}", at=at, link=f"/leaves/{row.pk}/")
    align(at=at)
    return row


@transaction.atomic
def cover(absence_id: int, *, by_whom: User, starts_on: date, by: User | None, at: datetime) -> Delegation:
    """From that day to the end of the leave this colleague stands in, and whoever did before does no more."""
    row = _absence(absence_id)
    starts_on = max(starts_on, row.starts_on)
    if not starts_on <= row.ends_on or starts_on < min(mall_day(at), row.ends_on):
        raise Invalid(_("Choose a day of the leave from today on."), code="starts_on")
    for held in row.covers.filter(ends_on__gte=starts_on):
        if held.starts_on >= starts_on:
            held.delete()
        else:
            held.ends_on = starts_on - DAY
            held.save(update_fields=["ends_on"])
    new = staff.delegate(row.user, by_whom, starts_on, row.ends_on, by=by, at=at, absence=row)
    _refuse_gaps(row, by_whom)
    link = f"/leaves/{row.pk}/"
    _tell([by_whom], COVERS, row.user, starts_on, row.ends_on, thread=f"leave:{row.pk}", at=at, link=link)
    align(at=at)
    return new


@transaction.atomic
def back(absence_id: int, *, by: User | None, at: datetime) -> None:
    """The person is here from today on: nobody covers for them, and their promises are theirs again."""
    row = Absence.objects.select_for_update(of=("self",)).select_related("user").filter(pk=absence_id).first()
    if row is None:
        return
    yesterday, people = mall_day(at) - DAY, _people(row)
    if row.starts_on > yesterday:
        staff.drop_absence(row.pk, by=by, at=at)
    else:
        row.ends_on = min(row.ends_on, yesterday)
        row.save(update_fields=["ends_on"])
        row.covers.filter(starts_on__gt=yesterday).delete()
        row.covers.filter(ends_on__gt=yesterday).update(ends_on=yesterday)
        audit.record(by, "person.back", row.user, at=at, starts_on=row.starts_on.isoformat())
    bell.settle(f"leave:{row.pk}", at=at)
    _tell(people, COVERED, row.user, row.starts_on, yesterday, thread=f"leave-ended:{absence_id}", at=at, link="/")
    align(at=at)


@transaction.atomic
def pass_on(leaver_id: int, *, to: Sequence[User], by: User | None, at: datetime) -> None:
    """Whoever stands in for somebody and leaves has a successor among these who is here; else it is their lead's."""
    today = mall_day(at)
    for held in Delegation.objects.filter(assistant=leaver_id, absence__isnull=False, ends_on__gte=today):
        for person in to:
            try:
                with transaction.atomic():
                    cover(held.absence_id or 0, by_whom=person, starts_on=today, by=by, at=at)
                    break
            except DomainError:
                continue


@transaction.atomic
def align(*, at: datetime) -> int:
    """Each promise is with whoever keeps it on this day: with whoever stands in, where it falls due while its owner is
    away, and with its owner again once they are back. Returns how many changed hands.

    Nothing is nobody's: where nobody stands in it stays where it is. Harmless twice.
    """
    today = mall_day(at)
    covers, moved = Covers(today, today), 0
    away = {row.user_id: row.ends_on for row in Absence.objects.filter(starts_on__lte=today, ends_on__gte=today)}
    lent = Promise.objects.filter(state=Promise.State.OPEN, kept_for__isnull=False)
    owners = {*away, *lent.values_list("kept_for", flat=True)}
    keepers = {pk: covers.keeper(pk, today) for pk in owners}
    people = User.objects.in_bulk({pk for pk in keepers.values() if pk is not None})
    for owner in sorted(owners):
        keeper = people.get(keepers[owner] or 0)
        if keeper is None or not keeper.is_active:
            continue
        theirs = Q(promise__kept_for=owner)
        if owner in away:
            theirs |= Q(owner=owner, promise__kept_for=None, due_at__lt=mall_midnight(away[owner] + DAY))
        moved += _lend(theirs, owner, keeper, at=at)
    return moved


def _lend(theirs: Q, owner: int, keeper: User, *, at: datetime) -> int:
    rows = Todo.objects.filter(theirs, promise__isnull=False, state=Todo.State.OPEN).exclude(owner=keeper)
    ids = todo.go_along(rows, keeper, by=None, at=at)
    if keeper.pk != owner:
        settling.lent(ids, owner)
    return len(ids)


def due_while_away(user: User, first: date, last: date) -> QuerySet[Promise]:
    """The open promises of this person that fall due in these days, or are late by then."""
    rows = Promise.objects.filter(Q(owner=user) | Q(kept_for=user), state=Promise.State.OPEN)
    return (
        rows.filter(due_at__lt=mall_midnight(last + DAY)).select_related("customer", "owner", "todo").order_by("due_at")
    )


def _refuse_days(
    user: User, starts_on: date, ends_on: date, *, today: date | None, but: LeaveRequest | None = None
) -> None:
    staff.refuse_order(starts_on, ends_on)
    if today and starts_on < today:
        raise Invalid(_("Choose today or a later day."), code="starts_on")
    within = {"starts_on__lte": ends_on, "ends_on__gte": starts_on}
    asked = user.leave_requests.filter(state=State.ASKED, **within)
    if but:
        asked = asked.exclude(pk=but.pk)
    taken = user.absences.filter(**within).first() or asked.first()
    if taken:
        raise Invalid(
            _("%(name)s is away from %(first)s to %(last)s already, or has asked for it: change those days.")
            % {"name": user, "first": taken.starts_on, "last": taken.ends_on},
            code="starts_on",
        )


def _refuse_gaps(row: Absence, chosen: User | None, *, must_cover: bool = True) -> None:
    """Whoever has a book has somebody on each day, and so have those for whom they stand in themselves."""
    covers = Covers(row.starts_on, row.ends_on)
    if chosen and (gap := covers.alone(row.user_id, row.starts_on, row.ends_on)):
        raise Invalid(
            _("%(name)s is away on %(day)s too, and nobody stands in for both of you: choose somebody else.")
            % {"name": chosen, "day": gap[0]},
            code="cover",
        )
    others = covers.covered_by(row.user_id, row.starts_on, row.ends_on)
    for person in User.objects.filter(pk__in=others, is_active=True).order_by("pk"):
        if gap := covers.alone(person.pk, row.starts_on, row.ends_on):
            raise Invalid(
                _("%(name)s stands in for %(other)s on %(day)s: say who covers meanwhile.")
                % {"name": row.user, "other": person, "day": gap[0]},
                code="cover",
            )
    if must_cover and chosen is None and _has_work(row.user) and covers.alone(row.user_id, row.starts_on, row.ends_on):
        raise Invalid(_("%(name)s looks after customers: say who covers meanwhile.") % {"name": row.user}, code="cover")


def _has_work(user: User) -> bool:
    """Somebody's customers are theirs, and there is a colleague who could work them."""
    others = holders(*managers.LOOK_AFTER).exclude(pk=user.pk)
    return user.book.filter(merged_into__isnull=True).exists() and others.exists()


def _refuse_decider(user: User, by: User) -> None:
    """A lead decides for their team; about their own days somebody else does, as long as there is anybody."""
    if not managers.may_choose(user, by):
        raise DomainError(_("%(name)s belongs to another team.") % {"name": user}, code="other_team")
    others = deciders(user)
    refusal = _("Somebody else has to decide about your own days.")
    deciding.second_person(by, user.pk, others, refusal=refusal, because="alone")


def _held(request_id: int) -> LeaveRequest:
    rows = LeaveRequest.objects.select_for_update(of=("self",)).select_related("user")
    row = rows.get(pk=request_id)
    if row.state != State.ASKED:
        raise DomainError(
            _("This is decided already: %(how)s, by %(who)s.")
            % {"how": row.get_state_display(), "who": row.decided_by or row.user},
            code="decided",
        )
    return row


def _absence(absence_id: int) -> Absence:
    return Absence.objects.select_for_update(of=("self",)).select_related("user").get(pk=absence_id)


def _decide(row: LeaveRequest, state: str, *, by: User, at: datetime, why: str = "") -> None:
    row.state, row.decided_by, row.decided_at, row.why = state, by, at, why.strip()[:200]
    row.save()
    audit.record(by, f"leave.{state}", row.user, at=at, **_span(row.starts_on, row.ends_on))
    bell.settle(_thread(row), at=at)


def _people(row: Absence) -> list[User]:
    """Who covers on any day of the leave that is not over for them."""
    return list(User.objects.filter(pk__in=row.covers.values("assistant"), is_active=True).order_by("pk"))


def _tell(
    people: Iterable[User], kind: Kind, user: User, first: date, last: date, *, thread: str, at: datetime, link: str
) -> None:
    told = {"name": str(user), "first": first.isoformat(), "last": last.isoformat()}
    ids = [person.pk for person in people]
    delivery.tell(ids, kind, told, key=f"{thread}:{kind.name}:{at.isoformat()}", thread=thread, at=at, link=link)


def _thread(row: LeaveRequest) -> str:
    return f"leave-asked:{row.pk}"


def _key(row: LeaveRequest, at: datetime) -> str:
    return f"{_thread(row)}:{at.isoformat()}"


def _span(first: date, last: date) -> dict[str, str]:
    return {"starts_on": first.isoformat(), "ends_on": last.isoformat()}


def waiting(user: User, *, at: datetime) -> list[Waiting]:
    """Every request for days away that waits, as `user` would see it: who decides says who stands in."""
    open_ones = LeaveRequest.objects.filter(state=State.ASKED).select_related("user")
    rows = list(open_ones.order_by("starts_on", "pk"))
    found, people = [], list(who_may(Permission.HAND_OVER_BOOKS).order_by("pk")) if rows else []
    for row in rows:
        others = _of_them(people, row.user)
        found.append(
            Waiting(
                kind="leave",
                pk=row.pk,
                what=_("Days away, %(first)s to %(last)s")
                % {"first": row.starts_on.isoformat(), "last": row.ends_on.isoformat()},
                why=row.words,
                by=row.user,
                since=row.at,
                due_at=mall_midnight(row.starts_on),
                url=f"/leaves/asked/{row.pk}/",
                others=tuple(others),
                reader=user,
                right=user in others or (not others and may(user, Permission.HAND_OVER_BOOKS)),
                in_place=False,
            )
        )
    return found
