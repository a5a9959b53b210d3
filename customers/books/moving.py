"""Whose customers go to whom, many at a time: shared out by load, seen before it happens, taken back within a day."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from core.outbox.kinds import Kind, Topic
from customers import locks, todo
from customers.managers import LOOK_AFTER
from customers.models import BookMove, Contact, Customer, Promise, Standing, Todo
from customers.work import capacity

GIVEN_MANY = Kind(
    "customers_given", Topic.CASE, gettext_lazy("Yours now, from %(name)s: %(count)d customers (%(reason)s)")
)
TAKEN_MANY = Kind(
    "customers_taken", Topic.CASE, gettext_lazy("With %(name)s now: %(count)d of your customers (%(reason)s)")
)
BACK_MANY = Kind(
    "customers_back", Topic.CASE, gettext_lazy("Back with %(name)s: %(count)d customers who were handed over")
)
KINDS = (GIVEN_MANY, TAKEN_MANY, BACK_MANY)
UNDONE_WITHIN = timedelta(days=1)


class Share(NamedTuple):
    """Who gets how many, and how many they look after before and afterwards."""

    manager: User
    customers: list[int]
    before: int
    most: int

    @property
    def after(self) -> int:
        return self.before + len(self.customers)

    @property
    def is_over(self) -> bool:
        return self.after > self.most


def shares(giver: User, *, to: Sequence[User], at: datetime, among: QuerySet[Customer] | None = None) -> list[Share]:
    """What `hand_over` would do now, a share for each receiver.

    The most valuable go first, each to whom it fills least. `among`: only those of the giver's customers who are there.
    Raises DomainError for a receiver who looks after nobody.
    """
    for manager in to:
        if manager.pk == giver.pk:
            raise DomainError(
                _("%(name)s is the one who hands over: choose others.") % {"name": giver}, code="not_a_manager"
            )
        if not manager.is_active or not manager.holds(*LOOK_AFTER):
            raise DomainError(_("%(name)s does not look after customers.") % {"name": manager}, code="not_a_manager")
    rows = Customer.objects.filter(manager=giver)
    if among is not None:
        rows = rows.filter(pk__in=among.values("pk"))
    ids = rows.order_by(F("standing__value").desc(nulls_last=True), "pk").values_list("pk", flat=True)
    return _shared_out(list(ids), to, at)


def refuse_over(parts: Iterable[Share], *, on: date, at: datetime) -> None:
    """Raises DomainError for the first book that would be beyond what is filled without a second thought."""
    for part in parts:
        if part.customers:
            capacity.refuse_beyond(part.manager, len(part.customers), on=on, at=at)


def plan_of(parts: Iterable[Share]) -> str:
    """The same for the same customers to the same managers, and for no other plan."""
    text = repr(sorted((part.manager.pk, sorted(part.customers)) for part in parts))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _shared_out(ids: Iterable[int], to: Sequence[User], at: datetime) -> list[Share]:
    books = dict(Customer.objects.filter(manager__in=to).order_by().values_list("manager").annotate(n=Count("pk")))
    most = capacity.most_of(to, on=mall_day(at), at=at)
    parts = [Share(manager, [], books.get(manager.pk, 0), most[manager.pk]) for manager in to]
    for pk in ids:
        emptiest = min(parts, key=lambda part: ((part.after + 1) / max(part.most, 1), part.manager.pk))
        emptiest.customers.append(pk)
    return parts


@transaction.atomic
def hand_over(
    giver: User,
    *,
    to: Sequence[User],
    by: User | None,
    on: date,
    reason: str,
    at: datetime,
    among: QuerySet[Customer] | None = None,
    seen: str | None = None,
    over: bool = True,
) -> BookMove:
    """The giver's customers (`among` these) have one of the receivers from that day on, with the giver's open work.

    Shared out as `shares` says; each customer has a line in the audit trail, and `undo` takes all of it back for a day.
    Raises Invalid without a reason, DomainError when it is another plan than the one `seen`, and unless `over` when a
    book would be too full; then nothing has happened.
    """
    if not reason.strip():
        raise Invalid(_("Say why the manager changes."), code="reason_missing")
    parts = shares(giver, to=to, at=at, among=among)
    if not over:
        refuse_over(parts, on=on, at=at)
    ids = [pk for part in parts for pk in part.customers]
    locks.hold_customers(ids)
    since = dict(Customer.objects.filter(pk__in=ids, manager=giver).values_list("pk", "manager_since"))
    known = {pk: day.isoformat() for pk, day in since.items() if day}
    if seen not in (None, plan_of(parts)) or len(known) != len(ids):
        raise DomainError(
            _("It is not the same customers any more. Look at who gets how many once more, then hand over."),
            code="book_changed",
        )
    move = BookMove(giver=giver, by=by, at=at, reason=reason.strip()[:200])
    for part in parts:
        move.customers += [[pk, part.manager.pk, known[pk]] for pk in part.customers]
        _give(part.customers, part.manager.pk, on)
        move.tasks += _work_along(giver, part, by=by, at=at)
    _note(move.customers, giver.pk, by=by, on=on, reason=reason, at=at)
    move.save()
    return move


def _work_along(giver: User, part: Share, *, by: User | None, at: datetime) -> list[list[int]]:
    """Open work of the giver with these customers is the receiver's."""
    open_work = Todo.objects.filter(todo.left_by(giver.pk), customer__in=part.customers)
    ids = todo.go_along(open_work, part.manager, by=by, at=at)
    return [[pk, part.manager.pk] for pk in ids]


