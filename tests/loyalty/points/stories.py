"""What the stories of points share: rules in force, orders that come and go, and a ledger that keeps its laws."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from customers import identity
from customers.identity import CustomerRef
from customers.models import Customer, Order
from customers.orders import LineFact, OrderFact, RefundFact
from loyalty.models import PointAccount, PointRules
from loyalty.points import accounts as points
from loyalty.points import laws as point_laws
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from tests import recording

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def rules(*, starts_at: datetime = START, **told: Any) -> PointRules:
    """One point per yuan, usable at once, good for twelve months to the end of the month, unless told otherwise."""
    values = {"rate": Decimal(1), "pending_days": 0, "life_months": 12, "hold_minutes": 30, "grace_days": 30}
    return point_rules.save(values | told, starts_at=starts_at, by=None, reason="Tests", at=START)


def person(name: str = "李雷") -> Customer:
    return identity.find_or_create(CustomerRef(source="shop", external_id=name, name=name), today=START.date())


def order(
    customer: Customer,
    paid: str,
    *,
    at: datetime,
    number: str = "o-1",
    version: int = 1,
    back: str = "",
    status: str = "paid",
    seen: datetime | None = None,
    lines: tuple[LineFact, ...] = (),
) -> Order:
    """The order is recorded as its source tells it, and its points follow."""
    refunds = (RefundFact(f"r-{number}", Decimal(back), at + HOUR),) if back else ()
    fact = OrderFact(
        source="shop",
        external_id=number,
        version=version,
        customer=CustomerRef(number=customer.number),
        ordered_at=at,
        paid=Decimal(paid),
        refunds=refunds,
        status=status,
        lines=lines,
    )
    seen = seen or at
    recorded = recording.record_order(fact, at=seen, today=seen.date())
    point_orders.reconcile([recorded.order.pk], at=seen)
    return recorded.order


def account(customer: Customer) -> tuple[int, int, int, int]:
    """(pending, available, held, debt) as stored."""
    found = PointAccount.objects.get(pk=customer.pk)
    return found.pending, found.available, found.held, found.debt


def available(customer: Customer, at: datetime) -> int:
    """As shown to the customer, which is what a write at this moment would find."""
    shown = points.balance(customer, at=at)
    assert point_laws.broken() == {}
    return shown.available
