"""Coupons, draws and credit of the demo mall: made by the verbs, at the times they happened, on orders that exist."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from core.accounts.models import User
from core.lib.errors import DomainError
from core.lib.periods import mall_day, mall_midnight
from crm.demo.tables.campaigns import (
    AUTUMN,
    BACK,
    CREDIT,
    CREDIT_ASKED,
    DAILY,
    DRAFT,
    MEMBERS,
    NEW_YEAR,
    PARTNERS,
    SHIPPING,
    WHEEL,
    CouponRow,
    LotteryRow,
)
from customers.models import Customer, Order, Standing
from loyalty import clubs
from loyalty.campaigns import coupon_campaigns, coupons, credit, draws
from loyalty.campaigns.coupons import Basket, Line
from loyalty.models import CouponCampaign, CreditAccount, Lottery, LotteryPrize

Say = Callable[[str], None]
Kind = LotteryPrize.Kind
DORMANT_DAYS = 113
MOST_USED = 80


@transaction.atomic
def load(*, at: datetime, say: Say = lambda line: None) -> int:
    """Fill the loyalty pages of a mall that has customers and orders, wholly or, interrupted, not at all.

    Returns 0 when there are campaigns already.
    """
    if CouponCampaign.objects.exists() or not Order.objects.exists():
        return 0
    users = {user.username: user for user in User.objects.filter(username__in=("lead", "admin", "chen"))}
    today = mall_day(at)
    used = _coupons(users["lead"], today, at)
    drawn = _draws(users, today, at)
    owed = _credit(users, today, at)
    _clubs(users, today, at)
    say(f"  {used} coupons redeemed, {drawn} draws, {owed} orders on account")
    return used + drawn + owed


# Coupons ------------------------------------------------------------------------------------------------------------


def _coupons(lead: User, today: date, at: datetime) -> int:
    back, members, ship = (_running(row, today, lead) for row in (BACK, MEMBERS, SHIPPING))
    coupon_campaigns.create(DRAFT.code, by=lead, at=at, name=DRAFT.name, **_time(DRAFT, today), **DRAFT.terms)
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


def _time(row: CouponRow | LotteryRow, today: date) -> dict[str, datetime]:
    first, end = today + timedelta(days=row.first), today + timedelta(days=row.last + 1)
    return {"starts_at": mall_midnight(first), "ends_at": mall_midnight(end)}


def _running(row: CouponRow, today: date, by: User) -> CouponCampaign:
    """A campaign that was made and started on its eve."""
    time = _time(row, today)
    eve = time["starts_at"] - timedelta(hours=6)
    terms = {"kind": "amount", **time, **row.terms}
    draft = coupon_campaigns.create(row.code, by=by, at=eve, name=row.name, **terms)
    return coupon_campaigns.start(draft.pk, by=by, at=eve)


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
        named: dict[str, Any] = {"campaign": campaign.code}
        if campaign.needs_code:
            coupon = coupon_campaigns.usable_by(order.customer, at=order.ordered_at).filter(campaign=campaign).first()
            named = {"code": coupon.code if coupon else "-"}
        try:
            basket = Basket(lines, Decimal(8))
            held = coupons.reserve(order.customer, coupons.ref_of(order), basket, at=order.ordered_at, **named)
        except DomainError:
            continue
        coupons.redeem(held.pk, at=order.ordered_at + timedelta(minutes=2))
        used += 1
    return used


# Draws --------------------------------------------------------------------------------------------------------------


def _draws(users: dict[str, User], today: date, at: datetime) -> int:
    lead = users["lead"]
    over = _lottery(AUTUMN, today, users, at)
    draws.publish(over.pk, by=lead, at=over.starts_at - timedelta(days=2))
    draws.follow_orders(at=over.ends_at - timedelta(minutes=1))
    drawn = _tickets_used(over, lead)
    draws.end_due(at=over.ends_at)
    daily = _lottery(DAILY, today, users, at)
    draws.publish(daily.pk, by=lead, at=min(daily.starts_at - timedelta(days=1), at))
    drawn += _drawn_daily(daily, at)
    wheel = _lottery(WHEEL, today, users, at)
    draws.publish(wheel.pk, by=lead, at=min(wheel.starts_at - timedelta(days=1), at))
    _lottery(NEW_YEAR, today, users, at)
    return drawn


def _lottery(row: LotteryRow, today: date, users: dict[str, User], at: datetime) -> Lottery:
    by, time = users[row.by], _time(row, today)
    eve = min(time["starts_at"] - timedelta(days=3), at)
    lottery = draws.create(row.code, by=by, at=eve, name=row.name, rules=row.rules, **time, **row.terms)
    return draws.set_prizes(lottery.pk, row.prizes, by=by, at=eve)


def _drawn_daily(lottery: Lottery, at: datetime) -> int:
    drawn = 0
    for number, person in enumerate(Customer.objects.filter(standing__customer_class=Standing.Class.ACTIVE)[:50]):
        moment = lottery.starts_at + timedelta(hours=10 + number % 90, minutes=number)
        if moment < at:
            draws.draw(lottery.pk, person, idem_key=f"demo-{number}", at=moment)
            drawn += 1
    return drawn


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
    for name, offer, level in PARTNERS:
        clubs.agree(name, offer, min_level=level, starts_on=today - timedelta(days=60), by=lead, at=before)


# Credit -------------------------------------------------------------------------------------------------------------


def _credit(users: dict[str, User], today: date, at: datetime) -> int:
    """Two key customers on account, one of them late; and one whose limit waits for the lead."""
    chen, lead = users["chen"], users["lead"]
    big = Q(standing__customer_class=Standing.Class.BIG, manager=chen)
    people = list(Customer.objects.filter(big).order_by("-standing__value", "pk")[:3])
    opened = at - timedelta(days=95)
    charged = 0
    for place, (person, row) in enumerate(zip(people, CREDIT, strict=False)):
        change = credit.propose_limit(person, **row._asdict(), by=chen, at=opened)
        credit.decide_limit(change.pk, approve=True, by=lead, at=opened + timedelta(hours=3))
        charged += _orders_on_account(person, pays=place == 0, at=at)
    if len(people) > 2:
        credit.propose_limit(people[2], **CREDIT_ASKED._asdict(), by=chen, at=at - timedelta(hours=20))
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
