"""What the stories of coupons, draws and credit share."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.accounts.models import Role, User
from customers.models import Customer
from loyalty.campaigns import coupon_campaigns, credit, draws
from loyalty.campaigns.coupons import Basket, Line, new_code
from loyalty.campaigns.draws import PrizeFact
from loyalty.models import Coupon, CouponCampaign, CreditAccount, Lottery
from loyalty.models.draws import LotteryPrize

NOON = datetime(2026, 11, 17, 4, tzinfo=UTC)  # in the mall
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
THANKS = PrizeFact("谢谢参与", LotteryPrize.Kind.THANKS, 0)


def lead(name: str = "wang") -> User:
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(username=name, roles=[Role.TEAM_LEAD])


def basket(*nets: str, shipping: str = "0.00") -> Basket:
    lines = tuple(Line(f"line-{n}", Decimal(net)) for n, net in enumerate(nets or ("100.00",), start=1))
    return Basket(lines, Decimal(shipping))


def running(code: str = "TEN", **terms: Any) -> CouponCampaign:
    """10 yuan off, one for each customer, a hundred in all, for ten days around NOON."""
    told = {
        "name": code.title(),
        "kind": "amount",
        "amount": Decimal("10.00"),
        "total_limit": 100,
        "starts_at": NOON - DAY,
        "ends_at": NOON + 9 * DAY,
    }
    campaign = coupon_campaigns.create(code, by=lead(), at=NOON - DAY, **(told | terms))
    return coupon_campaigns.start(campaign.pk, by=lead(), at=NOON - DAY)


def a_coupon(campaign: CouponCampaign, customer: Customer | None, *, expires_at: datetime | None = None) -> Coupon:
    return Coupon.objects.create(
        campaign=campaign,
        customer=customer,
        code=new_code(),
        issued_at=NOON,
        expires_at=expires_at or campaign.ends_at,
    )


def published(*prizes: PrizeFact, code: str = "WHEEL", **terms: Any) -> Lottery:
    """Drafted by Wang, published by Zhao; what the odds leave goes to the row of those who win nothing."""
    told = {
        "name": "大转盘",
        "rules": "每单一次",
        "entry": "daily",
        "starts_at": NOON - DAY,
        "ends_at": NOON + 9 * DAY,
        "draws_per_day": 1000,
    }
    lottery = draws.create(code, by=lead("wang"), at=NOON - DAY, **(told | terms))
    rest = 1_000_000 - sum(prize.ppm for prize in prizes)
    thanks = PrizeFact(THANKS.name, THANKS.kind, rest)
    draws.set_prizes(lottery.pk, [*prizes, thanks], by=lead("wang"), at=NOON - DAY)
    return draws.publish(lottery.pk, by=lead("zhao"), at=NOON - DAY)


def goods(name: str = "手机", *, ppm: int = 1_000_000, total: int = 2, value: str = "3000.00") -> PrizeFact:
    return PrizeFact(name, LotteryPrize.Kind.GOODS, ppm, total, Decimal(value))


def on_account(customer: Customer, limit: str = "1000.00", term_days: int = 30) -> CreditAccount:
    credit.propose_limit(customer, limit=limit, term_days=term_days, reason="good customer", by=lead(), at=NOON)
    return CreditAccount.objects.get(customer=customer)
