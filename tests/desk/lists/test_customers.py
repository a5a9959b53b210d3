"""The list of customers: chips, views, columns, order, what it says when it is empty, and what it never tells."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from core.views import saved
from core.views.models import ListPreference, SavedView
from crm.desk.today import today
from customers.models import Customer, Standing
from tests.conftest import NOW, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
ADDRESS = "/customers/"
Assert = Any


@pytest.fixture
def lead(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.TEAM_LEAD, "Qian", team="East")
    client.force_login(user)
    return user


@pytest.fixture
def people(make_customer: MakeCustomer, make_user: MakeUser, lead: User, make_order: MakeOrder) -> list[Customer]:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="East")
    quiet = make_customer("李雷", manager=chen, region="浙江", city="杭州")
    fresh = make_customer("韩梅梅", region="上海")
    never = make_customer("Tom Green", region="浙江", city="宁波")
    make_order(quiet, on=today() - timedelta(days=114))
    make_order(fresh, on=today() - timedelta(days=113))
    for person, value, kind in ((quiet, 900, 2), (fresh, 500, 1), (never, 0, -1)):
        Standing.objects.filter(pk=person.pk).update(value=Decimal(value), customer_class=kind)
    return [quiet, fresh, never]


def names(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{ADDRESS}{query}")
    assert answer.context["count"] == len(answer.context["page"].rows)
    return [row.customer.name for row in answer.context["page"].rows]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["李雷", "韩梅梅", "Tom Green"]),
        ("?quiet=gt.113", ["李雷"]),
        ("?absent_days=113", ["李雷"]),
        ("?province=浙江", ["李雷", "Tom Green"]),
        ("?region=浙江", ["李雷", "Tom Green"]),
        ("?manager=unknown", ["韩梅梅", "Tom Green"]),
        ("?unassigned=on", ["韩梅梅", "Tom Green"]),
        ("?class=big,active", ["李雷", "韩梅梅"]),
        ("?customer_class=2", ["李雷"]),
        ("?matrix_type=3", []),
        ("?province=浙江&quiet=unknown", ["Tom Green"]),
        ("?q=any(quiet:gt.113;province:上海)", ["李雷", "韩梅梅"]),
        ("?q=not(class:big)", ["韩梅梅", "Tom Green"]),
        ("?view=never", ["Tom Green"]),
        ("?view=never&q=all()", ["李雷", "韩梅梅", "Tom Green"]),
        ("?sort=value", ["Tom Green", "韩梅梅", "李雷"]),
        ("?sort=last", ["李雷", "韩梅梅", "Tom Green"]),
        ("?sort=-last", ["韩梅梅", "李雷", "Tom Green"]),
        ("?sort=nothing", ["李雷", "韩梅梅", "Tom Green"]),
    ],
)
def test_the_address_says_what_is_shown(client: Client, query: str, found: list[str]) -> None:
    assert names(client, query) == found


@pytest.mark.usefixtures("people")
def test_a_condition_is_set_changed_and_taken_away(client: Client) -> None:
    answer = client.get(ADDRESS, {"class": "big,active", "set": "quiet", "c-op": "gt", "c-number": "113"})
    assert answer.url == "/customers/?class=any.big%2Cactive&quiet=gt.113"
    page = client.get(answer.url)
    assert [chip.text for chip in page.context["chips"]] == [
        "Class: Big or Active",
        "no purchase for more than 113 days",
    ]
    assert page.context["chips"][0].without == "?quiet=gt.113"
    changed = client.get(
        ADDRESS,
        {
            "class": "big,active",
            "quiet": "gt.113",
            "set": "quiet",
            "at": "1",
            "c-op": "between",
            "c-number": "1",
            "c-until": "9",
        },
    )
    assert changed.url == "/customers/?class=any.big%2Cactive&quiet=between.1%2C9"
    # An input may be called like a field of the list.
    assert client.get(f"{ADDRESS}?text=雷&set=text&at=0&c-op=has&c-text=梅").url == "/customers/?text=has.%E6%A2%85"
    assert client.get(f"{ADDRESS}?set=last&c-op=last&c-days=30").url == "/customers/?last=last.30"
    either = page.context["modes"][1][1]
    assert client.get(f"{ADDRESS}{either}").context["asked"].mode == "any"
    assert names(client, either) == ["李雷", "韩梅梅"]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"set": "quiet", "c-op": "gt", "c-number": "many"}, "Give a whole number"),
        ({"set": "quiet", "c-op": "between", "c-number": "9", "c-until": "1"}, "greater than the second"),
        ({"set": "paid", "c-op": "ge", "c-number": "1.005"}, "two decimals"),
        ({"set": "text", "c-op": "has", "c-text": "138 1234 5678"}, "does not belong in an address"),
        ({"set": "class", "c-op": "any"}, "at least one value"),
        ({"set": "class", "c-op": "any", "c-many": "huge"}, "not one of the choices"),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(client: Client, typed: dict[str, str], said: str) -> None:
    answer = client.get(ADDRESS, typed)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    for value in typed.values():
        if value not in ("huge",):
            assert value in page


@pytest.mark.usefixtures("people")
def test_a_list_of_nobody_says_how_many_remain_without_each_condition(client: Client) -> None:
    page = client.get(f"{ADDRESS}?class=big&province=上海&quiet=gt.1").content.decode()
    assert "Nothing in this list matches" in page
    assert "Without “Class: Big”: 1" in page
    assert "Without “from 上海”: 1" in page
    assert "Without “no purchase for more than 1 days”: 0" in page


@pytest.mark.usefixtures("people")
def test_a_view_is_saved_opened_changed_and_shared(client: Client, lead: User, make_user: MakeUser) -> None:
    answer = client.post("/customers/views/save/?class=big&sort=last", {"name": "Big ones"})
    view = SavedView.objects.get()
    assert answer.url == f"/customers/?view=v{view.pk}"
    assert names(client, f"?view=v{view.pk}") == ["李雷"]
    page = client.get(f"{ADDRESS}?view=v{view.pk}&class=active")
    assert page.context["asked"].is_changed
    assert names(client, f"?view=v{view.pk}&class=active") == ["韩梅梅"]

    first, second = (
        client.get(f"{ADDRESS}?view=v{view.pk}&class={of}").context["stamp"] for of in ("active", "random")
    )
    update = f"/customers/views/{view.pk}/update/?view=v{view.pk}&class="
    client.post(f"{update}active", {"seen": first})
    assert names(client, f"?view=v{view.pk}") == ["韩梅梅"]
    # From a second window, which has not seen it: nothing is lost, neither there nor here.
    answer = client.post(f"{update}random", {"seen": second})
    assert answer.url == f"/customers/?view=v{view.pk}&class=random"
    assert "was changed meanwhile, in another window" in client.get(answer.url).content.decode()
    assert names(client, f"?view=v{view.pk}") == ["韩梅梅"]
    taken = client.post("/customers/views/save/?class=big", {"name": "Big ones"})
    assert taken.status_code == 422
    assert "You have a view “Big ones” already" in taken.content.decode()

    client.post(f"/customers/views/{view.pk}/share/", {"visibility": "team"})
    chen = User.objects.get(full_name="Chen Jing")
    client.force_login(chen)
    assert "Big ones" in client.get(ADDRESS).content.decode()
    assert names(client, f"?view=v{view.pk}") == []  # in Chen's own book
    client.force_login(make_user(Role.TEAM_LEAD, "Of the West", team="West"))
    page = client.get(f"{ADDRESS}?view=v{view.pk}")
    assert "Big ones" not in page.content.decode()
    assert page.context["asked"].view is None


def test_a_view_of_another_is_not_there_by_any_door(
    client: Client, lead: User, make_user: MakeUser, people: list[Customer]
) -> None:
    """6: by its number, by a pin, by each deed; and as if it had never been."""
    owner = make_user(Role.TEAM_LEAD, "Other", team="West")
    view = saved.save(owner, "customers", "Secret", saved.Look({"v": 1, "all": []}), at=NOW)
    for pk in (view.pk, 999_999):
        for deed in ("update", "share", "copy", "archive"):
            assert client.post(f"/customers/views/{pk}/{deed}/", {"visibility": "all"}).status_code == 404
        assert client.post(f"/customers/views/v{pk}/pin/").status_code == 404
    theirs = client.get(f"{ADDRESS}?view=v{view.pk}").content.decode()
    nothing = client.get(f"{ADDRESS}?view=v999999").content.decode()
    assert "Secret" not in theirs
    assert theirs.count("<tr") == nothing.count("<tr")


def test_what_a_reader_may_not_see_gives_neither_rows_nor_a_count(
    client: Client, lead: User, make_user: MakeUser, people: list[Customer]
) -> None:
    """3.3: typed into the address, in somebody's view, as an order, as a column."""
    head = make_user(Role.SERVICE_LEAD, "Zhao", team="East")
    birthday = saved.Look({"v": 1, "all": [{"field": "birthday", "op": "next", "value": "7"}]}, ["class"], "-value")
    view = saved.save(lead, "customers", "Birthdays", birthday, at=NOW)
    saved.share(lead, view.pk, "all", at=NOW)
    client.force_login(head)
    for query in ("?birthday=next.7", "?value=ge.1", f"?view=v{view.pk}", "?q=any(class:big;not(value:ge.1))"):
        answer = client.get(f"{ADDRESS}{query}")
        assert answer.status_code == 422, query
        assert "You may not filter by" in answer.content.decode()
        assert (list(answer.context["page"].rows), answer.context["count"]) == ([], 0)
    assert client.get("/customers/condition/?set=birthday").status_code == 404
    page = client.get(f"{ADDRESS}?sort=value")
    assert page.context["asked"].sort == ""
    assert "Current value" not in page.content.decode()
    ListPreference.objects.create(user=head, list="customers", columns=["value", "class"])
    assert "Current value" not in client.get(ADDRESS).content.decode()
    assert "900" not in client.get(reverse("desk:customer_preview", args=[people[0].pk])).content.decode()


