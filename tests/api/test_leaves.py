"""Days away and hand-overs told by a program: who stands in, by whom it may be told, and that it is told once."""

from datetime import timedelta

import pytest

from core.accounts.models import Absence, Role, User
from core.accounts.roles import ApiScope
from crm.desk.today import today
from customers.models import BookHandOver
from tests.conftest import ApiFor, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
BASE = "/api/v1"


@pytest.fixture
def east(make_user: MakeUser, make_customer: MakeCustomer) -> dict[str, User]:
    people = {
        "lead": make_user(Role.TEAM_LEAD, "Zhou", team="east"),
        "chen": make_user(name="Chen", team="east"),
        "zhao": make_user(name="Zhao", team="east"),
        "wu": make_user(name="Wu", team="south"),
        "shop": make_user(Role.CLIENT, "Shop"),
    }
    make_customer("李雷", manager=people["chen"])
    return people


def test_a_program_notes_days_and_hears_who_stands_in(api_for: ApiFor, east: dict[str, User]) -> None:
    number = east["chen"].book.get().number
    days = {"starts_on": today().isoformat(), "ends_on": (today() + timedelta(days=3)).isoformat()}
    told = days | {"user": "chen", "cover": "zhao"}
    shop = api_for(ApiScope.WORK_WRITE, user=east["shop"])

    first, again = shop.post(f"{BASE}/leaves", told, format="json"), shop.post(f"{BASE}/leaves", told, format="json")
    alone = shop.post(f"{BASE}/leaves", days | {"user": "nobody"}, format="json")

    assert (first.status_code, first.json()["stands_in"], again.json()["id"]) == (201, "zhao", first.json()["id"])
    assert (alone.status_code, Absence.objects.count()) == (400, 1)
    seen = {
        name: len(api_for(ApiScope.WORK_READ, user=east[name]).get(f"{BASE}/leaves").json())
        for name in ("shop", "lead", "chen", "zhao", "wu")
    }
    assert seen == {"shop": 1, "lead": 1, "chen": 1, "zhao": 0, "wu": 0}
    whom = api_for(ApiScope.CUSTOMERS_READ, user=east["shop"]).get(f"{BASE}/customers/{number}/manager").json()
    assert (whom["manager"], whom["stands_in"]) == ("chen", "zhao")
    by_colleague = api_for(ApiScope.WORK_WRITE, user=east["zhao"]).post(f"{BASE}/leaves", told, format="json")
    end = f"{BASE}/leaves/{first.json()['id']}/end"
    refused = api_for(ApiScope.WORK_WRITE, user=east["wu"]).post(end)
    assert (by_colleague.status_code, refused.status_code) == (403, 404)
    assert (api_for(ApiScope.WORK_WRITE, user=east["chen"]).post(end).status_code, Absence.objects.count()) == (204, 0)


def test_a_hand_over_is_proposed_and_followed(api_for: ApiFor, east: dict[str, User]) -> None:
    told = {"giver": "chen", "to": ["zhao"], "reason": "转岗"}
    lead = api_for(ApiScope.WORK_WRITE, user=east["lead"])

    other_team = lead.post(f"{BASE}/hand-overs", told | {"to": ["wu"]}, format="json")
    done = lead.post(f"{BASE}/hand-overs", told, format="json")
    by_colleague = api_for(ApiScope.WORK_WRITE, user=east["zhao"]).post(f"{BASE}/hand-overs", told, format="json")

    assert (other_team.status_code, done.status_code, by_colleague.status_code) == (400, 201, 403)
    assert [(row["receiver"], row["customers"], row["undecided"]) for row in done.json()] == [("zhao", 1, 1)]
    assert BookHandOver.objects.get().lines.count() == 1
    seen = {
        name: len(api_for(ApiScope.WORK_READ, user=east[name]).get(f"{BASE}/hand-overs").json())
        for name in ("lead", "chen", "zhao", "wu")
    }
    assert seen == {"lead": 1, "chen": 1, "zhao": 1, "wu": 0}
