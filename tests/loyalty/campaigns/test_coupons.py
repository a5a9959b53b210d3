"""A coupon's life on an order: looked at, held, redeemed, given back; and what a campaign keeps of its promises."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.accounts.models import AuditEntry
from core.lib.errors import DomainError, Invalid
from crm.flows import arrival
from customers.identity import CustomerRef
from customers.models import Customer
from customers.orders import OrderFact, RefundFact
from loyalty.campaigns import asked, coupon_campaigns, coupons
from loyalty.campaigns import laws as campaign_laws
from loyalty.campaigns import night as campaign_night
from loyalty.campaigns.coupons import Basket, Line, work_out
from loyalty.models import CampaignUsage, Coupon, CouponCampaign, CouponRedemption
from tests.conftest import TODAY, MakeCustomer
from tests.loyalty.campaigns.stories import DAY, HOUR, MINUTE, NOON, a_coupon, basket, lead, running
from tests.pieces import at_once

Status = CouponRedemption.Status


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


@pytest.fixture
def han_meimei(make_customer: MakeCustomer) -> Customer:
    return make_customer("韩梅梅")


@pytest.fixture(autouse=True)
def _laws(request: pytest.FixtureRequest) -> Any:
    """Each story on the database ends with every law kept."""
    tables = "db" in request.fixturenames
    if tables:
        request.getfixturevalue("db")
    yield
    if tables:
        assert campaign_laws.broken() == []


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def refusal(verb: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(DomainError) as caught:
        verb(*args, **kwargs)
    return caught.value.code


# Codes --------------------------------------------------------------------------------------------------------------


def test_a_code_has_sixty_bits_and_no_sign_that_is_mistaken_for_another() -> None:
    codes = {coupons.new_code() for _ in range(500)}

    assert len(codes) == 500
    assert all(re.fullmatch("[2-9A-HJ-NP-Z]{12}", code) for code in codes)
    assert len(coupons.ALPHABET) == 32


def test_a_code_is_found_however_it_is_typed(li_lei: Customer) -> None:
    coupon = a_coupon(running(), li_lei)
    full_width = "".join(chr(ord(sign) + 0xFEE0) for sign in coupon.code)

    for typed in (coupons.written(coupon.code), coupon.code.lower(), f" {coupon.code} ", full_width):
        assert coupons.validate(li_lei, basket(), at=NOON, code=typed).coupon == coupon


# What a coupon gives ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "lines", "shipping", "discount", "payable"),
    [
        ({}, ["100.00"], "8.00", "10.00", "98.00"),
        ({}, ["6.00"], "8.00", "6.00", "8.00"),
        ({"kind": "percent", "percent": 15, "amount": 0}, ["33.33", "66.66"], "0.00", "14.99", "85.00"),
        (
            {"kind": "percent", "percent": 50, "amount": 0, "most_off": Decimal("20.00")},
            ["100.00"],
            "0.00",
            "20.00",
            "80.00",
        ),
        ({"kind": "percent", "percent": 100, "amount": 0}, ["100.00"], "5.00", "100.00", "5.00"),
        ({"kind": "shipping", "amount": Decimal("12.00")}, ["100.00"], "8.00", "8.00", "100.00"),
        ({"kind": "gift", "gift": "雨伞", "amount": Decimal("39.00")}, ["100.00"], "0.00", "0.00", "100.00"),
        ({"min_spend": Decimal("100.00")}, ["60.00", "40.00"], "0.00", "10.00", "90.00"),
    ],
)
def test_what_comes_off(
    li_lei: Customer, terms: dict[str, Any], lines: list[str], shipping: str, discount: str, payable: str
) -> None:
    coupon = a_coupon(running(**terms), li_lei)

    offer = coupons.validate(li_lei, basket(*lines, shipping=shipping), at=NOON, code=coupon.code)

    assert (str(offer.discount), str(offer.payable)) == (discount, payable)
    assert sum((share.amount for share in offer.shares), Decimal(0)) == offer.discount


def test_only_the_lines_it_is_for_count_and_carry_it(li_lei: Customer) -> None:
    coupon = a_coupon(running(categories=["茶"], min_spend=Decimal("50.00")), li_lei)
    tea, cup = Line("tea", Decimal("60.00"), "茶"), Line("cup", Decimal("900.00"), "杯")

    offer = coupons.validate(li_lei, Basket((tea, cup)), at=NOON, code=coupon.code)

    assert [(share.line_ref, str(share.amount)) for share in offer.shares] == [("tea", "10.00")]
    assert refusal(coupons.validate, li_lei, Basket((cup,)), at=NOON, code=coupon.code) == "min_spend"


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=8),
    st.integers(0, 10**5),
    st.sampled_from(["amount", "percent"]),
    st.integers(1, 100),
    st.none() | st.integers(1, 10**6),
)
def test_nobody_ever_pays_less_than_nothing(
    nets: list[int], shipping: int, kind: str, size: int, most: int | None
) -> None:
    campaign = CouponCampaign(
        kind=kind,
        amount=Decimal(size * 7) if kind == "amount" else 0,
        percent=size if kind == "percent" else 0,
        most_off=None if most is None else Decimal(most) / 100,
        min_spend=Decimal("0.00"),
        categories=[],
    )
    lines = tuple(Line(str(n), Decimal(net) / 100) for n, net in enumerate(nets))
    bought = Basket(lines, Decimal(shipping) / 100)
    if sum(nets) * (size if kind == "percent" else 100) < 100:
        assert refusal(work_out, campaign, None, bought) == "no_discount"
        return
    offer = work_out(campaign, None, bought)

    assert offer.payable >= 0
    assert offer.payable + offer.discount == sum(line.net for line in lines) + Decimal(shipping) / 100
    assert sum(share.amount for share in offer.shares) == offer.discount
    assert all(0 < share.amount <= share.net for share in offer.shares)


def test_nothing_given_is_nothing_taken(li_lei: Customer) -> None:
    campaign = running(kind="shipping", amount=Decimal("12.00"))
    coupon = a_coupon(campaign, li_lei)

    assert refusal(coupons.reserve, li_lei, "shop:1", basket(), at=NOON, code=coupon.code) == "no_discount"
    assert fresh(campaign).used == 0
    assert not CampaignUsage.objects.exists()


def test_looking_changes_nothing(li_lei: Customer) -> None:
    campaign = running()
    coupon = a_coupon(campaign, li_lei)

    coupons.validate(li_lei, basket(), at=NOON, code=coupon.code)

    assert (fresh(campaign).used, fresh(coupon).status) == (0, "issued")
    assert not CouponRedemption.objects.exists()


# Refusals -----------------------------------------------------------------------------------------------------------


def test_anothers_coupon_is_as_unknown_as_one_that_does_not_exist(li_lei: Customer, han_meimei: Customer) -> None:
    hers = a_coupon(running(), han_meimei)

    assert refusal(coupons.validate, li_lei, basket(), at=NOON, code=hers.code) == "coupon_unknown"
    assert refusal(coupons.validate, li_lei, basket(), at=NOON, code="2222-2222-2222") == "coupon_unknown"
    assert refusal(coupons.validate, li_lei, basket(), at=NOON, code="O0I1") == "coupon_unknown"


@pytest.mark.parametrize(("after", "valid"), [(timedelta(seconds=-1), True), (timedelta(0), False), (HOUR, False)])
def test_a_coupon_holds_until_the_instant_it_expires(li_lei: Customer, after: timedelta, valid: bool) -> None:
    coupon = a_coupon(running(), li_lei, expires_at=NOON + DAY)
    at = NOON + DAY + after

    if valid:
        coupons.reserve(li_lei, "shop:1", basket(), at=at, code=coupon.code)
    else:
        assert refusal(coupons.reserve, li_lei, "shop:1", basket(), at=at, code=coupon.code) == "coupon_expired"


def test_a_campaign_that_pauses_is_over_or_has_not_begun_takes_none(li_lei: Customer) -> None:
    campaign = running()
    coupon = a_coupon(campaign, li_lei, expires_at=NOON + 99 * DAY)
    told = {"code": coupon.code}

    assert refusal(coupons.validate, li_lei, basket(), at=campaign.starts_at - MINUTE, **told) == "campaign_not_begun"
    assert refusal(coupons.validate, li_lei, basket(), at=campaign.ends_at, **told) == "campaign_over"
    coupon_campaigns.pause(campaign.pk, by=lead(), at=NOON)
    assert refusal(coupons.reserve, li_lei, "shop:1", basket(), at=NOON, **told) == "campaign_paused"


def test_what_was_reserved_before_a_pause_is_honoured(li_lei: Customer) -> None:
    campaign = running()
    held = coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=a_coupon(campaign, li_lei).code)
    coupon_campaigns.pause(campaign.pk, by=lead(), at=NOON)

    assert coupons.redeem(held.pk, at=NOON + MINUTE).status == Status.REDEEMED


def test_one_customer_uses_a_campaign_as_often_as_it_allows(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running(per_customer_limit=2)
    codes = [a_coupon(campaign, li_lei).code for _ in range(3)]
    for n, code in enumerate(codes[:2]):
        coupons.reserve(li_lei, f"shop:{n}", basket(), at=NOON, code=code)

    assert refusal(coupons.validate, li_lei, basket(), at=NOON, code=codes[2]) == "customer_limit"
    assert refusal(coupons.reserve, li_lei, "shop:9", basket(), at=NOON, code=codes[2]) == "customer_limit"
    coupons.reserve(han_meimei, "shop:9", basket(), at=NOON, code=a_coupon(campaign, han_meimei).code)
    assert fresh(campaign).used == 3


def test_the_budget_is_spent_to_the_cent_and_not_beyond(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running(budget=Decimal("19.99"))
    coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=a_coupon(campaign, li_lei).code)
    hers = a_coupon(campaign, han_meimei).code

    assert refusal(coupons.validate, han_meimei, basket(), at=NOON, code=hers) == "budget_spent"
    assert refusal(coupons.reserve, han_meimei, "shop:2", basket(), at=NOON, code=hers) == "budget_spent"
    coupons.reserve(han_meimei, "shop:2", basket("9.99"), at=NOON, code=hers)
    assert (fresh(campaign).used, fresh(campaign).budget_used) == (2, Decimal("19.99"))


def test_two_coupons_of_one_group_do_not_meet_on_one_order(li_lei: Customer) -> None:
    ten, five, ship = running(), running("FIVE"), running("SHIP", stack_group="shipping", kind="shipping")
    order = basket(shipping="5.00")
    coupons.reserve(li_lei, "shop:1", order, at=NOON, code=a_coupon(ten, li_lei).code)

    assert (
        refusal(coupons.reserve, li_lei, "shop:1", order, at=NOON, code=a_coupon(five, li_lei).code)
        == "does_not_combine"
    )
    coupons.reserve(li_lei, "shop:1", order, at=NOON, code=a_coupon(ship, li_lei).code)


def test_a_campaign_without_codes_counts_the_same(li_lei: Customer) -> None:
    campaign = running("ALL", needs_code=False)
    coupons.reserve(li_lei, "shop:1", basket(), at=NOON, campaign="ALL")

    assert refusal(coupons.reserve, li_lei, "shop:2", basket(), at=NOON, campaign="ALL") == "customer_limit"
    assert fresh(campaign).used == 1
    running("SECRET")
    assert refusal(coupons.validate, li_lei, basket(), at=NOON, campaign="SECRET") == "coupon_unknown"


# Held, redeemed, given back -----------------------------------------------------------------------------------------


def test_the_same_checkout_sent_again_is_answered_with_its_own_reservation(li_lei: Customer) -> None:
    campaign = running()
    coupon = a_coupon(campaign, li_lei)
    first = coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=coupon.code)

    again = coupons.reserve(li_lei, "shop:1", basket(), at=NOON + MINUTE, code=coupon.code)

    assert (again.pk, fresh(campaign).used) == (first.pk, 1)
    assert coupons.validate(li_lei, basket(), at=NOON, code=coupon.code, order_ref="shop:1").discount == Decimal(
        "10.00"
    )
    assert refusal(coupons.validate, li_lei, basket(), at=NOON, code=coupon.code) == "coupon_reserved"
    assert refusal(coupons.reserve, li_lei, "shop:2", basket(), at=NOON, code=coupon.code) == "coupon_reserved"


def test_a_changed_basket_is_worked_out_anew(li_lei: Customer) -> None:
    campaign = running(kind="percent", percent=10, amount=0, budget=Decimal("20.00"))
    coupon = a_coupon(campaign, li_lei)
    coupons.reserve(li_lei, "shop:1", basket("150.00"), at=NOON, code=coupon.code)

    again = coupons.reserve(li_lei, "shop:1", basket("150.00", "50.00"), at=NOON + MINUTE, code=coupon.code)

    assert (again.discount, fresh(campaign).used, fresh(campaign).budget_used) == (
        Decimal("20.00"),
        1,
        Decimal("20.00"),
    )
    assert CouponRedemption.objects.filter(status=Status.RELEASED, reason="replaced").count() == 1


def test_a_released_coupon_is_as_before(li_lei: Customer) -> None:
    campaign = running()
    coupon = a_coupon(campaign, li_lei)
    held = coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=coupon.code)

    coupons.release(held.pk, at=NOON + MINUTE)
    coupons.release(held.pk, at=NOON + MINUTE)

    assert (fresh(campaign).used, fresh(campaign).budget_used, fresh(coupon).status) == (0, 0, "issued")
    assert refusal(coupons.redeem, held.pk, at=NOON + MINUTE) == "reservation_over"
    coupons.reserve(li_lei, "shop:2", basket(), at=NOON + MINUTE, code=coupon.code)


@pytest.mark.parametrize(("after", "wins"), [(timedelta(seconds=-1), True), (timedelta(0), False)])
def test_a_reservation_is_redeemed_before_its_end_and_not_at_it(li_lei: Customer, after: timedelta, wins: bool) -> None:
    held = coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=a_coupon(running(), li_lei).code)
    at = held.reserved_until + after

    if wins:
        assert coupons.redeem(held.pk, at=at).redeemed_at == at
        assert coupons.redeem(held.pk, at=at + DAY).redeemed_at == at
    else:
        assert refusal(coupons.redeem, held.pk, at=at) == "reservation_over"


def test_what_ran_out_stands_in_nobodys_way_even_before_the_sweep(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running(total_limit=1, budget=Decimal("10.00"))
    held = coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=a_coupon(campaign, li_lei).code)
    hers, late = a_coupon(campaign, han_meimei).code, held.reserved_until

    assert refusal(coupons.reserve, han_meimei, "shop:2", basket(), at=late - MINUTE, code=hers) == "sold_out"
    coupons.validate(han_meimei, basket(), at=late, code=hers)
    coupons.reserve(han_meimei, "shop:2", basket(), at=late, code=hers)
    assert fresh(held).status == Status.RELEASED


def test_the_sweep_releases_what_ran_out_once(li_lei: Customer) -> None:
    campaign = running()
    coupon = a_coupon(campaign, li_lei, expires_at=NOON + 10 * MINUTE)
    coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=coupon.code)

    assert coupons.release_overdue(at=NOON + HOUR) == 1
    assert coupons.release_overdue(at=NOON + HOUR) == 0
    assert (fresh(campaign).used, fresh(coupon).status) == (0, "expired")


def test_rolled_back_the_coupon_holds_again_unless_a_dispute_keeps_it(li_lei: Customer) -> None:
    campaign = running(per_customer_limit=2)
    first, second = a_coupon(campaign, li_lei), a_coupon(campaign, li_lei)
    for n, coupon in enumerate((first, second)):
        held = coupons.reserve(li_lei, f"shop:{n}", basket(), at=NOON, code=coupon.code)
        assert refusal(coupons.roll_back, held.pk, at=NOON, reason="x") == "not_redeemed"
        coupons.redeem(held.pk, at=NOON)
        assert refusal(coupons.release, held.pk, at=NOON) == "redeemed"
        coupons.roll_back(held.pk, at=NOON + HOUR, reason="refund", keep_slot=n == 1)
        coupons.roll_back(held.pk, at=NOON + HOUR, reason="refund", keep_slot=n == 1)

    assert (fresh(first).status, fresh(second).status) == ("issued", "redeemed")
    assert (fresh(campaign).used, fresh(campaign).budget_used) == (1, Decimal("10.00"))
    assert refusal(coupons.reserve, li_lei, "shop:9", basket(), at=NOON, code=second.code) == "coupon_used"


# Orders -------------------------------------------------------------------------------------------------------------


def tell(customer: Customer, external_id: str, version: int, status: str = "paid", refunds: Any = ()) -> None:
    fact = OrderFact(
        source="shop",
        external_id=external_id,
        version=version,
        customer=CustomerRef(number=customer.number),
        ordered_at=NOON,
        paid=Decimal("90.00"),
        status=status,
        refunds=tuple(refunds),
    )
    arrival.order(fact, at=NOON + HOUR, today=TODAY)


def test_a_paid_order_redeems_and_a_dead_one_gives_back(li_lei: Customer) -> None:
    campaign = running()
    coupon = a_coupon(campaign, li_lei)
    held = coupons.reserve(li_lei, "shop:o-1", basket(), at=NOON, code=coupon.code)

    tell(li_lei, "o-1", 1, "pending")
    assert fresh(held).status == Status.RESERVED
    tell(li_lei, "o-1", 2)
    assert (fresh(held).status, fresh(coupon).status) == (Status.REDEEMED, "redeemed")
    tell(li_lei, "o-1", 3, refunds=[RefundFact("r-1", Decimal("40.00"), NOON)])
    assert fresh(held).status == Status.REDEEMED
    tell(li_lei, "o-1", 4, refunds=[RefundFact("r-1", Decimal("90.00"), NOON)])
    assert (fresh(held).status, fresh(coupon).status, fresh(campaign).used) == (Status.ROLLED_BACK, "issued", 0)


def test_a_cancelled_order_releases_what_it_held(li_lei: Customer) -> None:
    held = coupons.reserve(li_lei, "shop:o-1", basket(), at=NOON, code=a_coupon(running(), li_lei).code)

    tell(li_lei, "o-1", 1, "cancelled")

    assert (fresh(held).status, fresh(held).reason) == (Status.RELEASED, "cancelled")


def test_an_order_that_is_paid_after_all_has_its_coupon_again(li_lei: Customer) -> None:
    """As if the version that cancelled it had come last: then that is stale."""
    campaign = running()
    coupon = a_coupon(campaign, li_lei)
    held = coupons.reserve(li_lei, "shop:o-1", basket(), at=NOON, code=coupon.code)
    tell(li_lei, "o-1", 2, "cancelled")

    tell(li_lei, "o-1", 3)

    assert (fresh(held).status, fresh(held).reason, fresh(held).ended_at) == (Status.REDEEMED, "", None)
    assert (fresh(coupon).status, fresh(campaign).used) == ("redeemed", 1)
    tell(li_lei, "o-1", 4, refunds=[RefundFact("r-1", Decimal("90.00"), NOON)])
    tell(li_lei, "o-1", 5)
    assert (fresh(held).status, fresh(campaign).used) == (Status.REDEEMED, 1)


@pytest.mark.parametrize("way", [(), ("paid",), ("cancelled",), ("paid", "cancelled", "paid")], ids=len)
def test_an_unpaid_order_holds_its_coupon_as_long_as_it_was_reserved_whatever_it_was_before(
    li_lei: Customer, way: tuple[str, ...]
) -> None:
    campaign = running()
    coupon = a_coupon(campaign, li_lei)
    held = coupons.reserve(li_lei, "shop:o-1", basket(), at=NOON, code=coupon.code, hold=2 * HOUR)
    for version, status in enumerate((*way, "pending"), start=1):
        tell(li_lei, "o-1", version, status)

    assert (fresh(held).status, fresh(coupon).status, fresh(campaign).used) == (Status.RESERVED, "reserved", 1)
    assert campaign_laws.broken() == []
    coupons.release_overdue(at=NOON + 2 * HOUR)
    assert (fresh(held).status, fresh(coupon).status, fresh(campaign).used) == (Status.RELEASED, "issued", 0)
    tell(li_lei, "o-1", 9)
    assert (fresh(held).status, fresh(coupon).status, fresh(campaign).used) == (Status.REDEEMED, "redeemed", 1)


def test_what_the_shop_has_said_of_a_coupon_stands(li_lei: Customer) -> None:
    campaign = running(per_customer_limit=3)
    used, back = (
        coupons.reserve(li_lei, f"shop:o-{n}", basket(), at=NOON, code=a_coupon(campaign, li_lei).code) for n in (1, 2)
    )
    coupons.redeem(used.pk, at=NOON)
    tell(li_lei, "o-2", 1)
    coupons.roll_back(back.pk, at=NOON, reason="refunded")

    for number in ("o-1", "o-2"):
        tell(li_lei, number, 2, "pending")
        assert coupons.follow_orders(at=NOON + DAY) == 0
        assert (fresh(used).status, fresh(back).status) == (Status.REDEEMED, Status.ROLLED_BACK)
    tell(li_lei, "o-2", 3)
    tell(li_lei, "o-1", 3, "cancelled")
    assert (fresh(used).status, fresh(back).status) == (Status.ROLLED_BACK, Status.ROLLED_BACK)
    tell(li_lei, "o-1", 4, "pending")
    assert fresh(used).status == Status.REDEEMED


def test_unless_another_order_has_it_by_then(li_lei: Customer) -> None:
    coupon = a_coupon(running(), li_lei)
    held = coupons.reserve(li_lei, "shop:o-1", basket(), at=NOON, code=coupon.code)
    tell(li_lei, "o-1", 2, "cancelled")
    other = coupons.reserve(li_lei, "shop:o-2", basket(), at=NOON, code=coupon.code)

    tell(li_lei, "o-1", 3)

    assert (fresh(held).status, fresh(other).status) == (Status.RELEASED, Status.RESERVED)


def test_unless_the_campaign_has_none_left(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running(total_limit=1)
    held = coupons.reserve(li_lei, "shop:o-1", basket(), at=NOON, code=a_coupon(campaign, li_lei).code)
    tell(li_lei, "o-1", 2, "cancelled")
    coupons.reserve(han_meimei, "shop:o-2", basket(), at=NOON, code=a_coupon(campaign, han_meimei).code)

    tell(li_lei, "o-1", 3)

    assert (fresh(held).status, fresh(campaign).used) == (Status.RELEASED, 1)
    usage = CampaignUsage.objects.get(customer=li_lei)
    assert usage.used == 0


def test_orders_from_a_file_are_followed_in_the_night_once(li_lei: Customer, make_order: Any) -> None:
    held = coupons.reserve(li_lei, "shop:o-7", basket(), at=NOON, code=a_coupon(running(), li_lei).code)
    make_order(li_lei, TODAY, external_id="o-7")

    assert at_once(campaign_night.PIECES, NOON + DAY)["coupons_followed"] == 1
    assert fresh(held).status == Status.REDEEMED
    assert not any(at_once(campaign_night.PIECES, NOON + DAY).values())


# Campaigns ----------------------------------------------------------------------------------------------------------


def everybody() -> Any:
    return Customer.objects.all()


def test_handed_out_once_to_each_who_has_none(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running(valid_days=3)
    a_coupon(campaign, li_lei)

    handed = coupon_campaigns.issue(campaign.pk, everybody(), client_key="k", by=lead(), at=NOON, cost=Decimal("12.50"))
    again = coupon_campaigns.issue(campaign.pk, everybody(), client_key="k", by=lead(), at=NOON)

    assert (handed, handed.count) == (again, 1)
    hers = Coupon.objects.get(issue=handed)
    assert (hers.customer, hers.expires_at) == (han_meimei, datetime(2026, 11, 20, 16, tzinfo=UTC))
    assert refusal(coupon_campaigns.issue, campaign.pk, everybody(), client_key="l", by=lead(), at=NOON) == "nobody"
    figures = coupon_campaigns.figures(campaign, at=NOON)
    assert (figures.issued, figures.open, figures.cost_of_telling) == (2, 2, Decimal("12.50"))
    assert AuditEntry.objects.filter(action="coupons.issued").count() == 1


def test_a_coupon_never_outlives_its_campaign(li_lei: Customer) -> None:
    campaign = running(valid_days=300)

    assert coupon_campaigns.give(campaign.pk, li_lei, by=lead(), at=NOON).expires_at == campaign.ends_at


def test_bearer_codes_are_for_whoever_shows_them_once(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running()
    handed = coupon_campaigns.issue_bearer(campaign.pk, 50, client_key="k", by=lead(), at=NOON)
    code = handed.coupons.values_list("code", flat=True)[0]
    coupons.redeem(coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=code).pk, at=NOON)

    assert handed.coupons.count() == 50
    assert refusal(coupons.reserve, han_meimei, "shop:2", basket(), at=NOON, code=code) == "coupon_used"


def test_withdrawn_coupons_no_longer_hold_but_reservations_do(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running()
    his, hers = a_coupon(campaign, li_lei), a_coupon(campaign, han_meimei)
    held = coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=his.code)

    assert coupon_campaigns.revoke(campaign.pk, by=lead(), at=NOON, reason="leaked") == 1

    assert refusal(coupons.validate, han_meimei, basket(), at=NOON, code=hers.code) == "coupon_revoked"
    assert coupons.redeem(held.pk, at=NOON).status == Status.REDEEMED


def test_once_begun_only_what_favours_the_customers_changes(li_lei: Customer) -> None:
    campaign = running()
    code = a_coupon(campaign, li_lei).code
    coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=code)

    def change(**terms: Any) -> CouponCampaign:
        return coupon_campaigns.change(campaign.pk, by=lead(), at=NOON, **terms)

    assert refusal(change, amount=Decimal("5.00")) == "promised"
    assert refusal(change, total_limit=99) == "promised"
    assert refusal(change, ends_at=campaign.ends_at - MINUTE) == "promised"
    assert refusal(change, budget=Decimal("9.99")) == "budget_used"
    change(total_limit=200, per_customer_limit=2, ends_at=campaign.ends_at + DAY, budget=Decimal("10.00"))
    assert CampaignUsage.objects.get(customer=li_lei).most == 2


def test_terms_that_make_no_sense_are_refused_before_the_database_has_to(db: None) -> None:
    for wrong in (
        {"kind": "percent", "percent": 0},
        {"amount": 0},
        {"kind": "gift"},
        {"ends_at": NOON - 9 * DAY},
        {"total_limit": 0},
        {"min_spend": Decimal("-1.00")},
    ):
        with pytest.raises(Invalid), transaction.atomic():
            running("WRONG", **wrong)
    running()
    with pytest.raises(Invalid):
        running()


def test_the_database_itself_keeps_the_limits(li_lei: Customer) -> None:
    campaign = running(total_limit=1, budget=Decimal("10.00"))

    with pytest.raises(IntegrityError, match="coupon_used_within_limit"), transaction.atomic():
        CouponCampaign.objects.filter(pk=campaign.pk).update(used=2)
    with pytest.raises(IntegrityError, match="coupon_budget_kept"), transaction.atomic():
        CouponCampaign.objects.filter(pk=campaign.pk).update(budget_used=Decimal("10.01"))
    with pytest.raises(IntegrityError, match="usage_within_limit"), transaction.atomic():
        CampaignUsage.objects.create(campaign=campaign, customer=li_lei, used=2, most=1)


def test_two_records_become_one_and_no_limit_is_won_by_it(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running()
    for n, person in enumerate((li_lei, han_meimei)):
        coupons.reserve(person, f"shop:{n}", basket(), at=NOON, code=a_coupon(campaign, person).code)
    spare = a_coupon(campaign, han_meimei)

    coupons.merge(han_meimei, li_lei)
    coupons.merge(han_meimei, li_lei)

    usage = CampaignUsage.objects.get()
    assert (usage.customer, usage.used, usage.most) == (li_lei, 2, 2)
    assert refusal(coupons.validate, li_lei, basket(), at=NOON, code=spare.code) == "customer_limit"


STEP = st.one_of(
    st.tuples(st.just("reserve"), st.integers(0, 3), st.integers(0, 5)),
    st.tuples(st.sampled_from(["redeem", "release", "roll_back", "dispute"]), st.integers(0, 30), st.just(0)),
    st.tuples(st.sampled_from(["paid", "cancelled", "refunded"]), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 29, 30, 31, 24 * 60]), st.just(0)),
    st.tuples(st.sampled_from(["sweep", "expire", "revoke", "merge"]), st.just(0), st.just(0)),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=30))
def test_whatever_happens_the_laws_hold(
    li_lei: Customer, han_meimei: Customer, steps: list[tuple[str, int, int]]
) -> None:
    with transaction.atomic():
        campaign = running(total_limit=3, per_customer_limit=2, budget=Decimal("25.00"))
        handed = [a_coupon(campaign, person) for person in (li_lei, li_lei, han_meimei)] + [a_coupon(campaign, None)]
        at = NOON
        for version, (what, place, order) in enumerate(steps, start=1):
            told = list(CouponRedemption.objects.order_by("pk").values_list("pk", flat=True)) or [0]
            pk = told[place % len(told)]
            with suppress(DomainError), transaction.atomic():
                if what == "reserve":
                    owner = fresh(handed[place]).customer or han_meimei
                    bought = basket("60.00", f"{order}.00")
                    coupons.reserve(owner, f"shop:{order}", bought, at=at, code=handed[place].code)
                elif what == "redeem":
                    coupons.redeem(pk, at=at)
                elif what == "release":
                    coupons.release(pk, at=at)
                elif what in ("roll_back", "dispute"):
                    coupons.roll_back(pk, at=at, reason="x", keep_slot=what == "dispute")
                elif what in ("paid", "cancelled"):
                    tell(li_lei, str(place), version, what)
                elif what == "refunded":
                    tell(li_lei, str(place), version, refunds=[RefundFact("r", Decimal("90.00"), NOON)])
                elif what == "wait":
                    at += place * MINUTE
                elif what == "sweep":
                    coupons.release_overdue(at=at)
                elif what == "expire":
                    coupons.expire_due(at=at)
                elif what == "revoke":
                    coupon_campaigns.revoke(campaign.pk, by=lead(), at=at, reason="x", coupon=handed[0].pk)
                elif what == "merge":
                    coupons.merge(han_meimei, li_lei)
            assert campaign_laws.broken() == []
        transaction.set_rollback(True)


def test_days_of_a_campaign_have_no_gaps(li_lei: Customer) -> None:
    campaign = running()
    held = coupons.reserve(li_lei, "shop:1", basket(), at=NOON, code=a_coupon(campaign, li_lei).code)
    coupons.redeem(held.pk, at=NOON)

    days = coupon_campaigns.days(campaign, until=TODAY + DAY)

    assert [(day.on.day, day.redeemed, str(day.given)) for day in days] == [
        (16, 0, "0.00"),
        (17, 1, "10.00"),
        (18, 0, "0.00"),
    ]


@pytest.mark.parametrize(
    ("terms", "doubts"),
    [
        ({"amount": Decimal(50), "min_spend": Decimal(20), "budget": Decimal(40)}, 2),
        ({"amount": Decimal(50), "min_spend": Decimal(50)}, 1),
        ({"amount": Decimal(50), "min_spend": Decimal(51), "budget": Decimal(50)}, 0),
        ({"kind": "percent", "amount": 0, "percent": 20, "min_spend": Decimal(100), "budget": Decimal(19)}, 1),
        ({"kind": "percent", "amount": 0, "percent": 20, "min_spend": Decimal(100), "budget": Decimal(20)}, 0),
        ({}, 0),
    ],
)
def test_a_campaign_that_is_seldom_meant_is_asked_about_before_it_starts(
    db: None, terms: dict[str, Any], doubts: int
) -> None:
    told = {"name": "x", "kind": "amount", "amount": Decimal(10), "total_limit": 3} | terms
    campaign = coupon_campaigns.create("ASK", by=lead(), at=NOON, starts_at=NOON, ends_at=NOON + DAY, **told)

    assert len(asked.of_terms(campaign)) == doubts
    if doubts:
        assert refusal(coupon_campaigns.start, campaign.pk, by=lead(), at=NOON, meant=False) == "doubts"
    assert coupon_campaigns.start(campaign.pk, by=lead(), at=NOON, meant=True).status == "running"


def test_more_coupons_in_hands_than_can_be_used_are_asked_about(li_lei: Customer, han_meimei: Customer) -> None:
    campaign = running(total_limit=3, budget=Decimal(25))
    a_coupon(campaign, li_lei)

    def hand_out(count: int, meant: bool = False) -> Any:
        return coupon_campaigns.issue_bearer(
            campaign.pk, count, client_key=f"{count}-{meant}", by=lead(), at=NOON, meant=meant
        )

    assert asked.of_more(campaign, 1, at=NOON) == []
    assert refusal(hand_out, 2) == "doubts"  # the budget is enough for two
    assert refusal(hand_out, 3) == "doubts"
    people = Customer.objects.filter(pk=han_meimei.pk)
    told = {"client_key": "group", "by": lead(), "at": NOON, "meant": False}
    assert coupon_campaigns.issue(campaign.pk, people, **told).count == 1
    assert hand_out(3, meant=True).count == 3