@pytest.mark.usefixtures("people")
def test_a_view_of_what_is_no_more_says_so_and_shows_nobody(client: Client, lead: User) -> None:
    gone = {"v": 1, "all": [{"field": "club", "op": "any", "value": ["999"]}]}
    view = saved.save(lead, "customers", "Of the club", saved.Look(gone), at=NOW)
    answer = client.get(f"{ADDRESS}?view=v{view.pk}")
    assert (answer.status_code, list(answer.context["page"].rows)) == (422, [])
    assert "asks for something that is no longer there" in answer.content.decode()
    # Pressed on such a page, “save” would make a view of everybody of it.
    client.post(reverse("desk:customer_view_update", args=[view.pk]) + f"?view=v{view.pk}")
    view.refresh_from_db()
    assert view.query == gone
    assert names(client, f"?view=v{view.pk}&class=big") == ["李雷"]


@pytest.mark.usefixtures("people")
def test_columns_are_chosen_and_kept(client: Client, lead: User) -> None:
    client.post("/customers/columns/?class=big", {"column": ["paid", "level", "points", "last_contact", "open_cases"]})
    page = client.get(ADDRESS).content.decode()
    for shown, word in ((True, "Paid in all"), (True, "Last contact"), (False, "Potential</a>")):
        assert (word in page.partition("<thead>")[2].partition("</thead>")[0]) is shown
    client.post("/customers/columns/", {})
    assert "Potential" in client.get(ADDRESS).content.decode().partition("<thead>")[2]


