"""The made-up mall: the same every time, with the groups that the CRM is meant to find."""

import logging
from datetime import date, timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from core.accounts.models import Delegation, Role, User
from crm.demo import mall as demo
from crm.demo.tables.staff import MANAGERS
from customers import contact_points
from customers.models import Contact, ContactPoint, Customer, Order, OrderLine, Refund, Standing, Todo

TODAY = date(2026, 3, 17)


@pytest.fixture(scope="module")
def mall() -> demo.Mall:
    return demo.imagine(TODAY, demo.SMALL)


@pytest.fixture(scope="module")
def full() -> demo.Mall:
    return demo.imagine(TODAY, demo.FULL)


def profits(mall: demo.Mall) -> np.ndarray:
    orders, refunds = mall.orders, mall.refunds
    paid = orders["status"] == demo.PAID
    profit = np.bincount(orders["owner"][paid], (orders["paid"] - orders["cost"])[paid], len(mall.people))
    return profit + np.bincount(orders["owner"][refunds["order"]], refunds["effect"], len(mall.people))


def days_of(mall: demo.Mall, person: int) -> np.ndarray:
    return np.unique(mall.orders["day"][mall.orders["owner"] == person])


# On paper -----------------------------------------------------------------------------------------------------------


def test_the_same_day_gives_the_same_mall(mall: demo.Mall) -> None:
    assert demo.imagine(TODAY, demo.SMALL).digest() == mall.digest()


def test_another_day_gives_another_mall(mall: demo.Mall) -> None:
    assert demo.imagine(TODAY + timedelta(days=1), demo.SMALL).digest() != mall.digest()


def test_sizes(mall: demo.Mall, full: demo.Mall) -> None:
    assert len(mall.people) == 400
    assert 3400 <= len(mall.orders["day"]) <= 4800
    assert len(full.people) == 5000
    assert 56_000 <= len(full.orders["day"]) <= 66_000


def test_the_last_orders_are_of_yesterday(full: demo.Mall) -> None:
    assert full.first_day + timedelta(int(full.orders["day"].max())) == TODAY - timedelta(days=1)
    assert full.first_day + timedelta(int(full.refunds["day"].max())) <= TODAY - timedelta(days=1)
    assert full.orders["day"].min() >= 0


def test_nobody_buys_before_registering(full: demo.Mall) -> None:
    registered = np.array([(person.registered_on - full.first_day).days for person in full.people])

    assert (full.orders["day"] >= registered[full.orders["owner"]]).all()


def test_planted_groups_have_their_sizes(full: demo.Mall) -> None:
    sizes = {group: len(full.members(group)) for group in demo.Group if group != demo.Group.ORDINARY}

    assert sizes == {
        demo.Group.NEVER_BOUGHT: 250,
        demo.Group.QUIET: 150,
        demo.Group.RISING: 80,
        demo.Group.WHOLESALER: 25,
        demo.Group.LOSS_MAKER: 40,
    }


def test_the_never_bought_never_bought_and_all_others_did(full: demo.Mall) -> None:
    orders = np.bincount(full.orders["owner"], minlength=len(full.people))

    assert {i for i, count in enumerate(orders) if count == 0} == set(full.members(demo.Group.NEVER_BOUGHT))


def test_the_quiet_are_quiet_beyond_their_habit(full: demo.Mall) -> None:
    for person in full.members(demo.Group.QUIET):
        days = days_of(full, person)
        silence = demo.DAYS - days[-1]
        assert len(days) >= 6
        assert silence > 1.8 * np.median(np.diff(days))


def test_the_rising_buy_much_more_often_lately(full: demo.Mall) -> None:
    for person in full.members(demo.Group.RISING):
        days = days_of(full, person)
        lately = days > demo.DAYS - 90
        assert lately.sum() >= 4
        assert (~lately).sum() <= 12


def test_wholesalers_are_very_big(full: demo.Mall) -> None:
    profit = profits(full)

    assert profit[full.members(demo.Group.WHOLESALER)].min() > np.percentile(profit, 95)


def test_loss_makers_lose_money(full: demo.Mall) -> None:
    assert (profits(full)[full.members(demo.Group.LOSS_MAKER)] < 0).all()


def test_the_season_shows(full: demo.Mall) -> None:
    per_day = np.bincount(full.orders["day"], minlength=demo.DAYS)

    def ordered(first: date, last: date) -> float:
        start = (first - full.first_day).days
        return per_day[start : (last - full.first_day).days + 1].mean()

    ordinary = ordered(date(2025, 8, 1), date(2025, 9, 30))
    assert ordered(date(2025, 6, 17), date(2025, 6, 18)) > 2.5 * ordinary
    assert ordered(date(2025, 11, 10), date(2025, 11, 11)) > 2.5 * ordinary
    assert ordered(date(2026, 2, 17), date(2026, 2, 23)) < 0.6 * ordinary


