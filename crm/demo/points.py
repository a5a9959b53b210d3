"""Seven months of points for the demo mall, lived through in order: earned, redeemed, expired, given by hand."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from core.accounts.models import User
from crm.demo.tables.points import BY_HAND, PROGRAMME, REWARDS, VISITS
from customers.models import Customer, Order
from loyalty.models import PointAccount, PointRules, Reward, VisitStep
from loyalty.points import accounts as points
from loyalty.points import adjustments, holds, rewards
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules

SEED = 411
STARTED = timedelta(days=210)
STEP = timedelta(days=14)
REDEEMED_A_STEP = 6
Say = Callable[[str], None]


@transaction.atomic
def load(*, at: datetime, say: Say = lambda line: None) -> int:
    """The programme runs since seven months ago, by its own verbs; returns how many customers have points.

    Does nothing when there are rules already. Interrupted, it leaves nothing: the next start begins anew.
    """
    if PointRules.objects.exists():
        return 0
    rng, began = random.Random(SEED), at - STARTED  # noqa: S311
    point_rules.save(
        PROGRAMME,
        starts_at=began,
        by=None,
        reason="积分计划上线",
        at=began,
    )
    offered = Reward.objects.bulk_create(Reward(**row._asdict()) for row in REWARDS)
    VisitStep.objects.bulk_create(VisitStep(visits=days, points=given) for days, given in VISITS)
    moment = began
    while moment < at:
        until = min(moment + STEP, at)
        arrived = Order.objects.filter(ordered_at__gte=moment, ordered_at__lt=until, status=Order.Status.PAID)
        ids = list(arrived.order_by("ordered_at", "pk").values_list("pk", flat=True))
        for start in range(0, len(ids), point_orders.CHUNK):
            point_orders.reconcile(ids[start : start + point_orders.CHUNK], at=until)
        point_orders.sweep(at=until)
        _redeem(rng, offered, until)
        moment = until
    _by_hand(rng, at)
    _one_waits_at_the_counter(offered[0], at)
    members = PointAccount.objects.filter(earned__gt=0).count()
    say(f"  {members:>7,} customers with points, {sum(count for _m, count in points.liability(at=at)):,} points owed")
    return members


def _redeem(rng: random.Random, offered: list[Reward], at: datetime) -> None:
    rich = list(PointAccount.objects.filter(available__gte=offered[0].points).order_by("-available", "pk")[:200])
    for account in rng.sample(rich, min(REDEEMED_A_STEP, len(rich))):
        within_reach = [reward for reward in offered if reward.points <= account.available]
        reward = max(within_reach, key=lambda reward: reward.points)
        taken = rewards.reserve(
            account.customer, reward, key=f"demo:{account.pk}:{at:%Y%m%d}", at=at - timedelta(minutes=5)
        )
        rewards.hand_over(taken.pk, at=at)


def _by_hand(rng: random.Random, at: datetime) -> None:
    agent, lead = User.objects.get(username="agent"), User.objects.get(username="service")
    people = list(Customer.objects.filter(points__earned__gt=0).order_by("pk")[:300])
    for number, (person, (amount, reason)) in enumerate(zip(rng.sample(people, 3), BY_HAND, strict=True)):
        when = at - timedelta(days=20 - number)
        if amount < 0 and points.balance(person, at=when).available < -amount:
            continue
        adjustment = adjustments.request(person, amount, reason=reason, client_key=f"demo:{number}", by=agent, at=when)
        if adjustment.state == "waiting":
            adjustments.decide(adjustment.pk, agreed=True, by=lead, at=when + timedelta(hours=2))
    person = people[0]
    adjustments.request(
        person,
        3000,
        reason="大客户投诉处理，申请补偿积分",
        client_key="demo:waiting",
        by=agent,
        at=at - timedelta(hours=3),
    )


def _one_waits_at_the_counter(reward: Reward, at: datetime) -> None:
    rich = PointAccount.objects.filter(available__gte=reward.points, customer__manager__isnull=False)
    account = rich.order_by("pk").first()
    if account:
        rewards.reserve(account.customer, reward, key="demo:waiting", at=at)
        holds.extend(account.customer.points.holds.get(ref="demo:waiting").pk, at=at)
