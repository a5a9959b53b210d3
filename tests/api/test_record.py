"""A source tells of a customer: who gets in, what is refused, what stays."""

from typing import Any

import pytest

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from core.lib.almanac.days import LifeDay
from customers.models import ContactPoint, Customer, CustomerChange
from customers.record import fields, life_dates
from customers.record.life_dates import Told
from tests.conftest import NOW, TODAY, ApiFor, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/sources/shop/customers/u-1"
LI_LEI: dict[str, Any] = {
    "name": "李雷",
    "phones": ["138 0013 8000"],
    "emails": ["Li@Example.com"],
    "addresses": ["浙江省杭州市西湖区文三路1号"],
    "birthday": {"month": 2, "day": 30, "calendar": "lunar"},
    "interests": ["茶"],
    "city": "杭州",
}


def test_somebody_who_has_not_bought_gets_in_once(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.CUSTOMERS_WRITE)

    first, again = (shop.put(ADDRESS, LI_LEI, format="json") for _twice in range(2))

    customer = Customer.objects.get()
    assert (first.status_code, first.json()["outcome"]) == (201, "created")
    assert (again.status_code, again.json()) == (
        200,
        {"number": customer.number, "outcome": "unchanged", "fields_changed": []},
    )
    assert customer.birthday == LifeDay(2, 30, is_lunar=True)
    assert sorted(ContactPoint.objects.values_list("kind", flat=True)) == ["address", "email", "phone"]


def test_a_source_that_does_not_know_a_field_does_not_clear_it(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.CUSTOMERS_WRITE)
    shop.put(ADDRESS, LI_LEI, format="json")

    empty = {"name": "", "city": None, "birthday": None, "interests": [], "notes": "", "phones": [], "custom": {}}
    answer = shop.put(ADDRESS, empty, format="json")

    assert answer.json()["outcome"] == "unchanged"
    assert Customer.objects.get().city == "杭州"


def test_only_what_is_sent_is_changed(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.CUSTOMERS_WRITE)
    shop.put(ADDRESS, LI_LEI, format="json")

    answer = shop.patch(ADDRESS, {"city": None, "name": "李蕾", "birthday": None}, format="json")

    assert (answer.status_code, answer.json()["fields_changed"]) == (200, ["birthday", "city", "name"])
    customer = Customer.objects.get()
    assert (customer.name, customer.city, customer.birthday, customer.interests) == ("李蕾", "", None, ["茶"])
    assert CustomerChange.objects.get(field="city").before == "杭州"


def test_who_is_not_known_cannot_be_changed_in_part(api_for: ApiFor) -> None:
    answer = api_for(ApiScope.CUSTOMERS_WRITE).patch(ADDRESS, {"name": "李雷"}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (404, "customer_unknown")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"phones": ["12"]}, 422, "phone_invalid"),
        ({"phones": ["1.38E+10"]}, 422, "phone_damaged"),
        ({"emails": ["li@"]}, 422, "email_invalid"),
        ({"surprise": 1}, 400, "unknown_field"),
        ({"birthday": {"month": 2, "day": 30}}, 400, "birthday_invalid"),
        ({"birthday": {"month": 2}}, 400, "required"),
        ({"custom": {"shoes": "1"}}, 400, "custom_unknown"),
        ({"mindset": "greedy"}, 400, "invalid_choice"),
        ({"registered_on": "2999-01-01"}, 400, "registered_later"),
        ({"name": "a\u0000b"}, 400, "invalid"),
    ],
)
def test_what_cannot_be_stored_is_refused_whole(api_for: ApiFor, sent: dict[str, Any], status: int, code: str) -> None:
    answer = api_for(ApiScope.CUSTOMERS_WRITE).put(ADDRESS, LI_LEI | sent, format="json")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Customer.objects.exists()


def test_the_malls_own_fields_are_told_by_their_key(api_for: ApiFor, make_user: MakeUser) -> None:
    fields.define(name="Shoes", kind="number", by=make_user(Role.ADMINISTRATOR), at=NOW)
    shop = api_for(ApiScope.CUSTOMERS_WRITE)

    shop.put(ADDRESS, LI_LEI | {"custom": {"shoes": "42"}}, format="json")

    assert Customer.objects.get().custom == {"shoes": "42"}


