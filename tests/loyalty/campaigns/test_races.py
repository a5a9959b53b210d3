"""Many people at the same instant, in real transactions. Each story has a control that takes the guard away."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.db.models import F, Value

from core.lib.money import MoneyField
from customers.models import Customer
from loyalty.campaigns import coupons, credit, draws
from loyalty.campaigns import laws as campaign_laws
from loyalty.campaigns.coupons import reserving
from loyalty.campaigns.draws import drawing
from loyalty.models import (
    CampaignUsage,
    Coupon,
    CouponCampaign,
    CouponRedemption,
    CreditAccount,
    CreditAuthorisation,
    Draw,
    LotteryPrize,
    LotteryTicket,
)
from tests.conftest import MakeCustomer
from tests.loyalty.campaigns.stories import HOUR, NOON, a_coupon, basket, goods, on_account, published, running
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def crowd(make_customer: MakeCustomer) -> Callable[[int], list[Customer]]:
    return lambda count: [make_customer(f"顾客{n}") for n in range(count)]


# Twenty on one campaign ---------------------------------------------------------------------------------------------


def twenty_orders(campaign: CouponCampaign, people: list[Customer]) -> Counter[str]:
    codes = [a_coupon(campaign, person).code for person in people]

    def reserve(n: int) -> Callable[[], Any]:
        return lambda: coupons.reserve(people[n], f"shop:{n}", basket(), at=NOON, code=codes[n])

    return at_once([reserve(n) for n in range(len(people))])


def test_twenty_on_a_campaign_of_three_are_exactly_three(crowd: Callable[[int], list[Customer]]) -> None:
    campaign = running(total_limit=3)

    assert twenty_orders(campaign, crowd(20)) == {"done": 3, "sold_out": 17}
    assert CouponRedemption.objects.count() == 3
    assert campaign_laws.broken() == []


def test_twenty_on_a_budget_for_five_are_exactly_five(crowd: Callable[[int], list[Customer]]) -> None:
    campaign = running(budget=Decimal("59.99"))

    assert twenty_orders(campaign, crowd(20)) == {"done": 5, "budget_spent": 15}
    assert campaign_laws.broken() == []


def test_control_counting_first_and_writing_then_gives_away_more(
    crowd: Callable[[int], list[Customer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = meeting(20)

    def look_then_write(campaign_id: int, worth: Decimal) -> bool:
        campaign = CouponCampaign.objects.get(pk=campaign_id)
        meet()
        if campaign.used >= campaign.total_limit:
            return False
        CouponCampaign.objects.filter(pk=campaign_id).update(
            used=campaign.used + 1, budget_used=F("budget_used") + Value(worth, MoneyField())
        )
        return True

    monkeypatch.setattr(reserving, "take_of_campaign", look_then_write)

    assert twenty_orders(running(total_limit=3), crowd(20)) == {"done": 20}
    assert any(line.startswith("K1") for line in campaign_laws.broken())


def test_control_looking_at_the_budget_first_spends_more(
    crowd: Callable[[int], list[Customer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = meeting(20)

    def look_then_write(campaign_id: int, worth: Decimal) -> bool:
        campaign = CouponCampaign.objects.get(pk=campaign_id)
        meet()
        if campaign.budget is not None and campaign.budget_used + worth > campaign.budget:
            return False
        changes = {"used": campaign.used + 1, "budget_used": campaign.budget_used + worth}
        return bool(CouponCampaign.objects.filter(pk=campaign_id).update(**changes))

    monkeypatch.setattr(reserving, "take_of_campaign", look_then_write)

    assert twenty_orders(running(budget=Decimal("59.99")), crowd(20)) == {"done": 20}
    assert campaign_laws.broken() != []


def test_one_customer_in_ten_tabs_uses_a_campaign_twice_where_two_are_allowed(
    crowd: Callable[[int], list[Customer]],
) -> None:
    [person] = crowd(1)
    campaign = running(per_customer_limit=2)
    codes = [a_coupon(campaign, person).code for _ in range(10)]

    ends = at_once(
        [
            lambda n=n: coupons.reserve(person, f"shop:{n}", basket(), at=NOON, code=codes[n])  # type: ignore[misc]
            for n in range(10)
        ]
    )

    assert ends == {"done": 2, "customer_limit": 8}
    assert CampaignUsage.objects.get().used == 2


def test_one_coupon_on_eight_orders_is_on_one(crowd: Callable[[int], list[Customer]]) -> None:
    people = crowd(8)
    code = a_coupon(running(), None).code

    ends = at_once(
        [
            lambda n=n: coupons.reserve(people[n], f"shop:{n}", basket(), at=NOON, code=code)  # type: ignore[misc]
            for n in range(8)
        ]
    )

    assert ends == {"done": 1, "coupon_reserved": 7}
    assert campaign_laws.broken() == []


def test_the_same_checkout_eight_times_at_once_is_one_reservation(crowd: Callable[[int], list[Customer]]) -> None:
    [person] = crowd(1)
    code = a_coupon(running(), person).code

    ends = at_once([lambda: coupons.reserve(person, "shop:1", basket(), at=NOON, code=code)] * 8)

    assert ends == {"done": 8}
    assert CouponRedemption.objects.count() == 1


@pytest.mark.parametrize("turn", range(5))
def test_redeemed_or_released_but_never_both(crowd: Callable[[int], list[Customer]], turn: int) -> None:
    [person] = crowd(1)
    coupon = a_coupon(running(), person)
    held = coupons.reserve(person, "shop:1", basket(), at=NOON, code=coupon.code)
    jobs = [lambda: coupons.redeem(held.pk, at=NOON), lambda: coupons.release(held.pk, at=NOON)] * 4

    ends = at_once(jobs)

    end = CouponRedemption.objects.get().status
    assert ends == {"done": 4, "redeemed" if end == "redeemed" else "reservation_over": 4}
    assert Coupon.objects.get().status == ("redeemed" if end == "redeemed" else "issued")
    assert campaign_laws.broken() == []


def test_sweeps_and_new_orders_at_once_lose_no_slot(crowd: Callable[[int], list[Customer]]) -> None:
    people = crowd(16)
    campaign = running(total_limit=8)
    codes = [a_coupon(campaign, person).code for person in people]
    for n in range(8):
        coupons.reserve(people[n], f"shop:{n}", basket(), at=NOON, code=codes[n])
    late = NOON + HOUR

    def reserve(n: int) -> Callable[[], Any]:
        return lambda: coupons.reserve(people[n], f"shop:{n}", basket(), at=late, code=codes[n])

    ends = at_once([reserve(n) for n in range(8, 16)] + [lambda: coupons.release_overdue(at=late)] * 4)

    assert set(ends) <= {"done", "sold_out"}
    assert campaign_laws.broken() == []
    coupons.release_overdue(at=late)
    campaign.refresh_from_db()
    assert campaign.used == CouponRedemption.objects.filter(status="reserved").count() == ends["done"] - 4


# Sixteen on two prizes ----------------------------------------------------------------------------------------------


def sixteen_draws(people: list[Customer]) -> Counter[str]:
    lottery = published(goods(total=2))

    def draw(n: int) -> Callable[[], Any]:
        return lambda: draws.draw(lottery.pk, people[n], idem_key=f"key-{n}", at=NOON)

    assert at_once([draw(n) for n in range(len(people))]) == {"done": len(people)}
    return Counter(Draw.objects.values_list("reason", flat=True))


def test_sixteen_on_two_prizes_are_two_winners_and_fourteen_told_why(crowd: Callable[[int], list[Customer]]) -> None:
    assert sixteen_draws(crowd(16)) == {"odds": 2, "sold_out": 14}
    assert LotteryPrize.objects.get(kind="goods").awarded == 2
    assert campaign_laws.broken() == []


def test_control_looking_at_the_stock_first_gives_away_more(
    crowd: Callable[[int], list[Customer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = meeting(16)

    def look_then_write(prize_id: int) -> bool:
        prize = LotteryPrize.objects.get(pk=prize_id)
        meet()
        if prize.total is None or prize.awarded >= prize.total:
            return False
        LotteryPrize.objects.filter(pk=prize_id).update(awarded=prize.awarded + 1)
        return True

    monkeypatch.setattr(drawing, "take_prize", look_then_write)

    assert sixteen_draws(crowd(16)) == {"odds": 16}
    assert any(line.startswith("K5") for line in campaign_laws.broken())


def test_one_key_sent_eight_times_at_once_is_one_draw(crowd: Callable[[int], list[Customer]]) -> None:
    [person] = crowd(1)
    lottery = published(goods(ppm=1))

    assert at_once([lambda: draws.draw(lottery.pk, person, idem_key="k", at=NOON)] * 8) == {"done": 8}
    assert (Draw.objects.count(), LotteryTicket.objects.count()) == (1, 1)


def test_eight_keys_at_once_use_the_one_free_draw_once(crowd: Callable[[int], list[Customer]]) -> None:
    [person] = crowd(1)
    lottery = published(goods(ppm=1))
    jobs = [lambda n=n: draws.draw(lottery.pk, person, idem_key=f"k{n}", at=NOON) for n in range(8)]  # type: ignore[misc]

    assert at_once(jobs) == {"done": 1, "no_ticket": 7}


# Orders against one credit limit ------------------------------------------------------------------------------------


def ten_orders_on_account(person: Customer) -> Counter[str]:
    """Ten orders of 300 against a limit of 1000."""
    return at_once(
        [
            lambda n=n: credit.authorise(person, f"shop:{n}", "300.00", idem_key=str(n), at=NOON)  # type: ignore[misc]
            for n in range(10)
        ]
    )


def test_ten_orders_against_a_limit_for_three_are_three(crowd: Callable[[int], list[Customer]]) -> None:
    [person] = crowd(1)
    on_account(person)

    assert ten_orders_on_account(person) == {"done": 3, "credit_limit": 7}
    assert CreditAccount.objects.get().authorised == Decimal("900.00")
    assert campaign_laws.broken() == []


def test_control_without_the_row_lock_and_the_trigger_more_is_owed_than_allowed(
    crowd: Callable[[int], list[Customer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    [person] = crowd(1)
    on_account(person)
    meet = meeting(10)

    def read(customer: Customer, at: Any) -> CreditAccount:
        account = CreditAccount.objects.select_related("customer").get(customer=customer)
        meet()
        return account

    def unguarded(*args: Any, **kwargs: Any) -> Any:
        with pgtrigger.ignore("loyalty.CreditAccount:limit_kept"):
            return authorise(*args, **kwargs)

    authorise = credit.authorise
    monkeypatch.setattr(credit, "hold_account", read)
    monkeypatch.setattr(credit, "authorise", unguarded)

    assert ten_orders_on_account(person) == {"done": 10}
    assert CreditAccount.objects.get().is_over


def test_captured_or_voided_but_never_both(crowd: Callable[[int], list[Customer]]) -> None:
    [person] = crowd(1)
    on_account(person)
    held = credit.authorise(person, "shop:1", "300.00", idem_key="1", at=NOON)
    jobs = [lambda: credit.capture(held.pk, at=NOON), lambda: credit.void(held.pk, at=NOON)] * 4

    ends = at_once(jobs)

    captured = CreditAuthorisation.objects.get().status == "captured"
    assert ends == {"done": 4, "captured" if captured else "reservation_over": 4}
    assert CreditAccount.objects.get().exposure == (Decimal("300.00") if captured else Decimal("0.00"))
    assert campaign_laws.broken() == []


def test_one_payment_told_eight_times_at_once_is_booked_once(crowd: Callable[[int], list[Customer]]) -> None:
    [person] = crowd(1)
    on_account(person)
    held = credit.authorise(person, "shop:1", "300.00", idem_key="1", at=NOON)
    credit.capture(held.pk, at=NOON)

    assert at_once([lambda: credit.pay(person, "100.00", idem_key="bank", at=NOON, by=None)] * 8) == {"done": 8}
    assert CreditAccount.objects.get().exposure == Decimal("200.00")
