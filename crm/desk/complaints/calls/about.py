"""The orders a call or a case is about, as the agent sees them: number, day, goods, amount, state, address."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice

from django.urls import reverse

from complaints import orders
from complaints.models import Case
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, rights_of
from core.lib.periods import mall_day
from customers.access import visible_to
from customers.models import Customer, Order

LAST = 3
OLDER = 20
RECENT = timedelta(days=14)


@dataclass(frozen=True)
class OrderRow:
    """`goods` and what follows are empty for a number that nobody knows yet, or that is another customer's."""

    number: str
    chosen: bool = False
    goods: str = ""
    day: date | None = None
    paid: Decimal | None = None
    status: str = ""
    link: str = ""
    elsewhere: bool = False

    @property
    def known(self) -> bool:
        return self.day is not None or self.elsewhere


@dataclass(frozen=True)
class Choice:
    """What can be ticked: the last orders, those chosen whatever their age, then the older ones behind a click."""

    last: list[OrderRow]
    older: list[OrderRow]

    @property
    def any_chosen(self) -> bool:
        return any(row.chosen for row in (*self.last, *self.older))


def choice(user: User, person: Customer, chosen: Collection[str] | None, at: datetime) -> Choice:
    """The customer's orders, newest first. `chosen` None: the newest is, while it can still be the matter."""
    newest = orders.with_goods(person.orders.order_by("-ordered_at"))
    rows = list(islice(newest[: LAST + OLDER], LAST + OLDER))
    if chosen is None:
        recent = rows and at - rows[0].ordered_at <= RECENT
        chosen = [rows[0].external_id] if recent else []
    missing = [number for number in chosen if number not in {row.external_id for row in rows}]
    if missing:
        rows += list(orders.with_goods(person.orders.filter(external_id__in=missing)))
    shown = [_row(user, row, chosen=row.external_id in chosen) for row in rows]
    last = [row for index, row in enumerate(shown) if index < LAST or row.chosen]
    return Choice(last, [row for row in shown if row not in last])


def _row(user: User, order: Order, *, chosen: bool = False) -> OrderRow:
    return OrderRow(
        order.external_id,
        chosen,
        orders.goods(order),
        order.ordered_on,
        order.paid,
        str(order.get_status_display()),
        reverse("desk:order", args=[order.pk]) if may(user, Permission.VIEW_ORDERS) else "",
    )


def of_case(case: Case, user: User, at: datetime) -> list[OrderRow]:
    """The orders of the case. One of another customer shows no more than that, but to who may see that customer."""
    rows = orders.of(case)
    others = {row.order.customer_id for row in rows if row.order} - {case.customer_id}
    seen = set(visible_to(user, mall_day(at)).filter(pk__in=others).values_list("pk", flat=True)) if others else set()
    return [_about(row, case, user, seen) for row in rows]


def _about(row: orders.About, case: Case, user: User, seen: Collection[int]) -> OrderRow:
    if row.order is None:
        return OrderRow(row.number)
    theirs = row.order.customer_id == case.customer_id
    if not theirs and row.order.customer_id not in seen and not rights_of(user).looks_up:
        return OrderRow(row.number, elsewhere=True)
    shown = _row(user, row.order)
    return shown if theirs else OrderRow(**{**vars(shown), "elsewhere": case.customer_id is not None})
