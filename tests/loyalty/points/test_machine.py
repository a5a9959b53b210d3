"""Anything that can happen to points, in any order, at the awkward moments: the laws hold after every step.

LAOKE_POINTS_EXAMPLES sets how many stories are told. Six mutants show that the laws notice each missing guard.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.lib.errors import DomainError
from customers.models import Order
from loyalty.models import OrderPoints, PointAccount, PointHold, PointLot
from loyalty.points import accounts as points
from loyalty.points import holds as point_holds
from loyalty.points import laws as point_laws
from loyalty.points import ledger
from loyalty.points import orders as point_orders
from tests.loyalty.points.stories import START, order, person, rules

EXAMPLES = int(os.environ.get("LAOKE_POINTS_EXAMPLES", "12"))
STEPS = 30
SECOND = timedelta(seconds=1)
HALF_HOUR = timedelta(minutes=30)


class Points(RuleBasedStateMachine):
    """Two customers, four orders told in any version, and a clock that jumps to the next deadline."""

    @initialize()
    def begin(self) -> None:
        # The whole story is rolled back at its end.
        self.story = transaction.atomic()
        self.story.__enter__()
        self.now = START
        # Points that wait an hour and live to the end of the next month: deadlines lie close together.
        rules(pending_days=1, life_months=1, life_ends="day", hold_minutes=90, grace_days=2)
        self.people = [person("李雷"), person("韩梅梅")]
        self.seen: dict[str, tuple[int, Decimal, bool]] = {}

    def teardown(self) -> None:
        if hasattr(self, "story"):
            transaction.set_rollback(True)
            self.story.__exit__(None, None, None)

    def attempt(self, verb: Callable[[], Any]) -> None:
        """A refusal is an answer, and leaves nothing behind."""
        try:
            with transaction.atomic():
                verb()
        except DomainError:
            pass

    # What may happen ------------------------------------------------------------------------------------------------

    @rule(number=st.integers(0, 3), version=st.integers(0, 40), paid=st.integers(1, 300), back=st.integers(0, 4))
    def an_order_is_told(self, number: int, version: int, paid: int, back: int) -> None:
        """`back` quarters of it are refunded; what a version says never changes."""
        key = f"o-{number}"
        told = (paid + version) % 300 + 1
        known = Order.objects.filter(external_id=key).first()
        at = known.ordered_at if known else self.now
        refund = Decimal(told * back) / 4
        if known and known.version == version:
            return
        order(
            self.people[number % 2],
            str(told),
            at=at,
            number=key,
            version=version,
            back=str(refund) if refund else "",
            seen=self.now,
        )

    @rule(who=st.integers(0, 1), amount=st.integers(1, 200), key=st.integers(0, 3))
    def points_are_given(self, who: int, amount: int, key: int) -> None:
        self.attempt(lambda: points.grant(self.people[who], amount, source="goodwill", key=f"g{key}", at=self.now))

    @rule(who=st.integers(0, 1), amount=st.integers(1, 200), ref=st.integers(0, 5))
    def points_are_set_aside(self, who: int, amount: int, ref: int) -> None:
        self.attempt(lambda: point_holds.hold(self.people[who], amount, purpose="order", ref=f"h{ref}", at=self.now))

    @precondition(lambda self: PointHold.objects.exists())
    @rule(which=st.integers(0, 9), how=st.sampled_from(["capture", "release", "extend"]))
    def a_hold_ends(self, which: int, how: str) -> None:
        holds = list(PointHold.objects.order_by("pk"))
        self.attempt(lambda: getattr(point_holds, how)(holds[which % len(holds)].pk, at=self.now))

    @precondition(lambda self: PointHold.objects.filter(state="captured").exists())
    @rule(which=st.integers(0, 9), amount=st.integers(1, 100), key=st.integers(0, 9))
    def redeemed_points_come_back(self, which: int, amount: int, key: int) -> None:
        holds = list(PointHold.objects.filter(state="captured").order_by("pk"))
        hold = holds[which % len(holds)]
        self.attempt(lambda: point_holds.give_back(hold.pk, amount, key=f"b{key}", at=self.now))

    @rule(minutes=st.integers(1, 3000))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(off=st.sampled_from([-1, 0, 1]))
    def the_next_deadline_comes(self, off: int) -> None:
        """One second before, at, or one second after the next thing that time does."""
        lots = PointLot.objects.all()
        moments = [
            *lots.filter(available__gt=0).values_list("expires_at", flat=True),
            *lots.filter(held__gt=0).values_list("expires_at", flat=True),
            *lots.filter(pending__gt=0).values_list("available_from", flat=True),
            *PointHold.objects.filter(state="active").values_list("expires_at", flat=True),
        ]
        later = [moment for moment in moments if moment and moment + off * SECOND > self.now]
        if later:
            self.now = min(later) + off * SECOND

    @rule()
    def the_sweep_comes(self) -> None:
        point_orders.sweep(at=self.now)

    # What must hold -------------------------------------------------------------------------------------------------

    @invariant()
    def the_laws_hold(self) -> None:
        if not hasattr(self, "now"):
            return
        assert point_laws.broken() == {}
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    @invariant()
    def orders_have_earned_what_their_newest_version_says(self) -> None:
        if not hasattr(self, "now"):
            return
        for row in OrderPoints.objects.select_related("order", "rules"):
            back = sum(refund.amount for refund in row.order.refunds.all())
            assert row.granted == int(row.order.paid - back)

    @invariant()
    def what_is_shown_is_what_a_write_would_find(self) -> None:
        if not hasattr(self, "now"):
            return
        for customer in self.people:
            shown = points.balance(customer, at=self.now)
            with rolled_back():
                with ledger.Ledger.opened([customer.pk], at=self.now):
                    pass
                found = PointAccount.objects.get(pk=customer.pk)
                assert (shown.available, shown.pending, shown.held, shown.debt) == (
                    found.available,
                    found.pending,
                    found.held,
                    found.debt,
                )
                assert point_laws.broken() == {}


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_the_laws_hold_whatever_happens(db: None) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Points,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


# Mutants: each takes one guard out of the real code, and a story leads past the place where it stood -------------------


def grants_the_target_again(patch: pytest.MonkeyPatch) -> None:
    """An order is granted its target instead of the difference to what it was granted before."""
    real = point_orders._earn
    patch.setattr(
        point_orders, "_earn", lambda book, row, one, delta: real(book, row, one, delta + row.granted if delta else 0)
    )


def repays_no_debt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger.Book, "_repay", lambda self: None)


def ends_a_hold_whatever_its_state(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(point_holds, "_refuse_ended", lambda found: None)


def holds_take_expired_lots(patch: pytest.MonkeyPatch) -> None:
    """Time does nothing before an operation, and a lot is used whatever its expiry."""
    patch.setattr(ledger.Book, "settle", lambda self, at: setattr(self, "at", max(self.at, at)))
    patch.setattr(ledger.Book, "usable", lambda self: [lot for lot in self.lots if lot.available])


def captures_holds_that_ran_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger, "_active", lambda ids: ())


def released_after_expiry_is_usable(patch: pytest.MonkeyPatch) -> None:
    def unhold(self: ledger.Book, allocations: Any) -> None:
        for lot, amount in allocations:
            self.move(lot, ledger.Bucket.HELD, ledger.Bucket.AVAILABLE, amount)

    patch.setattr(ledger.Book, "unhold", unhold)


def an_order_is_corrected(m: Points) -> None:
    m.an_order_is_told(0, 1, 100, 0)
    m.an_order_is_told(0, 2, 100, 2)


def spent_and_refunded(m: Points) -> None:
    m.an_order_is_told(0, 1, 99, 0)
    m.now += timedelta(days=1)
    m.points_are_set_aside(0, 100, 0)
    m.a_hold_ends(0, "capture")
    m.an_order_is_told(0, 2, 98, 4)
    m.points_are_given(0, 50, 0)


def given_back_and_redeemed(m: Points) -> None:
    m.points_are_given(0, 100, 0)
    m.points_are_set_aside(0, 60, 0)
    m.a_hold_ends(0, "release")
    m.a_hold_ends(0, "capture")


def set_aside_a_second_too_late(m: Points) -> None:
    m.points_are_given(0, 100, 0)
    m.the_next_deadline_comes(1)
    m.points_are_set_aside(0, 60, 0)


def redeemed_as_the_time_runs_out(m: Points) -> None:
    m.points_are_given(0, 100, 0)
    m.points_are_set_aside(0, 60, 0)
    m.the_next_deadline_comes(0)
    m.a_hold_ends(0, "capture")


def given_back_after_the_expiry(m: Points) -> None:
    m.points_are_given(0, 100, 0)
    m.the_next_deadline_comes(-1)
    m.points_are_set_aside(0, 60, 0)
    m.now += 2 * SECOND
    m.a_hold_ends(0, "release")


MUTANTS = [
    (grants_the_target_again, an_order_is_corrected),
    (repays_no_debt, spent_and_refunded),
    (ends_a_hold_whatever_its_state, given_back_and_redeemed),
    (holds_take_expired_lots, set_aside_a_second_too_late),
    (captures_holds_that_ran_out, redeemed_as_the_time_runs_out),
    (released_after_expiry_is_usable, given_back_after_the_expiry),
]
Story = Callable[[Points], None]


def tell(story: Story) -> None:
    machine = Points()
    machine.begin()
    try:
        story(machine)
        machine.the_laws_hold()
        machine.orders_have_earned_what_their_newest_version_says()
        machine.what_is_shown_is_what_a_write_would_find()
    finally:
        machine.teardown()


@pytest.mark.parametrize(("mutant", "story"), MUTANTS, ids=lambda one: one.__name__)
def test_the_laws_notice_a_missing_guard(
    db: None, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None], story: Story
) -> None:
    tell(story)
    mutant(monkeypatch)

    with pytest.raises((AssertionError, DatabaseError)):
        tell(story)
