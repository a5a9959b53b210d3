"""What is at stake: one table, two printed parts, and the order of the day that follows from them."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import pytest

from core.accounts.models import Role, User
from core.lib.errors import Invalid
from core.rulebook import changes
from customers import todo
from customers.models import Customer, Standing, Todo
from customers.promises import ledger
from customers.rulebook.stakes import RULES
from customers.work import stakes
from tests.conftest import TODAY, MakeCustomer, MakeUser
from tests.rulebook import stories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
# Whose risk is of each customer, and not in the table.
MEASURED = ("alert", "plan", "rising")
NOON = datetime(2026, 11, 17, 4, tzinfo=UTC)


def test_every_reason_has_a_risk_with_a_source() -> None:
    assert set(stakes.RISKS) == set(Todo.Reason.values)
    assert all(str(risk.source) for risk in stakes.RISKS.values())
    assert stakes.of(Todo.Reason.TIER, value=Decimal("-5")).amount == 0
    # What the table says is not replaced by a measured risk.
    assert stakes.of(Todo.Reason.PROMISE, value=Decimal(100), risk=Decimal(1)).amount == 30


def test_no_work_is_opened_without_a_stake_and_the_night_brings_it_up_to_date(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    li_lei = make_customer("李雷", manager=chen)
    Standing.objects.filter(pk=li_lei.pk).update(value=Decimal("1234.57"))
    for reason in Todo.Reason.values:
        stake = stakes.of(reason, value=Decimal(80), risk=Decimal("0.5")) if reason in MEASURED else None
        todo.open_task(li_lei, reason=reason, text={}, due_on=TODAY, at=NOON, dedupe_key=reason, stake=stake)
    todo.open_many([Todo(customer=li_lei, reason="tier", due_on=TODAY, opened_at=NOON, dedupe_key="many")])
    before = dict(Todo.objects.values_list("dedupe_key", "at_stake"))
    assert min(before.values()) > 0

    assert stakes.restake(at=NOON) == 0
    Standing.objects.filter(pk=li_lei.pk).update(value=Decimal("1000.15"))
    assert stakes.restake(at=NOON) == len(before) - len(MEASURED)

    assert Todo.objects.get(reason="alert").at_stake == before["alert"] == 40
    assert Todo.objects.get(reason="plan").at_stake == before["plan"] == 40
    for row in Todo.objects.exclude(reason__in=MEASURED):
        now = stakes.of(row.reason, value=Decimal("1000.15"))
        assert (row.at_stake, row.stake_parts) == (now.amount, now.parts)


def books(make_user: MakeUser, make_customer: MakeCustomer, count: int) -> list[User]:
    """So many managers with a random book of work each."""
    rng, people = Random(11), [make_customer(f"客户{n}") for n in range(12)]
    for n, person in enumerate(people):
        Standing.objects.filter(pk=person.pk).update(value=Decimal(n * n * 97 - 100))
    managers = [make_user(Role.ACCOUNT_MANAGER, f"M{n}") for n in range(count)]
    rows = []
    for user in managers:
        for n in range(rng.randint(1, 12)):
            reason, hours = rng.choice(list(Todo.Reason.values)), rng.choice([None, -30, -3, -1, 0, 1, 2, 3, 7, 11])
            due_at = NOON + timedelta(hours=hours, minutes=rng.randint(0, 59)) if hours is not None else None
            due_on = TODAY - DAY * rng.randint(0, 3) if due_at is None else min(TODAY, due_at.date())
            row = Todo(
                customer=rng.choice(people),
                owner=user,
                reason=reason,
                due_on=due_on,
                due_at=due_at if reason in ("promise", "contact") else None,
                opened_at=NOON,
                dedupe_key=f"{user.pk}:{n}",
            )
            if reason in MEASURED:
                stakes.put(row, stakes.of(reason, value=Decimal(rng.randint(0, 9999)), risk=Decimal("0.5")))
            rows.append(row)
    todo.open_many(rows)
    return managers


def test_the_order_of_200_books_is_the_order_of_the_printed_parts(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    checked = 0
    for user in books(make_user, make_customer, 200):
        order = list(todo.queue(user, TODAY, now=NOON))
        assert order == sorted(order, key=printed)
        checked += len(order)
    assert checked > 800


def printed(row: Todo) -> tuple[object, ...]:
    """Band, hour in the band of the clock, and risk × value, as they stand on the page; then what is due first."""
    parts = stakes.printed(row)
    assert parts is not None
    exact = Decimal(parts.percent) / 100 * parts.value
    assert exact.quantize(Decimal("0.01"), ROUND_HALF_UP) == parts.amount
    late = row.reason == "promise" and (row.due_at < NOON if row.due_at else row.due_on < TODAY)
    late = late or (row.reason == "booked" and row.due_on < TODAY)
    soon = row.due_at is not None and row.due_at <= NOON + timedelta(hours=2)
    tonight = row.due_at is not None or row.reason == "promise"
    band = 0 if late else 1 if soon else 2 if tonight else 3
    hour = row.due_at if band == 1 else NOON
    return band, hour, -parts.amount, row.due_at or NOON + 9 * DAY, row.due_on, row.pk


def test_who_does_not_see_values_cannot_read_them_from_the_order(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    agent = make_user(Role.SERVICE_AGENT, "Liu")
    people = [make_customer(f"客户{n}") for n in range(5)]
    for n, person in enumerate(people):
        due = ledger.to_the_hour(NOON + timedelta(hours=3))
        ledger.make(person, words="call", due=due, owner=agent, by=agent, at=NOON, source="other", source_id=n)

    def order(values: list[int]) -> list[Customer]:
        for person, value in zip(people, values, strict=True):
            Standing.objects.filter(pk=person.pk).update(value=value)
        stakes.restake(at=NOON)
        return [row.customer for row in todo.queue(agent, TODAY, now=NOON)]

    assert order([1, 2, 3, 4, 5]) == order([50, 40, 30, 20, 10]) == people


def test_other_risks_are_foretold_as_places_confirmed_by_a_second_person_and_rolled_back(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, admin = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ADMINISTRATOR, "Wu")
    rich, poor = make_customer("李雷", manager=chen), make_customer("韩梅", manager=chen)
    for person, value, reason in ((rich, 1000, "tier"), (poor, 600, "credit")):
        Standing.objects.filter(pk=person.pk).update(value=value)
        todo.open_task(person, reason=reason, text={}, due_on=TODAY, at=NOON, dedupe_key=reason, owner=chen)

    def order() -> list[Customer]:
        return [row.customer for row in todo.queue(chen, TODAY, now=NOON)]

    terms: dict[str, Any] = {"starts_on": TODAY, "reason": "credit hurts", "by": admin, "at": NOON}
    with pytest.raises(Invalid, match="more than 0"):
        changes.propose(RULES, {"shares": {"credit": "0"}}, **terms)
    change = changes.propose(RULES, {"shares": {"credit": "0.5"}}, **terms)
    assert (order(), changes.figures_of(change)) == ([rich, poor], {"rows": (2, 2), "moved": (0, 2), "new": (0, 0)})
    assert {(pk, RULES.state(a), RULES.state(b)) for pk, a, b in change.moves} == {
        (rich.pk, "place 1", "place 2"),
        (poor.pk, "place 2", "place 1"),
    }
    assert RULES.differences(None, change.content) == ["Payment overdue: 50 % instead of 10 %."]

    stories.confirmed(NOON)
    assert order() == [poor, rich]
    printed = stakes.printed(Todo.objects.get(reason="credit"))
    assert printed
    assert (printed.percent, int(printed.amount), printed.version) == ("50", 300, 2)
    assert printed.source == "Set by this mall; Laoke starts with 10 %"
    assert todo.open_task(poor, reason="contact", text={}, due_on=TODAY, at=NOON, dedupe_key="n").at_stake == 60

    changes.roll_back(RULES, 2, reason="no", by=admin, at=NOON)
    stories.confirmed(NOON)
    assert (order(), stakes.in_force(at=NOON).version) == ([rich, poor, poor], 3)
    assert stakes.in_force(at=NOON - DAY) == stakes.FIRST
