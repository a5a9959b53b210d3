"""The doors of the REST clients: who may knock, what is refused, what they are told."""

import json
from datetime import date
from functools import partial
from typing import Any

import pytest

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from customers.models import Customer, GuestOrder, Order, Standing
from tests.conftest import ApiFor, MakeCustomer, MakeUser, RecordOrder
from tests.races import at_once

pytestmark = pytest.mark.django_db

PUT = "/api/v1/sources/shop/orders/o-1"
BATCH = "/api/v1/sources/shop/orders/batch"
FIND = "/api/v1/customers/find"


def order(**told: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "customer": {"external_id": "c-1", "phone": "138 0013 8000", "name": "李雷"},
        "ordered_at": "2026-11-01T12:00:00+08:00",
        "paid": "100.00",
        "cost": "60.00",
    } | told


# Rights -------------------------------------------------------------------------------------------------------------

DOORS = [
    ("put", PUT, order(), ApiScope.ORDERS_WRITE, 201),
    ("post", BATCH, {"orders": [order(external_id="o-1")]}, ApiScope.ORDERS_WRITE, 200),
    ("get", "/api/v1/customers/C0", None, ApiScope.CUSTOMERS_READ, 404),
    ("post", FIND, {"phone": "13800138000"}, ApiScope.CUSTOMERS_READ, 200),
]


@pytest.mark.parametrize(("method", "url", "body", "scope", "status"), DOORS)
def test_a_door_opens_to_its_scope_and_to_no_other(
    api_for: ApiFor, method: str, url: str, body: Any, scope: ApiScope, status: int
) -> None:
    allowed = api_for(scope)
    others = api_for(*(s for s in ApiScope if s != scope))
    stranger = api_for(scope)
    stranger.credentials()
    liar = api_for(scope)
    liar.credentials(HTTP_AUTHORIZATION="Token lk_wrong")

    assert getattr(stranger, method)(url, body, format="json").status_code == 401
    assert getattr(liar, method)(url, body, format="json").status_code == 401
    assert getattr(others, method)(url, body, format="json").status_code == 403
    assert Order.objects.count() == 0
    assert getattr(allowed, method)(url, body, format="json").status_code == status


def test_a_page_session_is_no_token(api_for: ApiFor, make_user: MakeUser) -> None:
    client = api_for()
    client.credentials()
    client.force_login(make_user(Role.TEAM_LEAD))

    assert client.post(FIND, {"phone": "13800138000"}, format="json").status_code == 403


# One order ----------------------------------------------------------------------------------------------------------


def test_the_answer_says_who_the_customer_is(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)

    created = shop.put(PUT, order(), format="json")
    number = Customer.objects.get().number
    told = {
        "source": "shop",
        "external_id": "o-1",
        "customer": number,
        "customer_class": "prospect",
        "left_out": [],
        "waits_for": None,
        "prompts": [],
    }
    assert (created.status_code, created.json()) == (201, told | {"version": 1, "outcome": "created"})

    Standing.objects.update(customer_class=Standing.Class.BIG)
    told["customer_class"] = "big"
    again = shop.put(PUT, order(), format="json")
    assert (again.status_code, again.json()) == (200, told | {"version": 1, "outcome": "unchanged"})
    newer = shop.put(PUT, order(version=3, paid="90.00"), format="json")
    assert (newer.status_code, newer.json()) == (200, told | {"version": 3, "outcome": "updated"})
    older = shop.put(PUT, order(version=2), format="json")
    assert (older.status_code, older.json()) == (200, told | {"version": 3, "outcome": "stale"})