def _give(ids: list[int], manager_id: int, on: date) -> None:
    Customer.objects.filter(pk__in=ids).update(manager=manager_id, manager_since=on)
    Standing.objects.filter(customer__in=ids).update(manager=manager_id)


def _note(
    customers: Iterable[Sequence[object]], before: int, *, by: User | None, on: date, reason: str, at: datetime
) -> None:
    for pk, manager, _since in customers:
        detail = {"before": before, "manager": manager, "on": on.isoformat(), "reason": reason.strip()[:200]}
        audit.record(by, "customer.assigned", Customer(pk=int(str(pk))), at=at, **detail)


def can_undo(move: BookMove, *, at: datetime) -> bool:
    return move.undone_at is None and at - move.at <= UNDONE_WITHIN and move.giver.is_active


def followed(move: BookMove) -> set[int]:
    """With whom of them their new manager has gone on: talked, promised something or done a piece of work since."""
    ids, receivers = [row[0] for row in move.customers], {row[1] for row in move.customers}
    talks = Contact.objects.filter(customer__in=ids, by__in=receivers, at__gt=move.at)
    promises = Promise.objects.filter(customer__in=ids, made_by__in=receivers, made_at__gt=move.at)
    done = Todo.objects.filter(customer__in=ids, closed_by__in=receivers, closed_at__gt=move.at)
    return {pk for rows in (talks, promises, done) for pk in rows.values_list("customer", flat=True)}


@transaction.atomic
def undo(move_id: int, *, by: User, on: date, at: datetime) -> int:
    """Whoever of them is still with their new manager is back with the giver, as is the work that went along.

    Those stay with whom the new manager has gone on (`followed`). Returns how many customers. Raises DomainError the
    second time, after a day, and when the giver has left.
    """
    move = BookMove.objects.select_for_update(of=("self",)).select_related("giver").get(pk=move_id)
    if not can_undo(move, at=at) or not move.giver.holds(*LOOK_AFTER):
        raise DomainError(
            _("This cannot be taken back any more: hand the customers over anew."), code="hand_over_settled"
        )
    locks.hold_customers(pk for pk, _manager, _since in move.customers)
    still = set(
        Customer.objects.filter(pk__in=[row[0] for row in move.customers], merged_into__isnull=True).values_list(
            "pk", "manager"
        )
    )
    gone_on = followed(move)
    back = [row for row in move.customers if (row[0], row[1]) in still and row[0] not in gone_on]
    for pk, manager, since in back:
        _give([pk], move.giver_id, date.fromisoformat(since))
        _note([(pk, move.giver_id, since)], manager, by=by, on=on, reason=_("Taken back: %s") % move.reason, at=at)
    for pk, owner in move.tasks:
        theirs = Todo.objects.filter(pk=pk, owner=owner, customer__in=[row[0] for row in back])
        todo.go_along(theirs, move.giver, by=by, at=at)
    move.undone_at, move.undone_by = at, by
    move.save(update_fields=["undone_at", "undone_by"])
    return len(back)
