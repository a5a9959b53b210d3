"""What the stories of tiers share: two people who may publish, and rules put in force by them."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from core.accounts.models import Role, User
from customers.models import Customer
from loyalty.models import TierRules
from loyalty.tier_rules import Content, LevelTerms, starting_point, validate
from loyalty.tiers import membership
from loyalty.tiers import simulation as tier_whatif

START = date(2026, 3, 1)


def noon(on: date) -> datetime:
    return datetime.combine(on, time(12), ZoneInfo("Asia/Shanghai"))


def person(name: str) -> User:
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(username=name, roles=[Role.ADMINISTRATOR])


def levels(**thresholds: int) -> list[LevelTerms]:
    """levels(silver=1000, gold=5000): kept with four fifths of it."""
    rows = [("member", 0), *thresholds.items()]
    return [
        {
            "code": code,
            "name": code.title(),
            "qualify": str(amount),
            "retain": str(amount * Decimal("0.8")),
            "benefits": [],
        }
        for code, amount in rows
    ]


def content(**options: Any) -> Content:
    return validate({**starting_point(), "levels": levels(silver=1000, gold=5000), "notice_days": 1, **options})


def put_in_force(rules: Content, starts_on: date, *, on: date | None = None) -> TierRules:
    """Drafted by Wang, published by Zhao, on the day before at the latest."""
    at = noon(on or starts_on - timedelta(days=1))
    wang, zhao = person("wang"), person("zhao")
    draft = tier_whatif.new_draft(by=wang, at=at)
    tier_whatif.save_draft(draft.pk, content=rules, starts_on=starts_on, reason="a good reason", by=wang, at=at)
    simulation = tier_whatif.simulate(draft.pk, by=wang, at=at)
    return tier_whatif.publish(draft.pk, by=zhao, falls=simulation.figures["falls"], at=at)


def night(on: date) -> dict[str, int]:
    return membership.review_due(on, at=noon(on))


def level_of(customer: Customer, on: date) -> str:
    found = membership.standing(customer, on=on)
    assert found is not None
    return str(found.level["code"])
