"""Conditions mean to the database what they mean by hand: every field, every operator, trees of all of them."""

import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.utils import translation

from core.accounts.roles import RIGHTS, Role
from core.lib.almanac import days as days_of_life
from core.lib.conditions.catalogue import NotYours
from core.lib.conditions.fields import Context
from core.lib.conditions.kinds import OPERATORS, Kind, Takes
from core.lib.conditions.tree import All, Any_, Leaf, Node, Not
from core.lib.periods import mall_day
from crm.flows.catalogue import CUSTOMERS
from customers.models import Customer, Standing
from loyalty.tiers import membership
from segmentation.segments import explain, measure
from tests.conftest import TODAY, MakeCustomer, MakeOrder
from tests.flows.conditions import by_hand
from tests.flows.conditions.people import CITIES, INTERESTS, LEVELS, REGIONS, SEGMENTS, SOURCES, World, build

MANY = "LAOKE_MANY_TREES" in os.environ
PEOPLE, TREES, WHYS = (2000, 2000, 1000) if MANY else (500, 500, 200)
AMOUNTS = ["-0.01", "0.00", "100.00", "100.01", "246.90", "999.99"]
NUMBERS = ["0", "1", "2", "5", "30", "60", "89", "90", "99", "100", "113", "364", "400"]
DAYS = ["1", "7", "8", "14", "30", "31", "60", "90", "113", "365", "366", "36500"]
THINGS = {
    "talked": ["good", "bad"],
    "lost": ["left", "other"],
    "became": ["big", "active"],
    "used": ["SPRING", "AUTUMN"],
}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Built once for all tests of this file, in a transaction that is rolled back."""
    levels = SimpleNamespace(levels=[{"code": code, "name": code} for code in LEVELS])
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(membership, "applied", lambda: levels)
        with transaction.atomic():
            yield build(PEOPLE)
            transaction.set_rollback(True)


def things(key: str, world: World) -> list[str]:
    """Values to choose from: of the world, and one that nobody has."""
    return {
        "class": ["big", "active", "random", "prospect"],
        "type": ["I", "II", "III", "IV"],
        "manager": ["me", *map(str, world.managers)],
        "province": [name for name in REGIONS if name],
        "city": [name for name in CITIES if name] + ["nowhere"],
        "reseller": ["yes", "no"],
        "mindset": ["discount", "status"],
        "channel": ["phone", "wechat"],
        "interest": [*INTERESTS, "golf"],
        "label": [*map(str, world.labels), "999999"],
        "reach": ["phone", "email", "address"],
        "source": [*SOURCES, "nowhere"],
        "promise": ["open", "overdue"],
        "bought.category": sorted({str(category) for category in world.categories.values()}),
        "bought": [*map(str, world.categories), "999999"],
        "rhythm": ["inside", "usual", "limit"],
        "alert": ["quiet", "long_absence"],
        "level": LEVELS,
        "club": [str(club) for club in world.clubs],
        "segment": [*SEGMENTS],
        "entered": ["quiet", "valuable"],
        "agreed": ["email-marketing", "sms-marketing", "phone-care", "post-survey"],
        "letters": ["marketing", "care", "service"],
        "stopped": ["deceased", "no_contact", "wrong_person"],
        "complained": [str(kind) for kind in world.kinds],
    }.get(key, THINGS.get(key, []))


def some_leaf(chance: random.Random, world: World, key: str = "", op: str = "") -> Leaf:
    field = CUSTOMERS.by_key[key or chance.choice(list(CUSTOMERS.by_key))]
    op = op or chance.choice(field.operators)
    takes, choices = OPERATORS[field.kind][op], things(field.key, world)
    values: list[str] = []
    if takes in (Takes.MANY, Takes.THINGS) and choices:
        values = chance.sample(
            choices, chance.randint(1 if takes is Takes.MANY or field.key == "entered" else 0, min(3, len(choices)))
        )
    elif takes in (Takes.NUMBER, Takes.TWO):
        pool = AMOUNTS if field.kind is Kind.MONEY else NUMBERS
        values = sorted(chance.sample(pool, 2 if takes is Takes.TWO else 1), key=Decimal)
    elif takes is Takes.DAYS:
        values = [chance.choice(DAYS)]
    elif takes is Takes.MONTH:
        values = [str(chance.randint(1, 12))]
    elif takes is Takes.DAY:
        values = [(TODAY - timedelta(days=chance.choice([0, 1, 90, 365, -7]))).isoformat()]
    elif takes is Takes.TEXT:
        values = [chance.choice(["李", "李雷", "若曦", "jan", "C0000007", "杭州"])]
    within = at_least = money = None
    if takes is Takes.THINGS:
        within = chance.choice([None, None, 1, 30, 90, 365])
        if op == "has":
            at_least, money = chance.choice([None, None, 1, 2]), chance.choice([None, None, "5.00", "100.00"])
            money = money if field.key in ("ordered", "bought", "bought.category", "used") else None
    return Leaf(field.key, op, tuple(values), within, at_least, money)


def some_tree(chance: random.Random, world: World, depth: int = 3) -> Node:
    if depth == 0 or chance.random() < 0.3:
        return some_leaf(chance, world)
    if chance.random() < 0.25:
        return Not(some_tree(chance, world, depth - 1))
    parts = tuple(some_tree(chance, world, depth - 1) for _number in range(chance.randint(0, 3)))
    return All(parts) if chance.random() < 0.5 or not parts else Any_(parts)


def asked(node: Node, world: World, today: date = TODAY) -> set[int]:
    condition = CUSTOMERS.compile(CUSTOMERS.checked(node), Context(today, world.managers[0]))
    return set(Standing.objects.filter(condition).values_list("pk", flat=True))


def meant(node: Node, world: World, today: date = TODAY) -> set[int]:
    return {
        person.pk
        for person in world.people
        if not person.merged and by_hand.holds(node, person, world, today, world.managers[0])
    }


def test_trees_mean_what_they_mean_by_hand(world: World) -> None:
    """2: random trees of every field, against a brute-force evaluation in Python."""
    for number in range(TREES):
        node = some_tree(random.Random(number), world)
        assert asked(node, world) == meant(node, world), (number, node)


def test_a_condition_and_its_opposite_are_everybody(world: World) -> None:
    """3: for every field and operator, positive and negative, and each of them is what it is by hand."""
    everybody = {person.pk for person in world.people if not person.merged}
    chance = random.Random(3)
    fruitless = []
    for field in CUSTOMERS.fields:
        for op in field.operators:
            leaves = [some_leaf(chance, world, field.key, op) for _number in range(2)]
            for leaf in leaves:
                positive = asked(leaf, world)
                assert positive == meant(leaf, world), leaf
                assert asked(Not(leaf), world) == everybody - positive, leaf
            if not any(asked(leaf, world) for leaf in leaves):
                fruitless.append((field.key, op))
    # A comparison that nobody ever meets would prove nothing.
    assert len(fruitless) < 25, fruitless


def test_every_field_has_a_name_a_group_and_a_second_definition(world: World) -> None:
    assert set(by_hand._FIELDS) == set(CUSTOMERS.by_key)
    chance = random.Random(5)
    for field in CUSTOMERS.fields:
        assert str(field.label), field.key
        assert str(field.group), field.key
        for op in field.operators:
            leaf = some_leaf(chance, world, field.key, op)
            for language in ("en", "zh-hans", "zh-hant"):
                with translation.override(language):
                    words = CUSTOMERS.words(leaf)
                    assert words, leaf
                    assert "%(" not in words, leaf


def test_why_says_what_membership_does(world: World) -> None:
    """14: for random customers and trees the verdict that is drawn is that of the list, down to each line of it."""
    chance = random.Random(14)
    context = Context(TODAY, world.managers[0])
    everybody = [person for person in world.people if not person.merged]
    drawn = {True: 0, False: 0}
    for number in range(WHYS):
        node = CUSTOMERS.checked(some_tree(chance, world))
        person = chance.choice(everybody)
        verdict = explain.explain(Standing.objects.all(), person.pk, node, CUSTOMERS, context)
        assert verdict is not None
        assert verdict.holds == by_hand.holds(node, person, world, TODAY, world.managers[0]), (number, node)
        assert verdict.holds == (person.pk in asked(node, world)), (number, node)
        drawn[verdict.holds] += 1
    assert min(drawn.values()) > WHYS / 10


def test_a_measure_is_the_length_of_the_list(world: World) -> None:
    """1: of random trees and of a segment that says the same; by class, and without each line."""
    context, rows = Context(TODAY, world.managers[0]), Standing.objects.all()
    for number in range(WHYS):
        node = CUSTOMERS.checked(some_tree(random.Random(number), world))
        size = len(asked(node, world))
        counted = measure.measure(rows, node, CUSTOMERS, context)
        assert (counted.size, sum(count for _class, count in counted.classes)) == (size, size), (number, node)
        for line in counted.without:
            assert isinstance(node, All)
            others = All(node.parts[: line.line] + node.parts[line.line + 1 :])
            assert line.size == len(asked(others, world)), (number, node)
    assert sum(rows.filter(measure.in_sample(first)).count() for first in range(0, 1000, 20)) == rows.count()


@pytest.mark.parametrize(
    ("leaf", "days"),
    [
        (Leaf("quiet", "gt", ("113",)), {114, 115}),
        (Leaf("quiet", "ge", ("113",)), {113, 114, 115}),
        (Leaf("quiet", "lt", ("113",)), {0, 112}),
        (Leaf("quiet", "between", ("112", "113")), {112, 113}),
        (Leaf("last", "ago", ("113",)), {114, 115}),
        (Leaf("last", "last", ("113",)), {0, 112}),
        (Leaf("last", "from", ((TODAY - timedelta(days=113)).isoformat(),)), {0, 112, 113}),
        (Leaf("last", "before", ((TODAY - timedelta(days=113)).isoformat(),)), {114, 115}),
    ],
)
@pytest.mark.django_db
def test_the_113th_day_is_inside_and_the_114th_outside(
    leaf: Leaf, days: set[int], make_customer: MakeCustomer, django_db_blocker: Any
) -> None:
    """4: boundaries of days."""
    known = {}
    for ago in (0, 112, 113, 114, 115):
        customer = make_customer(f"客户{ago}")
        Standing.objects.filter(pk=customer.pk).update(last_on=TODAY - timedelta(days=ago))
        known[customer.pk] = ago
    never = make_customer("never")

    found = set(Standing.objects.filter(CUSTOMERS.compile(leaf, Context(TODAY))).values_list("pk", flat=True))

    assert {known[pk] for pk in found} == days
    assert never.pk not in found


@pytest.mark.django_db
def test_amounts_are_compared_to_the_cent(make_customer: MakeCustomer) -> None:
    """4: at −0.01, 0 and +0.01 of the bound."""
    people = {}
    for value in ("99.99", "100.00", "100.01"):
        customer = make_customer(value)
        Standing.objects.filter(pk=customer.pk).update(value=Decimal(value))
        people[customer.pk] = value

    def values(op: str, *bounds: str) -> set[str]:
        rows = Standing.objects.filter(CUSTOMERS.compile(Leaf("value", op, bounds), Context(TODAY)))
        return {people[row.pk] for row in rows}

    assert values("ge", "100.00") == {"100.00", "100.01"}
    assert values("gt", "100.00") == {"100.01"}
    assert values("le", "100.00") == {"99.99", "100.00"}
    assert values("lt", "100.00") == {"99.99"}
    assert values("between", "99.99", "100.00") == {"99.99", "100.00"}


@pytest.mark.parametrize(
    ("utc", "today"),
    [
        (datetime(2026, 11, 17, 15, 30, tzinfo=UTC), date(2026, 11, 17)),  # 23:30 in the mall
        (datetime(2026, 11, 17, 16, 30, tzinfo=UTC), date(2026, 11, 18)),  # 00:30 of the next day
    ],
)
def test_the_next_seven_days_begin_with_the_day_of_the_mall(utc: datetime, today: date) -> None:
    """4: at 23:30 and at 00:30 of the mall's clock."""
    assert mall_day(utc) == today
    days = {
        date(today.year, kept // 100, kept % 100) for kept in days_of_life.within(today, 7) if kept < days_of_life.LUNAR
    }
    assert days == {today + timedelta(days=number) for number in range(7)}


def test_birthdays_that_do_not_come_every_year_are_kept() -> None:
    """4: 29 February, the thirtieth of a lunar month, and a leap month, in which nothing is kept."""
    assert days_of_life.within(date(2027, 2, 28), 1) >= {228, 229}
    assert 229 not in days_of_life.within(date(2028, 2, 28), 1)
    assert days_of_life.within(date(2028, 2, 29), 1) >= {229}
    # 2025 had a leap sixth month: the first one began on 06-25 and ended on 07-24, the leap one followed.
    assert 2601 in days_of_life.within(date(2025, 6, 25), 1)
    assert not [kept for kept in days_of_life.within(date(2025, 7, 25), 29) if 2600 < kept < 2700]
    # Every lunar birthday is kept once within each 384 days, a short month or not.
    for kept in (2130, 2229, 2230, 3230, 3229):
        found = [n for n in range(384) if kept in days_of_life.within(date(2026, 2, 17) + timedelta(days=n), 1)]
        assert 1 <= len(found) <= 2, kept


def test_nobody_filters_by_what_they_may_not_see() -> None:
    """3.3: a leaf of a hidden field is refused wherever it stands, for each role that it is hidden from."""
    birthday, value = Leaf("birthday", "next", ("7",)), Leaf("value", "ge", ("100.00",))
    for role in Role:
        hidden = RIGHTS[role].hidden
        for leaf in (birthday, value):
            tree = All((Leaf("class", "any", ("big",)), Any_((Not(leaf), Leaf("quiet", "gt", ("1",))))))
            if CUSTOMERS.by_key[leaf.field].needs in hidden:
                with pytest.raises(NotYours):
                    CUSTOMERS.refuse_hidden(tree, hidden)
                assert leaf.field not in {field.key for field in CUSTOMERS.seen_by(hidden)}
            else:
                CUSTOMERS.refuse_hidden(tree, hidden)
    secret = {"phone", "email", "address", "notes"}
    assert not secret & set(CUSTOMERS.by_key)


@pytest.mark.django_db
def test_goods_follow_the_orders_at_once(make_customer: MakeCustomer, make_order: MakeOrder) -> None:
    customer = make_customer("李雷")
    bought = Leaf("ordered", "has", (), 30, 2, "200.00")

    def is_in() -> bool:
        return Standing.objects.filter(CUSTOMERS.compile(bought, Context(TODAY)), pk=customer.pk).exists()

    make_order(customer)
    assert not is_in()
    make_order(customer)
    assert is_in()
    assert Customer.objects.count() == 1
