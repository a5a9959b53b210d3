"""The night: the same rows whichever way it was worked, nothing new the second time, and the preview told the truth."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.accounts.models import Role, User
from core.jobs import runs
from core.jobs.models import JobRun
from core.lib import periods
from crm.flows import nightly
from customers import summary
from customers.identity import CustomerRef
from customers.models import Customer, Order, Standing, Summary, SummaryState, Todo
from customers.orders import OrderFact
from customers.refunds import RefundFact
from segmentation import rules, whatif
from segmentation.models import Alert, Change, Night
from segmentation.reading.explain import explain
from tests import recording
from tests.conftest import MakeCustomer, MakeOrder

FIRST = date(2026, 11, 17)
HALF_LIFE = 60.0
SUMMARY_COLUMNS = [c for c in summary.COLUMNS if c != "customer_id"]


def rows(model: Any, *columns: str) -> list[tuple[Any, ...]]:
    return list(model.objects.order_by("pk").values_list("pk", *columns))


def event(customer: int, number: int, day: int, paid: int, refund: int | None, version: int) -> OrderFact:
    at = datetime(2026, 6, 1, 4, tzinfo=UTC) + timedelta(days=day)
    refunds = ()
    if refund is not None and paid:
        refunds = (RefundFact("r", Decimal(max(1, paid * refund // 100)), at + timedelta(days=refund % 40)),)
    return OrderFact(
        source="shop",
        external_id=f"o-{number}",
        version=version,
        customer=CustomerRef(
            source="shop", external_id=f"c-{customer}", name=f"客户{customer}", create_if_missing=True
        ),
        ordered_at=at,
        paid=Decimal(paid),
        cost=Decimal(paid // 2),
        refunds=refunds,
    )


EVENTS = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.integers(1, 8),
        st.integers(0, 220),
        st.integers(0, 500),
        st.none() | st.integers(1, 100),
        st.booleans(),
    ),
    min_size=1,
    max_size=14,
)


@pytest.mark.django_db
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=EVENTS)
def test_incremental_summaries_equal_a_full_rebuild(events: list[tuple[Any, ...]]) -> None:
    """New, late, edited, refunded and moved orders, with a night now and then, against one rebuild at the end."""
    with transaction.atomic():
        night = FIRST - timedelta(days=40)
        for step, (customer, number, day, paid, refund, a_night) in enumerate(events):
            fact = event(customer, number, day, paid, refund, version=step)
            recording.record_order(fact, at=timezone.now(), today=night)
            if a_night:
                night += timedelta(days=5)
                summary.update(as_of=night, half_life_days=HALF_LIFE)
        summary.update(as_of=night, half_life_days=HALF_LIFE)
        kept = rows(Summary, *SUMMARY_COLUMNS)
        summary.rebuild(as_of=night, half_life_days=HALF_LIFE)
        assert kept == rows(Summary, *SUMMARY_COLUMNS)
        transaction.set_rollback(True)


@pytest.fixture
def mall(make_customer: MakeCustomer) -> list[Customer]:
    """Forty customers with habits from weekly to half-yearly; every fifth has stopped."""
    people = [make_customer(f"客户{number}") for number in range(40)]
    facts = []
    for number, person in enumerate(people):
        every, stops = 7 + 4 * number, 200 if number % 5 == 0 else 3
        paid = Decimal(50 + 30 * (number % 7))
        for day in range(700, stops, -every):
            on = FIRST - timedelta(days=day)
            facts.append(
                Order(
                    source="shop",
                    external_id=f"{number}-{day}",
                    version=1,
                    customer=person,
                    status=Order.Status.PAID,
                    ordered_at=datetime(on.year, on.month, on.day, 4, tzinfo=UTC),
                    ordered_on=on,
                    paid=paid,
                    cost=0,
                    profit=paid,
                    received_at=timezone.now(),
                )
            )
    Order.objects.bulk_create(facts)
    return people


def state_of_the_shop() -> dict[str, list[tuple[Any, ...]]]:
    return {
        "standing": rows(Standing, "customer_class", "matrix_type", "value", "potential", "last_on", "valued_on"),
        "changes": list(
            Change.objects.order_by("customer", "on").values_list("customer", "on", "class_after", "type_after")
        ),
        "alerts": list(
            Alert.objects.order_by("customer", "last_on").values_list("customer", "kind", "last_on", "state")
        ),
        "todos": list(Todo.objects.order_by("dedupe_key").values_list("dedupe_key", "state", "at_stake")),
    }


def test_a_night_values_classes_and_alerts(mall: list[Customer]) -> None:
    run = nightly.run(FIRST)

    assert run is not None
    assert run.state == JobRun.State.DONE
    assert run.counts["customers"] == 40
    assert Standing.objects.filter(customer_class__gte=0).count() == 40
    assert Standing.objects.filter(customer_class=Standing.Class.BIG).exists()
    assert Night.objects.get().as_of == FIRST
    assert run.counts["alerts_opened"] == Alert.objects.count() == Todo.objects.count()


def test_who_has_been_random_gets_no_quiet_alert(mall: list[Customer]) -> None:
    """All the same silence: of who was served last night, of who was nobody yet, and of who was random already."""
    outcomes, night = {}, FIRST - timedelta(days=150)
    for before in (Standing.Class.ACTIVE, Standing.Class.PROSPECT, Standing.Class.RANDOM):
        with transaction.atomic():
            nightly.run(night - timedelta(days=60))
            Alert.objects.all().delete()
            Standing.objects.update(customer_class=before)
            nightly.run(night)
            random = Standing.objects.filter(customer_class=Standing.Class.RANDOM).values("pk")
            quiet = Alert.objects.filter(kind=Alert.Kind.QUIET)
            outcomes[before] = (quiet.filter(customer__in=random).count(), quiet.count())
            transaction.set_rollback(True)

    assert outcomes[Standing.Class.RANDOM][0] == 0
    assert outcomes[Standing.Class.PROSPECT][0] > 0
    assert outcomes[Standing.Class.ACTIVE][1] > 0


def test_the_same_night_twice_changes_nothing(mall: list[Customer]) -> None:
    nightly.run(FIRST)
    before = state_of_the_shop()

    nightly.run(FIRST, again=True)

    assert state_of_the_shop() == before


def test_each_value_stands_in_its_range_and_says_how_sure_it_is(mall: list[Customer]) -> None:
    nightly.run(FIRST)

    standing = Standing.objects.get(pk=mall[3].pk)
    reader = User(roles=[Role.TEAM_LEAD])
    why = explain(standing.customer, reader=reader, on=FIRST, standing=standing)
    assert why is not None
    assert not Standing.objects.filter(value_low__isnull=True).exists()
    assert all(row.value_low <= row.value <= row.value_high for row in Standing.objects.all())
    assert 0 <= standing.value_low < standing.value < standing.value_high
    assert (why.value_low, why.value_high) == (standing.value_low, standing.value_high)
    assert f"¥{standing.value_low:,.2f} … ¥{standing.value_high:,.2f}" in [line.figure for line in why.value_lines]
    assert re.search(r"How customers go on: \d+ % of it is learnt from this shop's own orders", why.value_reason)
    masked = explain(standing.customer, reader=User(roles=[Role.SERVICE_AGENT]), on=FIRST, standing=standing)
    assert masked is not None
    assert (masked.value_low, masked.value_high, masked.value_reason) == (None, None, "")


def test_a_night_that_is_done_is_not_run_again_unasked(mall: list[Customer]) -> None:
    nightly.run(FIRST)

    assert nightly.run(FIRST) is None


def test_rebuilding_gives_the_same_night_as_keeping_up(mall: list[Customer], make_order: MakeOrder) -> None:
    nightly.run(FIRST)
    make_order(mall[0], FIRST + timedelta(days=1), paid="999.00")
    nightly.run(FIRST + timedelta(days=1))
    kept = state_of_the_shop()

    nightly.run(FIRST + timedelta(days=1), again=True, rebuild=True)

    assert state_of_the_shop() == kept


def test_the_preview_is_what_then_happens(mall: list[Customer]) -> None:
    nightly.run(FIRST)
    for day in range(4, 40, 4):
        nightly.run(FIRST + timedelta(days=day))
    tomorrow = FIRST + timedelta(days=40)
    draft = {**rules.DEFAULTS, "long_absence_days": 20, "big_share": 0.5, "big_leave": 0.99}
    summary.update(as_of=tomorrow, half_life_days=SummaryState.objects.get().half_life_days)

    told = whatif.preview(draft, as_of=tomorrow)
    at = periods.mall_midnight(tomorrow)
    rules.save(draft, previewed=told.digest, by=None, reason="what if", at=at)
    classes_before = dict(Standing.objects.values_list("pk", "customer_class"))
    run = nightly.run(tomorrow)

    assert run is not None
    moved: dict[tuple[int, int], int] = {}
    for pk, after in Standing.objects.filter(customer_class__gte=0).values_list("pk", "customer_class"):
        moved[classes_before[pk], after] = moved.get((classes_before[pk], after), 0) + 1
    assert moved == told.class_moves
    assert run.counts["alerts_opened"] == told.alerts_opened
    opened = Alert.objects.filter(opened_on=tomorrow).values_list("customer_id", flat=True)
    assert sorted(opened) == sorted(told.opened_customer_ids)


def test_every_value_can_be_worked_out_again(mall: list[Customer]) -> None:
    nightly.run(FIRST)

    for person in mall:
        why = explain(person, reader=User(roles=[Role.ACCOUNT_MANAGER]), on=FIRST)
        assert why is not None
        assert why.value == Standing.objects.get(pk=person.pk).value
        assert not why.stale


def test_a_purchase_ends_the_alert_and_its_todo(mall: list[Customer], make_order: MakeOrder) -> None:
    for day in range(0, 60, 5):
        nightly.run(FIRST + timedelta(days=day))
    alert = Alert.objects.filter(state=Alert.State.OPEN).first()
    assert alert is not None

    make_order(alert.customer, FIRST + timedelta(days=60))
    nightly.run(FIRST + timedelta(days=60))

    alert.refresh_from_db()
    assert alert.state == Alert.State.RECOVERED
    assert alert.recovered_after_days == (FIRST + timedelta(days=60) - alert.last_on).days
    assert not Todo.objects.filter(alert_id=alert.pk, state=Todo.State.OPEN).exists()


def test_a_worker_taken_for_dead_cannot_write(mall: list[Customer]) -> None:
    planned = runs.plan(nightly.JOB, FIRST, at=timezone.now())
    slow = runs.claim(planned.pk, at=timezone.now() - timedelta(hours=1), holder="slow")
    assert slow is not None

    assert runs.claim(planned.pk, at=timezone.now(), holder="quick") is not None

    with pytest.raises(runs.Superseded):
        runs.hold(slow, at=timezone.now())


def test_two_starts_of_one_night_are_one_night(mall: list[Customer]) -> None:
    planned = runs.plan(nightly.JOB, FIRST, at=timezone.now())

    first = runs.claim(planned.pk, at=timezone.now(), holder="one")

    assert first is not None
    assert runs.claim(planned.pk, at=timezone.now(), holder="two") is None


def test_an_empty_shop_has_a_quiet_night(db: None) -> None:
    run = nightly.run(FIRST)

    assert run is not None
    assert run.counts["customers"] == 0
