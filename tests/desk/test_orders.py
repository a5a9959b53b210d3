"""The orders as pages: in reach of who reads them, narrowed, page by page, with lines and refunds."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from core.lib.conditions.fields import Context
from core.lib.conditions.tree import All, Leaf
from crm.flows.catalogue import ORDERS
from crm.flows.catalogue.rows import orders_of
from customers.models import Order
from customers.orders import LineFact
from customers.record import shop
from customers.refunds import RefundFact
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser, RecordOrder

pytestmark = pytest.mark.django_db
LIST = "desk:orders"


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="East")
    client.force_login(user)
    return user


def shown(client: Client, **query: Any) -> list[str]:
    page = client.get(reverse(LIST), query)
    assert page.status_code == 200
    return [order.external_id for order in page.context["page"].rows]


def test_a_manager_sees_the_orders_of_her_book(
    client: Client, chen: User, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    mine = make_order(make_customer("李雷", manager=chen), external_id="mine")
    foreign = make_order(make_customer("韩梅梅", manager=make_user(name="Zhao")), external_id="foreign")

    assert shown(client) == ["mine"]
    assert client.get(reverse("desk:order", args=[mine.pk])).status_code == 200
    assert client.get(reverse("desk:order", args=[foreign.pk])).status_code == 404
    assert client.get(reverse("desk:customer_orders", args=[foreign.customer_id])).status_code == 404


def test_they_are_narrowed_by_number_source_day_and_status(
    client: Client, chen: User, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    li_lei = make_customer("李雷", manager=chen)
    make_order(li_lei, TODAY - timedelta(days=9), external_id="A1", source="till")
    make_order(li_lei, TODAY - timedelta(days=5), external_id="B2", status="cancelled")
    make_order(make_customer("韩梅梅", manager=chen), TODAY - timedelta(days=1), external_id="C3")

    assert shown(client) == ["C3", "B2", "A1"]
    assert shown(client, number=" '`A1 ") == ["A1"]
    assert shown(client, number=li_lei.number.lower()) == ["B2", "A1"]
    assert shown(client, source="till") == ["A1"]
    assert shown(client, status="cancelled") == ["B2"]
    assert shown(client, since=str(TODAY - timedelta(days=5)), until=str(TODAY - timedelta(days=5))) == ["B2"]
    assert shown(client, number="nothing") == []
    assert shown(client, since="no day", after="no cursor") == ["C3", "B2", "A1"]


def test_pages_follow_each_other_though_orders_share_a_moment(
    client: Client, chen: User, make_customer: MakeCustomer, make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.desk.lists.page.SIZE", 2)
    li_lei = make_customer("李雷", manager=chen)
    moment = NOW.replace(microsecond=123_457)
    for number in range(7):
        make_order(li_lei, external_id=str(number))
    Order.objects.update(ordered_at=moment)
    read, address = [], f"?ordered=from.{TODAY}"
    while address:
        page = client.get(reverse(LIST) + address).context["page"]
        read += [order.external_id for order in page.rows]
        address = page.next

    assert read == ["6", "5", "4", "3", "2", "1", "0"]


def test_the_tab_of_a_customer_has_lines_refunds_and_source(
    client: Client, chen: User, make_customer: MakeCustomer, record_order: RecordOrder
) -> None:
    li_lei = make_customer("李雷", manager=chen)
    order = record_order(
        li_lei,
        source="till",
        external_id="A1",
        lines=(LineFact("P1", 2, Decimal("100.00"), name="龙井"),),
        refunds=(RefundFact("r-1", Decimal("40.00"), NOW),),
    ).order

    for address in (
        reverse("desk:customer_orders", args=[li_lei.pk]),
        reverse("desk:order", args=[order.pk]),
    ):
        page = client.get(address).content.decode()
        assert [text for text in ("till", "A1", "龙井", "r-1", "40.00") if text not in page] == []
    assert (
        reverse("desk:customer_orders", args=[li_lei.pk])
        in client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()
    )


def test_who_sees_no_margin_sees_no_cost(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    order = make_order(make_customer("李雷"), cost=Decimal("77.31"))
    client.force_login(make_user(Role.SERVICE_LEAD))

    assert "77.31" not in client.get(reverse("desk:order", args=[order.pk])).content.decode()


def test_the_newest_of_many_are_read_by_an_index(
    chen: User, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    make_order(make_customer("李雷"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_order (source, external_id, version, customer_id, status, ordered_at, ordered_on,"
            " paid, cost, profit, category_mask, received_at)"
            " SELECT source, 'n' || n, 1, customer_id, 'paid', ordered_at - n * interval '1 minute', ordered_on,"
            " 100, 0, 100, 0, received_at FROM customers_order, generate_series(1, 20000) n"
        )
        cursor.execute("ANALYZE customers_order")
    lead = make_user(Role.SERVICE_LEAD)

    def plan(*parts: Leaf) -> str:
        rows = orders_of(lead, TODAY).filter(ORDERS.compile(All(parts), Context(TODAY)))
        return rows.order_by("-ordered_at", "-pk")[:51].explain()

    assert "order_newest" in plan(Leaf("ordered", "last", ("30",)))
    assert "order_number" in plan(Leaf("number", "any", ("n77",)))
    assert shop.sources() == ["shop"]
