"""Points for something else than money: a large order, a friend, coming often; and what leaving would cost."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from core.lib.errors import DomainError, Invalid
from customers import contact_points
from customers.models import Customer
from loyalty.models import PointTxn, VisitStep
from loyalty.points import accounts as points
from loyalty.points import forfeit, referrals, visit_ladder
from tests.loyalty.points.stories import DAY, HOUR, START, available, order, person, rules

SPRING = START + 30 * DAY


def rewarded(at: datetime) -> int:
    return sum(referrals.reward(row, at=at) for row in referrals.due(at=at))


def climbed(as_of: date, at: datetime) -> int:
    return sum(visit_ladder.reward(step, as_of=as_of, at=at) for step in visit_ladder.due(as_of=as_of, at=at))


@pytest.fixture
def li_lei(db: None) -> Customer:
    return person()


@pytest.mark.parametrize(("paid", "earned"), [("499.99", 499), ("500.00", 600), ("500.01", 600)])
def test_a_large_order_earns_more_and_loses_it_with_its_refund(li_lei: Customer, paid: str, earned: int) -> None:
    rules(bonus_from=Decimal(500), bonus_points=100)
    order(li_lei, paid, at=SPRING)
    assert available(li_lei, SPRING) == earned

    order(li_lei, paid, at=SPRING, version=2, back="100")
    assert available(li_lei, SPRING) == int(Decimal(paid) - 100)


def test_both_have_points_once_the_friend_has_really_bought(li_lei: Customer) -> None:
    rules(pending_days=15, referrer_points=300, referred_points=100, referral_least=Decimal(50))
    friend = person("韩梅梅")
    for _again in range(2):
        referrals.record(friend, li_lei, by=None, at=SPRING)
    order(friend, "49.99", at=SPRING)
    order(friend, "80", at=SPRING, number="o-2")
    assert rewarded(SPRING + 15 * DAY - HOUR) == 0

    assert rewarded(SPRING + 15 * DAY) == 1
    assert rewarded(SPRING + 16 * DAY) == 0
    assert available(li_lei, SPRING + 16 * DAY) == 300
    assert available(friend, SPRING + 16 * DAY) == 100 + 49 + 80


def test_a_friend_who_became_somebody_else_has_the_points_on_the_account_that_stays(li_lei: Customer) -> None:
    rules(referrer_points=300)
    stays, friend = person("李蕾"), person("韩梅梅")
    referrals.record(friend, li_lei, by=None, at=SPRING)
    points.grant(li_lei, 1, source="goodwill", key="g", at=SPRING)
    points.merge(li_lei, stays, by=None, at=SPRING)
    order(friend, "80", at=SPRING)

    assert rewarded(SPRING + DAY) == 1
    assert available(stays, SPRING + DAY) == 301


def test_who_is_named_by_an_old_number_is_the_one_that_stays(li_lei: Customer) -> None:
    stays, friend = person("李蕾"), person("韩梅梅")
    Customer.objects.filter(pk=li_lei.pk).update(merged_into=stays)

    made = referrals.record(friend, Customer.objects.get(pk=li_lei.pk), by=None, at=SPRING)

    assert made.referrer == stays


def test_a_refunded_order_brings_nobody_anything(li_lei: Customer) -> None:
    rules(pending_days=15, referrer_points=300, referral_least=Decimal(50))
    friend = person("韩梅梅")
    referrals.record(friend, li_lei, by=None, at=SPRING)
    order(friend, "80", at=SPRING, back="40")

    assert rewarded(SPRING + 20 * DAY) == 0


def test_oneself_circles_and_second_referrers_are_refused(li_lei: Customer) -> None:
    han, wu = person("韩梅梅"), person("吴为")
    referrals.record(han, li_lei, by=None, at=SPRING)
    referrals.record(wu, han, by=None, at=SPRING)

    with pytest.raises(Invalid, match="themselves"):
        referrals.record(li_lei, li_lei, by=None, at=SPRING)
    with pytest.raises(DomainError, match="a circle"):
        referrals.record(li_lei, wu, by=None, at=SPRING)
    with pytest.raises(DomainError, match="was brought by"):
        referrals.record(wu, li_lei, by=None, at=SPRING)


def test_two_records_of_one_person_do_not_bring_each_other(li_lei: Customer) -> None:
    han = person("韩梅梅")
    for customer in (li_lei, han):
        contact_points.add(customer, "phone", "13800138000")

    with pytest.raises(DomainError, match="one person"):
        referrals.record(han, li_lei, by=None, at=SPRING)


def test_the_steps_of_a_year_are_rewarded_once_and_begin_anew(li_lei: Customer) -> None:
    rules()
    VisitStep.objects.create(visits=2, points=50)
    VisitStep.objects.create(visits=3, points=100)
    for number in range(3):
        order(li_lei, "1", at=SPRING + number * DAY, number=f"o-{number}")
        order(li_lei, "1", at=SPRING + number * DAY + HOUR, number=f"again-{number}")
        now = SPRING + number * DAY + 2 * HOUR
        assert climbed(now.date(), now) == (0, 1, 1)[number]
        assert climbed(now.date(), now) == 0
    assert available(li_lei, SPRING + 3 * DAY) == 150 + 6

    new_year = START.replace(year=2027, month=1, day=5)
    order(li_lei, "1", at=new_year, number="next")
    assert climbed(date(2027, 1, 5), new_year + HOUR) == 0
    assert PointTxn.objects.filter(key__startswith="visits:").count() == 2


def test_what_leaving_would_cost(li_lei: Customer) -> None:
    assert forfeit.of(li_lei, on=SPRING.date(), at=SPRING) == []
    rules(yuan_per_point=Decimal("0.02"))
    points.grant(li_lei, 500, source="goodwill", key="g", at=SPRING)

    assert forfeit.of(li_lei, on=SPRING.date(), at=SPRING + timedelta(minutes=1)) == [("500 points", Decimal("10.00"))]
