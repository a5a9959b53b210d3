"""A source that falls silent: nobody who buys there is called quiet, and once its orders are there all is as it was."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role
from core.lib.money import from_minor
from crm.flows import nightly
from customers.identity import number_of
from customers.models import Customer, Order, Refund, Standing
from segmentation import frames, queries
from segmentation.models import Alert, Night
from segmentation.reading.explain import explain
from segmentation.shop import feeds, notes
from tests.conftest import MakeUser

pytestmark = pytest.mark.django_db

FIRST, STOPS = date(2024, 1, 1), date(2024, 9, 2)
PEOPLE = 40


def order(person: Customer, source: str, on: date, received: date) -> Order:
    at = datetime(on.year, on.month, on.day, 4, tzinfo=UTC)
    paid = Decimal(50 + person.pk % 100)
    return Order(
        source=source,
        external_id=f"{person.number}/{on}",
        version=1,
        customer=person,
        status=Order.Status.PAID,
        ordered_at=at,
        ordered_on=on,
        paid=paid,
        cost=0,
        profit=paid,
        received_at=datetime(received.year, received.month, received.day, 20, tzinfo=UTC),
    )


@pytest.fixture
def shop() -> dict[str, list[Order]]:
    """40 customers of the till and 40 of the web shop, each every ten days or so, stored until the till stops.

    What the till sold in the 30 days after is returned, not stored; the web shop goes on.
    """
    dice = np.random.default_rng(5)
    people = [Customer(name=f"c{n}", number=number_of(800_000 + n), registered_on=FIRST) for n in range(2 * PEOPLE)]
    Customer.objects.bulk_create(people)
    Standing.objects.bulk_create(Standing(customer=person) for person in people)
    told: dict[str, list[Order]] = {"till": [], "web": [], "late": []}
    for place, person in enumerate(people):
        source = "till" if place < PEOPLE else "web"
        # The last three of each stopped coming before.
        last = STOPS + timedelta(days=30) if place % PEOPLE < PEOPLE - 3 else STOPS - timedelta(days=20)
        day = FIRST + timedelta(days=int(dice.integers(0, 10)))
        while day < last:
            late = source == "till" and day >= STOPS
            told["late" if late else source].append(order(person, source, day, day))
            day += timedelta(days=int(dice.integers(8, 13)))
    Order.objects.bulk_create(told["till"] + told["web"])
    return told


def alerted(source: str) -> int:
    return Alert.objects.filter(customer__orders__source=source).distinct().count()


def active() -> int:
    return Standing.objects.filter(customer_class__gte=1).count()


def test_a_source_falls_silent_and_is_heard_again(
    shop: dict[str, list[Order]], client: Client, make_user: MakeUser
) -> None:
    nightly.run(STOPS - timedelta(days=1))
    before = (alerted("till"), active(), Standing.objects.order_by("pk").first().value)  # type: ignore[union-attr]
    nightly.run(STOPS + timedelta(days=20))

    # 40 customers of a rhythm of ten days have been quiet for 20 days and more, and nobody is called.
    assert (alerted("till"), active()) == before[:2]
    assert before[1] >= 2 * PEOPLE - 6
    standing = Standing.objects.order_by("pk").first()
    assert standing is not None
    assert standing.value == before[2]
    [feed] = feeds.of_night(Night.objects.latest("as_of").figures)
    assert (feed.source, feed.ongoing, feed.since_on) == ("till", True, STOPS)
    assert len(feed.days) == 21
    assert 55 <= feed.missing <= 95
    lead = make_user(Role.TEAM_LEAD)
    why = explain(standing.customer, reader=lead, on=STOPS + timedelta(days=20))
    assert why is not None
    assert why.value == standing.value
    assert why.value_lines
    client.force_login(lead)
    for page in ("my_day", "alerts"):
        text = client.get(reverse(f"desk:{page}")).content.decode()
        assert "No orders of till since 2024-09-02" in text
        assert f"At least {feed.missing} orders are missing." in text

    Order.objects.bulk_create(shop["late"])
    [source] = queries.silent_sources()
    assert source.heard_since
    nightly.run(STOPS + timedelta(days=21))
    assert queries.silent_sources() == []
    assert active() >= 2 * PEOPLE - 8
    assert Standing.objects.filter(customer_class=2).count() <= 0.3 * 2 * PEOPLE


def test_what_a_customer_bought_elsewhere_tells_how_long_they_are_quiet(shop: dict[str, list[Order]]) -> None:
    person = Customer.objects.order_by("pk").first()
    assert person is not None
    as_of = STOPS + timedelta(days=20)
    Order.objects.bulk_create([order(person, "web", STOPS + timedelta(days=5), as_of)])
    nightly.run(as_of)
    found = feeds.with_silent_days(as_of, over=True)

    state = frames.seen_through(frames.state(), found, as_of=as_of)

    assert state.silent_days[0] == 15
    assert state.silent_days[1] == 21
    assert state.silent_days[PEOPLE:].max() == 0


def test_a_recall_takes_the_money_back_and_not_the_visit(shop: dict[str, list[Order]]) -> None:
    as_of = STOPS - timedelta(days=1)
    nightly.run(as_of - timedelta(days=1))
    before = Alert.objects.count(), active()
    latest = Order.objects.filter(ordered_on__gt=as_of - timedelta(days=30))
    recalled = list(latest)
    Refund.objects.bulk_create(
        Refund(
            order=bought,
            external_id="recall",
            customer_id=bought.customer_id,
            purchased_on=bought.ordered_on,
            refunded_at=datetime(as_of.year, as_of.month, as_of.day, 3, tzinfo=UTC),
            refunded_on=as_of,
            amount=bought.paid,
            profit_effect=-bought.paid,
        )
        for bought in recalled
    )
    latest.update(fully_refunded_on=as_of)
    nightly.run(as_of)

    assert len(recalled) > 200
    assert Alert.objects.count() <= before[0] + 1
    assert active() >= before[1] - 2
    [note] = Night.objects.latest("as_of").figures["notes"]
    assert (note["kind"], note["orders"]) == (notes.RECALL, len(recalled))
    standing = Standing.objects.order_by("pk").first()
    assert standing is not None
    assert standing.value > from_minor(100)


@pytest.mark.parametrize("over", [True, False])
def test_a_day_that_is_not_over_is_not_judged(shop: dict[str, list[Order]], over: bool) -> None:
    Order.objects.filter(ordered_on__gte=STOPS).delete()
    Order.objects.filter(ordered_on=STOPS - timedelta(days=1)).delete()

    found = feeds.with_silent_days(STOPS - timedelta(days=1), over=over)

    assert all(feed.ongoing for feed in found)
    assert over or found == []
