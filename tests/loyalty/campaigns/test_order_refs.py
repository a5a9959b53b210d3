"""What names an order before it has come points at it afterwards, whatever stands in its source and number."""

from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from crm.flows import arrival
from customers.identity import CustomerRef
from customers.models import Customer, Order
from customers.orders import OrderFact
from loyalty.campaigns import coupons, credit
from loyalty.campaigns import laws as campaign_laws
from loyalty.campaigns import night as campaign_night
from loyalty.models import CouponRedemption, CreditAuthorisation, LotteryTicket
from tests import recording
from tests.conftest import MakeCustomer
from tests.loyalty.campaigns.stories import HOUR, NOON, basket, goods, on_account, published, running
from tests.pieces import at_once

COLONS = [("shop", "8812"), ("shop", "8:12"), ("till:7", "1"), ("a:b", ":c:d:")]


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


def fact(customer: Customer, source: str, number: str, *, version: int = 1, status: str = "paid") -> OrderFact:
    ref = CustomerRef(number=customer.number)
    return OrderFact(
        source=source, external_id=number, version=version, customer=ref, ordered_at=NOON, paid=100, status=status
    )


def by_file(told: OrderFact) -> Order:
    """As an import stores it: nobody above is told."""
    return recording.record_order(told, at=NOON, today=NOON.date()).order


def by_door(told: OrderFact) -> Order:
    return arrival.order(told, at=NOON, today=NOON.date()).order


@pytest.mark.parametrize(("source", "number"), COLONS)
@pytest.mark.parametrize("arrives", [by_file, by_door])
def test_what_waited_for_the_order_follows_it(li_lei: Customer, source: str, number: str, arrives: Any) -> None:
    running("FREE", needs_code=False)
    on_account(li_lei)
    published(goods(), entry="order")
    ref = f"{source}:{number}"
    coupons.reserve(li_lei, ref, basket(), at=NOON, campaign="FREE")
    credit.authorise(li_lei, ref, "50.00", idem_key="1", at=NOON)

    order = arrives(fact(li_lei, source, number))
    at_once(campaign_night.PIECES, NOON + HOUR)
    held, owed, ticket = CouponRedemption.objects.get(), CreditAuthorisation.objects.get(), LotteryTicket.objects.get()
    assert [row.order for row in (held, owed, ticket)] == [order] * 3
    assert (held.status, owed.status, ticket.status) == ("redeemed", "authorised", "issued")

    arrives(fact(li_lei, source, number, version=2, status="cancelled"))
    at_once(campaign_night.PIECES, NOON + 2 * HOUR)
    for row in (held, owed, ticket):
        row.refresh_from_db()
    assert (held.status, owed.status, ticket.status) == ("rolled_back", "voided", "void")
    assert campaign_laws.broken() == []


def test_an_order_that_is_only_written_alike_changes_nothing(li_lei: Customer) -> None:
    running("FREE", needs_code=False)
    on_account(li_lei)
    coupons.reserve(li_lei, "a:b:1", basket(), at=NOON, campaign="FREE")
    credit.authorise(li_lei, "a:b:1", "50.00", idem_key="1", at=NOON)
    mine = by_door(fact(li_lei, "a", "b:1"))

    by_door(fact(li_lei, "a:b", "1", status="cancelled"))
    at_once(campaign_night.PIECES, NOON + HOUR)

    held, owed = CouponRedemption.objects.get(), CreditAuthorisation.objects.get()
    assert (held.order, held.status) == (mine, "redeemed")
    assert (owed.order, owed.status) == (mine, "authorised")


@pytest.mark.parametrize(("source", "number"), COLONS)
def test_the_migration_fills_the_keys_of_what_is_there(
    li_lei: Customer, source: str, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = import_module("loyalty.migrations.0008_fill_order_keys")
    monkeypatch.setattr(migration, "CHUNK", 1)
    running("FREE", needs_code=False)
    published(goods(), entry="order", min_order=0)
    for each in ("other:1", f"{source}:{number}", "never:came"):
        coupons.reserve(li_lei, each, basket(), at=NOON, campaign="FREE")
        coupons.release(CouponRedemption.objects.latest("pk").pk, at=NOON)
    order = by_door(fact(li_lei, source, number))
    LotteryTicket.objects.update(order=None)

    for _twice in range(2):
        migration.fill(None, connection.SchemaEditorClass(connection))

    assert [row.order for row in CouponRedemption.objects.order_by("pk")] == [None, order, None]
    assert LotteryTicket.objects.get().order == order
