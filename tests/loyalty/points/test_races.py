"""Points at the same instant, in real transactions. Each story has a control that takes the row lock away."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from customers.models import Customer, Order
from loyalty.models import PointAccount, PointHold, PointTxn
from loyalty.points import accounts as points
from loyalty.points import holds as point_holds
from loyalty.points import laws as point_laws
from loyalty.points import ledger
from loyalty.points import orders as point_orders
from tests.loyalty.points.stories import START, account, order, person, rules
from tests.races import CRASH, at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)
SPRING = START + timedelta(days=30)


@pytest.fixture
def li_lei(transactional_db: None) -> Customer:
    rules()
    return person()


@pytest.fixture
def without_row_lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Accounts are read without being held, and everybody has read and judged before anybody writes."""

    def switch_off(people: int) -> None:
        meet, entry = meeting(people), ledger.Book.entry

        def read(customer_ids: list[int]) -> list[PointAccount]:
            return list(PointAccount.objects.filter(pk__in=customer_ids).order_by("pk"))

        def meet_and_enter(book: ledger.Book, *kind: Any, **detail: Any) -> Any:
            meet()
            return entry(book, *kind, **detail)

        monkeypatch.setattr(ledger, "_locked", read)
        monkeypatch.setattr(ledger.Book, "entry", meet_and_enter)

    return switch_off


def holds(customer: Customer, points_: int = 60) -> list[Callable[[], Any]]:
    return [
        lambda n=n: point_holds.hold(customer, points_, purpose="order", ref=f"x{n}", at=SPRING)  # type: ignore[misc]
        for n in range(8)
    ]


def test_of_eight_who_redeem_one_balance_one_has_it(li_lei: Customer) -> None:
    points.grant(li_lei, 100, source="goodwill", key="g", at=SPRING)

    assert at_once(holds(li_lei)) == {"done": 1, "points_insufficient": 7}
    assert account(li_lei) == (0, 40, 60, 0)
    assert point_laws.broken() == {}


def test_control_without_the_lock_the_numbering_of_the_ledger_stops_the_others(
    li_lei: Customer, without_row_lock: Callable[[int], None]
) -> None:
    points.grant(li_lei, 100, source="goodwill", key="g", at=SPRING)
    without_row_lock(8)

    assert at_once(holds(li_lei), crashes=DatabaseError) == {"done": 1, CRASH: 7}


def replays(made: Order) -> list[Callable[[], Any]]:
    return [lambda: point_orders.reconcile([made.pk], at=SPRING) for _ in range(8)]


@pytest.fixture
def unearned(li_lei: Customer) -> Order:
    """An order of 77 yuan that nobody has reconciled yet."""
    made = order(li_lei, "77", at=SPRING, status="pending")
    Order.objects.filter(pk=made.pk).update(status="paid", version=2)
    with ledger.Ledger.opened([li_lei.pk], at=SPRING):
        pass
    return made


def test_of_eight_who_tell_an_order_one_grants_it(li_lei: Customer, unearned: Order) -> None:
    assert at_once(replays(unearned)) == {"done": 8}
    assert account(li_lei) == (0, 77, 0, 0)
    assert PointTxn.objects.filter(kind="earn").count() == 1


def test_control_without_the_lock_they_crash_into_each_other(
    unearned: Order, without_row_lock: Callable[[int], None]
) -> None:
    without_row_lock(8)

    assert at_once(replays(unearned), crashes=DatabaseError) == {"done": 1, CRASH: 7}


def test_redeemed_and_given_back_at_once_it_is_one_of_the_two(li_lei: Customer) -> None:
    for turn in range(5):
        points.grant(li_lei, 100, source="goodwill", key=f"g{turn}", at=SPRING)
        before = account(li_lei)[1]
        held = point_holds.hold(li_lei, 60, purpose="order", ref=f"x{turn}", at=SPRING)
        ends = at_once(
            [lambda: point_holds.capture(held.pk, at=SPRING), lambda: point_holds.release(held.pk, at=SPRING)] * 2  # noqa: B023
        )

        assert ends == {"done": 2, "hold_ended": 2}
        held.refresh_from_db()
        left = before - 60 if held.state == PointHold.State.CAPTURED else before
        assert account(li_lei) == (0, left, 0, 0)
        assert point_laws.broken() == {}


def test_control_without_the_lock_the_second_end_of_a_hold_crashes(
    li_lei: Customer, without_row_lock: Callable[[int], None]
) -> None:
    points.grant(li_lei, 100, source="goodwill", key="g", at=SPRING)
    held = point_holds.hold(li_lei, 60, purpose="order", ref="x", at=SPRING)
    without_row_lock(2)
    ends = at_once(
        [lambda: point_holds.capture(held.pk, at=SPRING), lambda: point_holds.release(held.pk, at=SPRING)],
        crashes=DatabaseError,
    )

    assert ends == {"done": 1, CRASH: 1}


def hold_and_crash(customer: Customer) -> None:
    with transaction.atomic():
        point_holds.hold(customer, 60, purpose="order", ref="x", at=SPRING)
        raise RuntimeError


def test_nothing_is_left_behind_by_a_crash(li_lei: Customer) -> None:
    points.grant(li_lei, 100, source="goodwill", key="g", at=SPRING)
    with pytest.raises(RuntimeError):
        hold_and_crash(li_lei)

    assert account(li_lei) == (0, 100, 0, 0)
    assert point_laws.broken() == {}
