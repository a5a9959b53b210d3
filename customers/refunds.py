"""Money back on an order: what may be told of it, when all of it had gone back, and how it is stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers.models import Order, Refund

NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class RefundFact:
    """Money back. `cost_returned` is what the goods that came back had cost the mall, `reason` why, where it is said."""

    external_id: str
    amount: Decimal
    refunded_at: datetime
    cost_returned: Decimal = NOTHING
    reason: str = ""

    @property
    def profit_effect(self) -> Decimal:
        return self.cost_returned - self.amount


def refuse_impossible(refunds: Sequence[RefundFact], *, paid: Decimal, cost: Decimal) -> None:
    """Raises Invalid for a refund that cannot be, DomainError for more than the order was worth."""
    if any(refund.amount <= 0 or refund.cost_returned < 0 for refund in refunds):
        raise Invalid(_("A refund is more than zero."), code="negative_amount")
    if len({refund.external_id for refund in refunds}) < len(refunds):
        raise Invalid(_("Two refunds have the same id."), code="duplicate_refund")
    if sum(refund.amount for refund in refunds) > paid:
        raise DomainError(_("The refunds are more than what was paid."), code="refund_exceeds_paid")
    if sum(refund.cost_returned for refund in refunds) > cost:
        raise DomainError(_("The goods that came back cost more than the order."), code="refund_exceeds_cost")


def fully_refunded_on(refunds: Sequence[RefundFact], *, paid: Decimal) -> date | None:
    """The day on which everything paid had gone back."""
    back = NOTHING
    for refund in sorted(refunds, key=lambda refund: refund.refunded_at):
        back += refund.amount
        if back >= paid:
            return mall_day(refund.refunded_at)
    return None


def store(told: Iterable[tuple[Order, RefundFact]]) -> None:
    """These are the refunds of the orders, which had none."""
    Refund.objects.bulk_create(
        Refund(
            order=order,
            external_id=refund.external_id,
            customer_id=order.customer_id,
            purchased_on=order.ordered_on,
            refunded_at=refund.refunded_at,
            refunded_on=mall_day(refund.refunded_at),
            amount=refund.amount,
            profit_effect=refund.profit_effect,
            reason=refund.reason,
        )
        for order, refund in told
    )
