"""The demo's coupons, draws and credit live: made by the verbs on orders that exist, and within all laws."""

import pytest
from django.utils import timezone

from crm.demo import campaigns as demo_campaigns
from crm.demo import mall as demo
from crm.desk.today import today
from crm.flows import nightly
from loyalty.campaigns import draws
from loyalty.campaigns import laws as campaign_laws
from loyalty.models import (
    CouponCampaign,
    CouponIssue,
    CouponRedemption,
    CreditAccount,
    CreditLimitChange,
    Draw,
    Lottery,
)


@pytest.mark.django_db
def test_the_loyalty_pages_of_the_demo_live() -> None:
    at = timezone.now()
    demo.load(demo.imagine(today(), demo.SMALL), at=at)
    nightly.run(today())

    assert demo_campaigns.load(at=at) > 0

    assert set(CouponCampaign.objects.values_list("status", flat=True)) == {"draft", "running", "ended"}
    assert CouponIssue.objects.filter(bearer=True).exists()
    assert CouponRedemption.objects.filter(status="redeemed").count() > 5
    assert set(Lottery.objects.values_list("status", flat=True)) == {"draft", "published", "ended"}
    assert Draw.objects.filter(lottery__status="ended").exists()
    assert all(draws.disagreements(one) == [] for one in Lottery.objects.exclude(status="draft"))
    assert CreditAccount.objects.filter(exposure__gt=0).exists()
    assert CreditLimitChange.objects.filter(status="proposed").exists()
    assert campaign_laws.broken() == []
    assert demo_campaigns.load(at=at) == 0
