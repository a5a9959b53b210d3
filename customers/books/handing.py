"""Customers proposed to a new manager, who reads what they must know and says yes or no; until then they stay."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.outbox import bell, delivery
from core.outbox.kinds import Kind, Topic
from customers import locks
from customers.books import moving
from customers.models import BookHandOver, BookMove, Customer, HandOverLine

State = HandOverLine.State
PROPOSED = Kind(
    "hand_over_proposed", Topic.APPROVAL, gettext_lazy("%(name)s: %(count)d customers are to be yours (%(reason)s)")
)
TAKEN = Kind("hand_over_taken", Topic.REFUSED, gettext_lazy("%(name)s takes %(count)d customers over"))
DECLINED = Kind(
    "hand_over_declined", Topic.REFUSED, gettext_lazy("%(name)s does not take %(count)d customers: %(reason)s")
)
KINDS = (PROPOSED, TAKEN, DECLINED)


def free(rows: QuerySet[Customer]) -> QuerySet[Customer]:
    """Those of them who are not proposed to anybody already."""
    open_ones = HandOverLine.objects.filter(state=State.PROPOSED).values("customer")
    return rows.exclude(pk__in=open_ones)


@transaction.atomic
def propose(
    giver: User, *, parts: Sequence[moving.Share], by: User, reason: str, seen: str | None, at: datetime
) -> list[BookHandOver]:
    """Each receiver has their share to look at, and is told; the customers stay where they are until they say yes.

    Raises Invalid without a reason, DomainError when it is another plan than the one `seen`, or nobody is meant.
    """
    if not reason.strip():
        raise Invalid(_("Say why the manager changes."), code="reason_missing")
    ids = [pk for part in parts for pk in part.customers]
    locks.hold_customers(ids)
    there = free(Customer.objects.filter(pk__in=ids, manager=giver, merged_into__isnull=True))
    if seen not in (None, moving.plan_of(parts)) or there.count() != len(ids):
        raise DomainError(
            _("It is not the same customers any more. Look at who gets how many once more, then hand over."),
            code="book_changed",
        )
    if not ids:
        raise DomainError(_("None of their customers is meant"), code="nobody_meant")
    made = []
    for part in parts:
        if part.customers:
            row = BookHandOver.objects.create(
                giver=giver, receiver=part.manager, by=by, at=at, reason=reason.strip()[:200]
            )
            HandOverLine.objects.bulk_create(HandOverLine(hand_over=row, customer_id=pk) for pk in part.customers)
            count = len(part.customers)
            audit.record(by, "hand_over.proposed", row, at=at, giver=giver.pk, receiver=part.manager.pk, count=count)
            _tell([part.manager.pk], PROPOSED, row, str(giver), count, row.reason, at=at)
            made.append(row)
    return made


@transaction.atomic
def say(line_id: int, note: str, *, by: User, at: datetime) -> None:
    """What the one who hands over has to say of this customer stands in the pack."""
    line = HandOverLine.objects.select_for_update(of=("self",)).select_related("hand_over").get(pk=line_id)
    if line.state != State.PROPOSED:
        raise DomainError(_("This is decided already."), code="decided")
    line.note = note.strip()[:500]
    line.save(update_fields=["note"])
    audit.record(by, "hand_over.noted", line.hand_over, at=at, customer=line.customer_id)


@transaction.atomic
def mark_read(hand_over_id: int, *, only: Collection[int] | None, by: User, at: datetime) -> int:
    """The new manager has read these packs (None: all); the others see how many. Returns how many are new."""
    row = _held(hand_over_id)
    _refuse_others(row, by)
    return _chosen(row, only).filter(read_at__isnull=True).update(read_at=at)


@transaction.atomic
def accept(hand_over_id: int, *, only: Collection[int] | None, by: User, on: date, at: datetime) -> BookMove:
    """These customers (None: all that are undecided) are the receiver's from that day on, with their open work.

    Whoever is not with the giver any more is left out. What is taken can be taken back for a day: `moving.undo`.
    Raises DomainError for who is not the receiver, and when nobody is left.
    """
    row = _held(hand_over_id)
    _refuse_others(row, by)
    lines = _chosen(row, only)
    ids = list(lines.values_list("customer", flat=True))
    locks.hold_customers(ids)
    still = Customer.objects.filter(pk__in=ids, manager=row.giver, merged_into__isnull=True)
    lines.exclude(customer__in=still).update(state=State.WITHDRAWN, decided_at=at)
    count = still.count()
    if not count:
        _end(row, at=at)
        raise DomainError(_("None of them is to be handed over any more."), code="nobody_meant")
    meant = list(still.values_list("pk", flat=True))
    move = moving.hand_over(
        row.giver,
        to=[row.receiver],
        by=by,
        on=on,
        reason=row.reason,
        at=at,
        among=Customer.objects.filter(pk__in=meant),
    )
    lines.filter(read_at__isnull=True).update(read_at=at)
    row.lines.filter(customer__in=meant, state=State.PROPOSED).update(state=State.ACCEPTED, decided_at=at, move=move)
    audit.record(by, "hand_over.accepted", row, at=at, count=count)
    _tell({row.by_id, row.giver_id} - {by.pk}, TAKEN, row, str(row.receiver), count, row.reason, at=at)
    _end(row, at=at)
    return move


@transaction.atomic
def refuse(hand_over_id: int, *, only: Collection[int] | None, why: str, by: User, at: datetime) -> int:
    """These customers (None: all that are undecided) stay where they are, and whoever proposed it hears why."""
    row = _held(hand_over_id)
    _refuse_others(row, by)
    if not why.strip():
        raise Invalid(_("Say why, in a few words."), code="why")
    count = _chosen(row, only).update(state=State.REFUSED, decided_at=at, why=why.strip()[:200])
    if not count:
        raise DomainError(_("Choose whom you mean."), code="nobody_meant")
    audit.record(by, "hand_over.refused", row, at=at, count=count, reason=why.strip()[:200])
    _tell({row.by_id, row.giver_id} - {by.pk}, DECLINED, row, str(row.receiver), count, why.strip()[:120], at=at)
    _end(row, at=at)
    return count


@transaction.atomic
def withdraw(hand_over_id: int, *, by: User | None, at: datetime) -> int:
    """What is undecided is proposed no more."""
    row = _held(hand_over_id)
    count = _chosen(row, None).update(state=State.WITHDRAWN, decided_at=at)
    audit.record(by, "hand_over.withdrawn", row, at=at, count=count)
    _end(row, at=at)
    return count


@transaction.atomic
def drop_of(leaver_id: int, *, by: User | None, at: datetime) -> None:
    """Nothing is proposed any more from or to somebody who leaves."""
    rows = BookHandOver.objects.filter(ended_at__isnull=True)
    for pk in list(rows.filter(Q(giver=leaver_id) | Q(receiver=leaver_id)).values_list("pk", flat=True)):
        withdraw(pk, by=by, at=at)


def _held(hand_over_id: int) -> BookHandOver:
    rows = BookHandOver.objects.select_for_update(of=("self",)).select_related("giver", "receiver")
    row = rows.get(pk=hand_over_id)
    if row.ended_at:
        raise DomainError(_("Nothing of this is undecided any more."), code="decided")
    return row


def _refuse_others(row: BookHandOver, by: User) -> None:
    if by.pk != row.receiver_id:
        raise DomainError(_("Only %(name)s decides this.") % {"name": row.receiver}, code="not_yours")


def _chosen(row: BookHandOver, only: Collection[int] | None) -> QuerySet[HandOverLine]:
    lines = row.lines.filter(state=State.PROPOSED)
    return lines if only is None else lines.filter(pk__in=only)


def _end(row: BookHandOver, *, at: datetime) -> None:
    """Once everybody is decided nobody has anything to do about it."""
    if not row.lines.filter(state=State.PROPOSED).exists():
        row.ended_at = at
        row.save(update_fields=["ended_at"])
        bell.settle(_thread(row), [PROPOSED], at=at)


def _tell(
    people: Iterable[int], kind: Kind, row: BookHandOver, name: str, count: int, reason: str, *, at: datetime
) -> None:
    told = {"name": name, "count": count, "reason": reason}
    key = f"{_thread(row)}:{kind.name}:{at.isoformat()}"
    delivery.tell(people, kind, told, key=key, thread=_thread(row), at=at, link=f"/hand-overs/{row.pk}/")


def _thread(row: BookHandOver) -> str:
    return f"hand-over:{row.pk}"