def test_refunds_stay_within_what_was_paid(full: demo.Mall) -> None:
    orders, refunds = full.orders, full.refunds
    whole = orders["fully_refunded_day"][refunds["order"]] >= 0

    assert (refunds["amount"] <= orders["paid"][refunds["order"]]).all()
    assert (refunds["amount"][whole] == orders["paid"][refunds["order"]][whole]).all()
    assert (~whole).any()
    assert (refunds["day"] - orders["day"][refunds["order"]] > 30).any()


def test_phones_are_unique_and_can_be_stored(full: demo.Mall) -> None:
    phones = [person.phone for person in full.people if person.phone]

    assert len(set(phones)) == len(phones)
    assert all(contact_points.normalise_phone(phone) == "+86" + phone for phone in phones)


def test_about_one_in_twelve_has_a_western_name(full: demo.Mall) -> None:
    assert 0.06 < sum(person.name.isascii() for person in full.people) / len(full.people) < 0.1


def test_books_hold_those_who_brought_profit(full: demo.Mall) -> None:
    profit = profits(full)
    books = {name: [i for i, p in enumerate(full.people) if p.manager == name] for name in MANAGERS}

    assert [len(book) for book in books.values()] == [300, 287, 262, 231]
    assert all(profit[i] > 0 for book in books.values() for i in book)
    assert all(full.people[i].manager_since < TODAY for book in books.values() for i in book)


# In the database ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_loading_stores_everything(mall: demo.Mall) -> None:
    counts = demo.load(mall, at=timezone.now())

    assert Customer.objects.count() == Standing.objects.count() == counts["customers"] == 400
    assert Order.objects.count() == counts["orders"] == len(mall.orders["day"])
    assert OrderLine.objects.count() == counts["order lines"]
    assert Refund.objects.count() == counts["refunds"]
    assert ContactPoint.objects.count() == counts["contact points"]
    assert Contact.objects.count() == counts["contacts"] > 100
    assert Todo.objects.filter(reason=Todo.Reason.PROMISE, state=Todo.State.OPEN).count() == 28
    assert {role for u in User.objects.all() for role in u.roles} == set(Role.values)
    assert Delegation.objects.get().assistant.username == "aide"


@pytest.mark.django_db
def test_what_is_stored_can_be_found_and_written_to(mall: demo.Mall) -> None:
    demo.load(mall, at=timezone.now())
    first = Customer.objects.order_by("id").first()
    known = next(person for person in mall.people if person.phone)

    assert first is not None
    assert first.number == f"C{first.pk:07d}"
    assert contact_points.find("phone", known.phone)
    assert Order.objects.create(
        source="till",
        external_id="1",
        version=1,
        customer=first,
        status="paid",
        ordered_at=timezone.now(),
        ordered_on=TODAY,
        paid=1,
        cost=0,
        profit=1,
        received_at=timezone.now(),
    ).pk


@pytest.mark.django_db
def test_standing_follows_manager_and_last_purchase(mall: demo.Mall) -> None:
    demo.load(mall, at=timezone.now())

    for standing in Standing.objects.select_related("customer"):
        bought = Order.objects.filter(customer=standing.customer, status="paid", fully_refunded_on__isnull=True)
        last = bought.order_by("-ordered_on").values_list("ordered_on", flat=True).first()
        assert (standing.manager_id, standing.last_on) == (standing.customer.manager_id, last)


@pytest.mark.django_db
def test_no_personal_data_is_logged_or_printed(mall: demo.Mall, caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    with caplog.at_level(logging.INFO):
        demo.load(mall, at=timezone.now(), say=said.append)

    told = caplog.text + "\n".join(said)
    assert said
    assert not [
        p for p in mall.people if p.name in told or (p.phone and p.phone in told) or (p.email and p.email in told)
    ]


@pytest.mark.django_db
def test_the_command_fills_once_and_lists_the_logins() -> None:
    once, twice, logins = StringIO(), StringIO(), StringIO()

    call_command("seed_demo", "--small", stdout=once)
    stored = Order.objects.count()
    call_command("seed_demo", "--small", stdout=twice)
    call_command("seed_demo", "--logins", stdout=logins)

    assert "lk_" in once.getvalue()
    assert "nothing was added" in twice.getvalue()
    assert Order.objects.count() == stored
    assert len(logins.getvalue().splitlines()) == 2 + len(Role.values) - 1
    assert "chen" in logins.getvalue()
