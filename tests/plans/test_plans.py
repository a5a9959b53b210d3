"""No hot statement of the product reads a long table whole, and every index is there for a statement."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.db import ProgrammingError, connection, reset_queries, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from core.accounts import tokens
from core.accounts.models import Role, Team, User
from core.accounts.roles import ApiScope
from core.lib import mall as mall_facts
from core.outbox import posting
from crm.desk.today import today
from crm.desk.urls import urlpatterns
from crm.flows import nightly, tasks
from tests.desk.test_permissions import POSTED
from tests.plans import mall

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]
LONG = 3_000  # rows
ONE = mall.FIRST + 700
MOST_TEXT = 40_000  # characters of one statement

# Hot statements that read a long table whole, by what stands in them, and why they may.
READ_WHOLE = {
    '"customers_standing"."manager_id" IS NULL': "a lead looks after whoever has no manager: here, nearly everybody",
    'U0."manager_id" IS NULL': "the same, for the cases of such customers",
    'V0."manager_id" IS NULL': "the same, for their cases as work of somebody's day",
    '"customers_todo"."snoozed_until" <=': "whose work without an owner is, its customer says: here a fifth have some",
    'SELECT DISTINCT "customers_customer"."region"': "the regions to choose from, of everybody",
}
PAGE = "of a page with a choice that is not tried here"
REPORT = "for a report over a few months of a mall that has years"
LATER = "for what waits, which is little beside what is past: nothing does in this mall"
# Indexes that no statement here is planned with, and why they stay.
KEPT = {
    **dict.fromkeys(("audit_actor", "contact_point_tail", "coupon_by_campaign", "draw_by_customer"), PAGE),
    **dict.fromkeys(("credit_entry_due", "limit_change_newest", "tier_simulation_newest"), PAGE),
    **dict.fromkeys(("ticket_by_customer", "redemption_by_order", "coupon_campaign_newest"), PAGE),
    **dict.fromkeys(
        ("case_opened", "event_at", "clock_due", "message_by_case", "change_by_customer", "promise_by_first_hour"),
        REPORT,
    ),
    **dict.fromkeys(("handover_open", "remedy_promised", "unfinished_imports", "unusual_orders_open"), LATER),
    **dict.fromkeys(("unfinished_runs", "adjustment_waiting", "referral_waiting", "outbox_failed"), LATER),
    **dict.fromkeys(("outbox_thread", "webhook_failed", "sign_open"), LATER),
    "customers_importquestion_external_id_9d865747": "an order that is told meanwhile ends its question",
    **dict.fromkeys(("accounts_sentform_at_d9144aaf", "caller_mark_waits", "trouble_over"), LATER),
    **dict.fromkeys(
        ("contact_point_told", "identity_told"), "an import that is taken back asks what it alone has told"
    ),
    **dict.fromkeys(("case_order_number", "refund_days"), PAGE),
    **dict.fromkeys(("letter_due", "case_mail_open"), LATER),
    **dict.fromkeys(("letter_occasion", "member_by_entry", "customers_letter_own_id_b6f9b330"), PAGE),
    "customer_region": "the provinces to choose from, once an hour: from one to the next, and here there are two",
    **dict.fromkeys(
        (
            "customers_letter_once_key_2e9a472f_like",
            "customers_letter_own_id_b6f9b330_like",
            "customers_letter_reply_token_9ec128f0_like",
            "customers_letterevent_key_fda601a2_like",
            "segmentation_segment_code_7c06d66c_like",
        ),
        "Django makes it beside the index of a text",
    ),
    "standing_labels": PAGE,
    "tier_override_end": LATER,
    "webhook_old": "what is past is deleted by its day, once a day",
    "mall_vaultkey_fingerprint_c787a27a_like": "of a table of a few rows",
    "outbox_message_dedupe_key_6013dd5c_like": "the digest asks by the beginning of its key",
    "accounts_user_groups_user_id_52b62117": "of a table that Django makes",
    "accounts_user_user_permissions_user_id_e4f0a161": "of a table that Django makes",
    "customers_contact_attendees_contact_id_d91a8165": "of a table that Django makes",
    "care_appointment_attendees_appointment_id_f01a62cd": "of a table that Django makes",
    "appointment_by_owner": "the week of one person: there are none in this mall",
    "complaints_department_members_department_id_6ca2e449": "of a table that Django makes",
    "complaints_correctiveaction_cases_correctiveaction_id_90280257": "of a table that Django makes",
}


OURS = """
    SELECT i.relname, t.relname, x.indisunique, x.indpred IS NULL AND m.amname = 'btree', x.indclass::text,
           array(SELECT pg_get_indexdef(i.oid, n, false) FROM generate_series(1, x.indnkeyatts) AS n),
           EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u', 'x')),
           EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = t.oid AND x.indnkeyatts = 1
                      AND c.conkey = ARRAY[x.indkey[0]])
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
      JOIN pg_am m ON m.oid = i.relam JOIN pg_namespace s ON s.oid = t.relnamespace
     WHERE s.nspname = current_schema() AND split_part(t.relname, '_', 1) = ANY(%s) AND NOT t.relispartition
     ORDER BY t.relname, i.relname