def test_other_content_of_a_stored_version_is_a_conflict(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)
    shop.put(PUT, order(), format="json")

    answer = shop.put(PUT, order(paid="99.00"), format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    assert answer["Content-Type"] == "application/problem+json"


LINE = {"product": "tea", "quantity": 1, "amount": "1.00"}
REFUND = {"external_id": "r-1", "amount": "1.00", "refunded_at": "2026-11-05T12:00:00Z"}
HOSTILE: list[dict[str, Any]] = [
    {"surprise": 1},
    {"customer": {"external_id": "c-1", "surprise": 1}},
    {"lines": [LINE | {"surprise": 1}]},
    {"paid": "NaN"},
    {"paid": "1e400"},
    {"paid": "Infinity"},
    {"paid": "-0.01"},
    {"paid": "1.001"},
    {"paid": "1" * 16},
    {"paid": None},
    {"paid": ""},
    {"paid": True},
    {"paid": []},
    {"paid": "¥5"},
    {"version": -1},
    {"version": 2**63},
    {"version": "9" * 5000},
    {"version": 1.5},
    {"version": None},
    {"ordered_at": "2026-11-01T12:00:00"},
    {"ordered_at": "2026-11-01"},
    {"ordered_at": "0001-01-01T00:00:00+00:00"},
    {"ordered_at": "1969-12-31T00:00:00Z"},
    {"ordered_at": "2101-01-02T00:00:00Z"},
    {"ordered_at": "9999-12-31T23:59:59-14:00"},
    {"ordered_at": "2026-11-01T12:00:00+15:00"},
    {"ordered_at": "2026-11-01T12:00:00+99:99"},
    {"ordered_at": 1793505600},
    {"ordered_at": "2026-02-30T12:00:00Z"},
    {"ordered_at": "tomorrow"},
    {"ordered_at": None},
    {"status": "stolen"},
    {"customer": "李雷"},
    {"customer": {"external_id": "a\u0000b"}},
    {"customer": {"external_id": "\ud800"}},
    {"customer": {"external_id": "x" * 81}},
    {"customer": {"external_id": ["c-1"]}},
    {"customer": {"external_id": "3.519E+17"}},
    {"customer": {"phone": 13800138000.5, "external_id": ["c-1"]}},
    {"paid": "219.4010"},
    {"status": "held"},
    {"ordered_at": "2062-09-01T10:00:00+08:00"},
    {"ordered_at": "1970-01-01T00:00:00Z"},
    {"refunds": [REFUND | {"refunded_at": "2062-11-05T12:00:00Z"}]},
    {"refunds": [REFUND | {"amount": "-1.00"}]},
    {"lines": "tea"},
    {"lines": [LINE | {"quantity": 0}]},
    {"lines": [LINE | {"product": "\u202etea"}]},
    {"lines": [[]]},
    {"refunds": [REFUND | {"refunded_at": "2026-11-05T12:00:00"}]},
    {"refunds": [REFUND, REFUND]},
]


@pytest.mark.parametrize("told", HOSTILE, ids=lambda told: str(told)[:60].encode("ascii", "replace").decode())
def test_hostile_values_are_refused_and_nothing_is_stored(api_for: ApiFor, told: dict[str, Any]) -> None:
    body = json.dumps(order(**told))
    answer = api_for(ApiScope.ORDERS_WRITE).put(PUT, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert (Order.objects.count(), Customer.objects.count()) == (0, 0)


# A shop's own words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contacts", "left_out"),
    [
        ({"phone": "18473461900-7804"}, [("phone", "phone_invalid")]),
        ({"phone": "1380013800.0"}, [("phone", "phone_damaged")]),
        (
            {"phone": "138****1234", "email": "bla.@mall.example"},
            [("phone", "phone_invalid"), ("email", "email_invalid")],
        ),
        ({"phone": "", "email": ""}, []),
        ({"phone": None, "email": None, "name": None, "number": "", "region": ""}, []),
        ({"email": "guest@mall.example"}, [("email", "email_placeholder")]),
    ],
)
def test_an_order_is_not_lost_for_a_contact_that_cannot_be_used(
    api_for: ApiFor, contacts: dict[str, Any], left_out: list[tuple[str, str]]
) -> None:
    answer = api_for(ApiScope.ORDERS_WRITE).put(PUT, order(customer={"external_id": "v1"} | contacts), format="json")

    assert answer.status_code == 201
    assert [(out["field"], out["code"]) for out in answer.json()["left_out"]] == left_out
    assert all(out["detail"] for out in answer.json()["left_out"])
    customer = Order.objects.get().customer
    assert (customer.number, customer.contact_points.count()) == (answer.json()["customer"], 0)


@pytest.mark.parametrize(
    "who", [None, {}, {"name": "Gwen"}, {"external_id": "0"}, {"external_id": " 匿名 "}, {"phone": "1******6198"}]
)
def test_an_order_of_nobody_is_kept_without_a_customer(api_for: ApiFor, who: Any) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)

    answers = [shop.put(PUT, order(customer=who), format="json") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    told = answers[1].json()
    assert (told["customer"], told["customer_class"], told["waits_for"]) == (None, None, "customer")
    assert (told["outcome"], told["version"], told["prompts"]) == ("unchanged", 1, [])
    assert GuestOrder.objects.get().external_id == "o-1"
    assert not any(model.objects.exists() for model in (Order, Customer))
    named = shop.put(PUT, order(version=2), format="json").json()
    assert (named["waits_for"], named["customer"]) == (None, Customer.objects.get().number)
    assert not GuestOrder.objects.exists()


def test_guests_under_one_placeholder_are_known_by_e_mail(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)
    for name in ("gwen", "hal", "ida"):
        who = {"external_id": "0", "name": name, "email": f"{name}0@mall.example"}
        shop.put(f"/api/v1/sources/shop/orders/{name}", order(customer=who), format="json")
    till = shop.put("/api/v1/sources/till/orders/1", order(customer={"email": "Gwen0@mall.example"}), format="json")

    assert list(Customer.objects.order_by("pk").values_list("name", flat=True)) == ["gwen", "hal", "ida"]
    assert till.json()["customer"] == Customer.objects.get(name="gwen").number


@pytest.mark.parametrize(
    ("told", "paid"),
    [("219.4000", "219.40"), ("219.4", "219.40"), ("219.", "219.00"), ("0.00000", "0.00"), ("1200.000000", "1200.00")],
)
def test_decimals_that_say_nothing_are_no_error(api_for: ApiFor, told: str, paid: str) -> None:
    answer = api_for(ApiScope.ORDERS_WRITE).put(PUT, order(paid=told, cost=None), format="json")

    assert (answer.status_code, str(Order.objects.get().paid)) == (201, paid)


def test_a_refund_of_nothing_is_left_out(api_for: ApiFor) -> None:
    refunds = [REFUND | {"amount": "0.00"}, REFUND | {"external_id": "r-2", "amount": "1.0000"}]

    answer = api_for(ApiScope.ORDERS_WRITE).put(PUT, order(refunds=refunds), format="json")

    assert answer.status_code == 201
    assert list(Order.objects.get().refunds.values_list("external_id", flat=True)) == ["r-2"]


@pytest.mark.parametrize(
    "address", ["Shop%2F0001", "Shop/0001", "'Shop/0001", "%3D%22Shop%2F0001%22", "Shop/0001%E2%80%8B"]
)
def test_a_slash_belongs_to_the_number_and_armour_does_not(api_for: ApiFor, address: str) -> None:
    answer = api_for(ApiScope.ORDERS_WRITE).put(f"/api/v1/sources/shop/orders/{address}", order(), format="json")

    assert (answer.status_code, answer.json()["external_id"]) == (201, "Shop/0001")


def test_both_doors_mean_the_same_order_and_the_same_customer(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)
    shop.put("/api/v1/sources/shop/orders/88", order(customer={"external_id": "m1"}), format="json")

    again = [
        order(external_id="'88", customer={"external_id": '="m1"'}),
        order(external_id="88.0", customer={"external_id": "\tm1"}),
        order(external_id="８８", customer={"external_id": "`m1"}),
    ]
    answer = shop.post(BATCH, {"orders": again}, format="json")

    assert [(r["status"], r["external_id"], r["outcome"]) for r in answer.json()["results"]] == [
        (200, "88", "unchanged")
    ] * 3
    assert Customer.objects.count() == 1


def test_a_long_name_is_cut_and_the_order_goes_in(api_for: ApiFor) -> None:
    told = order(
        customer={"external_id": "c", "name": "李" * 300, "city": "x\ty" * 60}, lines=[LINE | {"name": "茶" * 999}]
    )

    answer = api_for(ApiScope.ORDERS_WRITE).put(PUT, told, format="json")

    assert answer.status_code == 201
    customer = Customer.objects.get()
    assert (len(customer.name), len(customer.city)) == (120, 60)


def test_an_amount_far_from_all_others_waits_for_a_person(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)
    items = [order(external_id=f"o-{number}") for number in range(100, 140)]
    shop.post(BATCH, {"orders": [*items, order(external_id="huge", paid="999999999.00")]}, format="json")

    answer = shop.put("/api/v1/sources/shop/orders/huge", order(paid="999999999.00"), format="json")

    assert (answer.status_code, answer.json()["waits_for"]) == (200, "confirmation")
    assert answer.json()["customer"] == Customer.objects.get().number


@pytest.mark.parametrize("url", ["/api/v1/nothing", "/api/v2/orders", "/api/", "/api", "/api/v1/", "/api/v1/orders/1/"])
@pytest.mark.parametrize("method", ["get", "put", "post", "patch", "delete", "options"])
def test_unknown_addresses_answer_programs_in_their_language(api_for: ApiFor, url: str, method: str) -> None:
    client = api_for()
    client.credentials()

    answer = getattr(client, method)(url)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert (answer.json()["code"], answer.json()["status"]) == ("not_found", 404)


@pytest.mark.parametrize("body", ['{"version": NaN}', '{"paid": 1e400}', "[]", "null", "{", "\x00", '"o"', "[" * 20000])
def test_broken_bodies_are_refused(api_for: ApiFor, body: str) -> None:
    answer = api_for(ApiScope.ORDERS_WRITE).put(PUT, body, content_type="application/json")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        PUT + "?dryrun=1",
        "/api/v1/sources/Shop!/orders/o-1",
        "/api/v1/sources/shop/orders/a%00b",
        f"/api/v1/sources/shop/orders/{'x' * 81}",
        "/api/v1/sources/shop/orders/3.519E+17",
        "/api/v1/sources/shop/orders/null",
    ],
)
def test_strange_addresses_are_refused(api_for: ApiFor, url: str) -> None:
    assert api_for(ApiScope.ORDERS_WRITE).put(url, order(), format="json").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_eight_clients_that_put_the_same_order_make_one(api_for: ApiFor) -> None:
    clients = [api_for(ApiScope.ORDERS_WRITE) for _ in range(8)]
    statuses: list[int] = []

    def put(client: Any) -> None:
        statuses.append(client.put(PUT, order(), format="json").status_code)

    at_once([partial(put, client) for client in clients])

    assert sorted(statuses) == [200] * 7 + [201]
    assert (Order.objects.count(), Customer.objects.count()) == (1, 1)


