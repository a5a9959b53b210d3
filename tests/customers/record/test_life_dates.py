"""The days of somebody's life: told, corrected, doubted, merged."""

from datetime import date

import pytest

from core.accounts.models import Role, User
from core.lib.almanac.days import LifeDay
from core.lib.errors import Invalid, Unknown
from customers.models import Customer, CustomerChange, LifeDate, Standing
from customers.record import life_dates
from customers.record.life_dates import Told
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing")


def put(customer: Customer, by: User, told: Told, pk: int | None = None) -> LifeDate:
    return life_dates.put(customer, told, by=by, at=NOW, today=TODAY, pk=pk)


def listed(customer: Customer) -> int | None:
    return Standing.objects.get(pk=customer.pk).birthday


def test_one_own_birthday_is_greeted_and_lists_follow_it(chen: User, make_customer: MakeCustomer) -> None:
    customer = make_customer("李雷", birthday=LifeDay(2, 3, 1980))
    child = put(customer, chen, Told("birthday", LifeDay(6, 1, 2019), of_whom="小明"))
    assert listed(customer) == 203

    lunar = put(customer, chen, Told("birthday", LifeDay(6, 15, is_lunar=True, is_leap=True)))

    assert listed(customer) == 4615
    assert set(customer.life_dates.filter(greet=True)) == {child, lunar}
    assert Customer.objects.get(pk=customer.pk).birthday == lunar.life_day
    put(customer, chen, Told("birthday", lunar.life_day, greet=False), pk=lunar.pk)
    assert listed(customer) is None
    assert put(customer, chen, Told("birthday", LifeDay(5, None)), pk=lunar.pk).day is None
    assert listed(customer) == 500
    life_dates.remove(customer, lunar.pk, by=chen, at=NOW)
    assert listed(customer) is None
    said = list(CustomerChange.objects.filter(field="life_date").order_by("pk").values_list("before", "after"))
    assert said[0] == ("", "birthday 2019-06-01 · 小明")
    assert said[-1] == ("birthday 05", "")


def test_a_day_of_mourning_is_never_greeted_and_ends_the_wedding(chen: User, make_customer: MakeCustomer) -> None:
    customer = make_customer("李雷")
    wedding = put(customer, chen, Told("wedding", LifeDay(10, 1, 2001)))

    memorial = put(customer, chen, Told("memorial", LifeDay(4, 5), of_whom="妻子", greet=True))

    wedding.refresh_from_db()
    assert (wedding.greet, memorial.greet) == (False, False)


@pytest.mark.parametrize(
    "day",
    [
        LifeDay(6, 15, is_leap=True),  # the usual calendar has none
        LifeDay(6, 15, 2024, is_lunar=True, is_leap=True),  # 2024 had none
        LifeDay(1, 31, is_lunar=True),
        LifeDay(2, 29, 2023),
        LifeDay(13, None),
        LifeDay(5, None, 2027),
    ],
    ids=lambda day: day.text,
)
def test_a_day_that_no_calendar_has_is_refused(chen: User, make_customer: MakeCustomer, day: LifeDay) -> None:
    with pytest.raises(Invalid):
        put(make_customer("李雷"), chen, Told("birthday", day))

    assert not LifeDate.objects.exists()


def test_another_customers_day_is_nobodys(chen: User, make_customer: MakeCustomer) -> None:
    row = put(make_customer("李雷"), chen, Told("birthday", LifeDay(1, 2)))
    other = make_customer("韩梅")

    for verb in (life_dates.confirm, life_dates.remove):
        with pytest.raises(Unknown):
            verb(other, row.pk, by=chen, at=NOW)


def test_the_default_of_a_source_is_doubted_and_one_click_confirms_it(chen: User, make_customer: MakeCustomer) -> None:
    """As ten of a till on 1 January: beside 160 spread over the year it is no birthday; of another source it may be."""
    people = [make_customer(f"客户{n}") for n in range(171)]
    on = [*([date(2000, 1, 1)] * 10), *(date.fromordinal(date(2000, 1, 2).toordinal() + 2 * n) for n in range(160))]
    for customer, day in zip(people, on, strict=False):
        LifeDate.objects.create(customer=customer, kind="birthday", month=day.month, day=day.day, source="till")
    LifeDate.objects.create(customer=people[-1], kind="birthday", month=1, day=1, source="shop")

    assert (life_dates.doubt(), life_dates.doubt()) == (10, 0)

    assert {row.customer_id for row in LifeDate.objects.filter(certainty="doubtful")} == {c.pk for c in people[:10]}
    assert (listed(people[0]), listed(people[-1])) == (None, 101)
    row = people[0].life_dates.get()
    life_dates.confirm(people[0], row.pk, by=chen, at=NOW)
    assert (life_dates.doubt(), listed(people[0])) == (0, 101)
