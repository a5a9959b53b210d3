"""Changes of rules by program: the verbs and refusals of the pages, and two people as there."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from complaints.setup import defaults
from complaints.setup import rulebook as promises
from core.accounts.models import Role
from core.accounts.roles import RIGHTS, ApiScope, Permission
from core.rulebook.models import RuleChange
from crm.desk.today import today
from loyalty.campaigns import rulebook as coupons
from loyalty.points import rules as point_rules
from tests.conftest import ApiFor, MakeUser
from tests.loyalty.campaigns.stories import running

pytestmark = pytest.mark.django_db
RULES = "/api/v1/rules"
BOTH = (ApiScope.RULES_READ, ApiScope.RULES_WRITE)
NEEDS = [
    ("get", "", Permission.VIEW_RULES),
    ("get", "/points", Permission.VIEW_RULES),
    ("post", "/points/changes", Permission.VIEW_RULES),
    ("post", "/points/versions/1/roll-back", Permission.VIEW_RULES),
    ("get", "/changes/1", Permission.VIEW_RULES),
    ("post", "/changes/1/confirm", Permission.VIEW_RULES),
    ("post", "/changes/1/look-again", Permission.VIEW_RULES),
    ("post", "/changes/1/drop", Permission.VIEW_RULES),
    ("post", "/changes/1/withdraw", Permission.VIEW_RULES),
]


@pytest.fixture
def wang(api_for: ApiFor, make_user: MakeUser) -> APIClient:
    return api_for(*BOTH, user=make_user(Role.ADMINISTRATOR, "Writer"))


@pytest.fixture
def zhao(api_for: ApiFor, make_user: MakeUser) -> APIClient:
    return api_for(*BOTH, user=make_user(Role.TEAM_LEAD, "Second"))


@pytest.fixture
def points() -> None:
    for number, days in enumerate((60, 30), start=1):
        at = timezone.now() - timedelta(days=days)
        point_rules.save({"rate": Decimal(number), "notice_days": 3}, starts_at=at, by=None, reason="tests", at=at)


def send(client: APIClient, url: str, body: Any = None, key: str = "k") -> Any:
    return client.post(RULES + url, body or {}, format="json", HTTP_IDEMPOTENCY_KEY=key)


@pytest.mark.parametrize(("method", "url", "permission"), NEEDS)
def test_every_address_needs_its_scope_and_its_users_right(
    api_for: ApiFor, make_user: MakeUser, method: str, url: str, permission: Permission
) -> None:
    scope = ApiScope.RULES_READ if method == "get" else ApiScope.RULES_WRITE
    others = api_for(*(one for one in ApiScope if one != scope), user=make_user(Role.ADMINISTRATOR))
    assert getattr(others, method)(RULES + url, {}, format=None if method == "get" else "json").status_code == 403

    for role in Role.values:
        client = api_for(scope, user=make_user(role))
        answer = getattr(client, method)(RULES + url, {}, format=None if method == "get" else "json")
        allowed = permission in RIGHTS[role].permissions
        assert answer.status_code in ({200, 400, 404} if allowed else {403}), role


def test_from_the_proposal_to_the_version_and_back(
    wang: APIClient, zhao: APIClient, points: None, api_for: ApiFor, make_user: MakeUser
) -> None:
    told = wang.get(f"{RULES}/points").json()
    assert (told["in_force"]["version"], [row["version"] for row in told["versions"]]) == (2, [2, 1])
    content = told["in_force"]["content"] | {"rate": "100"}
    body = {"content": content, "reason": "festival"}

    reader = api_for(*BOTH, user=make_user(Role.ACCOUNT_MANAGER, "Reader"))
    assert send(reader, "/points/changes", body).status_code == 403
    early = send(wang, "/points/changes", body | {"starts_on": today().isoformat()})
    assert (early.status_code, early.json()["code"]) == (400, "starts_on")
    made = send(wang, "/points/changes", body)
    again = send(wang, "/points/changes", body)
    other = send(wang, "/points/changes", body | {"content": content | {"rate": "99"}})

    change = made.json()
    assert (made.status_code, again.json()["id"], RuleChange.objects.count()) == (201, change["id"], 1)
    assert (other.status_code, other.json()["code"]) == (422, "key_used")
    assert change["starts_on"] == told["first_day"] == (today() + timedelta(days=3)).isoformat()
    assert "Points per yuan: 100 instead of 2." in change["differences"]
    assert {row["name"] for row in change["figures"]} >= {"points", "cost"}
    assert wang.get(RULES).json()["kinds"][0]["waiting"] == [change["id"]]

    address = f"/changes/{change['id']}"
    assert send(wang, f"{address}/confirm", {"meant": True}).json()["code"] == "second_person"
    assert send(zhao, f"{address}/confirm").json()["code"] == "doubts"
    confirmed = send(zhao, f"{address}/confirm", {"meant": True}).json()
    assert (confirmed["state"], confirmed["version"], confirmed["decided_by"]) == ("confirmed", 3, "Second")
    assert wang.get(f"{RULES}/points").json()["scheduled"]["version"] == 3
    assert send(zhao, f"{address}/withdraw", {}).status_code == 400
    withdrawn = send(zhao, f"{address}/withdraw", {"reason": "too dear"}).json()
    assert (withdrawn["state"], withdrawn["ended_by"], withdrawn["ended_because"]) == (
        "withdrawn",
        "Second",
        "too dear",
    )

    back = send(wang, "/points/versions/2/roll-back", {"reason": "worse"}, key="back")
    assert (back.status_code, back.json()["rolls_back"], bool(back.json()["stays"])) == (201, 2, True)
    assert send(wang, "/points/versions/2/roll-back", {"reason": "worse"}, key="back").json()["id"] == back.json()["id"]
    assert send(zhao, f"/changes/{back.json()['id']}/look-again").status_code == 200
    assert send(zhao, f"/changes/{back.json()['id']}/drop", {"reason": "no"}).json()["state"] == "dropped"
    assert send(wang, "/nothing/changes", body, key="x").status_code == 404
    assert wang.get(f"{RULES}/changes/{2**70}").status_code == 404


HUGE = 10**400
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("points", {"rate": "1", "excluded_categories": [HUGE]}),
    ("points", {"rate": "1", "life_ends": "a\x00b"}),
    ("points", {"rate": "1E999999"}),
    ("points", {"rate": [], "shortfall": {}}),
    ("night", {"big_share": HUGE}),
    ("night", {"big_share": "nan"}),
    ("night", {"a\x00": 1}),
    ("promises", {}),
    ("promises", {"targets": 5}),
    ("promises", {"steps": [["resolution", 50, ["nobody"], True, None]]}),
    ("promises", {"steps": [["resolution", HUGE, [], True, None]]}),
    ("promises", {"steps": [["resolution", 50, [], True, []]]}),
    ("promises", {"steps": [["resolution", 50, [], True, None]] * 2}),
    ("promises", {"targets": [[9, None, "resolution", 60, 1]]}),
    ("promises", {"targets": [[None, None, "resolution", HUGE, 1]]}),
    ("promises", {"reopen_days": HUGE}),
    ("promises", {"resolution_mode": "never"}),
    ("promises", {"pause_reasons": ["mood"]}),
    ("promises", {"bonus": 1}),
    ("coupons", {"ends_at": "9999-12-31T23:59:59Z"}),
    ("coupons", {"total_limit": HUGE}),
    ("coupons", {"name": "a\x00b"}),
    ("coupons", {"group": {"level": HUGE}}),
    ("coupons", {"group": [1]}),
    ("coupons", {"categories": 5}),
    ("coupons", {"needs_code": "perhaps"}),
]


def test_content_that_no_page_would_send_is_refused_in_words(wang: APIClient, points: None) -> None:
    defaults.install(at=timezone.now())
    campaign = running(starts_at=timezone.now(), ends_at=timezone.now() + timedelta(days=9))
    bases = {
        "promises": promises.RULES.versions(1)[0].content,
        "coupons": coupons.of(campaign).versions(1)[0].content,
    }
    for number, (kind, content) in enumerate(WRONG):
        name = coupons.of(campaign).name if kind == "coupons" else kind
        body = {"content": {**bases.get(kind, {}), **content} if content else {}, "reason": "x"}
        answer = send(wang, f"/{name}/changes", body, key=str(number))
        assert answer.status_code in (400, 409), (kind, content, answer.content)