# Many orders --------------------------------------------------------------------------------------------------------


def test_a_bad_item_does_not_stop_the_others(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.ORDERS_WRITE)
    items = [
        order(external_id="o-1"),
        order(external_id="o-2", paid="NaN"),
        order(external_id="o-1", paid="1.00"),
        order(external_id="o-3", customer={"phone": "+86 138-0013-8000"}),
        order(external_id="o-3", version=0),
    ]

    answer = shop.post(BATCH, {"orders": items}, format="json")

    number = Customer.objects.get().number
    assert answer.status_code == 200
    assert [(r["index"], r["status"], r["outcome"], r["customer"], r["code"]) for r in answer.json()["results"]] == [
        (0, 201, "created", number, None),
        (1, 400, None, None, "invalid"),
        (2, 409, None, None, "version_conflict"),
        (3, 201, "created", number, None),
        (4, 200, "stale", number, None),
    ]
    assert answer.json()["results"][1]["detail"].startswith("paid: ")


@pytest.mark.parametrize(
    "body", [{"orders": []}, {"orders": [{}] * 501}, {"orders": [1]}, {}, {"orders": [{}], "x": 1}]
)
def test_a_batch_has_between_one_and_five_hundred_items(api_for: ApiFor, body: Any) -> None:
    assert api_for(ApiScope.ORDERS_WRITE).post(BATCH, body, format="json").status_code == 400


