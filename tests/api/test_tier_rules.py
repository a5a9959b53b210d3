"""Rules of the levels by program: the refusals of the pages, and two people as there."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts.models import Role, User
from core.accounts.roles import RIGHTS, ApiScope, Permission
from crm.desk.today import today
from customers import locks
from customers.models import Customer, Standing
from loyalty.models import TierDraft, TierRules
from loyalty.tiers import membership
from loyalty.tiers import simulation as tier_whatif
from loyalty.tiers.simulation import drafts
from tests.conftest import ApiFor, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.tiers.stories import content, levels, night, put_in_force
from tests.races import CRASH, at_once, meeting

RULES = "/api/v1/tier-rules"
BOTH = (ApiScope.TIERS_READ, ApiScope.TIERS_WRITE)
NEEDS = [
    ("get", "", Permission.VIEW_RULES),
    ("post", "/drafts", Permission.EDIT_RULES),
    ("get", "/drafts/1", Permission.VIEW_RULES),
    ("patch", "/drafts/1", Permission.EDIT_RULES),
    ("delete", "/drafts/1", Permission.EDIT_RULES),
    ("post", "/drafts/1/simulate", Permission.EDIT_RULES),
    ("post", "/drafts/1/publish", Permission.PUBLISH_TIERS),
    ("get", "/versions/9", Permission.VIEW_RULES),
    ("post", "/versions/9/withdraw", Permission.PUBLISH_TIERS),
    ("post", "/versions/9/roll-back", Permission.EDIT_RULES),
]


@pytest.fixture
def li_lei(make_customer: MakeCustomer, make_order: MakeOrder) -> Customer:
    """Silver, a big customer, a hundred yuan above the bar."""
    customer = make_customer("李雷")
    make_order(customer, today() - timedelta(days=40), "1100.00", today=today())
    put_in_force(content(), today() - timedelta(days=30))
    night(today())
    Standing.objects.filter(customer=customer).update(customer_class=Standing.Class.BIG)
    return customer


@pytest.fixture
def wang(api_for: ApiFor, make_user: MakeUser) -> APIClient:
    return api_for(*BOTH, user=make_user(Role.ADMINISTRATOR, "Writer"))


@pytest.fixture
def zhao(api_for: ApiFor, make_user: MakeUser) -> APIClient:
    return api_for(*BOTH, user=make_user(Role.TEAM_LEAD, "Second"))


def send(client: APIClient, url: str, body: Any = None, **headers: str) -> Any:
    return client.post(RULES + url, body or {}, format="json", **headers)


def drafted(client: APIClient, **told: Any) -> int:
    pk = int(send(client, "/drafts", HTTP_IDEMPOTENCY_KEY=f"k{TierDraft.objects.count()}").json()["id"])
    body = {"starts_on": str(today() + timedelta(days=3)), "reason": "inflation", **told}
    assert client.patch(f"{RULES}/drafts/{pk}", body, format="json").status_code == 200
    return pk


@pytest.mark.parametrize(("method", "url", "permission"), NEEDS)
def test_every_address_needs_its_scope_and_its_users_right(
    api_for: ApiFor, make_user: MakeUser, method: str, url: str, permission: Permission
) -> None:
    scope = ApiScope.TIERS_READ if method == "get" else ApiScope.TIERS_WRITE
    admin = make_user(Role.ADMINISTRATOR)
    others = api_for(*(one for one in ApiScope if one != scope), user=admin)
    assert getattr(others, method)(RULES + url, {}, format=None if method == "get" else "json").status_code == 403

    for role in Role.values:
        client = api_for(scope, user=make_user(role))
        answer = getattr(client, method)(RULES + url, {}, format=None if method == "get" else "json")
        allowed = permission in RIGHTS[role].permissions
        assert answer.status_code in ({200, 400, 404} if allowed else {403}), role


def test_from_the_draft_to_the_next_version(wang: APIClient, zhao: APIClient, li_lei: Customer) -> None:
    told = wang.get(RULES).json()
    assert [(one["version"], one["state"]) for one in told["versions"]] == [(1, "in_force")]
    pk = drafted(wang, content=content(levels=levels(silver=1200, gold=5000), transition="now"))
    simulation = send(wang, f"/drafts/{pk}/simulate").json()

    assert (simulation["falls"], simulation["big_worse_count"]) == (1, 1)
    assert (simulation["levels_before"], simulation["table"]) == (
        ["Member", "Silver", "Gold"],
        [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
    )
    assert simulation["near"][0] == {"level": "Silver", "count": 0, "nearest": []}
    assert simulation["spared"] == [{"level": "Silver", "at": "1100.00"}]

    own = send(wang, f"/drafts/{pk}/publish", {"falls": 1})
    assert (own.status_code, own.json()["code"]) == (409, "second_person")
    assert send(zhao, f"/drafts/{pk}/publish", {"falls": 0}).json()["code"] == "falls"
    published = send(zhao, f"/drafts/{pk}/publish", {"falls": 1})
    assert (published.status_code, published.json()["version"], published.json()["state"]) == (201, 2, "scheduled")
    assert send(zhao, f"/drafts/{pk}/publish", {"falls": 1}).json()["code"] == "draft_closed"

    assert send(zhao, "/versions/2/withdraw", {"reason": "too soon"}).json()["state"] == "withdrawn"
    assert zhao.get(f"{RULES}/versions/1").json()["ends_on"] is None


def test_a_customer_is_named_to_who_may_see_them(
    api_for: ApiFor, make_user: MakeUser, wang: APIClient, li_lei: Customer
) -> None:
    pk = drafted(wang, content=content(levels=levels(silver=1150, gold=5000), transition="now"))
    assert send(wang, f"/drafts/{pk}/simulate").json()["big_worse"] == []  # an administrator sees no customer
    manager = make_user(Role.ACCOUNT_MANAGER)
    Customer.objects.filter(pk=li_lei.pk).update(manager=manager, manager_since=today())

    told = api_for(ApiScope.TIERS_READ, user=manager).get(f"{RULES}/drafts/{pk}").json()["simulation"]

    [row] = told["big_worse"]
    assert (row["customer"], row["before"], row["after"], row["amount"]) == (
        li_lei.number,
        "Silver",
        "Member",
        "1100.00",
    )
    assert told["near"][0] == {
        "level": "Silver",
        "count": 1,
        "nearest": [{"customer": li_lei.number, "gap": "50.00"}],
    }


def test_nothing_is_published_without_a_simulation_of_what_it_says_now(
    wang: APIClient, zhao: APIClient, li_lei: Customer
) -> None:
    pk = drafted(wang)
    assert send(zhao, f"/drafts/{pk}/publish", {"falls": 0}).json()["code"] == "simulation_stale"
    send(wang, f"/drafts/{pk}/simulate")
    assert wang.get(f"{RULES}/drafts/{pk}").json()["simulation"]["falls"] == 0

    wang.patch(f"{RULES}/drafts/{pk}", {"starts_on": str(today() + timedelta(days=4))}, format="json")

    assert wang.get(f"{RULES}/drafts/{pk}").json()["simulation"] is None
    assert send(zhao, f"/drafts/{pk}/publish", {"falls": 0}).json()["code"] == "simulation_stale"
    assert TierRules.objects.count() == 1


def test_asked_for_twice_a_draft_is_one(wang: APIClient, li_lei: Customer) -> None:
    first, again = (send(wang, "/drafts", HTTP_IDEMPOTENCY_KEY="k").json() for _ in range(2))
    assert (first["id"], first["content"]) == (again["id"], again["content"])
    assert send(wang, "/drafts").json()["code"] == "idempotency_key"
    assert wang.delete(f"{RULES}/drafts/{first['id']}").status_code == 204
    assert wang.delete(f"{RULES}/drafts/{first['id']}").json()["code"] == "draft_closed"
    assert wang.get(RULES).json()["drafts"] == []


def four_ask_for_a_draft(wang: User) -> Counter[str]:
    return at_once([lambda: tier_whatif.new_draft(by=wang, at=timezone.now(), client_key="k")] * 4)


@pytest.mark.django_db(transaction=True)
def test_asked_for_by_four_at_once_a_draft_is_one(make_user: MakeUser) -> None:
    assert four_ask_for_a_draft(make_user(Role.ADMINISTRATOR)) == {"done": 4}
    assert TierDraft.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_only_the_unique_key_stands_between_them(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet, first = meeting(4), tier_whatif.newest
    monkeypatch.setattr(locks, "hold", lambda *_: None)
    monkeypatch.setattr(drafts, "newest", lambda: (meet(), first())[1])

    assert four_ask_for_a_draft(make_user(Role.ADMINISTRATOR)) == {"done": 1, CRASH: 3}


def test_a_roll_back_asked_for_twice_is_one(wang: APIClient, zhao: APIClient, li_lei: Customer) -> None:
    second = put_in_force(content(levels=levels(silver=1200, gold=5000)), today() + timedelta(days=1), on=today())
    night(second.starts_on)
    body = {"reason": "complaints"}
    first, again = (send(wang, "/versions/2/roll-back", body, HTTP_IDEMPOTENCY_KEY="back").json() for _ in range(2))

    assert (first["rolls_back"], first["id"]) == (2, again["id"])
    other = send(wang, "/drafts", HTTP_IDEMPOTENCY_KEY="back")
    assert (other.status_code, other.json()["code"]) == (422, "key_used")


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": {"levels": []}},
        {"content": []},
        {"content": {"levels": [1, 2]}},
        {"levels": []},
        {"content": {"window_months": "1e400"}},
        {"starts_on": "9999-12-31"},
        {"starts_on": "soon"},
        {"reason": "\u0000"},
        {"content": {"levels": [{"code": "a", "name": "\u0000", "qualify": 0, "retain": 0, "benefits": []}] * 2}},
        {"content": {"basis": ["orders"]}},
        {"content": {"transition": "restore"}},
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(wang: APIClient, db: None, wrong: dict[str, Any]) -> None:
    pk = drafted(wang)
    before = TierDraft.objects.values().get()
    if isinstance(wrong.get("content"), dict):
        wrong = {"content": content() | wrong["content"]}
    body = json.dumps(wrong).replace('"1e400"', "1e400")  # infinite to whoever reads it

    answer = wang.patch(f"{RULES}/drafts/{pk}", body, content_type="application/json")

    assert answer.status_code == 400
    assert TierDraft.objects.values().get() == before


def test_the_night_applies_what_was_published_by_program(wang: APIClient, zhao: APIClient, li_lei: Customer) -> None:
    pk = drafted(wang, content=content(levels=levels(silver=1200, gold=5000), transition="now"))
    falls = send(wang, f"/drafts/{pk}/simulate").json()["falls"]
    send(zhao, f"/drafts/{pk}/publish", {"falls": falls})

    night(today() + timedelta(days=3))

    standing = membership.standing(li_lei, on=today() + timedelta(days=3))
    assert standing is not None
    assert (standing.level["code"], standing.rules.version) == ("member", 2)
    assert timezone.now() >= standing.rules.published_at
