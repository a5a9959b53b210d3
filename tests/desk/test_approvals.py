"""Everything that waits for a second person stands on one list, is decided there, and never by who proposed it."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.cases import intake, remedies
from complaints.models import Category, Remedy
from complaints.setup import defaults
from core.accounts.models import AuditEntry, Role, User
from core.outbox import bell
from core.outbox.models import Message
from crm.desk.today import today
from crm.flows import waiting
from customers import queries
from customers.models import Customer
from loyalty.campaigns import credit, draws
from loyalty.campaigns.draws import PrizeFact
from loyalty.models import CreditLimitChange, Lottery, PointAdjustment
from loyalty.points import adjustments
from loyalty.points import rules as point_rules
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import THANKS, goods

ROOT = Path(__file__).parents[2]


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def points(at: datetime, db: None) -> None:
    start = at - timedelta(days=1)
    point_rules.save({"rate": 1}, starts_at=start, by=None, reason="Tests", at=start)


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(name="Chen", team="east")


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Zhang", team="east")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


@pytest.fixture
def request_(points: None, li_lei: Customer, chen: User, lead: User, at: datetime) -> PointAdjustment:
    """Chen asks for more points than he may give; Zhang may decide."""
    return adjustments.request(li_lei, 5000, reason="补偿迟到", client_key="k", by=chen, at=at)


def page(client: Client, user: User) -> str:
    client.force_login(user)
    return client.get(reverse("desk:approvals")).content.decode()


def press(client: Client, user: User, deed: str, kind: str, pk: int, reason: str = "") -> int:
    client.force_login(user)
    return client.post(reverse(f"desk:approval_{deed}", args=[kind, pk]), {"reason": reason}).status_code


def test_who_may_decide_is_rung_has_it_on_the_list_and_decides_there(
    client: Client, request_: PointAdjustment, lead: User, chen: User, at: datetime
) -> None:
    assert bell.count(lead) == 1
    assert "补偿迟到" in page(client, lead)
    counted = client.get(reverse("desk:bell_count")).content.decode()
    assert f'"approvals-count" hx-swap-oob="innerHTML">{len(waiting.for_user(lead, at=at))}<' in counted

    assert press(client, lead, "approve", "points", request_.pk) == 302

    request_.refresh_from_db()
    assert (request_.state, request_.decided_by, bell.count(lead)) == ("done", lead, 0)
    assert waiting.for_user(lead, at=at) == []


def test_who_proposed_it_sees_for_whom_it_waits_and_may_only_take_it_back(
    client: Client, request_: PointAdjustment, lead: User, chen: User
) -> None:
    assert "Zhang" in page(client, chen)
    assert "Chen" not in [item.by.full_name for item in waiting.for_user(chen, at=timezone.now())]
    assert press(client, chen, "approve", "points", request_.pk, "ich darf") == 422
    assert press(client, lead, "withdraw", "points", request_.pk) == 422

    assert press(client, chen, "withdraw", "points", request_.pk) == 302

    request_.refresh_from_db()
    assert (request_.state, request_.decided_by, bell.count(lead)) == ("back", None, 0)


def test_a_refusal_needs_its_reason_keeps_what_was_typed_and_tells_who_asked(
    client: Client, request_: PointAdjustment, lead: User, chen: User
) -> None:
    assert press(client, lead, "refuse", "points", request_.pk) == 422
    assert press(client, lead, "refuse", "points", request_.pk, "太多") == 302

    assert Message.objects.get(recipient=chen).kind == "points_refused"


def test_what_was_decided_meanwhile_is_said_and_the_row_is_gone(
    client: Client, request_: PointAdjustment, lead: User, make_user: MakeUser
) -> None:
    other = make_user(Role.TEAM_LEAD, "Liu", team="east")
    press(client, other, "approve", "points", request_.pk)

    client.force_login(lead)
    answer = client.post(reverse("desk:approval_approve", args=["points", request_.pk]))

    assert answer.status_code == 422
    assert "decided already: Done, by Liu on " in answer.content.decode()
    assert Message.objects.get(recipient=lead, kind="points_wait").link == f"/customers/{request_.account_id}/points/"
    assert "Liu" in client.get(reverse("desk:points", args=[request_.account_id])).content.decode()
    assert "补偿迟到" not in answer.content.decode()


def test_a_lead_of_another_team_has_it_neither_on_the_list_nor_on_the_bell(
    client: Client, request_: PointAdjustment, make_user: MakeUser
) -> None:
    south = make_user(Role.TEAM_LEAD, "Nan", team="south")

    assert "补偿迟到" not in page(client, south)
    assert press(client, south, "approve", "points", request_.pk) == 422
    assert not Message.objects.filter(recipient=south).exists()


def test_where_nobody_may_decide_the_administrator_is_told_without_a_name(
    client: Client, points: None, li_lei: Customer, chen: User, make_user: MakeUser, at: datetime
) -> None:
    adjustments.request(li_lei, 5000, reason="补偿迟到", client_key="k", by=chen, at=at)
    admin = make_user(Role.ADMINISTRATOR)

    shown = page(client, admin)

    assert "Nobody may decide this" in shown
    assert "李雷" not in shown
    assert "Nobody may decide this" in page(client, chen)


def test_the_only_person_decides_alone_with_a_typed_reason_and_the_audit_says_so(
    client: Client, points: None, make_customer: MakeCustomer, make_user: MakeUser, at: datetime
) -> None:
    boss = make_user(Role.TEAM_LEAD, "Boss", team="east")
    person = make_customer("李雷")
    asked = adjustments.request(person, 50_000, reason="开业", client_key="k", by=boss, at=at)
    limit = credit.propose_limit(person, limit="90000", term_days=30, reason="老客", by=boss, at=at)
    assert "You decide alone" in page(client, boss)

    assert press(client, boss, "approve", "points", asked.pk) == 422
    assert press(client, boss, "approve", "points", asked.pk, "店里只有我") == 302
    assert press(client, boss, "approve", "limit", limit.pk, "店里只有我") == 302

    asked.refresh_from_db()
    assert (asked.state, asked.alone_because) == ("done", "店里只有我")
    assert CreditLimitChange.objects.get().status == "approved"
    alone = AuditEntry.objects.filter(detail__alone_because="店里只有我").order_by("pk")
    assert [entry.action for entry in alone] == ["points.agreed", "credit.limit_approved"]


def test_with_a_colleague_nobody_decides_alone(
    client: Client, points: None, make_customer: MakeCustomer, make_user: MakeUser, lead: User, at: datetime
) -> None:
    boss = make_user(Role.TEAM_LEAD, "Boss", team="east")
    asked = adjustments.request(make_customer("李雷"), 50_000, reason="开业", client_key="k", by=boss, at=at)

    assert press(client, boss, "approve", "points", asked.pk, "店里只有我") == 422
    assert PointAdjustment.objects.get().state == "waiting"


def test_a_remedy_is_decided_on_the_list(client: Client, li_lei: Customer, make_user: MakeUser, at: datetime) -> None:
    defaults.install(at=at - timedelta(days=1))
    agent, head = make_user(Role.SERVICE_AGENT, "Wang"), make_user(Role.SERVICE_LEAD, "Zhao")
    category = Category.objects.filter(parent__isnull=False).order_by("pk")[0]
    case = intake.log(li_lei, category=category, channel="phone", by=agent, at=at, description="坏了").case
    told = {"kind": "refund", "amount": "900", "reason": "破损", "client_key": "k"}
    remedy = remedies.propose(case.pk, by=agent, at=at, **told)
    assert "破损" in page(client, head)

    assert press(client, head, "refuse", "remedy", remedy.pk, "先换货") == 302

    assert Remedy.objects.get().refused_because == "先换货"
    assert bell.count(agent) == 1


def test_a_draw_whose_checklist_is_complete_waits_for_somebody_else(
    client: Client, lead: User, make_user: MakeUser, at: datetime
) -> None:
    told = {"name": "大转盘", "rules": "每单一次", "entry": "daily", "starts_at": at, "ends_at": at + timedelta(days=9)}
    lottery = draws.create("WHEEL", by=lead, at=at, **told)
    draws.set_prizes(lottery.pk, [goods(ppm=1000), PrizeFact(THANKS.name, THANKS.kind, 999_000)], by=lead, at=at)
    other = make_user(Role.TEAM_LEAD, "Liu", team="east")

    assert lottery.name in page(client, other)
    assert press(client, lead, "approve", "draw", lottery.pk, "x") == 422
    assert press(client, other, "approve", "draw", lottery.pk) == 302
    assert Lottery.objects.get().published_by == other


def test_every_verb_that_needs_a_second_person_has_its_kind_on_the_list() -> None:
    """A new one has to be put on the list: its module is not known here."""
    known = {
        "complaints/cases/remedies.py": "remedy",
        "complaints/calls/marks.py": "caller",
        "loyalty/points/adjustments.py": "points",
        "loyalty/campaigns/credit.py": "limit",
        "loyalty/campaigns/draws/setup.py": "draw",
        "loyalty/tiers/simulation/publishing.py": "levels",
        "crm/flows/record/erasure.py": "erasure",
        "core/rulebook/changes.py": "rules",
        "core/jobs/bulk.py": "export",
        "customers/books/leaves.py": "leave",
    }
    asks = re.compile(r"\bsecond_person\(")
    floors = [
        path
        for floor in ("core/rulebook", "core/jobs", "customers", "segmentation", "loyalty", "complaints", "crm/flows")
        for path in ROOT.glob(f"{floor}/**/*.py")
    ]
    modules = {str(path.relative_to(ROOT)) for path in floors if asks.search(path.read_text())}

    assert modules == set(known)
    assert set(known.values()) == set(waiting.ROOMS)


def test_what_an_agent_proposed_leads_to_the_customer_only_while_they_may_look(
    client: Client, points: None, li_lei: Customer, lead: User, make_user: MakeUser, at: datetime
) -> None:
    agent = make_user(Role.SERVICE_AGENT, "Liu")
    adjustments.request(li_lei, 5000, reason="补偿迟到", client_key="a", by=agent, at=at)
    address = f"/customers/{li_lei.pk}/points/"

    assert address not in page(client, agent)
    queries.look_up(agent, li_lei.pk, today())
    assert address in page(client, agent)
