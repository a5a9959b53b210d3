"""The rules of the levels over REST: the same drafts, simulations and second person as on the pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from crm.accounts import tokens
from crm.accounts.models import Role
from crm.accounts.roles import ApiScope
from crm.desk.today import today
from loyalty.models import TierDraft, TierRules
from tests.conftest import ApiFor, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.tier_stories import content, levels, night, put_in_force

DRAFTS = "/api/v1/tiers/drafts"


def client(make_user: MakeUser, name: str) -> APIClient:
    """A program of the mall with a name of its own, that may do everything with the levels."""
    user = make_user(Role.CLIENT, name)
    scopes = [ApiScope.TIERS_READ, ApiScope.TIERS_WRITE, ApiScope.TIERS_PUBLISH]
    _token, secret = tokens.issue(user, name=name, scopes=scopes, at=timezone.now())
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return made


@pytest.fixture
def in_force(db: None) -> None:
    put_in_force(content(levels=levels(silver=1000, gold=5000)), today() - timedelta(days=3))
    night(today())


@pytest.mark.parametrize(
    ("method", "url", "body", "scope", "status"),
    [
        ("get", "/api/v1/tiers/versions", None, ApiScope.TIERS_READ, 200),
        ("post", DRAFTS, {}, ApiScope.TIERS_WRITE, 201),
        ("get", f"{DRAFTS}/1", None, ApiScope.TIERS_WRITE, 404),
        ("put", f"{DRAFTS}/1", {}, ApiScope.TIERS_WRITE, 404),
        ("post", f"{DRAFTS}/1/simulate", {}, ApiScope.TIERS_WRITE, 404),
        ("post", f"{DRAFTS}/1/publish", {"falls": 0}, ApiScope.TIERS_PUBLISH, 404),
    ],
)
def test_a_door_opens_to_its_scope_and_to_no_other(
    api_for: ApiFor, method: str, url: str, body: Any, scope: ApiScope, status: int
) -> None:
    others = api_for(*(one for one in ApiScope if one != scope))

    assert getattr(others, method)(url, body, format="json").status_code == 403
    assert getattr(api_for(scope), method)(url, body, format="json").status_code == status


def test_drafted_by_one_simulated_and_published_by_another(
    in_force: None, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    make_order(make_customer("李雷"), today() - timedelta(days=5), "1500", today=today())
    night(today() + timedelta(days=1))
    wang, zhao = client(make_user, "erp"), client(make_user, "audit")
    [before] = wang.get("/api/v1/tiers/versions").json()["versions"]
    rules = {**before["content"], "levels": levels(silver=1000, gold=1400)}

    draft = wang.post(DRAFTS, {"reason": "gold for more"}, format="json").json()
    changed = wang.put(f"{DRAFTS}/{draft['id']}", {"content": rules}, format="json").json()
    assert (changed["reason"], changed["simulated"], changed["state"]) == ("gold for more", False, "open")

    too_early = zhao.post(f"{DRAFTS}/{draft['id']}/publish", {"falls": 0}, format="json")
    assert too_early.status_code == 409
    told = wang.post(f"{DRAFTS}/{draft['id']}/simulate", {}, format="json").json()
    assert (told["rises"], told["falls"], told["big_customers_worse"]) == (1, 0, 0)
    assert told["levels_after"] == ["Member", "Silver", "Gold"]
    assert wang.get(f"{DRAFTS}/{draft['id']}").json()["simulated"]

    own = wang.post(f"{DRAFTS}/{draft['id']}/publish", {"falls": 0}, format="json")
    assert (own.status_code, own.json()["code"]) == (409, "second_person")
    wrong = zhao.post(f"{DRAFTS}/{draft['id']}/publish", {"falls": 7}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "falls")
    done = zhao.post(f"{DRAFTS}/{draft['id']}/publish", {"falls": 0}, format="json")
    assert (done.status_code, done.json()["version"]) == (201, 2)
    again = zhao.post(f"{DRAFTS}/{draft['id']}/publish", {"falls": 0}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "draft_closed")
    assert TierRules.objects.count() == 2


def test_content_that_makes_no_sense_is_refused_in_words_and_nothing_is_begun(
    in_force: None, make_user: MakeUser
) -> None:
    wang = client(make_user, "erp")
    upside_down = {"levels": levels(silver=5000, gold=1000)}

    answer = wang.post(DRAFTS, {"content": upside_down}, format="json")

    assert answer.status_code == 400
    assert "Gold" in answer.json()["detail"]
    assert not TierDraft.objects.filter(state="open").exists()
