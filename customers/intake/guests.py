"""Orders of nobody: kept as they were told, without a customer, until one is named."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.lib import rows
from core.lib.errors import DomainError
from customers import locks
from customers.identity import CustomerRef
from customers.models import GuestOrder, Order
from customers.orders import LineFact, OrderFact, Outcome
from customers.refunds import NOTHING, RefundFact


class Kept(NamedTuple):
    """What became of an order without a customer."""

    outcome: Outcome
    guest: GuestOrder


def known(source: str, external_ids: Iterable[str]) -> dict[str, GuestOrder]:
    """The orders of nobody that have these numbers, by number."""
    ids = set(external_ids)
    guests = GuestOrder.objects.filter(source=source, external_id__in=ids) if ids else ()
    return {guest.external_id: guest for guest in guests}


def kept(fact: OrderFact, why: str, guest: GuestOrder | None, *, at: datetime) -> Kept:
    """What is to be written of an order without a customer, of which `guest` is known; it counts in no figure.

    As for an order: an older version is stale, and the same version must say the same. Call with the order held.
    """
    told = _to_json(fact)
    if guest and fact.version < guest.version:
        return Kept(Outcome.STALE, guest)
    if guest and fact.version == guest.version:
        if guest.fact != told:
            raise _conflict(fact)
        return Kept(Outcome.UNCHANGED, guest)
    outcome = Outcome.UPDATED if guest else Outcome.CREATED
    guest = guest or GuestOrder(source=fact.source, external_id=fact.external_id)
    guest.version, guest.status, guest.fact = fact.version, fact.status, told
    guest.paid, guest.ordered_at, guest.received_at, guest.why = fact.paid, fact.ordered_at, at, why
    return Kept(outcome, guest)


def write(told: Iterable[Kept]) -> None:
    """What is new of these orders of nobody is on record."""
    told = list(told)
    GuestOrder.objects.bulk_create([kept_.guest for kept_ in told if kept_.outcome == Outcome.CREATED])
    older = [kept_.guest for kept_ in told if kept_.outcome == Outcome.UPDATED]
    rows.update(older, ["version", "status", "fact", "paid", "ordered_at", "received_at", "why"])


def hold(source: str, external_id: str) -> None:
    """Nobody else tells or changes this order until the transaction ends; read it after this."""
    locks.hold_off_imports([f"order:{source}:{external_id}"])


def newest(fact: OrderFact, guest: GuestOrder | None) -> OrderFact:
    """What is to be recorded of the order now that `fact` names its customer: the newest version told so far.

    `guest` is what was kept of it without one, and is to be deleted. Raises DomainError for other content in its version.
    """
    if guest is None:
        return fact
    if fact.version == guest.version and not fact.of_a_file and _to_json(fact) != guest.fact:
        raise _conflict(fact)
    return replace(fact_of(guest), customer=fact.customer) if guest.version > fact.version else fact


def fact_of(guest: GuestOrder) -> OrderFact:
    """The order as its source told it, of nobody."""
    told: dict[str, Any] = guest.fact
    return OrderFact(
        source=guest.source,
        external_id=guest.external_id,
        version=guest.version,
        of_a_file=guest.version == Order.NO_VERSION,
        customer=CustomerRef(source=guest.source),
        ordered_at=guest.ordered_at,
        paid=guest.paid,
        status=guest.status,
        cost=Decimal(told.get("cost", NOTHING)),
        lines=tuple(LineFact(**line | {"amount": Decimal(line["amount"])}) for line in told.get("lines", ())),
        refunds=tuple(_refund(refund) for refund in told.get("refunds", ())),
    )


def _conflict(fact: OrderFact) -> DomainError:
    return DomainError(
        _("Version %(version)d of this order is stored with other content. Send a higher version.")
        % {"version": fact.version},
        code="version_conflict",
    )


def _to_json(fact: OrderFact) -> dict[str, Any]:
    """Everything that is told of the order itself, the same for the same content."""
    return {
        "status": str(fact.status),
        "ordered_at": fact.ordered_at.astimezone(UTC).isoformat(),
        "paid": f"{fact.paid:.2f}",
        "cost": f"{fact.cost:.2f}",
        "lines": sorted(
            (asdict(line) | {"amount": f"{line.amount:.2f}"} for line in fact.lines),
            key=lambda line: (line["product"], line["quantity"], line["amount"], line["name"], line["category"]),
        ),
        "refunds": sorted(
            (
                {
                    "external_id": refund.external_id,
                    "amount": f"{refund.amount:.2f}",
                    "refunded_at": refund.refunded_at.astimezone(UTC).isoformat(),
                    "cost_returned": f"{refund.cost_returned:.2f}",
                }
                for refund in fact.refunds
            ),
            key=lambda refund: refund["external_id"],
        ),
    }


def _refund(told: dict[str, str]) -> RefundFact:
    return RefundFact(
        external_id=told["external_id"],
        amount=Decimal(told["amount"]),
        refunded_at=datetime.fromisoformat(told["refunded_at"]),
        cost_returned=Decimal(told["cost_returned"]),
    )
