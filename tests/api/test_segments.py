"""REST: segments by code, and who is in them, for whom the token's user sees."""

from datetime import timedelta

import pytest

from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from core.lib.almanac.days import LifeDay
from core.lib.conditions.tree import All, Leaf, Node
from crm.flows.catalogue import CUSTOMERS
from customers.models import Standing
from segmentation.models import Segment, SegmentMember
from segmentation.segments import membership, writing
from tests.conftest import NOW, TODAY, ApiFor, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
Why = SegmentMember.Why
BIG = Leaf("class", "any", ("big",))


def made(name: str, node: Node, by: User, *, shared: bool = True) -> Segment:
    segment = writing.create(name, node, catalogue=CUSTOMERS, by=by, at=NOW)
    return writing.share(segment.pk, "all", catalogue=CUSTOMERS, by=by, at=NOW) if shared else segment


def test_a_shop_reads_what_is_shared_and_who_is_in_it(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    lead = make_user(Role.TEAM_LEAD, "Mina")
    numbers = []
    for name in ("Ann", "Ben", "Cat"):
        customer = make_customer(name)
        numbers.append(customer.number)
        Standing.objects.filter(pk=customer.pk).update(customer_class=Standing.Class.BIG)
    make_customer("Dan")
    made("Big ones", BIG, lead)
    made("Mine", BIG, lead, shared=False)
    client = api_for(ApiScope.SEGMENTS_READ)

    listed = client.get("/api/v1/segments").json()
    one = client.get("/api/v1/segments/big-ones").json()
    first = client.get("/api/v1/segments/big-ones/members?size=2").json()
    second = client.get(f"/api/v1/segments/big-ones/members?size=2&cursor={first['cursor']}").json()

    assert [row["code"] for row in listed["results"]] == ["big-ones"]
    assert (one["size"], one["version"], one["owner"], one["sentence"]) == (3, 1, "Mina", "Class: Big")
    assert CUSTOMERS.parse(one["tree"]) == BIG
    assert [row["number"] for page in (first, second) for row in page["results"]] == numbers
    assert second["cursor"] is None
    for address in ("mine", "there-is-none", "mine/members"):
        refused = client.get(f"/api/v1/segments/{address}")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "segment_unknown")


def test_what_is_hidden_is_neither_said_nor_counted_nor_listed(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    """5: the answer for a segment of hidden fields does not depend on what those fields hold."""
    lead = make_user(Role.TEAM_LEAD, "Mina")
    made("Birthdays", All((BIG, Leaf("birthday", "month", ("11",)))), lead)
    client = api_for(ApiScope.SEGMENTS_READ)
    answers = []
    for month in (None, 11):
        make_customer(f"Ann {month}", birthday=LifeDay(month, month) if month else None)
        got = [client.get(f"/api/v1/segments/birthdays{part}") for part in ("", "/members")]
        answers.append([(answer.status_code, answer.content) for answer in got])
    assert answers[0] == answers[1]
    assert {status for status, _content in answers[0]} == {422}
    paths = client.get("/api/v1/schema/", HTTP_ACCEPT="application/json").json()["paths"]
    for part in ("", "/members"):
        assert "422" in paths[f"/api/v1/segments/{{code}}{part}"]["get"]["responses"]


def test_a_token_sees_whom_its_user_sees(api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer) -> None:
    lead, manager = make_user(Role.TEAM_LEAD, "Mina"), make_user(Role.ACCOUNT_MANAGER, "Wang")
    mine = make_customer("Ann", manager=manager)
    make_customer("Ben")
    made("Everybody", All(()), lead)
    client = api_for(ApiScope.SEGMENTS_READ, user=manager)
    analyst = api_for(ApiScope.SEGMENTS_READ, user=make_user(Role.ANALYST, "Zhou"))

    assert client.get("/api/v1/segments/everybody").json()["size"] == 1
    assert client.get("/api/v1/segments/everybody/members").json()["results"] == [{"number": mine.number}]
    assert analyst.get("/api/v1/segments/everybody").json()["size"] is None
    assert analyst.get("/api/v1/segments/everybody/members").json()["results"] == []


def test_the_history_is_read_by_day_and_by_who_came_since(
    api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    lead = make_user(Role.TEAM_LEAD, "Mina")
    first = make_customer("Ann")
    segment = made("Everybody", All(()), lead)
    client = api_for(ApiScope.SEGMENTS_READ)
    address = "/api/v1/segments/everybody/members"
    assert client.get(f"{address}?on=2026-11-17").json()["errors"][0]["code"] == "no_history"
    writing.track(segment.pk, catalogue=CUSTOMERS, by=lead, at=NOW)
    second = make_customer("Ben")
    tomorrow = NOW + timedelta(days=1)
    membership.evaluate(segment.pk, CUSTOMERS, as_of=TODAY + timedelta(days=1), at=tomorrow, why=Why.NIGHT)

    def numbers(query: str) -> list[str]:
        return [row["number"] for row in client.get(f"{address}?{query}").json()["results"]]

    assert numbers("on=2026-11-17") == [first.number]
    assert numbers("on=2026-11-18") == [first.number, second.number]
    assert numbers("entered_since=2026-11-16T00:00:00Z") == [second.number]
    assert numbers("entered_since=2026-11-19T00:00:00Z") == []
