"""The audit trail in words, what customers ask about their data, and who saw whom."""

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from complaints.models import SilentSign
from core.accounts import audit, tokens, trail
from core.accounts.models import ApiToken, AuditEntry, RequiredFactor, Role, User
from core.accounts.roles import ApiScope, Permission
from core.accounts.trail import Place, Search
from core.lib import mall as known
from core.lib.errors import DomainError, Invalid
from crm.desk.admin.settings import ROOM
from crm.desk.admin.tokens.words import SCOPES, STATES
from crm.desk.oversight import privacy_page
from crm.desk.oversight.audit import lines
from crm.desk.oversight.forms import SearchForm
from crm.desk.oversight.words import ACTIONS, PERMISSIONS, SUBJECTS, action
from crm.desk.today import now, today
from customers import contact_points
from customers.models import Opened, PrivacyRequest
from customers.privacy import opened, requests
from loyalty.models import CreditAccount, CreditLimitChange
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("core", "customers", "segmentation", "loyalty", "complaints", "crm")


@pytest.fixture
def officer(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.PRIVACY_OFFICER, "Qin")
    client.force_login(user)
    return user


# Words --------------------------------------------------------------------------------------------------------------


def written_codes() -> set[str]:
    """Every action that the code writes out, wherever it is handed to the trail."""
    code = re.compile(r'"([a-z_]+\.[a-z_]+)"')
    found: set[str] = set()
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            text = path.read_text()
            for call in re.finditer(r"audit\.record\(", text):
                found.update(code.findall(text[call.end() : call.end() + 120].split("at=")[0]))
    return found


def test_every_action_has_words() -> None:
    made = {f"credit.{status}" for status in CreditAccount.Status.values}
    made |= {f"credit.limit_{status}" for status in ("approved", "declined", "withdrawn")}
    made |= {f"silent.{state}" for state in SilentSign.State.values if state != "open"}

    assert written_codes() | made <= ACTIONS.keys()
    assert {status for status in CreditLimitChange.Status.values} >= {"approved", "declined", "withdrawn"}


def test_every_right_scope_and_state_has_words_and_every_subject_is_a_model() -> None:
    assert PERMISSIONS.keys() == set(Permission)
    assert SCOPES.keys() == set(ApiScope)
    assert STATES.keys() == set(tokens.State)
    assert SUBJECTS.keys() <= {model._meta.model_name for model in apps.get_models()}


def test_an_action_is_read_in_the_readers_language() -> None:
    assert action("complaint.resolved") == "Solved"
    assert action("rootcause.stored") == "Root cause saved"
    assert action("of.nobody") == "of.nobody"


# The trail ----------------------------------------------------------------------------------------------------------


def test_the_trail_is_searched(officer: User, client: Client, make_user: MakeUser, make_customer: MakeCustomer) -> None:
    chen, li_lei, at = make_user(name="Chen"), make_customer("李雷"), timezone.now()
    audit.record(chen, "customer.profile_edited", li_lei, at=at - timedelta(days=3), reason="moved")
    audit.record(chen, "contact.logged", make_customer("韩梅梅"), at=at)
    audit.record(None, "night.planned", at=at)

    def listed(**query: Any) -> list[str]:
        page = client.get("/audit/", query)
        assert page.status_code == 200, page.context["form"].errors
        return [line.what for line in page.context["page"].rows]

    edited, logged, night = (
        str(ACTIONS[code]) for code in ("customer.profile_edited", "contact.logged", "night.planned")
    )
    assert listed() == [night, logged, edited]
    assert listed(person=chen.pk) == [logged, edited]
    assert listed(person="laoke") == [night]
    assert listed(action="contact.logged") == [logged]
    assert listed(number=li_lei.number) == [edited]
    assert listed(about="customer", number=str(li_lei.pk)) == [edited]
    assert listed(until=(today() - timedelta(days=2)).isoformat()) == [edited]
    assert client.get("/audit/", {"number": "C9999999"}).status_code == 422
    assert client.get("/audit/", {"since": "2026-02-01", "until": "2026-01-01"}).status_code == 422
    assert client.get("/audit/", {"person": "nobody"}).status_code == 422
    assert "李雷" not in client.get("/audit/").content.decode()


