"""The palette: anything by a few letters, as far as the person may open it; nothing of it in an address."""

import pytest
from django.test import Client
from django.utils import translation

from complaints.cases import intake
from complaints.models import Category
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.views import saved
from crm.desk.palette.groups import groups
from crm.desk.today import now, today
from customers.models import Lookup
from customers.privacy import opened
from tests.conftest import NOW, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db


def found(user: User, text: str) -> dict[str, list[str]]:
    return {group.title: [entry.label for entry in group.entries] for group in groups(user, text)}


def test_what_a_lead_finds_by_name_number_and_pinyin(
    make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    lead = make_user(Role.TEAM_LEAD, "Qian", team="East")
    lei, wang = make_customer("李雷"), make_customer("王芳", manager=make_user(team="West"))
    order = make_order(lei, external_id="SO-77")
    make_order(wang, external_id="SO-78")
    look = saved.Look({"v": 1, "all": [{"field": "class", "op": "any", "value": ["big"]}]})
    saved.save(lead, "customers", "Quiet and big", look, at=NOW)
    other = make_user(Role.TEAM_LEAD, "Other", team="East")
    saved.save(other, "customers", "Quiet secret", look, at=NOW)

    assert found(lead, "lilei")["Customers"] == ["李雷"]
    assert found(lead, "lilei")["Do"] == ["Log a contact with 李雷"]
    assert "Customers" not in found(lead, "王芳")
    assert found(lead, "SO-77")["Cases and orders"] == [order.external_id]
    assert "Cases and orders" not in found(lead, "SO-78")
    assert found(lead, "quiet")["Views"] == ["Quiet and big"]
    assert found(lead, "stop") == {"Do": ["Stop sending"]}
    assert "Value matrix" in found(lead, "matr")["Pages"]
    with translation.override("zh-hans"):
        assert "价值矩阵" in found(lead, "jiazhi")["页面"]
        assert "价值矩阵" in found(lead, "jzjz")["页面"]
    assert found(lead, "x" * 500) == {}
    assert all(len(labels) <= 5 for labels in found(lead, "e").values())


def test_cases_are_found_by_number_and_what_was_seen_lately_is_there_at_once(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    defaults.install(at=NOW)
    chen, li = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ACCOUNT_MANAGER, "Li")
    lei = make_customer("李雷", manager=chen)
    category = Category.objects.get(code="delivery-late")
    case = intake.log(lei, category=category, channel="phone", by=chen, at=NOW, description="包裹没到").case
    assert found(chen, case.number)["Cases and orders"] == [case.number]
    assert "Cases and orders" not in found(li, case.number)
    assert "Seen lately" not in found(chen, "")
    opened.note(lei, by=chen, at=now(), on=today())
    assert found(chen, "")["Seen lately"] == ["李雷"]
    lei.manager = li
    lei.save()
    lei.standing.manager = li
    lei.standing.save()
    assert "Seen lately" not in found(chen, "")


def test_views_of_every_list_are_found_as_far_as_it_is_opened(make_user: MakeUser) -> None:
    """Of cases, alerts and orders as of customers, each beside the name of its list; none of what is hidden."""
    lead, head, agent = (make_user(role) for role in (Role.TEAM_LEAD, Role.SERVICE_LEAD, Role.SERVICE_AGENT))
    saved.save(lead, "alerts", "Quiet ones", saved.Look({"v": 1, "all": []}), at=NOW)

    def views(user: User, text: str) -> set[tuple[str, str, str]]:
        made = {group.title: group.entries for group in groups(user, text)}.get("Views", [])
        return {(entry.label, entry.about, entry.url.partition("?")[0]) for entry in made}

    mine = {
        ("Mine", "Customers", "/customers/"),
        ("Mine", "Complaints", "/complaints/"),
        ("Mine", "Alerts", "/alerts/"),
    }
    assert views(lead, "mine") == views(head, "mine") == mine
    assert views(agent, "mine") == {("Mine", "Complaints", "/complaints/")}
    assert views(lead, "quiet ones") == {("Quiet ones", "Alerts", "/alerts/")}
    assert views(head, "quiet ones") == set()
    assert ("Last 7 days", "Orders", "/orders/") in views(lead, "7 days")


def test_who_sees_nobody_finds_pages_and_an_agent_is_not_counted_while_typing(
    make_user: MakeUser, make_customer: MakeCustomer, client: Client
) -> None:
    make_customer("李雷", phone="13800138000")
    admin, agent = make_user(Role.ADMINISTRATOR), make_user(Role.SERVICE_AGENT)
    assert found(admin, "李雷") == {}
    assert "Staff" in found(admin, "staf")["Pages"]
    assert "Customers" not in found(agent, "13800138000")
    assert not Lookup.objects.exists()

    client.force_login(admin)
    assert client.get("/palette/?q=李雷").status_code == 302  # led away: nothing is looked for
    answer = client.post("/palette/", {"q": "staf"})
    assert answer["Cache-Control"] == "no-store"
    assert "Staff" in answer.content.decode()
    assert 'data-palette="/palette/"' in client.get("/me/").content.decode()
