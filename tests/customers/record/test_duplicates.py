"""Two records that may be one person: found with reasons, in bounded work, and not again once somebody has looked."""

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from core.lib.almanac.days import LifeDay
from customers import contact_points
from customers.models import Customer, NotTheSame, PossibleDuplicate
from customers.record import duplicates, reach
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
BORN = {"birthday": LifeDay(2, 3)}


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD)


def reasons() -> list[tuple[str, str, list[str]]]:
    duplicates.find(on=TODAY)
    pairs = PossibleDuplicate.objects.order_by("-score", "pk")
    return [(pair.first.name, pair.second.name, pair.reasons) for pair in pairs]


def test_each_reason_is_said_and_the_best_founded_stands_first(make_customer: MakeCustomer) -> None:
    make_customer("李雷", external_id="1", phone="13800138000", city="杭州", **BORN)
    make_customer("李雷", external_id="2", city="杭州")
    make_customer("李雷", external_id="3", **BORN)
    shared = make_customer("韩梅梅", external_id="4")
    contact_points.add(shared, "phone", "13800138000")
    make_customer("王芳", external_id="5", email="w@example.com")
    contact_points.add(make_customer("王小芳", external_id="6"), "email", "w@example.com")
    for number in ("7", "8"):
        contact_points.add(make_customer(f"客户{number}", external_id=number), "address", "浙江省杭州市文三路1号")

    assert reasons() == [
        ("李雷", "韩梅梅", ["phone"]),
        ("王芳", "王小芳", ["email"]),
        ("李雷", "李雷", ["birthday"]),
        ("客户7", "客户8", ["address"]),
        ("李雷", "李雷", ["city"]),
    ]


def test_a_name_of_many_in_one_city_is_no_evidence(make_customer: MakeCustomer) -> None:
    for number in range(duplicates.MOST_IN_A_BLOCK + 1):
        make_customer("王伟", external_id=f"n{number}", city="北京")

    assert reasons() == []


def test_what_is_retired_or_merged_is_no_reason(make_customer: MakeCustomer, lead: User) -> None:
    first = make_customer("李雷", external_id="1", phone="13800138000", city="杭州")
    second = make_customer("韩梅梅", external_id="2")
    contact_points.add(second, "phone", "13800138000")
    reach.retire(second.contact_points.get().pk, why="old", by=lead, at=NOW)
    merged = make_customer("李雷", external_id="3", city="杭州")
    Customer.objects.filter(pk=merged.pk).update(merged_into=first)

    assert reasons() == []


def test_the_same_night_again_changes_nothing_and_what_is_over_goes(make_customer: MakeCustomer) -> None:
    make_customer("李雷", external_id="1", city="杭州")
    second = make_customer("李雷", external_id="2", city="杭州")
    duplicates.find(on=TODAY)
    before = list(PossibleDuplicate.objects.values())
    duplicates.find(on=TODAY.replace(day=18))
    assert list(PossibleDuplicate.objects.values()) == before

    Customer.objects.filter(pk=second.pk).update(city="苏州")
    assert reasons() == []


def test_two_people_are_not_proposed_again_until_it_is_taken_back(make_customer: MakeCustomer, lead: User) -> None:
    one, other = (make_customer("李雷", external_id=number, city="杭州") for number in "12")
    duplicates.find(on=TODAY)

    for _twice in range(2):
        duplicates.not_the_same(other, one, by=lead, at=NOW)
    assert reasons() == []
    duplicates.maybe_the_same(one, other, by=lead, at=NOW)

    assert len(reasons()) == 1


def test_the_work_is_bounded(make_customer: MakeCustomer) -> None:
    """Twenty thousand records of which half share a name, a city and a birthday with all others of that half."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_customer (number, name, name_pinyin, name_grams, region, city, registered_on,"
            " interests, mindset, preferred_channel, is_reseller, notes)"
            " SELECT 'X' || n, CASE WHEN n %% 2 = 0 THEN '王伟' ELSE 'n' || n / 4 END, '', '{}', '', '北京', %s,"
            " '{}', 'unknown', 'unknown', false, '' FROM generate_series(1, 20000) n",
            [TODAY],
        )
        cursor.execute(
            "INSERT INTO customers_lifedate (customer_id, kind, label, of_whom, calendar, month, day, leap, greet,"
            " certainty, source) SELECT id, 'birthday', '', '', 'solar', 1, 1, false, true, 'said', 'page'"
            " FROM customers_customer WHERE number LIKE 'X%%'"
        )

    assert duplicates.find(on=TODAY) == 5000


# The page ---------------------------------------------------------------------------------------------------------------


def test_a_lead_sees_the_pairs_of_whom_both_are_in_reach(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, zhao = make_user(name="Chen", team="East"), make_user(name="Zhao", team="West")
    mine = [make_customer("李雷", external_id=number, city="杭州", manager=chen) for number in "12"]
    make_customer("李雷", external_id="3", city="杭州", manager=zhao)
    client.force_login(make_user(Role.TEAM_LEAD, "Zhou", team="East"))
    duplicates.find(on=TODAY)

    page = client.get(reverse("desk:duplicates"))

    assert [(row.pair.first, row.pair.second) for row in page.context["page"].rows] == [tuple(mine)]
    assert "Same name and city" in page.content.decode()
    client.post(reverse("desk:duplicate_apart", args=[mine[0].pk, mine[1].pk]))
    assert NotTheSame.objects.count() == 1
    said = client.get(reverse("desk:duplicates") + "?list=apart").content.decode()
    assert mine[0].number in said
    client.post(reverse("desk:duplicate_maybe", args=[mine[0].pk, mine[1].pk]))
    assert not NotTheSame.objects.exists()


def test_my_day_of_the_lead_counts_them(client: Client, make_user: MakeUser, make_customer: MakeCustomer) -> None:
    for number in "12":
        make_customer("李雷", external_id=number, city="杭州")
    duplicates.find(on=TODAY)
    client.force_login(make_user(Role.TEAM_LEAD, "Zhou", team="East"))
    assert reverse("desk:duplicates") in client.get("/").content.decode()
    assert client.get("/").context["duplicates"] == 1
    client.force_login(make_user(Role.ACCOUNT_MANAGER, team="East"))
    assert f'href="{reverse("desk:duplicates")}"' not in client.get("/").content.decode()