@pytest.mark.parametrize(("number", "code"), [("guest", "nobody"), ("0", "nobody"), ("3.519E+17", "number_damaged")])
def test_a_number_that_means_nobody_makes_nobody(api_for: ApiFor, number: str, code: str) -> None:
    shop = api_for(ApiScope.CUSTOMERS_WRITE)

    for method in (shop.put, shop.patch):
        answer = method(f"/api/v1/sources/shop/customers/{number}", LI_LEI, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Customer.objects.exists()


def test_a_number_with_a_slash_is_the_number(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.CUSTOMERS_WRITE)

    told = [shop.put(f"/api/v1/sources/shop/customers/{number}", LI_LEI, format="json") for number in ("A/7", "'A/7")]

    assert [answer.json()["outcome"] for answer in told] == ["created", "unchanged"]


def test_the_token_of_a_manager_writes_her_own_book_only(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, zhao = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ACCOUNT_MANAGER, "Zhao")
    foreign = make_customer("韩梅梅", manager=zhao, external_id="u-1", city="苏州", phone="13900139000")
    hers = api_for(ApiScope.CUSTOMERS_WRITE, user=chen)

    for method, sent in ((hers.put, {"city": "杭州"}), (hers.patch, {"city": "杭州"})):
        assert method(ADDRESS, sent, format="json").status_code == 404
    taken = hers.put(f"{ADDRESS}-2", {"phones": ["13900139000"], "city": "杭州"}, format="json")
    made = hers.put(f"{ADDRESS}-3", {"name": "李雷"}, format="json")

    assert (taken.status_code, made.status_code) == (201, 201)  # shares the phone of whom the shop knows otherwise
    foreign.refresh_from_db()
    assert foreign.city == "苏州"
    assert Customer.objects.get(name="李雷").manager == chen
    assert not CustomerChange.objects.filter(customer=foreign).exists()


def test_the_days_of_a_life_are_told_as_a_whole_and_a_colleague_wins(
    api_for: ApiFor, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    li_lei, mina, shop = make_customer("李雷"), make_user(Role.TEAM_LEAD), api_for(ApiScope.CUSTOMERS_WRITE)
    wedding = life_dates.put(li_lei, Told("wedding", LifeDay(5, 20)), by=mina, at=NOW, today=TODAY)
    address = f"/api/v1/customers/{li_lei.number}/life-dates"
    child = {"kind": "birthday", "of_whom": "朵朵", "month": 6, "day": 30, "calendar": "lunar", "leap": True}
    told = [child, {"kind": "wedding", "month": 1, "day": 1}, {"kind": "founding", "month": 2, "day": 29, "year": 2000}]

    def put(days: list[dict[str, Any]]) -> tuple[int, str]:
        answer = shop.put(address, {"life_dates": days}, format="json")
        return answer.status_code, answer.json().get("outcome") or answer.json()["errors"][0]["code"]

    assert [put(told) for _twice in range(2)] == [(200, "updated"), (200, "unchanged")]
    assert {(row.kind, row.life_day, row.certainty, row.source) for row in li_lei.life_dates.all()} == {
        ("birthday", LifeDay(6, 30, is_lunar=True, is_leap=True), "said", "api"),
        ("wedding", LifeDay(5, 20), "sure", "page"),
        ("founding", LifeDay(2, 29, 2000), "said", "api"),
    }
    assert put([child | {"day": 29}]) == (200, "updated")
    assert set(li_lei.life_dates.values_list("kind", "day")) == {("birthday", 29), ("wedding", 20)}
    assert set(CustomerChange.objects.filter(door="api").values_list("field", flat=True)) == {"life_date"}
    refused = [
        [{"kind": "founding", "month": 2, "day": 30}],
        [child | {"calendar": "solar"}],
        [child | {"of_whom": ""}],
        [child, child],
    ]
    assert [put(days)[1] for days in refused] == ["birthday_invalid", "birthday_invalid", "own_birthday", "told_twice"]
    # After a death in the family nobody is greeted on a wedding day, and a colleague's day stays when all are taken back.
    assert put([{"kind": "memorial", "of_whom": "父亲", "month": 4, "day": 5}]) == (200, "updated")
    assert put([]) == (200, "updated")
    wedding.refresh_from_db()
    assert (li_lei.life_dates.get(), wedding.greet) == (wedding, False)
