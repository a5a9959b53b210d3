"""Who looked after whom on which days: never two at once, never a gap while somebody does, by whatever door."""

from contextlib import nullcontext
from datetime import date, timedelta
from importlib import import_module
from itertools import pairwise
from threading import Thread

import pgtrigger
import pytest
from django.db import IntegrityError, connection, transaction

from core.accounts.models import Role, User
from customers import managers
from customers.books import kept
from customers.books import moving as books
from customers.models import Customer, ManagerSpan
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def spans(customer: Customer) -> list[tuple[str, date | None, date | None]]:
    rows = ManagerSpan.objects.filter(customer=customer).select_related("manager").order_by("days")
    return [(str(row.manager), row.days.lower, row.days.upper) for row in rows]


@pytest.fixture
def people(make_user: MakeUser) -> list[User]:
    return [make_user(Role.ACCOUNT_MANAGER, name, team="华东") for name in ("陈静", "赵磊", "林晓燕")]


@pytest.fixture
def boss(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "周岚", team="华东")


def give(customer: Customer, manager: User | None, by: User, on: date) -> None:
    managers.assign(customer, manager=manager, by=by, on=on, reason="换人", at=NOW)


def test_each_day_has_the_manager_of_that_day(make_customer: MakeCustomer, people: list[User], boss: User) -> None:
    chen, zhao, lin = people
    li_lei = make_customer("李雷", manager=chen, registered_on=TODAY - 900 * DAY)
    assert spans(li_lei) == [("陈静", TODAY - 900 * DAY, None)]

    give(li_lei, zhao, boss, TODAY - 10 * DAY)
    give(li_lei, lin, boss, TODAY)
    give(li_lei, chen, boss, TODAY)  # on the same day: as if it had not been

    assert spans(li_lei) == [
        ("陈静", TODAY - 900 * DAY, TODAY - 10 * DAY),
        ("赵磊", TODAY - 10 * DAY, TODAY),
        ("陈静", TODAY, None),
    ]


def test_a_book_that_is_taken_back_was_never_handed_over(
    make_customer: MakeCustomer, people: list[User], boss: User
) -> None:
    chen, zhao, _lin = people
    li_lei = make_customer("李雷", manager=chen, registered_on=TODAY - 900 * DAY)
    move = books.hand_over(chen, to=[zhao], by=boss, on=TODAY, reason="休假", at=NOW)
    assert [name for name, _since, _until in spans(li_lei)] == ["陈静", "赵磊"]

    books.undo(move.pk, by=boss, on=TODAY, at=NOW)

    assert spans(li_lei) == [("陈静", TODAY - 900 * DAY, None)]


def test_two_managers_of_one_day_are_refused_by_the_database(make_customer: MakeCustomer, people: list[User]) -> None:
    li_lei = make_customer("李雷", manager=people[0])

    with pytest.raises(IntegrityError, match="one_manager_at_a_time"), transaction.atomic():
        ManagerSpan.objects.create(customer=li_lei, manager=people[1], days=(TODAY - DAY, TODAY))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kept", [True, False])
def test_twenty_who_assign_at_once_leave_neither_gap_nor_overlap(
    make_customer: MakeCustomer, people: list[User], boss: User, kept: bool
) -> None:
    li_lei = make_customer("李雷", manager=people[0], registered_on=TODAY - 900 * DAY)

    def work(n: int) -> None:
        try:
            # The control: without the trigger the record goes on and the spans stand still.
            with nullcontext() if kept else pgtrigger.ignore("customers.Customer:manager_changes"):
                give(li_lei, people[n % 3], boss, TODAY - timedelta(days=20 - n))
        finally:
            connection.close()

    threads = [Thread(target=work, args=[n]) for n in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    li_lei.refresh_from_db()
    told = spans(li_lei)
    last = (str(li_lei.manager), li_lei.manager_since, None)
    whole = told[0][1] == TODAY - 900 * DAY and told[-1] == last
    whole = whole and all(one[2] == next_one[1] for one, next_one in pairwise(told))
    assert whole == (kept or last == ("陈静", TODAY - 900 * DAY, None))


def test_the_days_before_are_found_in_the_audit_trail(
    make_customer: MakeCustomer, people: list[User], boss: User
) -> None:
    chen, zhao, lin = people
    li_lei = make_customer("李雷", manager=chen, registered_on=TODAY - 900 * DAY)
    for days, manager in ((30, zhao), (20, None), (10, lin)):
        give(li_lei, manager, boss, TODAY - days * DAY)
    ManagerSpan.objects.all().delete()

    with connection.cursor() as cursor:
        cursor.execute(import_module("customers.migrations.0031_manager_spans").FILL)

    assert spans(li_lei) == [
        ("陈静", None, TODAY - 30 * DAY),
        ("赵磊", TODAY - 30 * DAY, TODAY - 20 * DAY),
        ("林晓燕", TODAY - 10 * DAY, None),
    ]


def test_who_still_buys_counts_for_the_manager_of_a_year_ago(
    make_customer: MakeCustomer, make_order: MakeOrder, people: list[User], boss: User
) -> None:
    chen, zhao, lin = people
    bought: list[tuple[str, User, list[int]]] = [
        ("一", chen, [500, 30]),  # still buys, and went to Zhao since
        ("二", chen, [500]),
        ("三", zhao, [400, 10]),
        ("四", zhao, [800, 10]),  # had not bought in the year to then
        ("五", lin, [10]),
    ]
    for name, manager, days in bought:
        person = make_customer(name, manager=manager, registered_on=TODAY - 900 * DAY)
        for n in days:
            make_order(person, on=TODAY - n * DAY)
        if name == "一":
            give(person, zhao, boss, TODAY - 100 * DAY)

    found = kept.by_manager(people, as_of=TODAY)

    assert found == {chen.pk: (1, 2), zhao.pk: (1, 1)}
