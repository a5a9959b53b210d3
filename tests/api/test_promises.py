"""What the shop and a colleague's program promise: once, in reach, and by the same verbs as the pages."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from customers.models import Promise, Todo
from customers.promises import ledger
from tests.conftest import ApiFor, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
BOTH = (ApiScope.WORK_READ, ApiScope.WORK_WRITE)


def key(name: str) -> Any:
    return {"HTTP_IDEMPOTENCY_KEY": name, "format": "json"}


def test_the_shop_promises_once_and_the_manager_keeps_it(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, at = make_user(Role.ACCOUNT_MANAGER, "Chen"), timezone.now()
    li_lei, shop = make_customer("李雷", manager=chen), api_for(*BOTH, user=make_user(Role.CLIENT, "Shop"))
    url, due = f"/api/v1/customers/{li_lei.number}/promises", at + timedelta(hours=5)
    told = {"words": "send the sample", "due_at": due.isoformat()}

    answers = [shop.post(url, told, **key("1")) for _turn in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert shop.post(url, told | {"words": "something else"}, **key("1")).json()["code"] == "key_used"
    assert shop.post(url, told | {"due_at": (due + timedelta(hours=1)).isoformat()}, **key("1")).status_code == 422
    promise = Promise.objects.get()
    late = due + timedelta(days=1)  # the answer was lost, and the shop asks again a day later
    again = ledger.make_once(
        li_lei,
        key=f"{promise.made_by_id}:{hashlib.blake2b(b'1', digest_size=24).hexdigest()}",
        words="send the sample",
        due=ledger.to_the_hour(promise.first_due_at),
        owner=chen,
        by=chen,
        at=late,
    )
    assert again == promise
    assert shop.post(url, told, format="json").status_code == 400
    for wrong in ({"words": "x"}, told | {"due_on": "2026-11-30"}, {"due_at": due.isoformat()}):
        assert shop.post(url, wrong, **key("2")).status_code == 400
    far = shop.post(url, {"words": "x", "due_on": "2099-01-01"}, **key("2"))
    assert (far.status_code, far.json()["code"]) == (400, "promise_far")
    promise = Promise.objects.get()
    assert (promise.owner, promise.todo.owner, promise.source) == (chen, chen, "shop")
    assert shop.post(url, {"words": "by then", "due_on": (at + timedelta(days=3)).date().isoformat()}, **key("3"))
    assert Promise.objects.latest("pk").grain == Promise.Grain.DAY


def test_kept_moved_and_released_by_the_verbs_of_the_pages_and_listed(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, wu = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ACCOUNT_MANAGER, "Wu")
    mine, other, at = make_customer("李雷", manager=chen), make_customer("韩梅", manager=wu), timezone.now()
    due = ledger.to_the_hour(at + timedelta(hours=5))
    made = [
        ledger.make_once(person, key=str(n), words=f"w{n}", due=due, owner=owner, by=owner, at=at)
        for n, (person, owner) in enumerate([(mine, chen), (mine, chen), (mine, wu), (other, wu), (other, chen)])
    ]
    chens = api_for(*BOTH, user=chen)

    def listed(query: str = "", of: str = "") -> list[int]:
        address = f"/api/v1/customers/{of}/promises" if of else "/api/v1/promises"
        return [made.index(row) for row in _read(chens, f"{address}?{query}")]

    def _read(client: Any, url: str) -> list[Promise]:
        answer = client.get(url).json()
        rows = [Promise.objects.get(pk=row["id"]) for row in answer["results"]]
        return rows + (_read(client, answer["next"]) if answer["next"] else [])

    assert listed("limit=1") == [4, 2, 1, 0]
    assert (listed("mine=true&limit=2"), listed(of=mine.number)) == ([4, 1, 0], [2, 1, 0])
    assert chens.post(f"/api/v1/promises/{made[3].pk}/keep").status_code == 404
    assert chens.get(f"/api/v1/customers/{other.number}/promises").status_code == 404

    kept = chens.post(f"/api/v1/promises/{made[0].pk}/keep")
    assert (kept.json()["state"], Todo.objects.get(promise=made[0]).state) == ("kept", "done")
    assert chens.post(f"/api/v1/promises/{made[0].pk}/keep").status_code == 409
    later = (at + timedelta(days=1)).isoformat()
    move, told = f"/api/v1/promises/{made[1].pk}/move", {"due_at": later, "reason": "asked for it"}
    refused = chens.post(move, told | {"agreed_with_customer": False}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "move_agreed")
    assert chens.post(move, told | {"agreed_with_customer": True}, format="json").json()["moves"] == 1
    released = chens.post(f"/api/v1/promises/{made[2].pk}/release", {"how": "not needed"}, format="json")
    assert (released.json()["state"], released.json()["how"]) == ("released", "not needed")
    assert (listed("state=open"), listed("state=released")) == ([4, 1], [2])
