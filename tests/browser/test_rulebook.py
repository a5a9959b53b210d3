"""Rules of every kind under one roof: what they say, a campaign of coupons from its start to its roll back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from complaints.setup import defaults
from core.accounts.models import User
from crm.desk.today import now
from loyalty.campaigns import coupon_campaigns, rulebook
from loyalty.models import CouponCampaign
from loyalty.points import rules as point_rules
from tests.browser.conftest import ADMINISTRATOR, SitDown
from tests.rulebook.stories import confirmed


def a_mall_with_rules(by: User) -> CouponCampaign:
    """Points, promises, and a campaign of coupons that has not begun."""
    at = now() - timedelta(days=20)
    point_rules.save({"rate": Decimal(1), "bonus_from": Decimal(5000)}, starts_at=at, by=by, reason="开业", at=at)
    defaults.install(at=at)
    ends_at = now() + timedelta(days=12)
    terms = {"kind": "amount", "amount": 30, "min_spend": 200, "total_limit": 2000, "budget": 15000, "starts_at": now()}
    return coupon_campaigns.create("SUMMER", by=by, at=now(), name="夏日满减", ends_at=ends_at, **terms)


@pytest.mark.parametrize("language", ["zh-hans"])
def test_a_campaign_starts_by_a_second_person_and_is_rolled_back(sit_down: SitDown, language: str) -> None:
    desk = sit_down(ADMINISTRATOR, language)
    page, campaign = desk.page, a_mall_with_rules(desk.user)
    for kind in ("points", "night", "promises"):
        desk.open(f"/rulebook/{kind}/")
        expect(page.get_by_role("heading", name=desk.say("What is in force"))).to_be_visible()
        desk.fits()

    desk.open(f"/coupons/{campaign.pk}/")
    page.get_by_role("link", name=desk.say("Start"), exact=True).click()
    page.fill("[name=reason]", "夏天到了")
    page.check("[name=hands_out]")
    desk.fits()
    page.get_by_role("button", name=desk.say("Work out what it does")).click()
    expect(page.get_by_text(desk.say("Coupons used, if everybody uses what they may"))).to_be_visible()
    desk.fits()
    confirmed(now())
    page.reload()
    desk.fits()
    desk.open(f"/coupons/{campaign.pk}/")
    desk.fits()
    desk.open(f"/rulebook/{rulebook.of(campaign).name}/")
    desk.fits()
    desk.open("/rulebook/")
    desk.fits()
