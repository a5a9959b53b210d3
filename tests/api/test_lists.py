"""REST lists, asked in the language of the pages: the same rows, refused where the pages refuse."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.accounts.models import ApiToken, Role
from core.accounts.roles import ApiScope
from crm.desk.today import today
from customers.models import Standing
from segmentation.models import Alert
from tests.conftest import ApiFor, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db


def test_customers_orders_and_alerts_are_asked_for_by_their_fields(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    big, other = make_customer("李雷"), make_customer("韩梅梅")
    make_order(big, today() - timedelta(days=70), external_id="A1", source="shop")
    make_order(other, today() - timedelta(days=20), external_id="B2", source="till", paid=Decimal("20.00"))
    Standing.objects.filter(pk=big.pk).update(customer_class=Standing.Class.BIG, value=Decimal(900))
    days = {"last_on": today() - timedelta(days=70), "opened_on": today(), "window_ends_on": today()}
    Alert.objects.create(customer=big, kind="quiet", severity=Decimal(5), **days)
    lead = make_user(Role.TEAM_LEAD, "Mina")
    people, orders = api_for(ApiScope.CUSTOMERS_READ, user=lead), api_for(ApiScope.ORDERS_READ, user=lead)

    def numbers(query: str) -> list[str]:
        answer = people.get(f"/api/v1/customers?{query}")
        assert answer.status_code == 200, answer.json()
        return [row["number"] for row in answer.json()["results"]]

    assert numbers("") == [big.number, other.number]
    assert numbers("class=big&quiet=gt.60") == [big.number]
    assert numbers("q=any(class:big;quiet:lt.30)&sort=last") == [big.number, other.number]
    assert numbers("q=not(class:big)") == [other.number]
    first = people.get("/api/v1/customers?size=1&sort=-last").json()
    second = people.get(f"/api/v1/customers?size=1&sort=-last&cursor={first['cursor']}").json()
    assert [page["results"][0]["number"] for page in (first, second)] == [other.number, big.number]
    assert second["cursor"] is None

    listed = orders.get("/api/v1/orders?ordered=last.30").json()["results"]
    assert [(row["external_id"], row["customer"], row["paid"]) for row in listed] == [("B2", other.number, "20.00")]
    [alert] = api_for(ApiScope.WORK_READ, user=lead).get("/api/v1/alerts?state=open").json()["results"]
    assert (alert["customer"], alert["customer_class"], alert["loss"]) == (big.number, "big", "5.00")
    bound = api_for(ApiScope.ORDERS_READ, user=lead)
    ApiToken.objects.order_by("-pk").update(sources=["shop"])
    assert [row["external_id"] for row in bound.get("/api/v1/orders").json()["results"]] == ["A1"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("quiet=gt.many", "bad_condition"),
        ("class=huge", "bad_condition"),
        ("q=any(", "bad_condition"),
        ("q=nofield:1", "bad_condition"),
        ("birthday=next.7", "hidden_field"),
        ("class=big&q=any(class:big;not(birthday:next.7))", "hidden_field"),
        ("sort=birthday", "bad_sort"),
        ("sort=manager", "bad_sort"),
    ],
)
def test_what_is_not_understood_or_hidden_is_refused_whole(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer, query: str, code: str
) -> None:
    make_customer("李雷")
    answer = api_for(ApiScope.CUSTOMERS_READ, user=make_user(Role.CLIENT)).get(f"/api/v1/customers?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code), answer.json()


def test_a_cursor_of_another_list_and_a_reader_without_values(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    make_customer("李雷")
    head = api_for(ApiScope.CUSTOMERS_READ, ApiScope.COMPLAINTS_READ, user=make_user(Role.SERVICE_LEAD))
    assert head.get("/api/v1/customers?cursor=x").status_code == 400
    assert head.get("/api/v1/customers?value=ge.1").status_code == 422
    assert head.get("/api/v1/customers?sort=-value").status_code == 422
    assert head.get("/api/v1/complaints?state=open&clock=missed&open=true").json()["results"] == []
    assert head.get("/api/v1/complaints?clock=never").status_code == 422
