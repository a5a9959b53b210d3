"""The pages of segments: what is typed is counted, what is stored is what stands there, and the rights of each role."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from core.accounts.models import AuditEntry, Role, User
from core.lib.almanac.days import LifeDay
from core.lib.conditions.tree import All, Any_, Leaf, Node, Not, dump, parse
from crm.desk.segments import counting
from crm.desk.today import now, today
from crm.flows.catalogue import CUSTOMERS
from customers.models import Standing
from segmentation.models import Segment, SegmentVersion
from segmentation.segments import writing
from tests.conftest import NOW, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
BIG, QUIET = Leaf("class", "any", ("big",)), Leaf("quiet", "gt", ("60",))
CLASS_LINE = {"t-0:kind": "leaf", "t-0:was": "class", "t-0:field": "class", "t-0:op": "any", "t-0:v": ["big", "active"]}


@pytest.fixture
def lead(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.TEAM_LEAD, "Mina")
    client.force_login(user)
    return user


def lines(**more: Any) -> dict[str, Any]:
    return {"t:kind": "all", "t:join": "all", **CLASS_LINE, **more}


def made(node: Node, by: User, name: str = "Quiet big") -> Segment:
    return writing.create(name, node, catalogue=CUSTOMERS, by=by, at=NOW)


def figure(content: bytes) -> str:
    found = re.search(r'lk-big-number">([^<]*)<', content.decode())
    return found.group(1).strip() if found else ""


def test_a_segment_is_made_from_lines_groups_and_not(client: Client, lead: User) -> None:
    told = lines(
        **{
            "t-1:kind": "any",
            "t-1:join": "any",
            "t-1:not": "1",
            "t-1-0:kind": "leaf",
            "t-1-0:was": "quiet",
            "t-1-0:field": "quiet",
            "t-1-0:op": "gt",
            "t-1-0:v": "60",
            "t-1-1:kind": "leaf",
            "t-1-1:was": "bought",
            "t-1-1:field": "bought",
            "t-1-1:op": "has",
            "t-1-1:v": "12，15",
            "t-1-1:within": "365",
            "t-1-1:least": "2",
        }
    )

    answer = client.post("/segments/new/", told | {"name": "安静", "about": "For November"})

    segment = Segment.objects.get()
    assert answer["Location"] == f"/segments/of/{segment.code}/"
    bought = Leaf("bought", "has", ("12", "15"), 365, 2)
    node = All((Leaf("class", "any", ("big", "active")), Not(Any_((QUIET, bought)))))
    assert parse(segment.versions.get().tree) == node
    page = client.get(answer["Location"]).content.decode()
    assert "no purchase for more than 60 days" in page
    # The page posts what it shows.
    for name in ("t-1:not", "t-1-0:field", "t-1-1:within"):
        assert f'name="{name}"' in page


def test_a_button_changes_the_lines_and_stores_nothing(client: Client, lead: User) -> None:
    """Without a script too: the page comes back with the lines changed and what was typed still there."""
    told = lines(name="Half done")

    def names(do: str, address: str = "/segments/new/") -> list[str]:
        content = client.post(address, told | {"do": do}).content.decode()
        assert address != "/segments/new/" or "Half done" in content
        return re.findall(r'name="(t[-0-9]*:(?:kind|not))"', content)

    assert names("condition t") == ["t:kind", "t-0:kind", "t-1:kind"]
    assert names("group t") == ["t:kind", "t-0:kind", "t-1:kind", "t-1-0:kind"]
    assert names("not t-0") == ["t:kind", "t-0:kind", "t-0:not"]
    assert names("remove t-0") == ["t:kind"]
    assert names("remove t-9") == names("nonsense") == names("remove t") == ["t:kind", "t-0:kind"]
    assert names("remove t-0", "/segments/draft/") == ["t:kind"]
    assert not Segment.objects.exists()


def test_a_line_that_is_not_finished_is_left_out_said_and_not_stored(client: Client, lead: User) -> None:
    told = lines(**{"t-1:kind": "leaf", "t-1:was": "quiet", "t-1:field": "quiet", "t-1:op": "gt", "t-1:v": "many"})

    counted = client.post("/segments/count/", told).content.decode()
    refused = client.post("/segments/new/", told | {"name": "x"})

    assert "1 line is not finished and left out." in counted
    assert refused.status_code == 422
    assert "A line is not finished" in refused.content.decode()
    assert "Give a whole number." in refused.content.decode()
    assert 'value="many"' in refused.content.decode()


def test_the_count_is_the_length_of_the_list_and_of_the_segment(
    client: Client, lead: User, make_customer: MakeCustomer
) -> None:
    """1: of the panel, the page of the segment, its history and its address."""
    for number in range(3):
        customer = make_customer(f"客户{number}")
        Standing.objects.filter(pk=customer.pk).update(
            customer_class=Standing.Class.BIG, last_on=today() - timedelta(days=60 + number)
        )
    node = All((BIG, QUIET))
    segment = made(node, lead)
    writing.track(segment.pk, catalogue=CUSTOMERS, by=lead, at=now())

    page = client.get(f"/segments/of/{segment.code}/").content
    panel = counting.panel(lead, node, today(), at=now())

    assert (figure(page), panel.figure) == ("2", "2")
    assert [count for _text, count in panel.without] == ["2", "3"]
    listed = client.get(panel.opens).content.decode()
    assert [f"客户{number}" in listed for number in range(3)] == [False, True, True]
    by_name = client.get(f"/customers/?segment={segment.code}").content.decode()
    assert [f"客户{number}" in by_name for number in range(3)] == [False, True, True]
    assert panel.opens == "/customers/?class=any.big&quiet=gt.60"
    assert CUSTOMERS.read([("class", "any.big"), ("quiet", "gt.60")]) == node
    assert segment.members.count() == 2


def test_two_who_edit_see_both_and_the_second_decides(client: Client, lead: User) -> None:
    segment = made(BIG, lead)
    writing.revise(segment.pk, QUIET, based_on=1, reason="first", catalogue=CUSTOMERS, by=lead, at=NOW)
    told = lines(reason="second", based_on="1")

    refused = client.post(f"/segments/of/{segment.code}/revise/", told)

    content = refused.content.decode()
    assert refused.status_code == 422
    assert "no purchase for more than 60 days" in content
    assert 'name="based_on" value="2"' in content
    assert client.post(f"/segments/of/{segment.code}/revise/", told | {"based_on": "2"}).status_code == 302
    assert list(SegmentVersion.objects.order_by("n").values_list("n", "reason")) == [
        (1, ""),
        (2, "first"),
        (3, "second"),
    ]


def test_why_somebody_is_in_it(client: Client, lead: User, make_customer: MakeCustomer) -> None:
    customer = make_customer("李雷")
    Standing.objects.filter(pk=customer.pk).update(customer_class=1, last_on=today() - timedelta(days=41))
    segment = made(All((BIG, QUIET)), lead)

    found = client.post(f"/segments/of/{segment.code}/find/", {"q": "李雷"})
    page = client.get(found["Location"]).content.decode()

    assert found["Location"] == f"/segments/of/{segment.code}/why/{customer.pk}/"
    assert "not in it" in page
    assert "41 days ago, 20 to go" in " ".join(page.split())
    assert client.post(f"/segments/of/{segment.code}/find/", {"q": "nobody"}).status_code == 302


def test_deeds_of_its_owner(client: Client, lead: User, make_user: MakeUser) -> None:
    segment = made(BIG, lead)
    address = f"/segments/of/{segment.code}"
    for deed, data in [("track", {}), ("share", {"visibility": "all"}), ("rename", {"name": "New", "about": ""})]:
        assert client.post(f"{address}/{deed}/", data).status_code == 302
    segment.refresh_from_db()
    assert (segment.tracked, segment.visibility, segment.name) == (True, "all", "New")

    client.force_login(make_user(Role.ACCOUNT_MANAGER, "Wang"))
    shared = client.get(f"{address}/").content.decode()
    opens_with = client.get("/segments/").content.decode()
    own = client.get("/segments/?show=mine").content.decode()
    client.post(f"{address}/archive/")
    assert f'href="{address}/"' in opens_with
    assert "No segment of yours yet" in own
    assert "Store as a new version" not in shared
    assert Segment.objects.get().archived_at is None

    client.force_login(lead)
    client.post(f"{address}/untrack/")
    assert client.post(f"{address}/archive/")["Location"] == "/segments/"
    assert "New" in client.get("/segments/?show=archived").content.decode()
    assert "put away" in client.get(f"{address}/").content.decode()


def test_what_somebody_may_not_see_is_said_without_rows_or_count(
    client: Client, lead: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    """5: and whose it is; a private one of somebody else is not there at all."""
    segment = made(All((BIG, Leaf("birthday", "month", ("11",)))), lead, "Birthdays")
    private = made(BIG, lead, "Private")
    writing.share(segment.pk, "all", catalogue=CUSTOMERS, by=lead, at=NOW)
    make_customer("Ann", birthday=LifeDay(11, 2))
    client.force_login(make_user(Role.ANALYST, "Zhou"))

    page = client.get(f"/segments/of/{segment.code}/").content.decode()
    counted = client.post(
        "/segments/count/",
        {"t:kind": "all", "t-0:kind": "leaf", "t-0:was": "segment", "t-0:field": "segment", "t-0:op": "any"}
        | {"t-0:v": segment.code},
    ).content.decode()

    assert "You may not filter by “Birthday”." in page
    assert "Mina" in page
    assert figure(page.encode()) == figure(counted.encode()) == ""
    assert client.get(f"/segments/of/{private.code}/").status_code == 404
    client.force_login(make_user(Role.SERVICE_LEAD, "Zheng"))
    answers = [client.get(f"/customers/?segment={code}") for code in (segment.code, private.code, "there-is-none")]
    assert {answer.status_code for answer in answers} == {422}
    assert "Ann" not in answers[0].content.decode()


def test_who_reads_figures_only_gets_no_small_number_and_no_name(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(make_user(Role.ANALYST, "Zhou"))
    for number in range(23):
        make_customer(f"客户{number}")

    everybody = client.post("/segments/count/", {"t:kind": "all"}).content.decode()
    none = client.post("/segments/count/", lines()).content.decode()
    text = {"t-0:kind": "leaf", "t-0:was": "text", "t-0:field": "text", "t-0:op": "has", "t-0:v": "客户7"}
    pointed = client.post("/segments/count/", {"t:kind": "all", **text}).content.decode()
    monkeypatch.setattr(counting, "MOST_AN_HOUR", 2)
    too_many = client.post("/segments/count/", {"t:kind": "all"}).content.decode()

    assert (figure(everybody.encode()), figure(none.encode())) == ("20", "fewer than 20")
    assert "客户" not in everybody
    assert "/customers/" not in everybody
    assert "points at single people" in pointed
    assert "within an hour" in too_many
    assert AuditEntry.objects.filter(action="segment.counted").count() >= 2


def test_the_customer_page_says_in_which_segments_they_are(
    client: Client, lead: User, make_customer: MakeCustomer
) -> None:
    customer = make_customer("Ann")
    segment = made(All(()), lead, "Everybody at all")
    writing.track(segment.pk, catalogue=CUSTOMERS, by=lead, at=NOW)

    page = client.get(f"/customers/{customer.pk}/").content.decode()

    assert f"/segments/of/{segment.code}/why/{customer.pk}/" in page
    assert dump(All(())) == segment.versions.get().tree