@pytest.mark.parametrize("query", ["", "?view=quiet", "?class=big&quiet=gt.1&q=not(open_cases:ge.1)&sort=-last"])
def test_the_database_is_asked_as_often_for_fifty_rows_as_for_one(
    client: Client, lead: User, make_customer: MakeCustomer, django_assert_num_queries: Assert, query: str
) -> None:
    """7: for three views, with every column shown."""
    keys = ["level", "points", "open_cases", "last_contact", "value", "manager", "paid"]
    ListPreference.objects.create(user=lead, list="customers", columns=keys)

    def some(count: int) -> None:
        for number in range(count):
            person = make_customer(f"客户{Customer.objects.count()}{number}")
            Standing.objects.filter(pk=person.pk).update(
                last_on=today() - timedelta(days=99), usual_days=9, limit_days=9, customer_class=2
            )

    some(1)
    client.get(f"{ADDRESS}{query}")
    counts = []
    for more in (0, 2, 47):
        some(more)
        with django_assert_num_queries(16, exact=False) as asked:
            page = client.get(f"{ADDRESS}{query}")
        counts.append(len(asked))
    assert len(page.context["page"].rows) == 50
    assert len(set(counts)) == 1, counts


def test_the_count_of_a_long_list_is_exact(
    client: Client, lead: User, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.desk.lists.page.COUNT_UP_TO", 2)
    for number in range(4):
        make_customer(f"客户{number}")
    page = client.get(ADDRESS)
    assert page.context["count_is_capped"]
    assert "More than 2" in page.content.decode()
    assert "<b>4</b>" in client.get("/customers/count/").content.decode()
    monkeypatch.setattr("crm.desk.lists.page.exactly", lambda rows: None)
    assert "More than" in client.get("/customers/count/").content.decode()
