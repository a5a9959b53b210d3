"""What was simulated is what happens; nobody publishes alone, blindly or twice."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, transaction

from core.accounts.models import AuditEntry
from core.lib.errors import DomainError, Invalid
from customers.models import Customer, Order, Refund, Standing
from loyalty.models import Membership, TierDraft, TierRules, TierSimulation
from loyalty.tier_rules import Content, validate
from loyalty.tiers import membership
from loyalty.tiers import simulation as tier_whatif
from loyalty.tiers.simulation import StaleSimulation
from tests.conftest import MakeCustomer, MakeOrder
from tests.loyalty.tiers.stories import START, content, level_of, levels, night, noon, person, put_in_force
from tests.races import at_once, meeting

TODAY = START + timedelta(days=330)


def crowd(make_customer: MakeCustomer, size: int = 40, seed: int = 7) -> list[Customer]:
    """Members of every kind: rising, resting, refunding; some will be reviewed within weeks."""
    dice = random.Random(seed)
    people = [make_customer(f"客户{number}") for number in range(size)]
    orders, refunds = [], []
    for person_ in people:
        for _n in range(dice.randrange(8)):
            on = START + timedelta(days=dice.randrange(-200, 331))
            paid = Decimal(dice.choice([99, 999, 1000, 1001, 2500, 4000, 5000, 250])) + Decimal(dice.randrange(3)) / 100
            orders.append(
                Order(
                    source="shop",
                    external_id=f"{person_.pk}-{len(orders)}",
                    version=1,
                    customer=person_,
                    status=Order.Status.PAID,
                    ordered_at=noon(on),
                    ordered_on=on,
                    paid=paid,
                    cost=0,
                    profit=paid,
                    received_at=noon(on),
                )
            )
    Order.objects.bulk_create(orders)
    for order in orders:
        if dice.random() < 0.2:
            back = min(order.ordered_on + timedelta(days=dice.randrange(30)), TODAY)
            refunds.append(
                Refund(
                    order=order,
                    external_id="r",
                    customer=order.customer,
                    purchased_on=order.ordered_on,
                    refunded_at=noon(back),
                    refunded_on=back,
                    amount=order.paid,
                    profit_effect=-order.paid,
                )
            )
            order.fully_refunded_on = back
            order.save(update_fields=["fully_refunded_on"])
    Refund.objects.bulk_create(refunds)
    return people


def drawn_rules(dice: random.Random) -> Content:
    """Any rules an administrator might think of."""
    basis = dice.choice(["net_spend"] * 4 + ["orders"])
    codes = dice.sample(["silver", "gold", "platinum", "black"], dice.randrange(1, 5))
    bars = sorted(dice.sample(range(1, 7) if basis == "orders" else [*range(500, 7000, 250), 1001], len(codes)))
    made = levels(**dict(zip(codes, bars, strict=True)))
    if basis == "orders" or dice.random() < 0.3:
        made = [{**level, "retain": level["qualify"]} for level in made]
    return validate(
        {
            **content(),
            "basis": basis,
            "levels": made,
            "window": dice.choice(["months", "months", "calendar_year", "lifetime"]),
            "window_months": dice.choice([1, 6, 12, 18]),
            "validity": dice.choice(["months", "end_of_next_year"]),
            "validity_months": dice.choice([3, 12]),
            "downgrade": dice.choice(["one_step", "to_qualified", "never"]),
            "grace_days": dice.choice([0, 1, 30]),
            "undo_on_refund": dice.random() < 0.7,
            "transition": dice.choice(["keep", "grace", "now"]),
        }
    )


@pytest.mark.parametrize("part", range(6))
def test_what_was_simulated_is_what_happens_member_by_member(make_customer: MakeCustomer, part: int) -> None:
    """120 changes of rules, six starting positions: each simulated, published, and lived through night by night."""
    dice = random.Random(part)
    crowd(make_customer, seed=part)
    put_in_force(content(**({} if part % 2 else {"window_months": 3, "validity_months": 3, "grace_days": 20})), START)
    night(TODAY)
    moved = 0
    for _change in range(20):
        draft = drawn_rules(dice)
        starts_on = TODAY + timedelta(days=dice.choice([1, 2, 7, 7, 33]))
        with transaction.atomic():
            rules = put_in_force(draft, starts_on, on=TODAY)
            said = tier_whatif.moves_of(rules.simulation)
            if dice.random() < 0.3:
                for days in range(1, (starts_on - TODAY).days):
                    night(TODAY + timedelta(days=days))
            before = dict(Membership.objects.values_list("pk", "rank"))
            night(starts_on)
            assert tier_whatif.actual_moves(rules) == said
            told = tier_whatif.aftermath(rules)
            assert told is not None
            assert (told.foretold, told.moved, told.as_foretold, told.others) == (len(said), len(said), len(said), [])
            after = dict(Membership.objects.values_list("pk", "rank"))
            table = rules.simulation.figures["table"]
            assert sum(map(sum, table)) == Customer.objects.count()
            for rank in range(1, len(rules.levels)):
                assert sum(row[rank] for row in table) == sum(1 for held in after.values() if held == rank)
            moved += len(said)
            assert len(before) <= len(after)
            transaction.set_rollback(True)
    assert moved > 20


def test_simulating_leaves_no_trace(make_customer: MakeCustomer) -> None:
    crowd(make_customer)
    put_in_force(content(), START)
    night(TODAY)
    before = list(Membership.objects.order_by("pk").values())

    tier_whatif.work_out(content(transition="now"), starts_on=TODAY + timedelta(days=7), today=TODAY)

    assert list(Membership.objects.order_by("pk").values()) == before


@pytest.fixture
def mall(make_customer: MakeCustomer) -> list[Customer]:
    people = crowd(make_customer)
    put_in_force(content(), START)
    night(TODAY)
    return people


def drafted(by: str = "wang", *, days: int = 7, reason: str = "costs", **options: Any) -> TierDraft:
    draft = tier_whatif.new_draft(by=person(by), at=noon(TODAY))
    raised = content(levels=levels(silver=2000, gold=6000), transition="now", **options)
    return tier_whatif.save_draft(
        draft.pk, content=raised, starts_on=TODAY + timedelta(days=days), reason=reason, by=person(by), at=noon(TODAY)
    )


def simulated(draft: TierDraft) -> TierSimulation:
    return tier_whatif.simulate(draft.pk, by=draft.by, at=noon(TODAY))


def publish(draft: TierDraft, falls: int, by: str = "zhao", on: date = TODAY) -> TierRules:
    return tier_whatif.publish(draft.pk, by=person(by), falls=falls, at=noon(on))


# Figures ------------------------------------------------------------------------------------------------------------


def test_the_big_customers_who_fall_are_all_named_with_what_they_miss(mall: list[Customer]) -> None:
    Standing.objects.update(customer_class=Standing.Class.BIG, value=Decimal(100))
    told = simulated(drafted()).figures

    assert told["falls"] > 0
    assert len(told["big_worse"]) == told["falls"]
    assert told["value_of_fallen"] == 10_000 * told["falls"]
    assert {row["customer"] for row in told["big_worse"]} == {
        customer
        for customer, (before, after) in tier_whatif.moves_of(TierSimulation.objects.latest("id")).items()
        if after < before
    }


def test_near_misses_are_those_within_five_per_cent_and_still_below(
    make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    put_in_force(content(), START)
    night(TODAY)
    people = {}
    for paid in ("949.99", "950.00", "999.99", "1000.00"):
        people[paid] = make_customer(paid)
        make_order(people[paid], TODAY - timedelta(days=3), paid)
    draft = tier_whatif.new_draft(by=person("wang"), at=noon(TODAY))

    silver = tier_whatif.simulate(draft.pk, by=None, at=noon(TODAY)).figures["near"][0]

    assert silver["count"] == 2
    assert [(row["customer"], row["gap"]) for row in silver["nearest"]] == [
        (people["999.99"].pk, 1),
        (people["950.00"].pk, 5_000),
    ]


def test_the_cost_of_benefits_is_members_times_cost_plus_shares_of_spend(
    make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    put_in_force(content(), START)
    silver, gold = make_customer("银"), make_customer("金")
    make_order(silver, TODAY - timedelta(days=3), "1000.00")
    make_order(gold, TODAY - timedelta(days=3), "5000.00")
    night(TODAY)
    rich = levels(silver=1000, gold=5000)
    rich[1]["benefits"] = [{"kind": "shipping", "amount": "", "cost": "12.50", "after_years": 0}]
    rich[2]["benefits"] = [
        {"kind": "discount", "amount": "5", "cost": "0", "after_years": 0},
        {"kind": "multiplier", "amount": "3", "cost": "0", "after_years": 0},
        {"kind": "credit_limit", "amount": "2000", "cost": "0", "after_years": 0},
        {"kind": "gift", "amount": "", "cost": "80", "after_years": 50},
    ]
    draft = drafted()
    tier_whatif.save_draft(draft.pk, content=content(levels=rich), by=draft.by, at=noon(TODAY))

    told = simulated(draft).figures

    # ¥12.50 + 5 % of ¥5,000 + two more points a yuan at one fen each; nobody is here for fifty years.
    assert (told["cost_before"], told["cost_after"]) == (0, 1_250 + 25_000 + 10_000)
    assert (told["credit_before"], told["credit_after"]) == (0, 200_000)


def test_the_past_is_replayed_month_by_month(mall: list[Customer]) -> None:
    told = tier_whatif.rehearse(content(), first=date(2027, 1, 1), last=TODAY)

    assert [row["on"] for row in told] == [date(2027, 1, 1), TODAY]
    assert [sum(row["levels"]) for row in told] == [told[0]["levels"][0] + sum(told[0]["levels"][1:])] * 2
    assert told[0]["rises"] == 0


# Publishing ---------------------------------------------------------------------------------------------------------


def test_nobody_publishes_what_they_wrote(mall: list[Customer]) -> None:
    draft = drafted()
    falls = simulated(draft).figures["falls"]

    with pytest.raises(DomainError) as refused:
        publish(draft, falls, by="wang")

    assert refused.value.code == "second_person"


def test_whoever_touches_the_draft_last_wrote_it(mall: list[Customer]) -> None:
    draft = drafted()
    tier_whatif.save_draft(draft.pk, notice="Dear members", by=person("zhao"), at=noon(TODAY))
    falls = simulated(draft).figures["falls"]

    with pytest.raises(DomainError):
        publish(draft, falls, by="zhao")
    assert publish(draft, falls, by="wang").version == 2


def edit_afterwards(draft: TierDraft) -> date:
    tier_whatif.save_draft(draft.pk, content=content(grace_days=9), by=draft.by, at=noon(TODAY))
    return TODAY


def put_off(draft: TierDraft) -> date:
    tier_whatif.save_draft(draft.pk, starts_on=draft.starts_on + timedelta(days=1), by=draft.by, at=noon(TODAY))
    return TODAY


def wait_too_long(draft: TierDraft) -> date:
    return TODAY + timedelta(days=8)


def never_simulate(draft: TierDraft) -> date:
    draft.simulations.all().delete()
    return TODAY


def others_were_quicker(draft: TierDraft) -> date:
    put_in_force(content(grace_days=11), TODAY + timedelta(days=1), on=TODAY)
    return TODAY


def members_bought(draft: TierDraft) -> date:
    Order.objects.filter(status=Order.Status.PAID).update(paid=1, profit=1)
    return TODAY


@pytest.mark.parametrize(
    "spoil", [edit_afterwards, put_off, wait_too_long, never_simulate, others_were_quicker, members_bought]
)
def test_a_stale_simulation_publishes_nothing(mall: list[Customer], spoil: Callable[[TierDraft], date]) -> None:
    draft = drafted(days=30)
    falls = simulated(draft).figures["falls"]
    on = spoil(draft)
    versions = TierRules.objects.count()

    with pytest.raises(StaleSimulation):
        publish(draft, falls, on=on)

    assert TierRules.objects.count() == versions


@pytest.mark.parametrize(
    ("told", "falls", "code"),
    [
        ({"days": 0}, 0, "starts_on"),
        ({"days": 6, "notice_days": 7}, 0, "starts_on"),
        ({"reason": " "}, 0, "reason"),
        ({}, 1, "falls"),
        ({}, -1, "falls"),
    ],
)
def test_publishing_asks_for_notice_a_reason_and_the_number_of_those_who_fall(
    mall: list[Customer], told: dict[str, Any], falls: int, code: str
) -> None:
    def draft_and_publish() -> None:
        """A day too early is refused to the author already."""
        draft = drafted(**told)
        publish(draft, simulated(draft).figures["falls"] + falls)

    with pytest.raises(Invalid) as refused:
        draft_and_publish()

    assert refused.value.code == code


def test_a_version_ends_where_the_next_begins_and_may_be_withdrawn_before(mall: list[Customer]) -> None:
    draft = drafted()
    second = publish(draft, simulated(draft).figures["falls"])
    first = TierRules.objects.get(version=1)
    assert (first.ends_on, second.starts_on, second.ends_on) == (draft.starts_on, draft.starts_on, None)

    tier_whatif.withdraw(second.pk, reason="too soon", by=person("zhao"), at=noon(TODAY))
    night(draft.starts_on)

    first.refresh_from_db()
    assert first.ends_on is None
    assert membership.applied() == first
    with pytest.raises(DomainError):
        tier_whatif.withdraw(first.pk, reason="too late", by=person("zhao"), at=noon(TODAY))
    assert put_in_force(content(grace_days=5), draft.starts_on + timedelta(days=1)).version == 3


def test_the_database_refuses_versions_that_overlap_and_publishers_of_their_own(mall: list[Customer]) -> None:
    first = TierRules.objects.get()
    draft = drafted()
    told = {
        "version": 9,
        "content": first.content,
        "starts_on": TODAY,
        "ends_on": None,
        "reason": "x",
        "drafted_by": person("wang"),
        "published_by": person("zhao"),
        "published_at": noon(TODAY),
        "simulation": simulated(draft),
    }

    with pytest.raises(IntegrityError, match="tier_rules_do_not_overlap"), transaction.atomic():
        TierRules.objects.create(**told)
    with pytest.raises(IntegrityError, match="tier_rules_need_two_people"), transaction.atomic():
        TierRules.objects.create(
            **(told | {"starts_on": date(2020, 1, 1), "ends_on": START, "published_by": person("wang")})
        )


# Rolling back -------------------------------------------------------------------------------------------------------


def test_rolling_back_is_a_new_version_that_gives_back_what_was_taken(mall: list[Customer]) -> None:
    before = dict(Membership.objects.values_list("pk", "rank"))
    draft = drafted(days=1)
    published = publish(draft, simulated(draft).figures["falls"])
    night(draft.starts_on)
    fallen = dict(Membership.objects.values_list("pk", "rank"))
    assert fallen != before

    back = tier_whatif.roll_back(published.pk, by=person("wang"), reason="complaints", at=noon(draft.starts_on))
    simulation = TierSimulation.objects.latest("id")
    third = tier_whatif.publish(back.pk, by=person("zhao"), falls=simulation.figures["falls"], at=noon(draft.starts_on))
    night(third.starts_on)

    assert (third.version, third.rolls_back, third.levels) == (3, published, TierRules.objects.get(version=1).levels)
    assert tier_whatif.actual_moves(third) == tier_whatif.moves_of(simulation)
    after = dict(Membership.objects.values_list("pk", "rank"))
    assert {pk for pk, rank in before.items() if after[pk] < rank} == set()
    assert set(AuditEntry.objects.filter(action__startswith="tiers.").values_list("action", flat=True)) == {
        "tiers.published",
        "tiers.roll_back_drafted",
    }


def test_only_the_version_in_force_is_rolled_back(mall: list[Customer]) -> None:
    with pytest.raises(DomainError) as refused:
        tier_whatif.roll_back(TierRules.objects.get().pk, by=person("wang"), reason="x", at=noon(TODAY))

    assert refused.value.code == "cannot_roll_back"


# Races --------------------------------------------------------------------------------------------------------------


def publish_at_once(drafts: list[TierDraft], falls: list[int]) -> Counter[str]:
    """Everybody presses the button at the same moment; what became of each."""
    return at_once([partial(publish, draft, count) for draft, count in zip(drafts, falls, strict=True)])


def two_drafts() -> tuple[list[TierDraft], list[int]]:
    person("zhao")
    drafts = [drafted(grace_days=number + 1) for number in range(4)]
    return drafts, [simulated(draft).figures["falls"] for draft in drafts]


@pytest.mark.django_db(transaction=True)
def test_of_publishers_at_the_same_moment_one_wins(make_customer: MakeCustomer) -> None:
    crowd(make_customer, size=20)
    put_in_force(content(), START)
    night(TODAY)

    ends = publish_at_once(*two_drafts())

    assert (ends["done"], ends.total()) == (1, 4)
    assert TierRules.objects.filter(starts_on__gt=TODAY).count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_its_guards_publishing_would_race(make_customer: MakeCustomer) -> None:
    """The control: with the lock and the constraint gone, the same race leaves several versions in force."""
    crowd(make_customer, size=20)
    put_in_force(content(), START)
    night(TODAY)
    drafts, falls = two_drafts()
    meet = meeting(len(drafts))

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE loyalty_tierrules DROP CONSTRAINT tier_rules_do_not_overlap")
        cursor.execute("ALTER TABLE loyalty_tierrules DROP CONSTRAINT loyalty_tierrules_version_key")
    try:
        with (
            patch("loyalty.tiers.simulation.publishing.locks.hold"),
            patch("loyalty.tiers.simulation.publishing._refuse_if_it_moved", lambda *_: meet()),
        ):
            ends = publish_at_once(drafts, falls)
        assert ends == {"done": 4}
        assert TierRules.objects.filter(starts_on__gt=TODAY).count() == 4
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE loyalty_tierrules DISABLE TRIGGER USER")
            cursor.execute("DELETE FROM loyalty_tierrules WHERE starts_on > %s", [TODAY])
            cursor.execute("ALTER TABLE loyalty_tierrules ENABLE TRIGGER USER")
            cursor.execute(
                "ALTER TABLE loyalty_tierrules ADD CONSTRAINT loyalty_tierrules_version_key UNIQUE (version)"
            )
            cursor.execute(
                "ALTER TABLE loyalty_tierrules ADD CONSTRAINT tier_rules_do_not_overlap EXCLUDE USING gist "
                "(daterange(starts_on, ends_on) WITH &&) WHERE (withdrawn_at IS NULL)"
            )


@pytest.mark.django_db(transaction=True)
def test_purchases_of_one_customer_at_the_same_moment_are_one_upgrade(
    make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    put_in_force(content(), START)
    night(TODAY)
    li_lei = make_customer("李雷")
    make_order(li_lei, TODAY, "5000.00")

    assert at_once([lambda: membership.after_orders([li_lei.pk], at=noon(TODAY))] * 6) == {"done": 6}
    assert li_lei.tier_changes.count() == 1
    assert level_of(li_lei, TODAY) == "gold"


def test_the_notice_of_the_rules_in_force_holds_whatever_the_draft_says(make_customer: MakeCustomer) -> None:
    """For the author as for whoever publishes; a roll back gives back and need not wait."""
    crowd(make_customer, size=3)
    put_in_force(content(notice_days=7), START)
    night(START)
    today = START + timedelta(days=9)
    draft = tier_whatif.new_draft(by=person("wang"), at=noon(today))
    assert draft.starts_on == today + timedelta(days=7)
    shorter = {"by": person("wang"), "at": noon(today), "content": content(notice_days=1), "reason": "at once"}

    with pytest.raises(Invalid) as refusal:
        tier_whatif.save_draft(draft.pk, starts_on=today + timedelta(days=6), **shorter)
    assert refusal.value.code == "starts_on"
    TierDraft.objects.filter(pk=draft.pk).update(
        starts_on=today + timedelta(days=6), content=content(notice_days=1), reason="at once"
    )
    with pytest.raises(Invalid) as refusal:
        tier_whatif.publish(draft.pk, by=person("zhao"), falls=0, at=noon(today))

    assert refusal.value.code == "starts_on"
