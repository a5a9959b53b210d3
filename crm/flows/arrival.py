"""Orders arrive: the record takes them, and every floor above it that must know at once is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from time import monotonic
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists
from django.utils import translation
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.deadlock import again_after_deadlock, joining
from core.lib.errors import DomainError
from core.outbox import delivery
from crm.flows import notices
from customers.identity import CustomerRef
from customers.imports import runs as imports
from customers.imports import undo
from customers.imports.kinds import undoing, work
from customers.intake import guests, recording, unusual
from customers.intake.guests import Kept
from customers.models import Customer, GuestOrder, Import, Order
from customers.orders import OrderFact, Outcome, Recorded
from loyalty.campaigns import coupons, credit, draws
from loyalty.models import Membership
from loyalty.points import orders as point_orders
from loyalty.tiers import membership
from segmentation import alerts
from segmentation.models import Change

# A file of this many bytes is done before its page is back.
AT_ONCE = 256 * 1024


@again_after_deadlock
@joining()
def order(fact: OrderFact, *, at: datetime, today: date) -> Recorded | Kept:
    """`recording.record`, after which nobody who has bought is said to be quiet, or lacks points or a level.

    A paid order redeems its coupon and has its lottery tickets; a dead one gives back what it took.
    """
    recorded = recording.record(fact, at=at, today=today)
    if isinstance(recorded, Recorded) and recorded.outcome in (Outcome.CREATED, Outcome.UPDATED):
        concerned = [recorded.customer.pk, recorded.left] if recorded.left else [recorded.customer.pk]
        _follow(recorded.order, concerned, at=at, today=today)
    return recorded


@again_after_deadlock
@transaction.atomic
def assign_guest(pk: int, customer: Customer, *, by: User, at: datetime, today: date) -> Recorded:
    """The order of nobody is this customer's from now on, as if its source had said so.

    Raises DomainError when somebody else was faster.
    """
    if named := GuestOrder.objects.filter(pk=pk).first():
        guests.hold(named.source, named.external_id)
    guest = GuestOrder.objects.filter(pk=pk).first()
    if guest is None:
        raise DomainError(_("This order has a customer by now."), code="guest_gone")
    fact = replace(guests.fact_of(guest), customer=CustomerRef(source=guest.source, number=customer.number))
    recorded = order(fact, at=at, today=today)
    if not isinstance(recorded, Recorded):
        raise TypeError("an order whose customer has a number is somebody's")
    audit.record(by, "order.assigned", customer, at=at, order=str(recorded.order))
    return recorded


@again_after_deadlock
@transaction.atomic
def confirm_unusual(pk: int, *, by: User, at: datetime, today: date) -> Order:
    """`unusual.confirm`, after which the order has its points, its level and whatever else a paid order brings."""
    confirmed = unusual.confirm(pk, by=by, at=at, today=today)
    _follow(confirmed, [confirmed.customer_id], at=at, today=today)
    return confirmed


def _follow(changed: Order, concerned: list[int], *, at: datetime, today: date) -> None:
    waiting = _waiting(changed, concerned, at=at, today=today)
    if waiting.alerts:
        alerts.follow_purchases(concerned, as_of=today, at=at)
    # Before the level: a purchase earns with the level it was made with.
    point_orders.reconcile([changed.pk], at=at)
    membership.after_orders(concerned, at=at, held=True)
    if waiting.coupons:
        coupons.follow_order(changed, at=at)
    if waiting.tickets or waiting.draws:
        draws.follow_order(changed, at=at)
    if waiting.credit:
        credit.follow_order(changed, at=at)


class _Waiting(NamedTuple):
    """Whether there is anything that a change of the order could concern."""

    alerts: bool
    coupons: bool
    tickets: bool
    draws: bool
    credit: bool


def _waiting(changed: Order, concerned: list[int], *, at: datetime, today: date) -> _Waiting:
    """All of it in one statement, as most orders concern nothing."""
    rows = (
        alerts.to_follow(concerned, as_of=today),
        coupons.of_order(changed),
        draws.of_order(changed),
        draws.for_orders(at=at),
        credit.of_order(changed),
    )
    return _Waiting(*Order.objects.filter(pk=changed.pk).values_list(*map(Exists, rows)).get())


def check_file(run: Import, *, at: datetime, today: date) -> Import:
    """What importing the file will do, row by row; nothing of it is stored but the plan."""
    if run.kind != "orders":
        return work.check(run, at=at, today=today)
    return imports.check(run, at=at)


def file(run: Import, *, by: User | None, at: datetime, today: date) -> Import:
    """The file is in the record; no open alert speaks of somebody whose figures say that they have bought."""
    if run.kind != "orders":
        done = work.run(run, by=by, at=at, today=today, follow=partial(_follow_many, at=at))
    else:
        done = imports.run(run, by=by, at=at, today=today)
    alerts.follow_purchases(None, as_of=today, at=at)
    return done


def undo_file(run: Import, *, by: User | None, at: datetime, today: date) -> Import:
    """The import is taken back; points, coupons, draws and credit agree with the orders as they are again."""
    of_the_night = (Change, Membership)
    if run.kind in ("customers", "products"):
        return undoing.take_back(run, by=by, at=at, of_the_night=of_the_night)
    follow = partial(_follow_many, at=at)
    done = undo.undo(run, by=by, at=at, today=today, follow=follow, of_the_night=of_the_night)
    alerts.follow_purchases(None, as_of=today, at=at)
    return done


def _follow_many(order_ids: Sequence[int], *, at: datetime) -> None:
    point_orders.reconcile(order_ids, at=at)
    for changed in Order.objects.filter(pk__in=order_ids).order_by("pk"):
        coupons.follow_order(changed, at=at)
        draws.follow_order(changed, at=at)
        credit.follow_order(changed, at=at)


def start_file(run: Import, task: str, *, by: User, at: datetime, today: date) -> bool:
    """A small file is checked or imported now; for a large one a worker is asked. Returns whether it is done."""
    if run.size > AT_ONCE:
        imports.ask_for(run, task, by=by, at=at)
        return False
    if task == Import.Task.CHECK:
        check_file(run, at=at, today=today)
    elif task == Import.Task.UNDO:
        undo_file(run, by=by, at=at, today=today)
    else:
        file(run, by=by, at=at, today=today)
    return True


def waiting_file(pk: int, *, at: datetime, today: date) -> None:
    """What a worker does with an import that waits; whoever uploaded the file is told when it is done."""
    began = monotonic()
    run = imports.claim(pk)
    if run is None:
        return
    with translation.override(run.language or None):
        if run.task == Import.Task.CHECK:
            check_file(run, at=at, today=today)
            kind = notices.FILE_CHECKED
        elif run.task == Import.Task.UNDO:
            undo_file(run, by=run.by, at=at, today=today)
            kind = notices.FILE_UNDONE if run.kind in ("orders", "refunds") else notices.RECORD_UNDONE
        else:
            file(run, by=None, at=at, today=today)
            kind = notices.FILE_IMPORTED if run.kind == "orders" else notices.RECORD_IMPORTED
        delivery.tell(
            [run.by_id],
            kind,
            {"file": run.file_name, **run.counts, **run.undone},
            key=f"import:{pk}:{at.isoformat()}",
            thread=f"import:{pk}",
            at=at + timedelta(seconds=monotonic() - began),
            link=f"/imports/{pk}/",
        )
