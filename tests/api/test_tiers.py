"""What the till is told of a customer's level."""

from datetime import timedelta

from django.utils import timezone

from core.accounts.roles import ApiScope
from crm.desk.today import today
from customers.models import Customer
from loyalty.tiers import membership
from tests.conftest import ApiFor, MakeCustomer, MakeOrder
from tests.loyalty.tiers.stories import content, levels, night, put_in_force


def address(customer: Customer) -> str:
    return f"/api/v1/customers/{customer.number}/tier"


def test_a_token_without_the_scope_is_refused(api_for: ApiFor, make_customer: MakeCustomer) -> None:
    person = make_customer("李雷")

    assert api_for(ApiScope.ORDERS_WRITE).get(address(person)).status_code == 403


def test_no_levels_and_no_customer_are_both_not_found(api_for: ApiFor, make_customer: MakeCustomer) -> None:
    client = api_for(ApiScope.CUSTOMERS_READ)

    assert client.get(address(make_customer("李雷"))).status_code == 404
    assert client.get("/api/v1/customers/C999/tier").status_code == 404


def test_the_till_sees_the_level_its_benefits_and_the_exact_gap(
    api_for: ApiFor, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    rules = content(levels=levels(silver=1000, gold=5000))
    rules["levels"][1]["benefits"] = [{"kind": "discount", "amount": "2", "cost": "0", "after_years": 0}]
    put_in_force(rules, today() - timedelta(days=3))
    night(today())
    person = make_customer("李雷", registered_on=today() - timedelta(days=800))
    make_order(person, today(), "1200.50", today=today())
    membership.after_orders([person.pk], at=timezone.now())

    client = api_for(ApiScope.CUSTOMERS_READ)
    told = client.get(address(person)).json()
    yesterday = client.get(f"{address(person)}?as_of={today() - timedelta(days=1)}").json()
    assert (yesterday["level"]["code"], yesterday["amount"], yesterday["gap"]) == ("member", "0.00", "1000.00")
    assert client.get(f"{address(person)}?as_of={today() + timedelta(days=1)}").json()["code"] == "as_of"
    assert client.get(f"{address(person)}?as_of={today() - timedelta(days=9)}").json()["code"] == "no_levels"

    assert told["level"] == {"code": "silver", "name": "Silver"}
    assert told["benefits"] == [{"kind": "discount", "amount": "2", "unit": "%"}]
    assert (told["next_level"]["code"], told["gap"], told["amount"]) == ("gold", "3799.50", "1200.50")
    assert (told["rank"], told["since"], told["seniority_years"]) == (1, today().isoformat(), 2)
    assert (told["promised_until"], told["grace_until"], told["counted_in"]) == (None, None, "money")


def test_a_level_goes_with_the_cancelled_order_that_earned_it(api_for: ApiFor) -> None:
    put_in_force(content(levels=levels(silver=1000, gold=5000)), today() - timedelta(days=3))
    night(today())
    shop = api_for(ApiScope.ORDERS_WRITE, ApiScope.CUSTOMERS_READ)
    bought = {
        "version": 1,
        "ordered_at": timezone.now().isoformat(),
        "paid": "20000.00",
        "customer": {"external_id": "l1"},
    }
    number = shop.put("/api/v1/sources/t/orders/L1", bought, format="json").json()["customer"]
    tier = f"/api/v1/customers/{number}/tier"
    assert shop.get(tier).json()["level"]["code"] == "gold"

    shop.put("/api/v1/sources/t/orders/L1", bought | {"version": 2, "status": "cancelled"}, format="json")
    night(today() + timedelta(days=1))

    assert shop.get(tier).json()["level"]["code"] == "member"
