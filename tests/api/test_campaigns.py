"""What the shop asks and is told: coupons at the checkout, draws, orders on account."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts.roles import ApiScope
from customers.models import Customer
from loyalty.campaigns import draws
from loyalty.campaigns import laws as campaign_laws
from loyalty.models import CouponCampaign, Draw, Lottery
from loyalty.points import accounts as points
from tests.conftest import ApiFor, MakeCustomer
from tests.loyalty.campaigns.stories import DAY, a_coupon, goods, lead, on_account, published, running
from tests.loyalty.points import stories as point_stories

LINES = [{"ref": "1", "net": "60.00"}, {"ref": "2", "net": "40.00", "category": "茶"}]


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


@pytest.fixture
def campaign(db: None) -> CouponCampaign:
    return running(starts_at=timezone.now() - DAY, ends_at=timezone.now() + 9 * DAY)


@pytest.fixture
def wheel(db: None) -> Lottery:
    return published(goods(total=1), starts_at=timezone.now() - DAY, ends_at=timezone.now() + 9 * DAY)


def post(client: APIClient, url: str, body: Any = None, **headers: str) -> Any:
    return client.post(f"/api/v1/{url}", body or {}, format="json", **headers)


@pytest.mark.parametrize(
    ("method", "url", "scope"),
    [
        ("post", "coupons/validate", ApiScope.COUPONS_READ),
        ("post", "coupons/reserve", ApiScope.COUPONS_WRITE),
        ("post", "coupons/redemptions/1/confirm", ApiScope.COUPONS_WRITE),
        ("post", "coupons/redemptions/1/release", ApiScope.COUPONS_WRITE),
        ("post", "coupons/redemptions/1/rollback", ApiScope.COUPONS_WRITE),
        ("get", "customers/C0/coupons", ApiScope.COUPONS_READ),
        ("get", "lottery/X", ApiScope.DRAWS_READ),
        ("post", "lottery/X/draws", ApiScope.DRAWS_WRITE),
        ("post", "lottery/draws/1/claim", ApiScope.DRAWS_WRITE),
        ("post", "lottery/X/tickets", ApiScope.DRAWS_WRITE),
        ("get", "credit/C0", ApiScope.CREDIT_READ),
        ("post", "credit/C0/authorisations", ApiScope.CREDIT_WRITE),
        ("post", "credit/authorisations/1/capture", ApiScope.CREDIT_WRITE),
        ("post", "credit/authorisations/1/void", ApiScope.CREDIT_WRITE),
        ("post", "credit/C0/payments", ApiScope.CREDIT_WRITE),
    ],
)
def test_every_address_needs_exactly_its_scope(api_for: ApiFor, method: str, url: str, scope: ApiScope) -> None:
    others = api_for(*(one for one in ApiScope if one != scope))

    assert getattr(others, method)(f"/api/v1/{url}", {}, format="json").status_code == 403
    assert getattr(api_for(scope), method)(f"/api/v1/{url}", {}, format="json").status_code in (400, 404)


def test_a_checkout_from_the_first_look_to_the_refund(
    api_for: ApiFor, li_lei: Customer, campaign: CouponCampaign
) -> None:
    shop = api_for(ApiScope.COUPONS_READ, ApiScope.COUPONS_WRITE)
    coupon = a_coupon(campaign, li_lei)
    [wallet] = shop.get(f"/api/v1/customers/{li_lei.number}/coupons").json()["coupons"]
    told = {"customer": li_lei.number, "code": wallet["code"], "lines": LINES, "shipping": "5.00"}
    assert wallet["code"].replace("-", "") == coupon.code

    offer = post(shop, "coupons/validate", told).json()
    assert (offer["discount"], offer["payable"]) == ("10.00", "95.00")
    assert offer["shares"] == [{"line_ref": "1", "amount": "6.00"}, {"line_ref": "2", "amount": "4.00"}]

    held = post(shop, "coupons/reserve", told | {"order_ref": "shop:o-1"})
    assert (held.status_code, held.json()["status"], held.json()["shares"]) == (201, "reserved", offer["shares"])
    assert post(shop, "coupons/reserve", told | {"order_ref": "shop:o-1"}).json()["id"] == held.json()["id"]
    assert post(shop, "coupons/reserve", told | {"order_ref": "shop:'o-1"}).json()["id"] == held.json()["id"]
    taken = post(shop, "coupons/reserve", told | {"order_ref": "shop:o-2"})
    assert (taken.status_code, taken.json()["code"]) == (409, "coupon_reserved")
    assert taken["Content-Type"] == "application/problem+json"

    address = f"coupons/redemptions/{held.json()['id']}"
    assert post(shop, f"{address}/confirm").json()["status"] == "redeemed"
    assert post(shop, f"{address}/release").json()["code"] == "redeemed"
    assert post(shop, f"{address}/rollback", {"reason": "refund"}).json()["status"] == "rolled_back"
    assert shop.get(f"/api/v1/customers/{li_lei.number}/coupons").json()["coupons"][0]["code"] == wallet["code"]
    assert campaign_laws.broken() == []


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"customer": "C-nobody"}, 404),
        ({"code": "2222-2222-2222"}, 404),
        ({"code": ""}, 400),
        ({"lines": []}, 400),
        ({"lines": [{"ref": "1", "net": "-1.00"}]}, 400),
        ({"lines": LINES + LINES}, 400),
        ({"campaign": "TEN"}, 400),
        ({"order_ref": "no colon"}, 400),
        ({"order_ref": "shop:3.519E+17"}, 400),
        ({"misspelt": 1}, 400),
        ({"code": "x\u0000"}, 400),
        ({"lines": [{"ref": "shipping", "net": "1.00"}]}, 400),
        ({"shipping": "NaN"}, 400),
    ],
)
def test_what_cannot_be_meant_is_refused(
    api_for: ApiFor, li_lei: Customer, campaign: CouponCampaign, wrong: dict[str, Any], status: int
) -> None:
    told = {
        "customer": li_lei.number,
        "code": a_coupon(campaign, li_lei).code,
        "lines": LINES,
        "order_ref": "shop:o-1",
    } | wrong

    answer = post(api_for(ApiScope.COUPONS_WRITE), "coupons/reserve", told)

    assert answer.status_code == status
    assert answer.json()["code"]


def test_an_order_without_its_source_is_told_how_to_be_named(
    api_for: ApiFor, li_lei: Customer, campaign: CouponCampaign
) -> None:
    told = {"customer": li_lei.number, "code": a_coupon(campaign, li_lei).code, "lines": LINES, "order_ref": "o-1"}

    answer = post(api_for(ApiScope.COUPONS_WRITE), "coupons/reserve", told)

    assert answer.json()["detail"] == "Name the order as source:number, like shop:8812."


def test_the_odds_are_public_the_secret_is_not_before_the_end(api_for: ApiFor, wheel: Lottery) -> None:
    told = api_for(ApiScope.DRAWS_READ).get("/api/v1/lottery/wheel").json()

    assert (told["commitment"], told["secret"], told["algorithm"]) == (wheel.commitment, "", "HMAC-SHA256 mod 1000000")
    assert [(one["name"], one["of_a_million"], one["left"]) for one in told["prizes"]] == [
        ("手机", 1_000_000, 1),
        ("谢谢参与", 0, None),
    ]


def test_a_draft_is_not_found(api_for: ApiFor) -> None:
    now = timezone.now()
    draws.create("SOON", by=lead(), at=now, name="x", rules="", starts_at=now, ends_at=now + DAY)

    assert api_for(ApiScope.DRAWS_READ).get("/api/v1/lottery/SOON").status_code == 404


def test_a_draw_needs_a_key_and_has_one_outcome_per_key(api_for: ApiFor, li_lei: Customer, wheel: Lottery) -> None:
    shop, body = api_for(ApiScope.DRAWS_WRITE), {"customer": li_lei.number}

    assert post(shop, "lottery/WHEEL/draws", body).json()["code"] == "idempotency_key"
    first = post(shop, "lottery/WHEEL/draws", body, HTTP_IDEMPOTENCY_KEY="k-1")
    again = post(shop, "lottery/WHEEL/draws", body, HTTP_IDEMPOTENCY_KEY="k-1")

    assert (first.status_code, first.json()["prize"], first.json()["state"]) == (201, "手机", "won")
    assert again.json() == first.json()
    assert Draw.objects.count() == 1
    assert post(shop, "lottery/WHEEL/draws", body, HTTP_IDEMPOTENCY_KEY="k-2").json()["code"] == "no_ticket"
    assert post(shop, f"lottery/draws/{first.json()['id']}/claim").json()["state"] == "claimed"


def test_a_ticket_is_bought_with_points_once_per_key(api_for: ApiFor, li_lei: Customer) -> None:
    point_stories.rules()
    now = timezone.now()
    points.grant(li_lei, 150, source="goodwill", key="g", at=now)
    published(goods(), code="PAID", entry="points", points_cost=100, ends_at=now + DAY)
    shop, body = api_for(ApiScope.DRAWS_WRITE), {"customer": li_lei.number}
    first, again = (post(shop, "lottery/PAID/tickets", body, HTTP_IDEMPOTENCY_KEY="t-1") for _ in range(2))

    assert (first.status_code, first.json()["points_left"]) == (201, 50)
    assert again.json() == first.json()
    assert post(shop, "lottery/PAID/tickets", body, HTTP_IDEMPOTENCY_KEY="t-2").json()["code"] == "points_insufficient"
    assert post(shop, "lottery/PAID/draws", body, HTTP_IDEMPOTENCY_KEY="d-1").status_code == 201


def test_an_order_on_account_from_the_reservation_to_the_payment(api_for: ApiFor, li_lei: Customer) -> None:
    shop = api_for(ApiScope.CREDIT_READ, ApiScope.CREDIT_WRITE)
    number = li_lei.number
    assert shop.get(f"/api/v1/credit/{number}").json()["code"] == "no_credit"
    on_account(li_lei)
    told = {"order_ref": "shop:o-1", "amount": "600.00"}

    held = post(shop, f"credit/{number}/authorisations", told, HTTP_IDEMPOTENCY_KEY="k")
    assert (held.status_code, held.json()["status"]) == (201, "authorised")
    assert post(shop, f"credit/{number}/authorisations", told, HTTP_IDEMPOTENCY_KEY="k").json() == held.json()
    over = post(shop, f"credit/{number}/authorisations", told | {"order_ref": "shop:o-2"}, HTTP_IDEMPOTENCY_KEY="l")
    assert (over.status_code, over.json()["code"]) == (409, "credit_limit")
    assert "400.00" in over.json()["detail"]

    address = f"credit/authorisations/{held.json()['id']}"
    assert post(shop, f"{address}/capture", {"amount": "550.00"}).json()["captured"] == "550.00"
    assert post(shop, f"{address}/void").json()["code"] == "captured"
    paid = post(shop, f"credit/{number}/payments", {"amount": "50.00"}, HTTP_IDEMPOTENCY_KEY="bank-1")
    assert (paid.status_code, paid.json()["amount"]) == (201, "-50.00")
    told_of = shop.get(f"/api/v1/credit/{number}").json()
    assert {name: told_of[name] for name in ("limit", "exposure", "authorised", "left", "overdue")} == {
        "limit": "1000.00",
        "exposure": "500.00",
        "authorised": "0.00",
        "left": "500.00",
        "overdue": "0.00",
    }
    assert campaign_laws.broken() == []


def test_numbers_beyond_all_bounds_are_not_found(api_for: ApiFor) -> None:
    shop = api_for(ApiScope.COUPONS_WRITE, ApiScope.CREDIT_WRITE, ApiScope.DRAWS_WRITE)

    for address in ("coupons/redemptions/{}/confirm", "credit/authorisations/{}/void", "lottery/draws/{}/claim"):
        assert post(shop, address.format(10**30)).status_code == 404


def test_money_in_the_answer_is_the_money_in_the_table(api_for: ApiFor, li_lei: Customer) -> None:
    on_account(li_lei, limit="0.10")

    told = api_for(ApiScope.CREDIT_READ).get(f"/api/v1/credit/{li_lei.number}").json()

    assert Decimal(told["limit"]) == Decimal("0.10")
    assert timedelta(days=told["term_days"]) == timedelta(days=30)
