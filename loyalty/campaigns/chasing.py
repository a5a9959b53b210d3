"""A payment that is overdue is work of the customer's manager, or of the lead where there is none, until it has come in."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from core.lib.periods import mall_midnight
from customers import todo
from customers.models import ContactStop, Todo

# Asked for, and still not there after so many days: it is work again.
AGAIN = timedelta(days=7)


class Late(NamedTuple):
    """What of an account is overdue, and since when the oldest of it."""

    account_id: int
    amount: Decimal
    since: date

    @property
    def text(self) -> dict[str, str]:
        return {"amount": str(self.amount), "since": self.since.isoformat()}


def customers_with_work() -> list[int]:
    """Whose overdue payment is an open task."""
    open_work_ = Todo.objects.filter(reason=Todo.Reason.CREDIT, state=Todo.State.OPEN)
    return list(open_work_.values_list("customer_id", flat=True))


def open_work(late: Mapping[int, Late], *, on: date, at: datetime) -> int:
    """What is overdue, by customer, is a task; returns how many are new.

    One that somebody has seen to lately waits a week before it is one again; who must not be reached is not chased.
    """
    before = Todo.objects.filter(customer__in=late, reason=Todo.Reason.CREDIT)
    lately = before.filter(state=Todo.State.DONE, closed_at__gt=mall_midnight(on) - AGAIN)
    spoken_for = set((before.filter(state=Todo.State.OPEN) | lately).values_list("customer_id", flat=True))
    spoken_for |= set(ContactStop.objects.filter(customer__in=late).values_list("customer_id", flat=True))
    return todo.open_many(
        Todo(
            customer_id=customer_id,
            reason=Todo.Reason.CREDIT,
            text=owed.text,
            due_on=on,
            dedupe_key=f"credit:{owed.account_id}:{on.isoformat()}",
            opened_at=at,
        )
        for customer_id, owed in late.items()
        if customer_id not in spoken_for
    )


def follow(customer_ids: Collection[int], late: Mapping[int, Late], *, at: datetime) -> None:
    """Open tasks of these customers say what is overdue now, and are not needed any more where nothing is.

    Nor of those who must not be reached.
    """
    stopped = set(ContactStop.objects.filter(customer__in=customer_ids).values_list("customer_id", flat=True))
    for task in Todo.objects.filter(customer__in=customer_ids, reason=Todo.Reason.CREDIT, state=Todo.State.OPEN):
        if task.customer_id in late and task.customer_id not in stopped:
            Todo.objects.filter(pk=task.pk).update(text=late[task.customer_id].text)
        else:
            Todo.objects.filter(pk=task.pk).update(state=Todo.State.DROPPED, closed_at=at)
