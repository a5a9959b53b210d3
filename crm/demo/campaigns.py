"""Coupons, draws and credit of the demo mall: made by the verbs, at the times they happened, on orders that exist."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q

from core.accounts.models import User
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from customers.models import Customer, Order, Standing
from loyalty import clubs
from loyalty.campaigns import coupon_campaigns, coupons, credit, draws
from loyalty.campaigns.coupon_campaigns import local_midnight
from loyalty.campaigns.coupons import Basket, Line
from loyalty.campaigns.draws import PrizeFact
from loyalty.models import CouponCampaign, CreditAccount, Lottery, LotteryPrize

Say = Callable[[str], None]
Kind = LotteryPrize.Kind
DORMANT_DAYS = 113
MOST_USED = 80
RULES = (
    "一、活动期间，每笔实付满 800 元的订单可获一次抽奖机会，订单取消或全额退款的，未使用的机会作废。\n"
    "二、奖品、数量和中奖概率见奖品表，活动期间不作变更；某一奖品发完后抽中该奖品的，按“谢谢参与”处理。\n"
    "三、实物奖品请在中奖后 30 天内领取，由本店承担邮费；优惠券即时到账。\n"
    "四、每次抽奖的号码由事先公布指纹的密钥与抽奖机会编号算出，活动结束后公布密钥，任何人都可以验算。"
)


def load(*, at: datetime, say: Say = lambda line: None) -> int:
    """Fill the loyalty pages of a mall that has customers and orders; 0 when there are campaigns already."""
    if CouponCampaign.objects.exists() or not Order.objects.exists():
        return 0
    users = {user.username: user for user in User.objects.filter(username__in=("lead", "admin", "chen"))}
    today = mall_day(at)
    used = _coupons(users, today, at)
    drawn = _draws(users, today, at)
    owed = _credit(users, today, at)
    _clubs(users, today, at)
    say(f"  {used} coupons redeemed, {drawn} draws, {owed} orders on account")
    return used + drawn + owed


# Coupons ------------------------------------------------------------------------------------------------------------


def _coupons(users: dict[str, User], today: date, at: datetime) -> int:
    lead = users["lead"]
    back = _campaign(
        "BACK30",
        "老客回馈 满200减30",
        today - timedelta(days=24),
        today + timedelta(days=20),
        lead,
        amount=Decimal(30),
        min_spend=Decimal(200),
        total_limit=200,
        budget=Decimal(5000),
        valid_days=40,
    )
    members = _campaign(
        "GOLD85",
        "金卡会员日 全场85折",
        today - timedelta(days=9),
        today + timedelta(days=5),
        lead,
        kind="percent",
        percent=15,
        most_off=Decimal(100),
        total_limit=150,
        needs_code=False,
        stack_group="会员日",
    )
    ship = _campaign(
        "SHIP0",
        "夏末包邮",
        today - timedelta(days=80),
        today - timedelta(days=50),
        lead,
        kind="shipping",
        amount=Decimal(12),
        total_limit=200,
    )
    coupon_campaigns.create(
        "TEA-GIFT",
        by=lead,
        at=at,
        name="新茶上市 满500送茶杯",
        kind="gift",
        gift="手作茶杯",
        amount=Decimal(39),
        min_spend=Decimal(500),
        categories=["茶叶"],
        total_limit=100,
        budget=Decimal(3900),
        starts_at=local_midnight(today + timedelta(days=10)),
        ends_at=local_midnight(today + timedelta(days=31)),
    )
    people = Customer.objects.all()
    began = back.starts_at + timedelta(hours=9)
    active = people.filter(standing__customer_class__in=(Standing.Class.ACTIVE, Standing.Class.BIG))
    _hand_out(back, active, began, lead, {"customer_class": str(Standing.Class.ACTIVE.value)}, Decimal("0.00"))
    dormant = people.filter(standing__last_on__lt=today - timedelta(days=DORMANT_DAYS))
    _hand_out(back, dormant, began + timedelta(days=1), lead, {"absent_days": DORMANT_DAYS}, Decimal("86.50"))
    _hand_out(ship, active, ship.starts_at + timedelta(hours=9), lead, {"customer_class": "1"}, Decimal("0.00"))
    coupon_campaigns.issue_bearer(back.pk, 200, client_key="leaflet", by=lead, at=began + timedelta(days=2))
    used = sum(_on_orders(campaign) for campaign in (back, members, ship))
    coupon_campaigns.end_due(at=at)
    coupons.expire_due(at=at)
    return used


def _campaign(code: str, name: str, first: date, last: date, by: User, **terms: Any) -> CouponCampaign:
    starts_at, ends_at = local_midnight(first), local_midnight(last + timedelta(days=1))
    eve = starts_at - timedelta(hours=6)
    told = {"kind": "amount", "starts_at": starts_at, "ends_at": ends_at} | terms
    return coupon_campaigns.start(coupon_campaigns.create(code, by=by, at=eve, name=name, **told).pk, by=by, at=eve)


def _hand_out(
    campaign: CouponCampaign, people: Any, at: datetime, by: User, group: dict[str, Any], cost: Decimal
) -> None:
    try:
        coupon_campaigns.issue(campaign.pk, people, client_key=f"demo {at}", group=group, cost=cost, by=by, at=at)
    except DomainError:
        return  # a small mall may have nobody in the group


def _on_orders(campaign: CouponCampaign) -> int:
    """Some of the orders of the campaign's time that could use it did, spread over its days."""
    orders = Order.objects.filter(
        status=Order.Status.PAID,
        ordered_at__gte=campaign.starts_at + timedelta(days=1),
        ordered_at__lt=campaign.ends_at,
    )
    if campaign.needs_code:
        orders = orders.filter(customer__coupons__campaign=campaign).distinct()
    else:
        orders = orders.filter(customer__standing__customer_class=Standing.Class.BIG)
    ids = list(orders.order_by("ordered_at").values_list("pk", "ordered_at"))
    chosen = [pk for pk, _at in ids[:: len(ids) // MOST_USED + 1]]
    orders = Order.objects.filter(pk__in=chosen).select_related("customer").order_by("ordered_at")
    used = 0
    for order in orders.prefetch_related("lines__product__category"):
        lines = tuple(
            Line(str(line.pk), line.amount, line.product.category.name if line.product.category else "")
            for line in order.lines.all()
        )
        told: dict[str, Any] = {"campaign": campaign.code}
        if campaign.needs_code:
            coupon = coupon_campaigns.usable_by(order.customer, at=order.ordered_at).filter(campaign=campaign).first()
            told = {"code": coupon.code if coupon else "-"}
        try:
            basket = Basket(lines, Decimal(8))
            held = coupons.reserve(order.customer, coupons.ref_of(order), basket, at=order.ordered_at, **told)
        except DomainError:
            continue
        coupons.redeem(held.pk, at=order.ordered_at + timedelta(minutes=2))
        used += 1
    return used


# Draws --------------------------------------------------------------------------------------------------------------


def _draws(users: dict[str, User], today: date, at: datetime) -> int:
    lead, admin = users["lead"], users["admin"]
    over = _lottery(
        "AUTUMN",
        "金秋大转盘",
        today - timedelta(days=45),
        today - timedelta(days=12),
        admin,
        (
            PrizeFact("紫砂壶套装", Kind.GOODS, 3_000, 2, Decimal(1280)),
            PrizeFact("明前龙井礼盒", Kind.GOODS, 20_000, 12, Decimal(328)),
            PrizeFact("200 积分", Kind.POINTS, 80_000, 60, Decimal(2), points=200),
            PrizeFact("保温杯", Kind.GOODS, 60_000, 25, Decimal(59)),
            PrizeFact("谢谢参与", Kind.THANKS, 837_000),
        ),
        min_order=Decimal(800),
        rules=RULES,
    )
    draws.publish(over.pk, by=lead, at=over.starts_at - timedelta(days=2))
    draws.follow_orders(at=over.ends_at - timedelta(minutes=1))
    drawn = _tickets_used(over, lead)
    draws.end_due(at=over.ends_at)
    daily = _lottery(
        "DAILY",
        "每日一抽",
        today - timedelta(days=5),
        today + timedelta(days=25),
        admin,
        (
            PrizeFact("50 元红包券", Kind.GOODS, 10_000, 100, Decimal(50)),
            PrizeFact("茉莉花茶 100克", Kind.GOODS, 50_000, 200, Decimal(39)),
            PrizeFact("谢谢参与", Kind.THANKS, 940_000),
        ),
        entry="daily",
        draws_per_day=1,
        rules="每位会员每天可免费抽一次，奖品和概率见奖品表。",
    )
    draws.publish(daily.pk, by=lead, at=daily.starts_at - timedelta(days=1))
    for number, person in enumerate(Customer.objects.filter(standing__customer_class=Standing.Class.ACTIVE)[:50]):
        moment = daily.starts_at + timedelta(hours=10 + number % 90, minutes=number)
        if moment < at:
            draws.draw(daily.pk, person, idem_key=f"demo-{number}", at=moment)
            drawn += 1
    wheel = _lottery(
        "POINTS",
        "积分转盘",
        today - timedelta(days=3),
        today + timedelta(days=40),
        admin,
        (
            PrizeFact("手冲咖啡壶", Kind.GOODS, 5_000, 10, Decimal(168)),
            PrizeFact("500 积分", Kind.POINTS, 100_000, 500, Decimal(5), points=500),
            PrizeFact("谢谢参与", Kind.THANKS, 895_000),
        ),
        entry="points",
        points_cost=200,
        rules="每 200 积分换一次抽奖机会，奖品和概率见奖品表，中奖后 30 天内领取。",
    )
    draws.publish(wheel.pk, by=lead, at=wheel.starts_at - timedelta(days=1))
    _lottery(
        "NEWYEAR",
        "新年福袋",
        today + timedelta(days=30),
        today + timedelta(days=45),
        lead,
        (
            PrizeFact("平板电脑", Kind.GOODS, 1_000, 1, Decimal(2999)),
            PrizeFact("谢谢参与", Kind.THANKS, 989_000),
        ),
        min_level="gold",
        rules="",
    )
    return drawn


def _lottery(
    code: str, name: str, first: date, last: date, by: User, prizes: tuple[PrizeFact, ...], **terms: Any
) -> Lottery:
    starts_at, ends_at = local_midnight(first), local_midnight(last + timedelta(days=1))
    eve = starts_at - timedelta(days=3)
    made = draws.create(code, by=by, at=eve, name=name, starts_at=starts_at, ends_at=ends_at, **terms)
    return draws.set_prizes(made.pk, prizes, by=by, at=eve)


def _tickets_used(lottery: Lottery, by: User) -> int:
    """Whoever had a ticket drew the same evening; most goods were claimed and sent."""
    drawn = 0
    for ticket in lottery.tickets.filter(status="issued").select_related("customer").order_by("pk"):
        source, _colon, number = ticket.source_ref.partition(":")
        order = Order.objects.get(source=source, external_id=number)
        moment = min(order.ordered_at + timedelta(hours=2), lottery.ends_at - timedelta(minutes=1))
        won = draws.draw(lottery.pk, ticket.customer, idem_key=f"demo-{ticket.pk}", at=moment)
        drawn += 1
        if won.prize.kind == Kind.GOODS and drawn % 4:
            draws.claim(won.pk, at=moment + timedelta(hours=5))
            if drawn % 3:
                draws.hand_over(won.pk, by=by, at=moment + timedelta(days=2), reference=f"SF10{won.pk:08d}")
    return drawn


# Clubs --------------------------------------------------------------------------------------------------------------


def _clubs(users: dict[str, User], today: date, at: datetime) -> None:
    lead, before = users["lead"], at - timedelta(days=60)
    tea = clubs.found("茶友会", about="每月一次品鉴，新茶先尝", by=lead, at=before)
    books = clubs.found("读书会", about="每月推荐一本电子书", min_level="silver", by=lead, at=before)
    people = list(Customer.objects.filter(manager=users["chen"]).order_by("-standing__value", "pk")[:14])
    for place, person in enumerate(people):
        clubs.join(tea, person, by=lead, at=before + timedelta(days=place))
    past = clubs.plan(
        tea, "秋茶品鉴", kind="meeting", on=today - timedelta(days=20), place="门店二楼", seats=12, by=lead, at=before
    )
    coming = clubs.plan(
        tea, "冬日围炉煮茶", kind="meeting", on=today + timedelta(days=12), place="门店二楼", seats=16, by=lead, at=at
    )
    clubs.plan(
        books,
        "《茶经》电子书",
        kind="content",
        on=today + timedelta(days=6),
        place="https://example.com/chajing",
        by=lead,
        at=at,
    )
    for place, person in enumerate(people):
        if place % 2:
            clubs.take_seat(coming, person, at=at)
        elif place < 10:
            seat = clubs.take_seat(past, person, at=before + timedelta(days=30))
            clubs.note_visit(seat.pk, came=place != 4, by=lead, at=at)
    told: dict[str, Any] = {"starts_on": today - timedelta(days=60), "by": lead, "at": before}
    clubs.agree("悦美美容", "首次护理五折", min_level="silver", **told)
    clubs.agree("动力健身", "体验月卡一张", min_level="gold", **told)
    clubs.agree("城市书房", "借阅免押金", **told)


# Credit -------------------------------------------------------------------------------------------------------------


def _credit(users: dict[str, User], today: date, at: datetime) -> int:
    """Two key customers on account, one of them late; and one whose limit waits for the lead."""
    chen, lead = users["chen"], users["lead"]
    big = Q(standing__customer_class=Standing.Class.BIG, manager=chen)
    people = list(Customer.objects.filter(big).order_by("-standing__value", "pk")[:3])
    opened = at - timedelta(days=95)
    told = (("50000", 30, "每月稳定采购，付款一向及时"), ("15000", 15, "企业团购，要求月结"))
    charged = 0
    for place, (person, (limit, term_days, reason)) in enumerate(zip(people, told, strict=False)):
        change = credit.propose_limit(person, limit=limit, term_days=term_days, reason=reason, by=chen, at=opened)
        credit.decide_limit(change.pk, approve=True, by=lead, at=opened + timedelta(hours=3))
        charged += _orders_on_account(person, pays=place == 0, at=at)
    if len(people) > 2:
        credit.propose_limit(
            people[2], limit="80000", term_days=45, reason="年度框架合同", by=chen, at=at - timedelta(hours=20)
        )
    return charged


def _orders_on_account(person: Customer, *, pays: bool, at: datetime) -> int:
    """The orders of three months, each charged a day later; the one who pays, pays within the term."""
    charged = 0
    orders = person.orders.filter(status=Order.Status.PAID, ordered_at__gt=at - timedelta(days=90)).order_by(
        "ordered_at"
    )
    for order in orders[:12]:
        moment = order.ordered_at
        ref = coupons.ref_of(order)
        try:
            held = credit.authorise(person, ref, order.paid, idem_key=ref, at=moment, hold=timedelta(days=14))
        except DomainError:
            continue
        later = moment + timedelta(days=1)
        if later > at:
            continue
        credit.capture(held.pk, at=later)
        credit.follow_order(order, at=later)
        charged += 1
        paid_on = later + timedelta(days=20 if pays else 13)
        if paid_on < at and (pays or charged == 1):
            owed = CreditAccount.objects.get(customer=person).exposure
            if owed:
                credit.pay(person, owed, idem_key=f"bank {ref}", at=paid_on, by=None, reason="银行转账")
    return charged
