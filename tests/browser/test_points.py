"""Points are redeemed: set aside with a countdown, handed over, and a line in the ledger says so."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from customers.models import Customer
from loyalty.models import Redemption, Reward
from loyalty.points import accounts as points
from loyalty.points import rules as point_rules
from tests.browser.conftest import MANAGER, SitDown


@pytest.fixture
def rich(mall: str) -> Customer:
    """A customer of Chen with 500 points."""
    start = timezone.now() - timedelta(days=1)
    if point_rules.in_force(timezone.now()) is None:
        point_rules.save({"rate": Decimal(1)}, starts_at=start, by=None, reason="Tests", at=start)
    Reward.objects.get_or_create(name="保温杯", defaults={"points": 300, "stock": 5})
    customer = Customer.objects.filter(manager__username=MANAGER).order_by("pk").first()
    assert customer is not None
    points.grant(customer, 500, source="goodwill", key=f"gift {timezone.now()}", at=timezone.now(), reason="补偿")
    return customer


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_reward_is_redeemed(sit_down: SitDown, rich: Customer, language: str) -> None:
    before = points.balance(rich, at=timezone.now()).available
    desk = sit_down(MANAGER, language)
    page = desk.page
    desk.open(f"/customers/{rich.pk}/")
    expect(page.locator("#points")).to_contain_text(str(before))
    desk.open(f"/customers/{rich.pk}/points/")
    desk.fits()
    page.get_by_role("link", name=desk.say("Redeem")).click()
    page.get_by_role("button", name=desk.say("Set the reward aside")).click()
    countdown = page.locator("[data-due]").first
    expect(countdown).to_be_visible()
    expect(countdown).not_to_have_text("")
    desk.fits()
    page.get_by_role("button", name=desk.say("Hand the reward over")).click()

    expect(page.locator("tbody tr").first).to_contain_text("保温杯")
    assert Redemption.objects.latest("pk").state == Redemption.State.DONE
    assert points.balance(rich, at=timezone.now()).available == before - 300
