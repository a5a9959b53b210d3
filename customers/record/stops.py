"""Whom nobody plans to reach any more: they died, want no contact, or somebody else answers there."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import locks, todo
from customers.letters import writing
from customers.letters.gate import Reason
from customers.models import ContactStop, Customer, Letter, Order, Promise, Todo
from customers.models.consent import Purpose
from customers.promises import ledger
from customers.record import changes
from customers.record.changes import Changed, Door

Kind = ContactStop.Kind
# What the gate says of each.
_GATE = {
    Kind.DECEASED: Reason.DECEASED,
    Kind.NO_CONTACT: Reason.NOT_REACHED,
    Kind.WRONG_PERSON: Reason.WRONG_PERSON,
}


@transaction.atomic
def say(customer: Customer, kind: str, *, since: date, said_by: str, note: str, by: User, at: datetime) -> ContactStop:
    """Nobody is to reach this customer. What was planned for them is dropped, and nothing of the kind is opened again.

    Promises stay, and their orders and complaints are worked; what they owe stands in the list of credit, and nobody
    chases it. Of somebody who died only what a complaint has promised stays. The letters' gate holds back what goes
    out. Raises DomainError when they are stopped already.
    """
    if kind not in Kind.values:
        raise Invalid(_("Choose why."), code="no_choice")
    if since > mall_day(at):
        raise Invalid(_("Choose today or an earlier day."), code="day_later")
    locks.hold_customers([customer.pk])
    if ContactStop.objects.filter(customer=customer).exists():
        raise DomainError(_("This customer is stopped already."), code="stopped_already")
    stop = ContactStop(customer=customer, kind=kind, since=since, by=by, at=at)
    stop.said_by, stop.note = said_by.strip()[:120], note.strip()[:200]
    stop.dropped = _drop(customer, kind, by=by, at=at)
    stop.next_contact_on = Customer.objects.values_list("next_contact_on", flat=True).get(pk=customer.pk)
    stop.save()
    Customer.objects.filter(pk=customer.pk).update(next_contact_on=None)
    changes.record(customer, [Changed(changes.STOP, "", kind)], by=by, door=Door.PAGE, at=at)
    audit.record(by, "contact_stop.said", customer, at=at, kind=kind, dropped=len(stop.dropped))
    return stop


@transaction.atomic
def undo(customer: Customer, *, reason: str, by: User, at: datetime) -> None:
    """They are reached as before, and the work that was dropped is open again. Raises Invalid without a reason."""
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    locks.hold_customers([customer.pk])
    stop = ContactStop.objects.filter(customer=customer).first()
    if stop is None:
        raise DomainError(_("This customer is not stopped any more."), code="not_stopped")
    dropped = Todo.objects.filter(pk__in=stop.dropped, customer=customer, state=Todo.State.DROPPED)
    dropped.update(state=Todo.State.OPEN, closed_at=None, closed_by=None)
    Customer.objects.filter(pk=customer.pk, next_contact_on=None).update(next_contact_on=stop.next_contact_on)
    stop.delete()
    changes.record(customer, [Changed(changes.STOP, stop.kind, "")], by=by, door=Door.PAGE, at=at)
    audit.record(by, "contact_stop.undone", customer, at=at, kind=stop.kind, reason=reason.strip()[:200])


def _drop(customer: Customer, kind: str, *, by: User, at: datetime) -> list[int]:
    """What was planned is open no more; returns the tasks that can be opened again."""
    if kind == Kind.DECEASED:
        in_cases = Q(source__in=[Promise.Source.COMPLAINT, Promise.Source.REMEDY])
        for promise in customer.promises.filter(~in_cases, state=Promise.State.OPEN).order_by("pk"):
            ledger.void(promise.pk, how=str(Kind.DECEASED.label), by=by, at=at)
    # The gate holds back what leaves by itself; what a colleague would send is taken off their day.
    by_hand = Letter.objects.filter(customer=customer, by_hand=True)
    if kind != Kind.DECEASED:
        by_hand = by_hand.exclude(purpose=Purpose.SERVICE)
    writing.withdraw(by_hand, reason=_GATE[Kind(kind)], at=at)
    rows = Todo.objects.filter(customer=customer, state=Todo.State.OPEN, reason__in=todo.PLANNED)
    ids = list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    Todo.objects.filter(pk__in=ids).update(state=Todo.State.DROPPED, closed_at=at, closed_by=by)
    return ids


# Orders of the dead --------------------------------------------------------------------------------------------------------


def orders_to_check(orders: Iterable[Order] | None = None) -> QuerySet[Order]:
    """Orders made after the day on which their customer died: of these, or of all, which nobody was asked to check."""
    asked = Todo.objects.filter(dedupe_key=Concat(Value("check:"), Cast(OuterRef("pk"), TextField())))
    rows = Order.objects.filter(customer__stop__kind=Kind.DECEASED, ordered_on__gt=F("customer__stop__since"))
    rows = rows.filter(~Exists(asked)).select_related("customer").order_by("pk")
    return rows if orders is None else rows.filter(pk__in=[order.pk for order in orders])


def ask_to_check(orders: Sequence[Order], *, at: datetime) -> int:
    """Their managers, else the leads, are asked whose these orders are; once for each order. Nobody else is told."""
    for order in orders:
        todo.open_task(
            order.customer,
            reason=Todo.Reason.CHECK,
            text={"order": order.external_id, "day": order.ordered_on.isoformat()},
            due_on=mall_day(at),
            at=at,
            dedupe_key=f"check:{order.pk}",
        )
    return len(orders)
