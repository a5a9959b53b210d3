"""Whoever counts up numbers or leafs through a list comes to an end, and it is on record."""

import pytest
from django.test import Client

from core.accounts.models import AuditEntry, Role
from customers import queries
from customers.access import visible_to
from customers.models import Opened
from customers.privacy import budget
from tests.conftest import TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


def test_an_agent_who_counts_numbers_up_comes_to_an_end(
    make_user: MakeUser, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MOST_LOOKED_UP", 2)
    agent, people = make_user(Role.SERVICE_AGENT), [make_customer(name) for name in ("李雷", "韩梅梅", "王芳")]
    for person in (*people[:2], people[0]):
        assert queries.search(agent, person.number, TODAY) == [person]

    with pytest.raises(budget.TooMany):
        queries.search(agent, people[2].number, TODAY)
    with pytest.raises(budget.TooMany):
        queries.look_up(agent, people[2].pk, TODAY)
    assert set(visible_to(agent, TODAY)) == set(people[:2])
    assert queries.search(agent, people[0].number, TODAY) == [people[0]]


def test_an_agent_who_guesses_comes_to_an_end(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    agent, li_lei = make_user(Role.SERVICE_AGENT), make_customer("李雷")
    for guess in range(budget.MOST_MISSES):
        assert queries.search(agent, f"138{guess:08}", TODAY) == []
        assert queries.search(agent, "李磊", TODAY) == []

    with pytest.raises(budget.TooMany):
        queries.search(agent, "13900000000", TODAY)
    assert queries.search(agent, li_lei.number, TODAY) == [li_lei]


def test_whoever_leafs_through_all_customers_comes_to_an_end(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MOST_OPENED", 2)
    lead, people = make_user(Role.SERVICE_LEAD), [make_customer(name) for name in ("李雷", "韩梅梅", "王芳")]
    client.force_login(lead)

    answers = [client.get(f"/customers/{person.pk}/") for person in (*people, people[2], people[0])]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 200]
    assert "midnight" in answers[2].content.decode()
    assert Opened.objects.count() == 2
    assert AuditEntry.objects.filter(action="customers.too_many", actor=lead).count() == 1


def test_who_may_not_see_the_value_cannot_read_it_from_the_order(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    poor, rich = make_customer("李雷"), make_customer("李雷雷")
    for person, value in ((poor, 1), (rich, 900_000)):
        person.standing.value = value
        person.standing.save()

    assert queries.callers(make_user(Role.SERVICE_AGENT), "李雷", TODAY) == [poor, rich]
    assert queries.search(make_user(Role.SERVICE_LEAD), "李雷", TODAY) == [poor, rich]
    assert queries.search(make_user(Role.TEAM_LEAD), "李雷", TODAY) == [rich, poor]
