"""What an order does above the record, at once: the alert of somebody who has bought is over."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from core.outbox.models import Message
from crm.flows import arrival
from customers.imports import runs as imports
from customers.models import Customer, Import, Order, Todo
from loyalty.tiers.membership import review_due
from segmentation import alerts
from segmentation.alerts import Due
from segmentation.models import Alert
from tests.conftest import NOW, TODAY, ApiFor, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.tiers.stories import content, level_of, put_in_force

LAST = TODAY - timedelta(days=90)


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷", external_id="c-1")


@pytest.fixture
def alert(li_lei: Customer, make_order: MakeOrder) -> Alert:
    """Li Lei used to buy every month and has been quiet for three."""
    make_order(li_lei, LAST)
    due = Due(li_lei.pk, Alert.Kind.QUIET, LAST, TODAY + timedelta(days=30), 5000, 9000, {"usual_days": 30})
    alerts.open_due([due], as_of=TODAY, at=NOW, silent=False)
    return Alert.objects.get()


def told(**fields: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "customer": {"external_id": "c-1"},
        "ordered_at": f"{TODAY}T12:00:00+08:00",
        "paid": "80.00",
    } | fields


def put(api_for: ApiFor, **fields: Any) -> None:
    answer = api_for(ApiScope.ORDERS_WRITE).put("/api/v1/sources/shop/orders/o-back", told(**fields), format="json")
    assert answer.status_code in (200, 201), answer.json()


def test_a_purchase_ends_the_alert_and_its_todo_at_once(alert: Alert, api_for: ApiFor) -> None:
    put(api_for)

    alert.refresh_from_db()
    assert (alert.state, alert.recovered_after_days) == (Alert.State.RECOVERED, 90)
    assert Todo.objects.get(alert_id=alert.pk).state == Todo.State.DROPPED


def test_so_does_one_of_a_batch(alert: Alert, api_for: ApiFor) -> None:
    items = [told(external_id="o-1", paid="NaN"), told(external_id="o-2")]
    answer = api_for(ApiScope.ORDERS_WRITE).post("/api/v1/sources/shop/orders/batch", {"orders": items}, format="json")

    assert [result["status"] for result in answer.json()["results"]] == [400, 201]
    assert Alert.objects.get().state == Alert.State.RECOVERED


def test_and_one_of_a_file(alert: Alert, tmp_path: Any) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"order_no,customer,date,paid\no-9,c-1,{TODAY - timedelta(days=2)},80\n")

    call_command("import_orders", str(file), "--source", "shop")

    assert Alert.objects.get().state == Alert.State.RECOVERED


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "pending"},
        {"ordered_at": f"{LAST - timedelta(days=3)}T12:00:00+08:00"},
        {"customer": {"external_id": "c-2", "name": "韩梅梅"}},
    ],
    ids=["not paid", "before the silence", "of somebody else"],
)
def test_what_is_no_purchase_since_leaves_it_open(alert: Alert, api_for: ApiFor, fields: dict[str, Any]) -> None:
    put(api_for, **fields)

    assert Alert.objects.get().state == Alert.State.OPEN
    assert Todo.objects.get().state == Todo.State.OPEN


@pytest.mark.parametrize(
    "undone",
    [
        {"status": "cancelled"},
        {"refunds": [{"external_id": "r", "amount": "80.00", "refunded_at": f"{TODAY}T13:00:00+08:00"}]},
        {"customer": {"external_id": "c-2", "name": "韩梅梅"}},
    ],
    ids=["cancelled", "refunded", "it was somebody else"],
)
def test_a_purchase_that_is_undone_opens_the_alert_again(alert: Alert, api_for: ApiFor, undone: dict[str, Any]) -> None:
    put(api_for)
    put(api_for, **{"version": 2} | undone)

    alert.refresh_from_db()
    assert (alert.state, alert.closed_on, alert.recovered_after_days) == (Alert.State.OPEN, None, None)
    assert Todo.objects.get().state == Todo.State.OPEN


def test_a_todo_that_somebody_did_stays_done(alert: Alert, api_for: ApiFor) -> None:
    Todo.objects.update(state=Todo.State.DONE, closed_at=NOW)

    put(api_for)
    put(api_for, version=2, status="cancelled")

    assert Alert.objects.get().state == Alert.State.OPEN
    assert Todo.objects.get().state == Todo.State.DONE


def test_a_replay_asks_nothing_of_the_alerts(alert: Alert, api_for: ApiFor) -> None:
    put(api_for)
    Alert.objects.update(state=Alert.State.OPEN, closed_on=None, recovered_after_days=None)

    put(api_for)

    assert Alert.objects.get().state == Alert.State.OPEN


def test_a_purchase_raises_the_level_at_once(li_lei: Customer, api_for: ApiFor) -> None:
    put_in_force(content(), TODAY - timedelta(days=2))
    review_due(TODAY - timedelta(days=1), at=NOW)
    assert level_of(li_lei, TODAY) == "member"

    put(api_for, paid="1000.00")

    assert level_of(li_lei, TODAY) == "silver"


# By a worker ---------------------------------------------------------------------------------------------------------

FILE = "订单号,客户编号,日期,金额\nA1,c-1,2026-11-16,80\n".encode()


def test_a_large_file_waits_for_a_worker_and_who_uploaded_it_is_told(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    he_min = make_user(Role.ADMINISTRATOR, "He Min")
    run = imports.upload("october.csv", FILE, source="shop", by=he_min, at=NOW)
    assert arrival.start_file(run, Import.Task.CHECK, by=he_min, at=NOW, today=TODAY)
    monkeypatch.setattr(arrival, "AT_ONCE", 10)

    assert not arrival.start_file(run, Import.Task.RUN, by=he_min, at=NOW, today=TODAY)
    assert not Order.objects.exists()
    arrival.waiting_file(run.pk, at=NOW, today=TODAY)

    assert Order.objects.get().external_id == "A1"
    told = Message.objects.get(recipient=he_min)
    assert told.subject == "october.csv is imported: 1 new orders, 0 changed, 0 rows refused"
