"""Orders arrive: the record takes them, and every floor above it that must know at once is told."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from time import monotonic
from typing import NamedTuple

from django.db import DataError, IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import rows
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
from customers.record import stops
from loyalty.campaigns import coupons, credit, draws
from loyalty.campaigns.order_refs import named
from loyalty.models import Membership
from loyalty.points import orders as point_orders
from loyalty.tiers import membership
from segmentation import alerts
from segmentation.models import Change

# A file of this many bytes is done before its page is back.
AT_ONCE = 256 * 1024
# So many orders are stored together: whoever sends one of the same customers waits for them.
AT_A_TIME = 250
log = logging.getLogger(__name__)


@again_after_deadlock
@joining()
def order(fact: OrderFact, *, at: datetime, today: date) -> Recorded | Kept:
    """`recording.record`, after which nobody who has bought is said to be quiet, or lacks points or a level.

    A paid order redeems its coupon and has its lottery tickets; a dead one gives back what it took.
    """
    recorded = recording.record(fact, at=at, today=today)
    _follow_recorded([recorded], at=at, today=today)
    return recorded


def orders(facts: Sequence[OrderFact], *, at: datetime, today: date) -> list[Recorded | Kept | DomainError]:
    """`order` for each of them, all of one source, as if they came one after the other; many are stored at once.

    What refuses one refuses that one alone. Killed half-way, those before are stored, and may be told again. Not within
    a transaction of the caller: each time so many as go together are one.
    """
    pending = list(enumerate(facts))
    done: dict[int, Recorded | Kept | DomainError] = {}
    most = AT_A_TIME
    while pending:
        now, later = pending[:most], pending[most:]
        answers = _some([fact for _place, fact in now], at=at, today=today)
        told = {place: answer for (place, _fact), answer in zip(now, answers, strict=True) if answer is not None}
        done |= told
        # Where many concern one customer, most have to wait: they are not looked at again and again.
        most = min(AT_A_TIME, max(8, 4 * len(told)))
        pending = [row for row in now if row[0] not in told] + later
    return [done[place] for place in range(len(facts))]


def _some(facts: Sequence[OrderFact], *, at: datetime, today: date) -> Sequence[recording.Result | None]:
    """What became of the first and of as many as can go with it. One that is a fault of ours loses none of the others."""
    try:
        return _some_at_once(facts, at=at, today=today)
    except (DomainError, DataError, IntegrityError):
        log.exception("orders told together are stored one by one")
        return [_alone(fact, at=at, today=today) for fact in facts]


@again_after_deadlock
@joining()
def _some_at_once(facts: Sequence[OrderFact], *, at: datetime, today: date) -> Sequence[recording.Result | None]:
    recorded = recording.record_some(facts, at=at, today=today)
    _follow_recorded(recorded, at=at, today=today)
    return recorded


def _alone(fact: OrderFact, *, at: datetime, today: date) -> recording.Result:
    try:
        return order(fact, at=at, today=today)
    except DomainError as refusal:
        return refusal
    except (DataError, IntegrityError):
        log.exception("an order could not be stored")
        return Fault(_("This order could not be stored: the fault is ours and is noted. Send it again later."))


class Fault(DomainError):
    """One of many could not be stored, and nobody has foreseen why."""

    code = "error"
    status = 500


@again_after_deadlock
@transaction.atomic
def assign_guest(pk: int, customer: Customer, *, by: User, at: datetime, today: date) -> Recorded:
    """The order of nobody is this customer's from now on, as if its source had said so.

    Raises DomainError when somebody else was faster.
    """
    if told := GuestOrder.objects.filter(pk=pk).first():
        guests.hold(told.source, told.external_id)
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
    _follow([confirmed], [confirmed.customer_id], at=at, today=today)
    return confirmed


def _follow_recorded(recorded: Iterable[recording.Result | None], *, at: datetime, today: date) -> None:
    changed = [
        row for row in recorded if isinstance(row, Recorded) and row.outcome in (Outcome.CREATED, Outcome.UPDATED)
    ]
    if changed:
        concerned = {row.customer.pk for row in changed} | {row.left for row in changed if row.left}
        _follow([row.order for row in changed], sorted(concerned), at=at, today=today)


def _follow(changed: Sequence[Order], concerned: list[int], *, at: datetime, today: date) -> None:
    waiting = _waiting(changed, concerned, at=at, today=today)
    if waiting.alerts:
        alerts.follow_purchases(concerned, as_of=today, at=at)
    ids = [order.pk for order in changed]
    # Before the level: a purchase earns with the level it was made with.
    point_orders.reconcile(ids, at=at)
    membership.after_orders(concerned, at=at, held=True)
    for with_coupon in waiting.coupons:
        coupons.follow_order(with_coupon, at=at)
    if waiting.draws:
        draws.follow_some(ids, at=at)
    for on_account in waiting.credit:
        credit.follow_order(on_account, at=at)
    stops.ask_to_check([order for order in changed if order.pk in waiting.dead], at=at)


class _Waiting(NamedTuple):
    """What orders could concern: whether alerts, which with coupons, whether draws, which on account, which of the dead."""

    alerts: bool
    coupons: list[Order]
    draws: bool
    credit: list[Order]
    dead: list[int]


def _waiting(changed: Sequence[Order], concerned: list[int], *, at: datetime, today: date) -> _Waiting:
    """All of it in one statement, as most orders concern nothing."""
    quiet = alerts.to_follow(concerned, as_of=today).values_list("pk", flat=True)[:1]
    redemptions = coupons.of_orders(*changed).values_list("order_id", "order_ref")
    tickets = draws.of_orders(*changed).values_list("pk", flat=True)[:1]
    running = draws.for_orders(at=at).values_list("pk", flat=True)[:1]
    charges = credit.of_orders(*changed).values_list("order_id", "order_ref")
    dead = stops.orders_to_check(changed).values_list("pk", flat=True)
    rows.together(quiet, redemptions, tickets, running, charges, dead)
    return _Waiting(
        bool(quiet), named(changed, redemptions), bool(tickets) or bool(running), named(changed, charges), list(dead)
    )


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
        credit.follow_order(changed, at=at)
    draws.follow_some(order_ids, at=at)


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
