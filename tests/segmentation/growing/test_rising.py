"""Random customers who begin to buy like active ones are asked about once a quarter, and answered for."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404

from core.accounts.models import Role, User
from core.lib.errors import DomainError, Invalid
from customers import todo
from customers.models import ContactStop, Customer, Standing, Todo
from segmentation.growing import rising
from segmentation.models import Change, Rising
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
State, Class = Rising.State, Standing.Class


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "陈静", team="华东")


@pytest.fixture
def buys(make_customer: MakeCustomer, make_order: MakeOrder) -> "Buys":
    active = make_customer("活跃")
    make_order(active, TODAY - DAY, "300.00")
    Standing.objects.filter(pk=active.pk).update(customer_class=Class.ACTIVE)
    return Buys(make_customer, make_order)


class Buys:
    """Customers of the random class with orders so many days ago, 200.00 each."""

    def __init__(self, make_customer: MakeCustomer, make_order: MakeOrder) -> None:
        self.make_customer, self.make_order = make_customer, make_order

    def __call__(self, name: str, *days: int, manager: User | None = None, potential: int = 100) -> Customer:
        person = self.make_customer(name, manager=manager)
        for n in days:
            self.make_order(person, TODAY - n * DAY, "200.00")
        Standing.objects.filter(pk=person.pk).update(customer_class=Class.RANDOM, potential=Decimal(potential))
        return Customer.objects.get(pk=person.pk)


def found(on: date = TODAY) -> set[str]:
    rising.find(as_of=on, at=NOW)
    return set(Rising.objects.values_list("customer__name", flat=True))


def test_who_is_asked_about(buys: Buys, chen: User) -> None:
    buys("起来", 3, 40)
    buys("一天", 3)
    buys("两边一样", 3, 40, 100, 120)
    buys("以前多", 3, 95, 100, 120)
    buys("买得少", 95)
    big = buys("大客户", 3, 40)
    Standing.objects.filter(pk=big.pk).update(customer_class=Class.BIG)
    quiet = buys("沉默的大客户", 3, 40)
    Standing.objects.filter(pk=quiet.pk).update(held_class=Class.BIG)
    stopped = buys("勿扰", 3, 40)
    ContactStop.objects.create(customer=stopped, kind="no_contact", since=TODAY, said_by="客户", by=chen, at=NOW)

    assert found() == {"起来"}
    row = Rising.objects.get()
    assert (row.days, row.days_before, row.paid, row.bar) == (2, 0, Decimal(400), Decimal(300))


def test_its_work_has_an_owner_and_a_stake_of_what_could_be_bought(buys: Buys, chen: User) -> None:
    buys("起来", 3, 40, manager=chen, potential=500)

    assert found() == found() == {"起来"}  # twice in one night is once

    work = Todo.objects.get()
    assert (work.owner, work.reason, work.at_stake) == (chen, "rising", Decimal(100))
    with pytest.raises(DomainError) as refusal:
        todo.complete(work.pk, by=chen, at=NOW)
    assert refusal.value.code == "done_elsewhere"


def test_a_manager_is_asked_five_times_a_week_about_the_best(buys: Buys, chen: User) -> None:
    for n in range(8):
        buys(f"客{n}", 3, 40, manager=chen, potential=100 * n)
    for n in range(6):
        buys(f"无{n}", 3, 40)

    assert found() == {f"客{n}" for n in range(3, 8)} | {f"无{n}" for n in range(6)}
    assert len(found(TODAY + DAY)) == 11
    assert len(found(TODAY + 7 * DAY)) == 14


def test_adopted_is_mine_with_a_first_talk(buys: Buys, chen: User) -> None:
    person = buys("起来", 3, 40)
    found()
    row = Rising.objects.get()

    with pytest.raises(Http404):
        rising.adopt(row.pk, by=chen, at=NOW)  # nobody's customers are for leads to give away
    lead = User.objects.create(username="lead", roles=[Role.TEAM_LEAD])
    rising.adopt(row.pk, by=lead, at=NOW)

    person.refresh_from_db()
    work = {item.reason: item for item in Todo.objects.all()}
    assert (person.manager, Rising.objects.get().state) == (lead, State.ADOPTED)
    assert (work["rising"].state, work["contact"].state, work["contact"].owner) == ("done", "open", lead)
    assert work["contact"].due_on == TODAY + 7 * DAY
    with pytest.raises(DomainError) as refusal:
        rising.not_now(row.pk, why="no_time", by=lead, at=NOW)
    assert refusal.value.code == "answered"


def test_not_now_is_silent_for_half_a_year_and_can_be_taken_back(buys: Buys, chen: User) -> None:
    buys("起来", 3, 40, manager=chen)
    found()
    row = Rising.objects.get()

    with pytest.raises(Invalid):
        rising.not_now(row.pk, why="", by=chen, at=NOW)
    rising.not_now(row.pk, why="no_time", by=chen, at=NOW)
    assert Todo.objects.get().state == "done"
    rising.reopen(row.pk, by=chen, at=NOW)
    assert (Rising.objects.get().state, Todo.objects.get().state) == (State.OPEN, "open")

    rising.not_now(row.pk, why="no_time", by=chen, at=NOW)
    for n in (95, 99):  # buys as much again in the next quarter
        buys.make_order(row.customer, TODAY + n * DAY, "200.00")
    rising.find(as_of=TODAY + 100 * DAY, at=NOW)
    assert Rising.objects.count() == 1


def test_who_grows_or_whom_nobody_answers_for_waits_no_longer(buys: Buys, chen: User) -> None:
    grown, forgotten = buys("长大", 3, 40, manager=chen), buys("没人理", 3, 40, manager=chen)
    found()
    Standing.objects.filter(pk=grown.pk).update(customer_class=Class.ACTIVE)

    rising.find(as_of=TODAY + DAY, at=NOW)
    rising.find(as_of=rising.quarter_of(TODAY) + 100 * DAY, at=NOW)

    states = dict(Rising.objects.filter(opened_on=TODAY).values_list("customer", "state"))
    assert states == {grown.pk: State.GREW, forgotten.pk: State.LAPSED}
    assert set(Todo.objects.filter(dedupe_key__endswith=str(rising.quarter_of(TODAY))).values_list("state")) == {
        ("dropped",)
    }


def test_half_a_year_later_the_board_says_what_they_were_on_that_day(buys: Buys, chen: User) -> None:
    for n in range(4):
        buys(f"客{n}", 3, 40, manager=chen)
    found()
    rows = list(Rising.objects.order_by("customer__name"))
    for row in rows[:2]:
        rising.adopt(row.pk, by=chen, at=NOW)
    for row in rows[2:]:
        rising.not_now(row.pk, why="once_only", by=chen, at=NOW)
    for row, after in ((rows[0], 100), (rows[1], 200), (rows[2], 100)):
        Change.objects.create(
            customer=row.customer,
            on=TODAY + after * DAY,
            class_before=Class.RANDOM,
            class_after=Class.ACTIVE,
            type_before=0,
            type_after=1,
            value=1,
            potential=1,
        )

    early, later = rising.board(chen, TODAY + 179 * DAY), rising.board(chen, TODAY + 180 * DAY)

    assert [share.of for share in early] == [0, 0]
    assert [share[1:] for share in later] == [(2, 1), (2, 1)]


def test_the_database_asks_once_a_quarter(buys: Buys) -> None:
    buys("起来", 3, 40)
    found()
    row = Rising.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
