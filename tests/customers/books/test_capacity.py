"""How full a book may be: more with an assistant than alone, refused beyond, meant anyway; and where new customers go."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts import staff
from core.accounts.models import Role, User
from core.lib.errors import DomainError
from core.rulebook import changes
from crm.desk.today import today
from customers import managers
from customers.books import entry, leaves, moving
from customers.models import BookRules, Customer
from customers.rulebook.books import RULES
from customers.work import capacity
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def east(make_user: MakeUser) -> dict[str, User]:
    return {
        "lead": make_user(Role.TEAM_LEAD, "Zhou", team="east"),
        "chen": make_user(name="Chen", team="east"),
        "zhao": make_user(name="Zhao", team="east"),
        "admin": make_user(Role.ADMINISTRATOR, "Mina"),
    }


def rules(by: User, **content: Any) -> None:
    BookRules.objects.create(version=2, content=content, starts_at=NOW, reason="试", by=by, at=NOW)


def most(*people: User) -> list[int]:
    return list(capacity.most_of(people, on=TODAY, at=NOW).values())


def test_more_with_an_assistant_than_alone_and_as_agreed_before_both(
    east: dict[str, User], make_user: MakeUser
) -> None:
    aide, chen, zhao = make_user(Role.ASSISTANT, "Aide"), east["chen"], east["zhao"]
    assert most(chen, zhao) == [200, 200]
    staff.delegate(chen, aide, TODAY, TODAY, by=None, at=NOW)
    # Whoever covers for somebody who is away is not their assistant.
    leaves.note(zhao, starts_on=TODAY, ends_on=TODAY, cover=chen, by=None, at=NOW)
    assert most(chen, zhao) == [300, 200]
    zhao.capacity = 7
    rules(east["admin"], with_assistant=50)
    assert most(chen, zhao) == [50, 7]


def test_beyond_what_is_agreed_it_is_refused_unless_it_is_meant(
    client: Client, east: dict[str, User], make_customer: MakeCustomer
) -> None:
    chen = east["chen"]
    User.objects.filter(pk=chen.pk).update(capacity=2)
    chen.refresh_from_db()
    people = [make_customer(f"客户{n}", manager=chen if n < 2 else None) for n in range(4)]
    told: dict[str, Any] = {"manager": chen, "by": east["lead"], "on": TODAY, "reason": "新客", "at": NOW}
    with pytest.raises(DomainError, match="would look after 3 customers, and 2 are agreed"):
        managers.assign(people[2], over=False, **told)
    assert "3 customers" in managers.assign(people[2], **told).warning
    with pytest.raises(DomainError, match="are agreed"):
        moving.hand_over(chen, to=[_with(east["zhao"], 1)], by=east["lead"], on=TODAY, reason="换", at=NOW, over=False)

    client.force_login(east["lead"])
    address, wanted = reverse("desk:assign", args=[people[3].pk]), {"manager": chen.pk, "reason": "新客"}
    refused = client.post(address, wanted)
    assert (refused.status_code, "Tick that it is meant" in refused.content.decode()) == (422, True)
    client.post(address, wanted | {"over": "on"})
    assert Customer.objects.filter(manager=chen).count() == 4


def _with(person: User, most: int) -> User:
    person.capacity = most
    person.save()
    return person


def test_new_customers_go_to_the_team_of_their_province_and_there_to_the_least_full(
    client: Client, east: dict[str, User], make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    wu = make_user(name="Wu", team="south", capacity=1)
    for n in range(3):
        make_customer(f"老{n}", manager=east["chen"])
    boss = make_user(roles=[Role.TEAM_LEAD, Role.ADMINISTRATOR], name="Boss", team="east")
    rules(boss, regions={"广东": wu.team_id, "山东": east["chen"].team_id})
    for n, region in enumerate(["广东", "广东", "山东", ""]):
        make_customer(f"新{n}", region=region)
    now = timezone.now()
    leaves.note(east["lead"], starts_on=today(), ends_on=today(), cover=None, by=None, at=now)
    BookRules.objects.update(starts_at=now)

    shares = {str(part.manager): part for part in entry.shares(Customer.objects.all(), boss, on=today(), at=now)}
    names = dict(Customer.objects.values_list("pk", "name"))
    # Nobody beyond what is agreed: one of Guangdong waits. Whoever is away gets nobody.
    told = {name: [names[pk] for pk in part.customers] for name, part in shares.items()}
    assert told["Wu"] == ["新0"]
    assert sorted(name for part in told.values() for name in part) == ["新0", "新2", "新3"]
    assert not {"Chen", "Zhou"} & set(told)

    client.force_login(boss)
    page = client.get(reverse("desk:entry"))
    assert (page.context["placed"], page.context["left"]) == (3, 1)
    stale = client.post(reverse("desk:entry"), {"reason": "新客", "seen": "another"})
    client.post(reverse("desk:entry"), {"reason": "新客", "seen": page.context["plan"]})
    assert stale.status_code == 422
    assert list(Customer.objects.filter(manager=None).values_list("name", flat=True)) == ["新1"]


def test_the_rules_are_changed_by_two_people_and_what_is_wrong_is_said(client: Client, east: dict[str, User]) -> None:
    client.force_login(east["admin"])
    page, told = reverse("desk:book_rules"), {"with_assistant": "250", "alone": "150", "refuse_at": "120"}
    propose = reverse("desk:book_rules_propose")
    wrong = client.post(propose, told | {"regions": "广东 = nowhere", "reason": "少而精"})
    fuller = client.post(propose, told | {"alone": "260", "reason": "少而精"})
    assert ("write a province" in wrong.content.decode(), "Alone nobody" in fuller.content.decode()) == (True, True)

    done = client.post(propose, told | {"regions": "广东 = east", "reason": "少而精"})
    change = changes.waiting(RULES).get()
    assert done["Location"] == reverse("desk:rule_change", args=[change.pk])
    assert "250 instead of 300" in client.get(done["Location"]).content.decode()
    now = timezone.now()
    changes.confirm(RULES, change.pk, by=east["lead"], at=now, meant=True)
    BookRules.objects.update(starts_at=now)
    rules_now = capacity.in_force(at=now)
    assert (rules_now.alone, rules_now.regions) == (150, {"广东": east["lead"].team_id})
    assert "east" in client.get(page).content.decode()
