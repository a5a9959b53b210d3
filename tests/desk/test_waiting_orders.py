"""Orders that wait: whoever may merge records gives those of nobody to somebody, and answers for the unusual ones."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import AuditEntry, Role
from core.lib.periods import mall_day
from crm.flows import arrival
from customers.identity import CustomerRef
from customers.intake import unusual
from customers.models import Customer, GuestOrder, Order, Summary, UnusualOrder
from customers.orders import LineFact, OrderFact
from customers.refunds import RefundFact
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db

HUGE = Decimal("999999999.00")


def tell(number: str, customer: CustomerRef | None = None, paid: str | Decimal = "100.00", version: int = 1) -> None:
    at = timezone.now() - timedelta(days=3)
    fact = OrderFact(
        source="shop",
        external_id=number,
        version=version,
        customer=customer or CustomerRef(source="shop"),
        ordered_at=at,
        paid=Decimal(paid),
        lines=(LineFact("tea", 2, Decimal(paid), name="Tea"),),
        refunds=(RefundFact("r1", Decimal("10.00"), at),),
    )
    arrival.order(fact, at=timezone.now(), today=mall_day(timezone.now()))


@pytest.fixture
def lead(client: Client, make_user: MakeUser) -> Client:
    client.force_login(make_user(Role.SERVICE_LEAD, "Mina"))
    return client


def test_an_order_of_nobody_is_found_given_away_and_then_counts(lead: Client, make_customer: MakeCustomer) -> None:
    gwen = make_customer("Gwen Park", phone="13800138000")
    tell("Shop/88")
    tell("Shop/89")
    guest = GuestOrder.objects.get(external_id="Shop/88")

    listed = lead.get(reverse("desk:guest_orders"), {"q": "'Shop/88"})
    assert [row.external_id for row in listed.context["page"].rows] == ["Shop/88"]
    page = lead.post(reverse("desk:guest_find", args=[guest.pk]), {"q": "13800138000"})
    assert "Tea" in page.content.decode()
    assert page.context["people"] == [gwen]
    answer = lead.post(reverse("desk:guest_assign", args=[guest.pk, gwen.pk]))

    assert answer["Location"] == reverse("desk:customer", args=[gwen.pk])
    order = Order.objects.get()
    assert (order.customer, order.external_id, order.lines.count(), order.refunds.count()) == (gwen, "Shop/88", 1, 1)
    assert Summary.objects.get(customer=gwen).paid_sum == Decimal("90.00")
    assert AuditEntry.objects.get(action="order.assigned").actor.full_name == "Mina"
    tell("Shop/88", paid="50.00", version=2)
    assert Summary.objects.get(customer=gwen).paid_sum == Decimal("40.00")
    assert list(GuestOrder.objects.values_list("external_id", flat=True)) == ["Shop/89"]


def test_two_colleagues_cannot_give_it_away_twice(lead: Client, make_customer: MakeCustomer) -> None:
    gwen, hal = make_customer("Gwen"), make_customer("Hal")
    tell("88")
    pk = GuestOrder.objects.get().pk
    lead.post(reverse("desk:guest_assign", args=[pk, gwen.pk]))

    answer = lead.post(reverse("desk:guest_assign", args=[pk, hal.pk]), follow=True)

    assert "This order has a customer by now." in answer.content.decode()
    assert Order.objects.get().customer == gwen


@pytest.fixture
def huge(make_customer: MakeCustomer, make_order: MakeOrder) -> Order:
    han = make_customer("Han Mei", external_id="h")
    for number in range(unusual.FEWEST):
        make_order(han, external_id=f"o-{number}", paid="300.00")
    tell("huge", CustomerRef(number=make_customer("Li Lei").number), HUGE)
    return Order.objects.get(external_id="huge")


def test_an_unusual_order_counts_once_it_is_confirmed(lead: Client, huge: Order) -> None:
    assert not Summary.objects.filter(customer=huge.customer).exists()
    assert "huge" in lead.get(reverse("desk:unusual_orders")).content.decode()

    lead.post(reverse("desk:unusual_keep_out", args=[huge.pk]))
    assert UnusualOrder.objects.get().state == UnusualOrder.State.KEPT_OUT
    lead.post(reverse("desk:unusual_confirm", args=[huge.pk]))

    assert Summary.objects.get(customer=huge.customer).paid_sum == HUGE - 10
    assert lead.get(reverse("desk:unusual_orders")).context["page"].rows == []


def test_a_lead_answers_for_the_customers_of_the_team_alone(client: Client, make_user: MakeUser, huge: Order) -> None:
    Customer.objects.update(manager=make_user(Role.ACCOUNT_MANAGER, "Zhao", team="west"), manager_since="2026-01-01")
    client.force_login(make_user(Role.TEAM_LEAD, team="east"))

    assert client.get(reverse("desk:unusual_orders")).context["page"].rows == []
    assert client.post(reverse("desk:unusual_confirm", args=[huge.pk])).status_code == 404
    assert Order.objects.get(pk=huge.pk).status == Order.Status.HELD


def test_the_cost_is_for_those_who_see_margins(client: Client, make_user: MakeUser, lead: Client, huge: Order) -> None:
    assert "Cost" not in lead.get(reverse("desk:unusual_orders")).content.decode()

    client.force_login(make_user(Role.TEAM_LEAD, team="east"))

    assert "Cost" in client.get(reverse("desk:unusual_orders")).content.decode()
