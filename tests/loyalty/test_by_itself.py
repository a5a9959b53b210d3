"""One night, through the door the timetable opens: what this floor says happens by itself has happened after it."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from core.accounts.models import Role
from core.lib.periods import mall_day
from core.outbox.models import Message
from crm.flows import nightly
from customers.identity import CustomerRef
from customers.models import Customer
from customers.orders import OrderFact
from loyalty.campaigns import coupons, credit, draws
from loyalty.models import (
    Coupon,
    CouponCampaign,
    CreditAccount,
    Draw,
    Lottery,
    LotteryTicket,
    Redemption,
    Reward,
    VisitStep,
)
from loyalty.points import accounts, referrals, rewards
from loyalty.points import rules as point_rules
from tests import recording
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import DAY, a_coupon, basket, goods, lead, on_account, published, running


def test_the_night_does_what_nobody_came_by_to_do(make_customer: MakeCustomer, make_user: MakeUser) -> None:
    now = timezone.now()
    begun, earlier = now - 60 * DAY, now - 2 * DAY
    today = mall_day(now)
    rate = {"rate": Decimal(1), "pending_days": 0, "referrer_points": 300, "life_months": None}
    point_rules.save(rate, starts_at=begun, by=None, reason="Tests", at=begun)
    li_lei, friend = make_customer("李雷"), make_customer("韩梅梅")
    accounts.grant(li_lei, 100, source="goodwill", key="g", at=earlier)
    cup = Reward.objects.create(name="杯子", points=100, stock=1)
    rewards.reserve(li_lei, cup, key="cup", at=earlier)
    referrals.record(friend, li_lei, by=None, at=earlier)
    VisitStep.objects.create(visits=1, points=7)
    lottery = published(goods(), entry="order", claim_days=1, starts_at=begun, ends_at=now - timedelta(hours=1))
    going_on = published(goods(), code="GOES-ON", entry="order", starts_at=begun, ends_at=now + 9 * DAY)
    won = _given(lottery, li_lei, earlier)
    campaign = running(starts_at=begun, ends_at=now - timedelta(hours=1))
    old = a_coupon(campaign, li_lei)
    free = running("FREE", needs_code=False, starts_at=begun, ends_at=now + 9 * DAY)
    coupons.reserve(li_lei, "shop:never", basket(), at=earlier, campaign="FREE")
    on_account(li_lei)
    credit.authorise(li_lei, "shop:never", "50.00", idem_key="1", at=now - 20 * DAY)
    ref = CustomerRef(number=friend.number)
    fact = OrderFact(
        source="file", external_id="1", version=1, customer=ref, ordered_at=earlier, paid=Decimal(80), status="paid"
    )
    recording.record_order(fact, at=now, today=today)  # as a file brings it: nobody above is told

    nightly.run(today)

    cup.refresh_from_db()
    assert (cup.stock, Redemption.objects.get().state) == (1, Redemption.State.CANCELLED)
    assert accounts.balance(li_lei, at=timezone.now()).available == 100 + 300
    assert accounts.balance(friend, at=timezone.now()).available == 80 + 7
    assert LotteryTicket.objects.get(customer=friend).lottery == going_on
    assert Draw.objects.get(pk=won).state == Draw.State.FORFEITED
    assert Lottery.objects.get(pk=lottery.pk).status == Lottery.Status.ENDED
    assert CouponCampaign.objects.get(pk=campaign.pk).status == CouponCampaign.Status.ENDED
    assert Coupon.objects.get(pk=old.pk).status == Coupon.Status.EXPIRED
    assert CouponCampaign.objects.get(pk=free.pk).used == 0
    assert CreditAccount.objects.get().authorised == 0


def _given(lottery: Lottery, customer: Customer, at: datetime) -> int:
    draws.give_ticket(lottery.pk, customer, reason="birthday", by=lead(), at=at)
    return draws.draw(lottery.pk, customer, idem_key="1", at=at).pk


def test_a_broken_law_of_the_campaigns_alarms_the_administrators(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    now = timezone.now()
    campaign = running(starts_at=now - DAY, ends_at=now + DAY)
    CouponCampaign.objects.filter(pk=campaign.pk).update(used=1)

    nightly.run(mall_day(now))

    assert "K1" in Message.objects.get(recipient=admin).subject