def test_the_particulars_of_a_deed_are_words_and_names_not_codes(
    make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, wu, at, li_lei = make_user(name="Chen"), make_user(name="Wu"), timezone.now(), make_customer("李雷")
    deeds: list[tuple[str, dict[str, Any]]] = [
        ("customer.assigned", {"before": chen.pk, "manager": wu.pk}),
        ("person.changed", {"roles": [["team_lead"], ["account_manager", "assistant"]]}),
        ("complaint.replied", {"customer": li_lei.pk, "status": "waiting_internal", "seq": 3}),
        ("club.visit_noted", {"came": True}),
        ("alert.decided", {"decision": "visit"}),
        ("rules.proposed", {"kind": "stakes", "starts_on": "2026-12-01"}),
        ("promise.handed_over", {"to": wu.pk, "customer": li_lei.pk}),
    ]
    for action_code, particulars in deeds:
        audit.record(chen, action_code, at=at, **particulars)

    assert [row.detail for row in lines(AuditEntry.objects.order_by("pk"))] == [
        "Before: Chen · Manager: Wu",
        "Roles: Team lead, Account manager, Assistant",
        f"State: Waiting for a department · Customer: {li_lei.number}",
        "Came: yes",
        "Decision: Visit",
        "Kind: What is at stake · From: 2026-12-01",
        f"To: Wu · Customer: {li_lei.number}",
    ]


def test_pages_follow_each_other_without_gap_or_repetition(officer: User, client: Client) -> None:
    at = timezone.now()
    for n in range(120):
        audit.record(None, "night.planned", at=at - timedelta(seconds=n // 7), n=n)

    seen, address = [], "/audit/"
    for _page in range(5):
        page = client.get(address).context["page"]
        seen += [line.detail for line in page.rows]
        if not page.next:
            break
        address = f"/audit/{page.next}"

    assert len(seen) == len(set(seen)) == 120
    assert client.get("/audit/?after=nonsense").status_code == 200
    assert client.get("/audit/?after=1e400_7").status_code == 200


def test_the_export_is_escaped_and_itself_on_record(officer: User, client: Client, make_user: MakeUser) -> None:
    audit.record(make_user(name="=1+1"), "rules.saved", at=timezone.now(), reason="=HYPERLINK(1)")

    answer = client.post("/audit/export/", {"action": "rules.saved"})

    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    head, row = list(csv.reader(io.StringIO(text)))
    assert head[:2] == ["When", "Who"]
    assert row[1].startswith("'=")
    assert row[-1] == "rules.saved"
    assert AuditEntry.objects.get(action="trail.exported").detail == {"asked": {"action": "rules.saved"}}


def test_a_hundred_thousand_at_most_are_taken_out() -> None:
    for n in range(7):
        audit.record(None, "night.planned", at=timezone.now(), n=n)

    assert len(list(trail.all_of(Search(), most=5))) == 5
    newest = AuditEntry.objects.order_by("-at", "-pk").first()
    assert newest is not None
    assert len(trail.behind(trail.entries(Search()), Place(newest.at, newest.pk))) == 6


# Who saw whom -------------------------------------------------------------------------------------------------------


def test_opening_a_page_is_noted_once_a_day_with_one_statement(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen = make_user(name="Chen")
    li_lei = make_customer("李雷", manager=chen)
    client.force_login(chen)
    client.get(f"/customers/{li_lei.pk}/")

    with CaptureQueriesContext(connection) as queries:
        client.get(f"/customers/{li_lei.pk}/")

    assert Opened.objects.get().times == 2
    assert len([query for query in queries if "customers_opened" in query["sql"]]) == 1
    client.get(f"/customers/{make_customer('韩梅梅').pk}/")
    assert Opened.objects.count() == 1


def test_who_saw_a_customer_is_shown_to_the_lead_and_the_officer(
    officer: User, client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, lead = make_user(name="Chen", team="east"), make_user(Role.TEAM_LEAD, "Wang", team="east")
    li_lei = make_customer("李雷", manager=chen, phone="13800138000")
    opened.note(li_lei, by=chen, at=now(), on=today())
    contact_points.reveal(li_lei, by=chen, purpose="回电", at=now())

    page = client.post("/privacy/who-saw/", {"who-number": li_lei.number.lower()}).content.decode()
    assert "Chen" in page
    assert "回电" in page
    assert "李雷" not in page
    assert AuditEntry.objects.get(action="who_saw.asked").actor == officer
    assert client.post("/privacy/who-saw/", {"who-number": "C999"}).status_code == 422
    assert client.get(f"/customers/{li_lei.pk}/seen/").status_code == 403

    client.force_login(lead)
    assert f"/customers/{li_lei.pk}/seen/" in client.get(f"/customers/{li_lei.pk}/").content.decode()
    assert "回电" in client.get(f"/customers/{li_lei.pk}/seen/").content.decode()
    client.force_login(chen)
    assert client.get(f"/customers/{li_lei.pk}/seen/").status_code == 403


def test_a_day_unlike_the_others_is_marked(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    chen, zhou = make_user(name="Chen"), make_user(name="Zhou")
    people = [make_customer(f"客户{n}") for n in range(13)]
    for day in range(1, 6):
        opened.note(people[0], by=chen, at=now(), on=today() - timedelta(days=day))
    for person in people:
        opened.note(person, by=chen, at=now(), on=today())
    opened.note(people[0], by=zhou, at=now(), on=today())

    rows = privacy_page.looked(today())

    assert [(row.who, row.opened, row.unusual) for row in rows[:2]] == [("Chen", 13, True), ("Zhou", 1, False)]
    assert not any(row.unusual for row in rows[1:])


# Requests of customers ----------------------------------------------------------------------------------------------


def test_a_request_is_registered_waits_and_is_ended(officer: User, client: Client, make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷")
    told = {"number": li_lei.number, "kind": "correct", "asked_on": today().isoformat(), "note": "电话"}

    assert client.post("/privacy/requests/", told).status_code == 302
    assert client.post("/privacy/requests/", told).status_code == 422
    [asked] = client.get("/privacy/").context["waiting"]
    assert asked.due_on == today() + timedelta(days=15)
    assert client.post(f"/privacy/requests/{asked.pk}/end/", {"outcome": "", "done": "1"}).status_code == 422
    assert client.post(f"/privacy/requests/{asked.pk}/end/", {"outcome": "已更正", "done": "1"}).status_code == 302

    asked = PrivacyRequest.objects.get()
    assert (asked.state, asked.outcome, asked.ended_by) == ("done", "已更正", officer)
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["privacy.registered", "privacy.ended"]
    with pytest.raises(DomainError):
        requests.end(asked.pk, done=True, outcome="again", by=officer, at=now())


@pytest.mark.parametrize(("field", "days"), [("asked_on", 1), ("due_on", -2)])
def test_days_that_cannot_be_are_refused(officer: User, make_customer: MakeCustomer, field: str, days: int) -> None:
    told: dict[str, Any] = {"kind": "see", "asked_on": today(), "due_on": None, "note": ""}
    told[field] = today() + timedelta(days=days)

    with pytest.raises(Invalid):
        requests.register(make_customer(), by=officer, at=now(), today=today(), **told)


def test_the_officer_begins_the_day_at_the_desk(officer: User, client: Client) -> None:
    assert client.get("/", follow=True).redirect_chain == [("/privacy/", 302)]


# Tokens, settings ---------------------------------------------------------------------------------------------------


@pytest.fixture
def ada(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ADMINISTRATOR, "Ada")
    client.force_login(user)
    return user


def test_a_token_is_issued_to_a_new_account_renewed_and_revoked(ada: User, client: Client) -> None:
    told = {"name": "till", "account": "web-shop", "sources": "till， shop", "scopes": ["orders:write"], "ends_on": ""}
    page = client.post("/tokens/", told)
    shown = page.context["shown"]
    assert shown.secret in page.content.decode()
    assert shown.secret not in client.get("/tokens/").content.decode()
    assert (shown.token.sources, shown.token.user.username, shown.token.created_by) == (
        ["shop", "till"],
        "web-shop",
        ada,
    )

    renewed = client.post(f"/tokens/{shown.token.pk}/rotate/", {"hours": "2"}).context["shown"]
    assert renewed.secret != shown.secret
    client.post(f"/tokens/{renewed.token.pk}/rotate/", {"hours": "-1"})
    assert ApiToken.objects.count() == 2
    client.post(f"/tokens/{renewed.token.pk}/revoke/")
    assert tokens.state_of(ApiToken.objects.get(pk=renewed.token.pk), at=now()) == tokens.State.REVOKED

    for wrong in ({"scopes": []}, {"name": ""}, {"account": ""}, {"sources": "Shop A!"}, {"ends_on": "2020-01-01"}):
        again = client.post("/tokens/", told | {"account": "other"} | wrong)
        assert (again.status_code, again.context["shown"]) == (422, None), wrong
    assert not User.objects.filter(username="other").exists()


def test_the_room_leads_to_what_one_may_open_and_says_how_it_stands(ada: User, client: Client) -> None:
    pages = [entry for _title, entries in client.get("/settings/").context["groups"] for entry in entries]

    assert {client.get(entry.url).status_code for entry in pages} <= {200, 302}
    assert len(pages) >= 15
    for language in ("zh-hans", "zh-hant"):
        with translation.override(language):
            assert all(str(setting.state()) is not None for _title, settings in ROOM for setting in settings)


def test_whoever_may_set_nothing_is_told_so(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.SERVICE_AGENT))

    assert "Nothing for you to set here" in client.get("/settings/").content.decode()
    assert "/settings/" not in client.get("/complaints/").content.decode()


@pytest.mark.usefixtures("mall_row")
def test_the_malls_facts_are_changed_and_the_currency_is_fixed_by_an_order(
    ada: User, client: Client, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    facts = known.facts()
    was = {
        f"was_{name}": getattr(facts, name) for name in ("name", "currency", "time_zone", "language", "phone_region")
    }
    told = {name.removeprefix("was_"): value for name, value in was.items()}

    assert client.post("/settings/mall/", was | told | {"name": "茶叶铺", "currency": "HKD"}).status_code == 302
    known.forget()
    assert (known.facts().name, known.facts().currency) == ("茶叶铺", "HKD")
    assert client.post("/settings/mall/", was | told | {"time_zone": "Mars/Base"}).status_code == 422

    make_order(make_customer())
    page = client.get("/settings/mall/")
    assert page.context["form"].fields["currency"].disabled
    known.forget()


def test_a_second_factor_is_asked_of_roles(ada: User, client: Client) -> None:
    client.post("/settings/second-factor/", {"roles": [Role.ANALYST, Role.TEAM_LEAD]})
    assert set(RequiredFactor.objects.values_list("role", flat=True)) == {Role.ANALYST, Role.TEAM_LEAD}
    assert AuditEntry.objects.get(action="second_factor.required").detail == {"roles": ["analyst", "team_lead"]}

    client.post("/settings/second-factor/", {})
    assert not RequiredFactor.objects.exists()


def test_particulars_are_read_in_words(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    chen, li_lei = make_user(name="Chen"), make_customer("李雷")
    other = make_customer("李磊")
    audit.record(chen, "customer.unmerged", li_lei, at=now(), loser=other.pk, reason="two people")
    audit.record(chen, "contact_point.revealed", li_lei, at=now(), purpose="call", count=2)
    audit.record(chen, "contact_point.added", li_lei, at=now(), kind="phone", fields=["region"])

    rows = list(lines(AuditEntry.objects.order_by("pk")))

    assert rows[0].detail == f"The other record: {other.number} · Reason: two people"
    assert "To call the customer" in rows[1].detail
    assert rows[2].detail == "Kind: Phone · Fields: Province"
    assert "." not in "".join(row.what for row in rows)


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_no_two_actions_of_the_filter_read_alike(language: str) -> None:
    with translation.override(language):
        words = [label for _code, label in SearchForm().fields["action"].choices]  # type: ignore[attr-defined]

    assert [word for word in words if words.count(word) > 1] == []


def test_an_erasure_is_offered_and_not_done_by_a_word(
    officer: User, client: Client, make_customer: MakeCustomer
) -> None:
    li_lei = make_customer("李雷")
    about: dict[str, Any] = {"asked_on": today(), "due_on": None, "note": "", "by": officer, "at": now()}
    requests.register(li_lei, kind="see", today=today(), **about)
    assert "Erase…" not in client.get("/privacy/").content.decode()
    asked = requests.register(li_lei, kind="erase", today=today(), **about)

    page = client.get("/privacy/").content.decode()
    ended = client.post(f"/privacy/requests/{asked.pk}/end/", {"outcome": "已删除", "done": "1"})

    assert f"/privacy/requests/{asked.pk}/erase/" in page
    assert ended.status_code == 422
    assert "Nothing is erased yet" in ended.content.decode()
    assert li_lei.number in page
