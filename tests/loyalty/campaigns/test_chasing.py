"""An overdue payment is somebody's work until it has come in."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.accounts.models import Role
from core.lib.periods import mall_day
from customers import todo
from customers.models import Standing, Todo
from loyalty.campaigns import credit
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import DAY, NOON, on_account

pytestmark = pytest.mark.django_db


def test_overdue_is_on_the_managers_day_says_what_is_owed_and_ends_with_the_payment(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, lead = make_user(Role.ACCOUNT_MANAGER, "Chen", team="East"), make_user(Role.TEAM_LEAD, "Xu", team="East")
    mine, nobodys = make_customer("李雷", manager=chen), make_customer("韩梅")
    Standing.objects.update(value=1000)
    for n, person in enumerate((mine, nobodys)):
        on_account(person)
        for amount in ("100.00", "50.00"):
            held = credit.authorise(person, f"shop:{n}{amount}", amount, idem_key=amount, at=NOON)
            credit.capture(held.pk, at=NOON)
    due = mall_day(NOON) + timedelta(days=30)

    def night(days: int) -> list[tuple[str, str, int]]:
        at = NOON + timedelta(days=days)
        credit.chase(on=mall_day(at), at=at)
        credit.chase(on=mall_day(at), at=at)
        rows = Todo.objects.filter(reason=Todo.Reason.CREDIT, state=Todo.State.OPEN).order_by("customer_id")
        return [(row.customer.name, row.text["amount"], int(row.at_stake)) for row in rows]

    assert night(30) == []
    assert night(31) == [("李雷", "150.00", 100), ("韩梅", "150.00", 100)]
    on = due + DAY
    assert [row.customer for row in todo.queue(chen, on)] == [mine]
    assert [row.customer for row in todo.queue(lead, on)] == [nobodys]
    assert Todo.objects.filter(customer=mine).get().text["since"] == due.isoformat()

    at = NOON + timedelta(days=31)
    credit.pay(mine, "60.00", idem_key="p", at=at, by=None)
    assert Decimal(Todo.objects.get(customer=mine).text["amount"]) == 90
    credit.pay(mine, "90.00", idem_key="q", at=at, by=None)
    assert Todo.objects.get(customer=mine).state == Todo.State.DROPPED

    # Whoever has asked for it hears of it again after a week, not the next morning.
    todo.complete(Todo.objects.get(customer=nobodys).pk, by=lead, at=at)
    assert (night(32), night(39)) == ([], [("韩梅", "150.00", 100)])