# Customers ----------------------------------------------------------------------------------------------------------


def test_a_customer_is_told_without_anything_in_clear(
    api_for: ApiFor, make_customer: MakeCustomer, make_user: MakeUser, record_order: RecordOrder
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    li_lei = make_customer(
        "李雷", manager=chen, phone="13800138000", email="lilei@qq.com", registered_on=date(2024, 5, 1)
    )
    record_order(li_lei)
    Standing.objects.update(customer_class=Standing.Class.ACTIVE, matrix_type=Standing.Type.III)

    answer = api_for(ApiScope.CUSTOMERS_READ).get(f"/api/v1/customers/{li_lei.number}")

    told = {
        "number": li_lei.number,
        "name": "李雷",
        "customer_class": "active",
        "matrix_type": "III",
        "manager": "Chen Jing",
        "registered_on": "2024-05-01",
        "last_purchase_on": "2026-11-01",
        "contacts": [{"kind": "phone", "mask": "138****8000"}, {"kind": "email", "mask": "l***@qq.com"}],
    }
    assert answer.json() == told
    found = api_for(ApiScope.CUSTOMERS_READ).post(FIND, {"phone": "１３８-0013-8000"}, format="json")
    assert found.json() == {"results": [told]}


def test_nobody_found_is_an_empty_list_and_nonsense_is_refused(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.CUSTOMERS_READ)

    assert shop.post(FIND, {"email": "nobody@example.com"}, format="json").json() == {"results": []}
    for body in ({}, {"phone": "13800138000", "email": "a@b.cn"}, {"phone": "\u0000"}, {"name": "李雷"}, []):
        assert shop.post(FIND, body, format="json").status_code == 400
    assert shop.get("/api/v1/customers/a%00b").status_code == 404
    assert shop.get("/api/v1/customers/C1?phone=13800138000").status_code == 400
