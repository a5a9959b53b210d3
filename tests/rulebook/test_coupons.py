"""Campaigns of coupons through the rulebook: what was worked out is what orders then use, and it is given back."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role, User
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from core.rulebook import changes
from core.rulebook.kinds import Content
from core.rulebook.models import RuleChange
from customers.models import Category, Customer, Order, OrderLine, Product, Standing
from loyalty.campaigns import coupon_campaigns, coupons, foreseen, rulebook, versions
from loyalty.campaigns.coupons import Basket, Line
from loyalty.campaigns.foreseen import Sold
from loyalty.models import Coupon, CouponCampaign, CouponIssue
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import running
from tests.rulebook.stories import DRAWN, confirmed, put_in_force, taken_back, undone

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 28, 2, tzinfo=UTC)
TODAY, DAY = date(2026, 7, 28), timedelta(days=1)
TOMORROW = datetime(2026, 7, 28, 16, tzinfo=UTC)  # midnight in the mall
SOME = (Line("a", Decimal("50.00")),)


@pytest.fixture
def wang(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Wang")


@pytest.fixture
def zhao(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "Zhao")


def draft(by: User, **terms: Any) -> CouponCampaign:
    told = {"name": "夏", "kind": "amount", "amount": "10", "total_limit": 100, "per_customer_limit": 9}
    return coupon_campaigns.create(
        "SUMMER", by=by, at=NOW, **(told | {"starts_at": TOMORROW, "ends_at": TOMORROW + 30 * DAY} | terms)
    )


# What happens ---------------------------------------------------------------------------------------------------------


def sold(make_customer: MakeCustomer, wang: User, dice: random.Random) -> list[Customer]:
    """Nine orders of the last month by four people, most with lines of one or two categories."""
    people = [make_customer(f"客户{number}", manager=wang) for number in range(4)]
    Standing.objects.filter(customer__in=people[:3]).update(customer_class=Standing.Class.ACTIVE)
    tea, cups = (
        Product.objects.create(source="shop", external_id=name, name=name, category=Category.objects.create(name=name))
        for name in ("茶", "杯")
    )
    for number in range(9):
        at = NOW - timedelta(days=dice.randrange(1, 30), minutes=dice.randrange(700))
        order = _order(dice, people, number, at)
        if number % 4:
            OrderLine.objects.create(order=order, product=tea, quantity=1, amount=order.paid)
            OrderLine.objects.create(order=order, product=cups, quantity=1, amount=Decimal(dice.randrange(1, 90)))
    return people


def _order(dice: random.Random, people: list[Customer], number: int, at: datetime) -> Order:
    paid = Decimal(dice.randrange(500, 40_000)) / 100
    return Order.objects.create(
        source="shop",
        external_id=f"o-{number}",
        version=1,
        customer=dice.choice(people),
        status=Order.Status.PAID,
        ordered_at=at,
        ordered_on=mall_day(at),
        paid=paid,
        cost=0,
        profit=paid,
        received_at=at,
    )


def drawn(dice: random.Random, by: User) -> Content:
    kind = dice.choice(["amount", "amount", "percent", "gift", "shipping"])
    length = dice.choice([3, 10, 30, 60])
    group = dice.choice([{}, {}, {"customer_class": str(Standing.Class.ACTIVE.value)}, None])
    return {
        "name": "夏",
        "kind": kind,
        "amount": "0.00" if kind == "percent" else str(dice.choice([5, 20, 45])),
        "percent": dice.choice([5, 15, 40]) if kind == "percent" else 0,
        "gift": "杯" if kind == "gift" else "",
        "most_off": dice.choice([None, None, "12.50"]),
        "min_spend": str(dice.choice([0, 0, 40, 150])),
        "categories": dice.choice([[], [], ["茶"], ["杯"]]),
        "needs_code": dice.random() < 0.6,
        "total_limit": dice.choice([2, 5, 100]),
        "per_customer_limit": dice.choice([1, 2, 9]),
        "budget": dice.choice([None, None, "30.00", "70.00"]),
        "ends_at": (TOMORROW + length * DAY).isoformat(),
        "valid_days": dice.choice([None, None, 2, 12]),
        "running": True,
        "group": group,
        "reach": by.pk,
    }


def comes_again(campaign: CouponCampaign, orders: list[Sold], again: str) -> dict[str, float]:
    """The same orders come, each with the coupon of its customer, and are paid: what they used."""
    campaign.refresh_from_db()
    used, cost, sales = 0, Decimal(0), Decimal(0)
    for number, order in enumerate(orders):
        customer = Customer.objects.get(pk=order.customer)
        named: dict[str, Any] = {"campaign": campaign.code}
        if campaign.needs_code:
            coupon = coupon_campaigns.usable_by(customer, at=order.at).first()
            named = {"code": coupon.code if coupon else "-"}
        shipping = campaign.amount if campaign.kind == "shipping" else Decimal("0.00")
        try:
            basket = Basket(order.lines, shipping)
            held = coupons.reserve(customer, f"shop:{again}-{number}", basket, at=order.at, **named)
        except DomainError:
            continue
        held = coupons.redeem(held.pk, at=order.at)
        used, cost, sales = used + 1, cost + held.worth, sales + held.goods
    return {"used": used, "cost": float(cost), "sales": float(sales)}


def after(change: RuleChange) -> dict[str, float]:
    figures = changes.figures_of(change)
    return {name: figures[name][1] for name in ("used", "cost", "sales")}


def test_coupons_what_was_worked_out_is_what_orders_then_use(
    make_customer: MakeCustomer, wang: User, zhao: User
) -> None:
    dice = random.Random(12)
    sold(make_customer, wang, dice)
    campaign = draft(wang)
    done = used = 0

    while done < DRAWN * 3 // 5:
        content = drawn(dice, wang)
        with undone():
            campaign.refresh_from_db()
            kind = rulebook.of(campaign)
            change = put_in_force(kind, content, wang, zhao, NOW, starts_on=TODAY + DAY)
            assert change is not None
            assert campaign.status == "draft"
            assert versions.begin_due(at=TOMORROW) == 1
            campaign.refresh_from_db()
            days = foreseen.days_of(TODAY + DAY, campaign.ends_at)
            _days, orders = foreseen.sold_lately(TODAY, days, begins=TODAY + DAY)
            assert Coupon.objects.count() == changes.figures_of(change)["hands"][1]
            came = comes_again(campaign, orders, "a")
            assert came == after(change), content
            later = TOMORROW + (days - 1) * DAY + timedelta(hours=23)
            compared = {row.name: row for row in changes.compared(kind, change, at=later)}
            assert all(row.came == row.after for name, row in compared.items() if name not in ("days", "refused"))
            kind = rulebook.of(campaign)
            taken_back(kind, change, wang, zhao, later)
            assert comes_again(campaign, orders[:2], "b")["used"] == 0
            assert not Coupon.objects.filter(status="issued").exists()
            done, used = done + 1, used + int(came["used"])
    assert used > DRAWN / 3


def test_coupons_a_change_while_it_runs_does_what_was_worked_out_and_is_taken_back(
    make_customer: MakeCustomer, wang: User, zhao: User
) -> None:
    dice = random.Random(5)
    people = sold(make_customer, wang, dice)
    campaign = draft(wang, needs_code=False, total_limit=3, per_customer_limit=2, budget="40")
    kind = rulebook.of(campaign)
    put_in_force(kind, {**versions.running(campaign), "needs_code": False}, wang, zhao, NOW, starts_on=TODAY)
    coupons.redeem(coupons.reserve(people[0], "shop:first", Basket(SOME), at=NOW, campaign="SUMMER").pk, at=NOW)
    _days, orders = foreseen.sold_lately(TODAY, 30, begins=TODAY + DAY)
    with undone():
        as_if_never = comes_again(campaign, orders, "a")
    done = 0

    while done < DRAWN * 2 // 5:
        with undone():
            campaign.refresh_from_db()
            kind = rulebook.of(campaign)
            before = kind.versions(1)[0].content
            content = {
                **before,
                "total_limit": dice.choice([3, 4, 6, 50]),
                "per_customer_limit": dice.choice([2, 3, 8]),
                "budget": dice.choice([None, "40.00", "60.00", "35.00"]),
                "ends_at": (TOMORROW + dice.choice([30, 31, 45]) * DAY).isoformat(),
            }
            change = put_in_force(kind, content, wang, zhao, NOW, starts_on=TODAY + DAY)
            if change is None:
                continue
            figures = changes.figures_of(change)
            assert as_if_never == {name: figures[name][0] for name in as_if_never}
            versions.begin_due(at=TOMORROW)
            with undone():
                assert comes_again(campaign, orders, "a") == after(change), content
            taken_back(rulebook.of(campaign), change, wang, zhao, TOMORROW)
            assert comes_again(campaign, orders, "a") == as_if_never
            done += 1


# The pages and the edges ----------------------------------------------------------------------------------------------


def test_a_start_is_proposed_on_its_page_confirmed_and_withdrawn_before_it_begins(
    client: Client, wang: User, zhao: User, make_customer: MakeCustomer
) -> None:
    at = timezone.now()
    make_customer("李雷", manager=wang)
    campaign = draft(wang, starts_at=at + DAY, ends_at=at + 30 * DAY, total_limit=1)
    client.force_login(wang)
    address, day = reverse("desk:coupons_begin", args=[campaign.pk]), (mall_day(at) + DAY).isoformat()

    unsaid = client.post(address, {"starts_on": day, "reason": "", "hands_out": "on"})
    late = client.post(address, {"starts_on": "2099-01-01", "reason": "夏天"})
    led = client.post(address, {"starts_on": day, "reason": "夏天", "hands_out": "on"})

    assert (unsaid.status_code, late.status_code, led.status_code) == (422, 422, 302)
    change = RuleChange.objects.get()
    assert changes.figures_of(change)["hands"] == (0, 1)
    page = client.get(led["Location"]).content.decode()
    assert "All customers in reach" in page
    assert client.post(f"{led['Location']}confirm/", {"once": "a"}).status_code == 422  # not by its author
    confirmed(at)
    campaign.refresh_from_db()
    assert (campaign.status, Coupon.objects.count()) == ("draft", 0)
    with pytest.raises(DomainError, match="confirmed"):
        coupon_campaigns.change(campaign.pk, by=wang, at=at, total_limit=9)
    assert "begins on" in client.get(reverse("desk:coupons", args=[campaign.pk])).content.decode()
    kind = rulebook.of(campaign)
    changes.withdraw(kind, change.pk, by=zhao, reason="regen", at=at)
    assert versions.begin_due(at=at + 2 * DAY) == 0
    assert kind.versions(1)[0].content["running"] is False


def test_a_running_campaign_that_nobody_proposed_has_versions_too_and_ends_for_good(
    client: Client, wang: User, zhao: User, make_customer: MakeCustomer
) -> None:
    at = timezone.now()
    campaign = running(starts_at=at - DAY, ends_at=at + 9 * DAY)
    coupon_campaigns.give(campaign.pk, make_customer("李雷"), by=wang, at=at)
    kind = rulebook.of(campaign)
    assert [version.number for version in kind.versions(9)] == [1, 0]
    less = {**versions.running(campaign), "total_limit": 5}
    with pytest.raises(DomainError, match="only rise"):
        changes.propose(kind, less, starts_on=mall_day(at), reason="x", by=wang, at=at)

    put_in_force(kind, {**less, "total_limit": 500}, wang, zhao, at)
    more = RuleChange.objects.get()
    taken_back(kind, more, wang, zhao, at)
    campaign.refresh_from_db()
    assert (more.version, campaign.total_limit) == (2, 100)
    client.force_login(wang)
    page = client.get(reverse("desk:rulebook_kind", args=[kind.name])).content.decode()
    assert "Redemptions at most: 100 instead of 500." in page
    assert client.get(reverse("desk:rulebook_kind", args=["coupons-0"])).status_code == 404

    coupon_campaigns.end(campaign.pk, by=wang, at=at)
    campaign.refresh_from_db()
    with pytest.raises(DomainError, match="ended"):
        changes.propose(rulebook.of(campaign), less, starts_on=mall_day(at), reason="x", by=wang, at=at)
    assert CouponIssue.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"bonus": 1}, "There is no rule"),
        ({"amount": "NaN"}, "cannot be read"),
        ({"ends_at": "2026-08-01T00:00:00"}, "cannot be read"),
        ({"total_limit": None}, "cannot be read"),
        ({"group": {"customer_class": "9"}}, "no group"),
        ({"group": {"mood": "x"}}, "no group"),
        ({"cost": "much"}, "not an amount"),
        ({"kind": "percent", "percent": 0}, "percentage"),
    ],
)
def test_content_that_is_none_is_refused_in_words(wang: User, content: Content, words: str) -> None:
    with pytest.raises(DomainError, match=words):
        rulebook.of(draft(wang)).checked(content)


def test_of_a_campaign_that_has_not_begun_one_start_waits_at_most(wang: User, zhao: User) -> None:
    kind = rulebook.CampaignKind(draft(wang))
    told = {"starts_on": TODAY + DAY, "by": wang, "at": NOW}
    first = changes.propose(kind, {"amount": "20.00"}, reason="first", **told)

    with pytest.raises(DomainError) as refusal:
        changes.propose(kind, {"amount": "30.00"}, reason="second", **told)

    assert refusal.value.code == "start_waits"
    with pytest.raises(IntegrityError), transaction.atomic():  # two at the same moment
        RuleChange.objects.create(
            **{name: getattr(first, name) for name in ("kind", "content", "starts_on", "by", "at", "based_on")},
            reason="second",
            foretold_at=NOW,
        )
    moved = changes.move(kind, first.pk, starts_on=TODAY + 2 * DAY, by=wang, at=NOW)
    changes.drop(kind, moved.pk, by=zhao, at=NOW)
    assert changes.propose(kind, {"amount": "30.00"}, reason="second", **told).state == "open"