"""
FLOORS = ["accounts", "jobs", "mall", "outbox", "customers", "segmentation", "loyalty", "care", "complaints"]


class Index(NamedTuple):
    """`plain`: a B-tree of all rows. `promise`: of a constraint. `of_key`: of a reference to another table."""

    name: str
    table: str
    unique: bool
    plain: bool
    classes: str
    columns: list[str]
    promise: bool
    of_key: bool

    def begins(self, other: "Index") -> bool:
        size = len(self.columns)
        return (
            self.table == other.table
            and other.plain
            and self.columns == other.columns[:size]
            and self.classes.split() == other.classes.split()[:size]
        )


def indexes() -> list[Index]:
    with connection.cursor() as cursor:
        cursor.execute(OURS, [FLOORS])
        return [Index(*row) for row in cursor.fetchall()]


class Asked(NamedTuple):
    """A statement, where it was asked, and the plan PostgreSQL makes of it; None for what has no plan."""

    where: str
    sql: str
    plan: dict[str, Any]


class Plans(NamedTuple):
    hot: list[Asked]
    # Names of indexes that are used by these or by any other page, call or step of the night.
    used: set[str]
    long: set[str]
    statements: int
    indexes: list[Index]
    # Where more is sent back to the database than a page should know, and how much.
    longest: dict[str, int]


# Asking ---------------------------------------------------------------------------------------------------------------


class Notebook:
    """What was asked, by where, each different statement once."""

    def __init__(self) -> None:
        self.asked: dict[str, tuple[str, str]] = {}

    @contextmanager
    def noting(self, where: str) -> Iterator[None]:
        reset_queries()  # Django keeps 9,000 at most, of all that was asked before
        with CaptureQueriesContext(connection) as queries:
            yield
        for query in queries:
            # Of statements that differ in their values only, the first.
            kind = re.sub(r"'(?:[^']|'')*'|\b\d+\b", "?", query["sql"])
            kind = re.sub(r"\?(?:::\w+)?(?:, *\?(?:::\w+)?)+", "?", kind)
            if not kind.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "SET ")):
                self.asked.setdefault(kind, (where, query["sql"]))


def plan_of(sql: str) -> dict[str, Any] | None:
    statement = sql.strip()
    if copied := re.match(r"COPY \((.*)\) TO STDOUT", statement, re.DOTALL):
        statement = copied.group(1)
    elif declared := re.match(r"DECLARE .*? FOR (SELECT .*)", statement, re.DOTALL):
        statement = declared.group(1)
    bare = re.sub(r"^(\s*--[^\n]*\n)+", "", statement).lstrip()
    if not re.match(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b", bare):
        return None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
            answer = cursor.fetchone()[0]
    except ProgrammingError:
        return None  # of a temporary table, which is gone
    plan: dict[str, Any] = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def longest(note: Notebook) -> dict[str, int]:
    pages = {where: len(sql) for where, sql in note.asked.values() if "night" not in where}
    return {where: size for where, size in pages.items() if size > MOST_TEXT}


# What is asked --------------------------------------------------------------------------------------------------------


def hot(note: Notebook, readers: dict[str, Client], api: APIClient) -> None:
    """What happens all the time, one after the other."""
    day = (today() - timedelta(days=1)).isoformat()
    line = {"product": "p-1", "quantity": 1, "amount": "80.00", "name": "茶1"}
    order = {
        "version": 1,
        "customer": {"external_id": "c-700", "phone": "13800138000", "name": "李雷"},
        "ordered_at": f"{day}T12:00:00+08:00",
        "paid": "80.00",
        "lines": [line],
    }
    back = {"external_id": "r-1", "amount": "10.00", "refunded_at": f"{day}T13:00:00+08:00"}
    for name, told in {
        "new order": {},
        "the same again": {},
        "changed order": {"version": 2, "paid": "90.00"},
        "refund": {"version": 3, "paid": "90.00", "refunds": [back]},
        "another customer": {"version": 4, "customer": {"external_id": "c-800"}},
        "cancelled order": {"version": 5, "status": "cancelled", "customer": {"external_id": "c-800"}},
    }.items():
        with note.noting(name):
            answer = api.put("/api/v1/sources/shop/orders/new-1", order | told, format="json")
        assert answer.status_code in (200, 201), answer.json()
    with note.noting("order by phone"):
        api.put("/api/v1/sources/shop/orders/new-2", order | {"customer": {"phone": "13800138000"}}, format="json")
    for name in ("points", "tier", "coupons", "prompts", ""):
        with note.noting(f"api {name or 'customer'}"):
            assert api.get(f"/api/v1/customers/C1000700/{name}".rstrip("/")).status_code == 200
    with note.noting("api find"):
        assert api.post("/api/v1/customers/find", {"phone": "13800138000"}, format="json").status_code == 200
    for role in (Role.ACCOUNT_MANAGER, Role.SERVICE_AGENT, Role.TEAM_LEAD):
        reader = readers[role]
        for address in (f"/customers/{ONE}/", "/", f"/customers/{ONE}/orders/", "/bell/count/"):
            with note.noting(f"{role} {address}"):
                reader.get(address)
        for typed in ("13800138000", "一倔", "C1000700", "o-700"):
            with note.noting(f"{role} finds {typed}"):
                reader.post("/find/", {"q": typed}, follow=True)
    for address in ("/complaints/", f"/complaints/{ONE}/", "/complaints/?list=all"):
        with note.noting(address):
            assert readers[Role.SERVICE_LEAD].get(address).status_code == 200
    for address in ("/alerts/", "/customers/", "/customers/?customer_class=0"):
        with note.noting(address):
            assert readers[Role.TEAM_LEAD].get(address).status_code == 200
    for task in (tasks.watch_complaints, tasks.release_reservations, tasks.deliver, tasks.deliver_webhooks):
        with note.noting(task.name):
            task()


def everything(note: Notebook, readers: dict[str, Client]) -> None:
    """Every page for who may open it, and a night."""
    for route in urlpatterns:
        if route.name in POSTED:
            continue
        takes = {word: WORDS.get(word, ONE) for word in route.pattern.regex.groupindex}
        address = reverse(f"desk:{route.name}", kwargs=takes)
        for role in OPENING:
            with note.noting(f"{role} {address}"):
                answer = readers[role].get(address)
            if answer.status_code == 200:
                break
    with note.noting("night"):
        nightly.run(today() - timedelta(days=1))
    with note.noting("the next night"):
        nightly.run(today())


# Who is asked to open a page, until it opens.
OPENING = (Role.TEAM_LEAD, Role.SERVICE_LEAD, Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.ACCOUNT_MANAGER)
WORDS: dict[str, Any] = {"part": "queues", "verb": "cancel", "kind": "points", "letter": UUID(int=0)}


def signed_in() -> dict[str, Client]:
    team = Team.objects.create(name="East")
    readers = {}
    for role in Role.values:
        if role != Role.CLIENT:
            user = User.objects.create_user(username=f"plan-{role}", full_name=role, roles=[role], team=team)
            readers[role] = Client(HTTP_HOST="localhost")
            readers[role].force_login(user)
    return readers


@pytest.fixture(scope="module")
def plans(django_db_setup: None, django_db_blocker: Any) -> Plans:
    """All of it asked once in a large mall, which is gone afterwards."""
    local = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), override_settings(CACHES=local):
        patch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
        patch.setattr(posting, "post", lambda *args: 500)
        patch.setattr(mall_facts, "stored_facts", lambda before: None)
        outermost = transaction.atomic()
        outermost._from_testcase = True  # as Django marks the transaction around a test
        with outermost:
            try:
                return look()
            finally:
                transaction.set_rollback(True)


def look() -> Plans:
    readers = signed_in()
    manager = User.objects.get(username=f"plan-{Role.ACCOUNT_MANAGER}")
    mall.build(manager)
    client = User.objects.create_user(username="plan-shop", roles=[Role.CLIENT])
    _token, secret = tokens.issue(client, name="shop", scopes=list(ApiScope), at=timezone.now())
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    note = Notebook()
    hot(note, readers, api)
    asked = [Asked(where, sql, plan) for where, sql in note.asked.values() if (plan := plan_of(sql))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= %s", [LONG])
        long = {name for (name,) in cursor.fetchall()}
    everything(note, readers)
    used = {node["Index Name"] for one in asked for node in nodes(one.plan) if "Index Name" in node}
    with connection.cursor() as cursor:
        # A short table is read whole whatever its indexes: how would it be if it were long?
        cursor.execute("SET LOCAL enable_seqscan = off")
    for _where, sql in note.asked.values():
        plan = plan_of(sql)
        used |= {node["Index Name"] for node in nodes(plan) if "Index Name" in node} if plan else set()
    with connection.cursor() as cursor:  # the index of a part is that of its table
        cursor.execute("SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits")
        used |= {whole for part, whole in cursor.fetchall() if part in used}
    return Plans(asked, used, long, len(note.asked), indexes(), longest(note))


# What must be so ------------------------------------------------------------------------------------------------------


def test_no_hot_statement_reads_a_long_table_whole(plans: Plans) -> None:
    wrong = {}
    for one in plans.hot:
        whole = {node["Relation Name"] for node in nodes(one.plan) if node["Node Type"] == "Seq Scan"} & plans.long
        if whole and not any(part in one.sql for part in READ_WHOLE):
            wrong[f"{one.where}: {sorted(whole)}"] = one.sql[:1500]

    print(f"{len(plans.hot)} hot statements, {len(plans.long)} long tables", *wrong, sep="\n    ")
    assert wrong == {}


def test_no_page_sends_back_what_the_database_knows(plans: Plans) -> None:
    assert plans.longest == {}


def test_every_index_is_there_for_a_statement(plans: Plans) -> None:
    own = [index for index in plans.indexes if not index.promise and not index.unique]
    twice = {
        one.name: other.name
        for one in own
        for other in plans.indexes
        if one.plain and one is not other and one.begins(other) and one.name not in KEPT
    }
    unused = [index for index in own if index.name not in plans.used and index.name not in twice]
    of_keys = {index.name for index in unused if index.of_key}
    idle = {index.name: index.table for index in unused if not index.of_key and index.name not in KEPT}

    print(
        f"{plans.statements} statements use {len(plans.used)} of {len(plans.indexes)} indexes; of the other "
        f"{len([index for index in plans.indexes if index.name not in plans.used])}, {len(of_keys)} are of references: "
        f"looked at when what they refer to is deleted, moved or merged, {len(KEPT)} are named"
    )
    print(*idle, sep="\n")
    assert twice == {}
    assert idle == {}
