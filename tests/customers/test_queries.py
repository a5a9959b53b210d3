"""Found by those who may see them, listed by value, page by page."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from core.accounts.models import Delegation, Role
from customers import queries
from customers.access import in_reach, visible_to
from customers.models import Customer, Lookup
from tests.conftest import TODAY, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db


def test_a_manager_finds_their_own_customers_by_anything(
    make_customer: MakeCustomer, make_user: MakeUser, make_order: MakeOrder
) -> None:
    chen, zhao = make_user(Role.ACCOUNT_MANAGER, "Chen Jing"), make_user(Role.ACCOUNT_MANAGER, "Zhao")
    li_lei = make_customer("李雷", manager=chen, phone="13812345678", email="lilei@qq.com")
    make_customer("李雷", manager=zhao, external_id="other")
    order = make_order(li_lei, external_id="ORDER-77")

    for text in (
        "李雷",
        "雷",
        "li lei",
        li_lei.number.lower(),
        "138 1234 5678",
        "5678",
        "LILEI@qq.com",
        order.external_id,
    ):
        assert queries.search(chen, text, TODAY) == [li_lei], text
    for text in ("", "王", "13812345679", "\x00", "%", "'"):
        assert queries.search(chen, text, TODAY) == []
    assert queries.search(zhao, "13812345678", TODAY) == []
    assert queries.search(make_user(Role.ANALYST), "13812345678", TODAY) == []
    assert not Lookup.objects.exists()


def test_a_service_agent_opens_whom_they_found_by_a_whole_number_until_midnight(
    make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    agent, li_lei = make_user(Role.SERVICE_AGENT), make_customer("李雷", phone="13812345678")

    assert queries.search(agent, "李雷", TODAY) == []
    assert queries.search(agent, "5678", TODAY) == []
    assert not visible_to(agent, TODAY).exists()

    for _twice in range(2):
        assert queries.search(agent, "13812345678", TODAY) == [li_lei]
    assert visible_to(agent, TODAY).get() == li_lei
    assert not visible_to(agent, TODAY + timedelta(days=1)).exists()


def test_nobody_leafs_through_customers_by_searching(make_customer: MakeCustomer, make_user: MakeUser) -> None:
    chen, agent = make_user(Role.ACCOUNT_MANAGER), make_user(Role.SERVICE_AGENT)
    for number in range(21):
        make_customer(f"李雷{number}", manager=chen)

    assert len(queries.search(chen, "李雷", TODAY)) == 20
    assert len(queries.callers(chen, "李雷", TODAY)) == len(queries.callers(agent, "李雷", TODAY)) == 10
    assert not visible_to(agent, TODAY).exists()


def test_who_has_left_sees_nobody_and_neither_does_their_assistant(
    make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    chen, assistant = make_user(Role.ACCOUNT_MANAGER, "Chen Jing"), make_user(Role.ASSISTANT)
    make_customer("李雷", manager=chen)
    Delegation.objects.create(manager=chen, assistant=assistant, starts_on=TODAY, ends_on=TODAY)
    assert visible_to(assistant, TODAY).exists()

    chen.is_active = False
    chen.save()

    assert not visible_to(chen, TODAY).exists()
    assert not visible_to(assistant, TODAY).exists()


def test_an_agent_with_a_book_finds_by_name_in_it_and_anybody_by_a_whole_number_each_once(
    make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    both = make_user(name="Both", roles=[Role.ACCOUNT_MANAGER, Role.SERVICE_AGENT])
    mine = make_customer("李雷", manager=both)
    foreign = make_customer("韩梅梅", phone="13812345678")
    others = [make_user(Role.SERVICE_AGENT, f"Agent {n}") for n in range(2)]

    assert queries.search(both, "李雷", TODAY) == [mine]
    assert queries.search(both, "韩梅梅", TODAY) == []
    for user in (*others, both):
        assert queries.search(user, "13812345678", TODAY) == [foreign]
    assert list(visible_to(both, TODAY).order_by("pk")) == [mine, foreign]
    assert list(visible_to(both, TODAY + timedelta(days=1))) == [mine]


def test_regions_are_those_of_customers_each_once(make_customer: MakeCustomer) -> None:
    assert queries.regions() == []
    for n, region in enumerate(("浙江", "上海", "浙江", "")):
        Customer.objects.filter(pk=make_customer(f"客户{n}", external_id=f"c{n}").pk).update(region=region)

    assert sorted(queries.regions()) == sorted(["上海", "浙江"])


def test_who_sees_a_customer_is_asked_at_once_for_all(
    make_user: MakeUser, make_customer: MakeCustomer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    managers = [make_user(Role.ACCOUNT_MANAGER, f"M{n}") for n in range(5)]
    mine = make_customer("李雷", manager=managers[0])
    everybody = [*managers, make_user(Role.SERVICE_LEAD, "Li"), make_user(Role.ANALYST, "Wen")]

    with django_assert_num_queries(1):
        seen = in_reach(everybody, [mine.pk], TODAY)

    assert {user.full_name for user in everybody if seen[user.pk]} == {"M0", "Li"}
    for user in everybody:
        assert seen[user.pk] == set(visible_to(user, TODAY).filter(pk=mine.pk).values_list("pk", flat=True))
