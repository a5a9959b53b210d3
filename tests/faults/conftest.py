"""A small mall on the eve of an eventful night, and real servers and processes around it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from core.accounts.models import Role, User
from core.jobs import runs
from core.jobs.models import JobRun
from core.lib.conditions.tree import Leaf
from crm.demo.embedded import Embedded
from crm.flows import nightly
from crm.flows.catalogue import CUSTOMERS
from customers import identity, managers, todo
from customers.identity import CustomerRef
from customers.models import Customer, Order, SummaryState
from customers.orders import OrderFact
from loyalty.points import rules as point_rules
from segmentation.models import Alert
from segmentation.segments import writing as segments
from tests import recording
from tests.faults import digest
from tests.faults.processes import Processes
from tests.loyalty.campaigns import stories as campaign_stories
from tests.loyalty.tiers import stories as tier_stories

Eve = Callable[..., None]
Digest = Callable[..., str]
NIGHT = date(2026, 11, 17)
EVE = NIGHT - timedelta(days=8)  # more than a week: the night fits anew
EVE_MORNING = datetime(EVE.year, EVE.month, EVE.day, tzinfo=UTC)
AT = datetime(2026, 11, 17, 18, tzinfo=UTC)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def order(number: str, customer: Customer, day: date, *, paid: Decimal = Decimal(80)) -> None:
    fact = OrderFact(
        source="shop",
        external_id=number,
        version=1,
        customer=CustomerRef(number=customer.number),
        ordered_at=noon(day),
        paid=paid,
    )
    recording.record_order(fact, at=AT, today=NIGHT)


def past_order(customer: Customer, day: date) -> Order:
    paid = Decimal(50 + 30 * (customer.pk % 7))
    return Order(
        source="till",
        external_id=f"{customer.pk}-{day}",
        version=1,
        customer=customer,
        status=Order.Status.PAID,
        ordered_at=noon(day),
        ordered_on=day,
        paid=paid,
        cost=0,
        profit=paid,
        received_at=AT,
    )


def build() -> None:
    """Forty customers with habits, two managers, two nights behind them, and a day of news since."""
    chen, zhao = (
        User.objects.create_user(username=name, roles=[Role.ACCOUNT_MANAGER], email=f"{name}@example.com")
        for name in ("chen", "zhao")
    )
    people = []
    for number in range(40):
        if number % 8 == 7:  # ids far apart: a rebuild has several parts
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence('customers_customer', 'id'),"
                    " (SELECT max(id) + 60000 FROM customers_customer))"
                )
        ref = CustomerRef(
            source="shop", external_id=f"c-{number}", name=f"客户{number}", registered_on=date(2024, 1, 1)
        )
        people.append(identity.find_or_create(ref, today=NIGHT))
    for number, person in enumerate(people):
        manager = (chen, zhao, None)[number % 3]
        managers.assign(person, manager=manager, by=chen, on=date(2024, 1, 1), reason="shared out", at=AT)
    Order.objects.bulk_create(
        past_order(person, NIGHT - timedelta(days=day))
        for number, person in enumerate(people)
        for day in range(800, 5 * number if number % 3 else 12 + number, -5 - 3 * number)
    )
    for days in (75, 40, 0):
        nightly.run(EVE - timedelta(days=days))
    # Since then: two customers with an alert bought, one window is over, one purchase was undone, orders came late.
    quiet = list(Alert.objects.filter(state=Alert.State.OPEN).order_by("customer").select_related("customer"))
    for alert in quiet[:2]:
        order(f"back-{alert.pk}", alert.customer, NIGHT)
    Alert.objects.filter(pk=quiet[2].pk).update(window_ends_on=NIGHT - timedelta(days=1))
    quiet[3].customer.orders.filter(ordered_on=quiet[3].last_on).update(fully_refunded_on=NIGHT)
    for number in (0, 3, 8, 21):
        order(f"new-{number}", people[number], NIGHT - timedelta(days=number % 3))
    order("late", people[30], NIGHT - timedelta(days=200))
    # More is at stake with the open work of whoever bought for so much.
    todo.open_task(people[39], reason="contact", text={}, due_on=NIGHT, at=AT, dedupe_key="contact:39")
    order("large", people[39], EVE, paid=Decimal(50_000))
    newcomer = identity.find_or_create(CustomerRef(source="shop", external_id="c-new", name="新客"), today=NIGHT)
    order("only", newcomer, EVE - timedelta(days=1))
    tier_stories.put_in_force(tier_stories.content(), NIGHT)
    campaign_stories.running(ends_at=campaign_stories.NOON + campaign_stories.HOUR)
    segment = segments.create("Just here", Leaf("last", "last", ("5",)), catalogue=CUSTOMERS, by=chen, at=EVE_MORNING)
    segments.track(segment.pk, catalogue=CUSTOMERS, by=chen, at=EVE_MORNING)
    point_rules.save({"rate": Decimal(1)}, starts_at=EVE_MORNING, by=None, reason="Points from now on", at=EVE_MORNING)


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Stands in for pytest-django's: the database is emptied once a file, because the mall is built once a file."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
        connection.close()


@pytest.fixture(scope="module")
def mall(transactional_db: None) -> Iterator[None]:
    """The mall is built once for a file; `eve` puts back what a night wrote."""
    build()
    digest.keep()
    yield
    digest.forget()


@pytest.fixture
def eve(mall: None) -> Eve:
    """Make it the evening before the night, as often as wanted."""

    def evening(way: str = "keeping up") -> None:
        digest.put_back()
        if way == "rebuilding":
            SummaryState.objects.update(half_life_days=1)

    return evening


@pytest.fixture(scope="module")
def undisturbed(mall: None) -> Digest:
    """The digest of the night without any fault."""
    known: dict[str, str] = {}

    def told(way: str = "keeping up") -> str:
        if way not in known:
            digest.put_back()
            if way == "rebuilding":
                SummaryState.objects.update(half_life_days=1)
            nightly.run(NIGHT)
            known[way] = digest.digest()
        return known[way]

    return told


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    servers = Embedded(tmp_path_factory.mktemp("redis"), durable=False)
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def running(mall: None, redis: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    started = Processes(redis, tmp_path_factory.mktemp("processes"))
    yield started
    started.kill_all()


@pytest.fixture
def processes(running: Processes) -> Processes:
    """Workers stay up from test to test, at rest until the test calls the crew."""
    running.rest()
    return running


def planned() -> JobRun:
    return runs.plan(nightly.JOB, NIGHT, at=AT)


def state() -> str:
    return JobRun.objects.get(business_date=NIGHT).state


def done() -> bool:
    return state() == JobRun.State.DONE
