"""A process whose clock is wrong, and a day that has not come: nothing of it is stored, and a sentence says why."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.jobs.models import JobRun
from core.lib.periods import mall_day
from customers.models import Customer, Order
from loyalty.models import PointAccount, PointLot, PointTxn
from loyalty.points import accounts as points
from loyalty.points import orders as point_orders
from tests.faults.conftest import NIGHT, Eve, order
from tests.faults.processes import Processes, said, until
from tests.faults.serving import answer, client_token, serve

DAYS_400, HOURS_2 = 400 * 24 * 3600.0, -2 * 3600.0


def rich() -> Customer:
    """A customer with points that are good for less than 400 days."""
    customer = Customer.objects.get(identities__external_id="c-3", identities__source="shop")
    order("rich", customer, NIGHT - timedelta(days=1))
    point_orders.reconcile([Order.objects.get(external_id="rich").pk], at=timezone.now())
    account = PointAccount.objects.get(customer=customer)
    lots = PointLot.objects.filter(account=account)
    lots.filter(pending__gt=0).update(available_from=timezone.now())
    point_orders.settle([account.pk], at=timezone.now())
    lots.update(expires_at=timezone.now() + timedelta(days=30))
    assert points.balance(customer, at=timezone.now()).available > 0
    return customer


def fact(seconds_ahead: float) -> dict[str, object]:
    at = timezone.now() + timedelta(seconds=seconds_ahead)
    return {"version": 1, "customer": {"external_id": "c-3"}, "ordered_at": at.isoformat(), "paid": "80"}


def lines_of(customer: Customer) -> list[object]:
    return list(PointTxn.objects.filter(account__customer=customer).order_by("pk").values_list("pk", "at"))


@pytest.mark.parametrize("seconds_ahead", [DAYS_400, HOURS_2], ids=["400 days ahead", "2 hours behind"])
def test_the_web_stores_nothing_with_a_wrong_clock(seconds_ahead: float, eve: Eve, processes: Processes) -> None:
    eve()
    customer, orders = rich(), Order.objects.count()
    before, authorization = lines_of(customer), f"Token {client_token()}"
    address = serve(processes, seconds_ahead=seconds_ahead)

    status, wait, body = answer(
        f"{address}/api/v1/sources/shop/orders/o-1", fact(seconds_ahead), Authorization=authorization
    )
    ready = answer(f"{address}/readyz")

    assert (status, wait) == (503, "5"), body
    assert ready[0] == 503
    assert "its clock is not this machine's" in ready[2]
    assert lines_of(customer) == before
    assert Order.objects.count() == orders


def test_unheld_it_expires_points(eve: Eve, processes: Processes) -> None:
    eve()
    customer = rich()
    before, authorization = points.balance(customer, at=timezone.now()).available, f"Token {client_token()}"
    address = serve(processes, seconds_ahead=DAYS_400, CLOCK_TOLERANCE_SECONDS="1000000000")

    answered = answer(f"{address}/api/v1/sources/shop/orders/o-1", fact(DAYS_400), Authorization=authorization)

    assert answered[0] == 201, answered
    assert points.balance(customer, at=timezone.now()).available < before


def test_commands_and_workers_with_a_wrong_clock_do_nothing_and_say_why(eve: Eve, processes: Processes) -> None:
    eve()
    look = "import django; django.setup(); from crm.flows import tasks; tasks.watch_complaints(); tasks.plan_nights()"
    telling = processes.start("-m", *processes.elsewhen(DAYS_400), "manage", "nightly")
    behind = processes.start("-m", *processes.elsewhen(HOURS_2), "manage", "staff", "list")
    worker = processes.start("-m", *processes.elsewhen(DAYS_400), "manage", "shell", "-c", look)
    until(lambda: None not in (telling.poll(), behind.poll(), worker.poll()), "all have ended")

    assert [process.returncode for process in (telling, behind, worker)] == [1, 1, 1]
    assert (
        said(telling)
        .splitlines()[-1]
        .startswith(
            "laoke: The clock of this machine is 400 days ahead of the database's: nothing is read or written with it."
        )
    )
    assert "Traceback" not in said(telling)
    assert "The clock of this machine is 2:00:00 behind the database's" in said(behind)
    assert not JobRun.objects.filter(business_date__gt=mall_day(timezone.now())).exists()
