"""A large mall, filled by a few statements over sets: PostgreSQL reads its tables whole only when it must."""

from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from complaints.cases import notices
from complaints.models import Category, Queue, QueueMember, SlaPolicy
from complaints.setup import defaults
from core.accounts.models import User
from core.outbox import webhooks
from crm.desk.today import today
from loyalty.campaigns.coupons import HOLD
from loyalty.models import CouponCampaign, Lottery, TierState
from loyalty.notices import Kind
from loyalty.points import rules as point_rules
from tests.loyalty.campaigns.stories import DAY, goods, published, running
from tests.loyalty.tiers.stories import content, put_in_force

CUSTOMERS = 6_000
ORDERS = 5  # of each
FIRST = 1_000_000
# What a column without default holds that nobody speaks of.
PLAIN = {"boolean": "false", "text": "''", "character varying": "''", "jsonb": "'{}'", "date": "current_date"}
PLAIN |= dict.fromkeys(("bigint", "integer", "smallint", "double precision", "numeric"), "0")
PLAIN["timestamp with time zone"] = "now()"


def fill(table: str, rows: int, **told: str) -> None:
    """So many rows; each column as this expression over `i` says, from 0 on. The database checks no references."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
             WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull AND NOT atthasdef AND attidentity = ''
            """,
            [table],
        )
        needed = {name: PLAIN.get(kind, "'{}'") for name, kind in cursor.fetchall()}
        columns = needed | told
        names = ", ".join(f'"{name}"' for name in columns)
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(columns.values())} FROM generate_series(0, %s) AS i",
            [rows - 1],
        )


def build(manager: User) -> None:
    """6,000 customers with what they bought and were given, their complaints, and what the staff was told of it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    at = timezone.now()
    point_rules.save({"rate": Decimal(1)}, starts_at=at - 400 * DAY, by=None, reason="Tests", at=at - 400 * DAY)
    rules = put_in_force(content(), today() - timedelta(days=2))
    TierState.objects.create(evaluated_on=today() - timedelta(days=2), rules=rules)
    defaults.install(at=at - DAY)
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=manager)
    endpoint, _secret = webhooks.register("https://shop.example/", events=[Kind.POINTS_EARNED], by=manager, at=at)
    campaign = running(name="满减", starts_at=at - DAY, ends_at=at + 9 * DAY, total_limit=10**6)
    lottery = published(goods(total=1), starts_at=at - DAY, ends_at=at + 9 * DAY)
    _people(manager)
    _record()
    _loyalty(campaign, lottery)
    _complaints(manager)
    _told(manager, endpoint.pk)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")


PERSON = f"{FIRST} + i %% {CUSTOMERS}"
ORDER = f"{FIRST} + i %% {CUSTOMERS * ORDERS}"
EVIDENCE = """
    '{"usual_days": 30, "limit_days": 38, "quiet_days": 90, "tail_level": 0.05, "monthly_profit": 300}'
"""
READER = "(SELECT max(manager_id) FROM customers_customer)"
DAYS_AGO = "current_date - (i %% 700)::int"
MOMENT = f"({DAYS_AGO} + time '04:00') AT TIME ZONE 'UTC'"


def _people(manager: User) -> None:
    one_in_a_hundred = f"CASE WHEN i %% 100 = 0 THEN {manager.pk} END"
    name = "chr(19968 + (i %% 90)::int) || chr(20500 + (i / 90 %% 300)::int)"
    fill(
        "customers_customer",
        CUSTOMERS,
        id=PERSON,
        number="'C' || lpad((1000000 + i)::text, 7, '0')",
        name=name,
        name_grams=f"ARRAY[substr({name}, 1, 1), substr({name}, 2, 1), {name}]",
        registered_on="DATE '2024-01-01'",
        manager_id=one_in_a_hundred,
        manager_since="CASE WHEN i %% 100 = 0 THEN DATE '2024-01-01' END",
        mindset="'unknown'",
        preferred_channel="'unknown'",
    )
    fill(
        "customers_standing",
        CUSTOMERS,
        customer_id=PERSON,
        customer_class="i %% 3",
        matrix_type="i %% 5",
        value="i * 100",
        last_on=DAYS_AGO,
        manager_id=one_in_a_hundred,
    )
    index = "substr(sha256(i::text::bytea), 1, 16)"
    fill(
        "customers_contactpoint",
        CUSTOMERS,
        customer_id=PERSON,
        kind="'phone'",
        encrypted="'\\x00'",
        blind_index=index,
        tail_index="substr(sha256((i %% 10000)::text::bytea), 1, 16)",
    )
    fill("customers_externalidentity", CUSTOMERS, customer_id=PERSON, source="'shop'", external_id="'c-' || i")


def _record() -> None:
    total = CUSTOMERS * ORDERS
    fill("customers_product", 500, id=f"{FIRST} + i", source="'shop'", external_id="'p-' || i", name="'茶' || i")
    fill(
        "customers_order",
        total,
        id=ORDER,
        source="'shop'",
        external_id="'o-' || i",
        version="1",
        customer_id=PERSON,
        status="'paid'",
        ordered_at=MOMENT,
        ordered_on=DAYS_AGO,
        paid="10000",
        cost="4000",
        profit="6000",
        received_at="now() - interval '3 days'",
    )
    fill("customers_bought", CUSTOMERS, customer_id=PERSON, product_id=f"{FIRST} + i %% 500", paid="10000", days="1")
    fill(
        "customers_consententry",
        CUSTOMERS,
        customer_id=PERSON,
        channel="'sms'",
        purpose="'marketing'",
        state="'granted'",
    )
    fill("customers_orderline", total, order_id=ORDER, product_id=f"{FIRST} + i %% 500", quantity="1", amount="10000")
    fill(
        "customers_refund",
        CUSTOMERS,
        order_id=ORDER,
        customer_id=PERSON,
        external_id="'r'",
        purchased_on=DAYS_AGO,
        refunded_on=DAYS_AGO,
        refunded_at=MOMENT,
        amount="100",
        profit_effect="-100",
    )
    fill("customers_contact", CUSTOMERS * 2, customer_id=PERSON, by_id=READER, at=MOMENT, channel="'phone'")
    fill(
        "customers_todo",
        CUSTOMERS * 2,
        customer_id=PERSON,
        owner_id="CASE WHEN i %% 100 = 0 THEN (SELECT max(manager_id) FROM customers_customer) END",
        reason="'promise'",
        due_on=DAYS_AGO,
        dedupe_key="'k-' || i",
        state="CASE WHEN i %% 10 = 0 THEN 'open' ELSE 'done' END",
        closed_at="CASE WHEN i %% 10 > 0 THEN now() - interval '9 days' END",
    )
    fill(
        "segmentation_alert",
        CUSTOMERS,
        customer_id=PERSON,
        kind="'quiet'",
        last_on="current_date - 90",
        opened_on="current_date - 30",
        window_ends_on="current_date + 60",
        state="CASE WHEN i %% 50 = 0 THEN 'open' ELSE 'no_response' END",
        closed_on="CASE WHEN i %% 50 > 0 THEN current_date - 1 END",
        severity="i",
        evidence=EVIDENCE,
    )
    fill("segmentation_change", CUSTOMERS, customer_id=PERSON, on="current_date - 2 - (i %% 300)::int")
    fill("customers_opened", CUSTOMERS, customer_id=PERSON, user_id=READER, on="current_date - 1", times="1")
    fill("customers_customerchange", CUSTOMERS, customer_id=PERSON, at=MOMENT, door="'page'", field="'city'")
    fill(
        "accounts_auditentry",
        CUSTOMERS * 2,
        at=MOMENT,
        action="'customer.assigned'",
        subject_type="'customer'",
        subject_id=PERSON,
    )


def _loyalty(campaign: CouponCampaign, lottery: Lottery) -> None:
    total = CUSTOMERS * ORDERS
    fill(
        "loyalty_pointaccount",
        CUSTOMERS,
        customer_id=PERSON,
        state="'active'",
        available="100",
        earned="600",
        last_seq=str(ORDERS),
        settled_at="now() - interval '1 hour'",
    )
    fill(
        "loyalty_pointlot",
        total,
        id=ORDER,
        account_id=PERSON,
        source="'order'",
        order_id=ORDER,
        original="100",
        available=f"CASE WHEN i < {CUSTOMERS} THEN 100 ELSE 0 END",
        earned_at=MOMENT,
        available_from=MOMENT,
        expires_at="now() + interval '300 days'",
    )
    fill(
        "loyalty_pointtxn",
        total,
        id=ORDER,
        account_id=PERSON,
        seq=f"1 + i / {CUSTOMERS}",
        kind="'earn'",
        order_id=ORDER,
        order_delta="100",
        at="now() - interval '2 days'",
    )
    for bucket, points in (("1", "-100"), ("3", "100")):
        fill("loyalty_posting", total, txn_id=ORDER, account_id=PERSON, lot_id=ORDER, bucket=bucket, points=points)
    fill(
        "loyalty_orderpoints",
        total,
        order_id=ORDER,
        account_id=PERSON,
        rules_id="(SELECT max(id) FROM loyalty_pointrules)",
        multiplier="1",
        granted="100",
        order_version="1",
    )
    fill(
        "loyalty_membership",
        CUSTOMERS,
        customer_id=PERSON,
        rank="i %% 2",
        since="current_date - 100",
        review_on="CASE WHEN i %% 2 = 1 THEN current_date + 30 END",
        seq="1",
    )
    fill(
        "loyalty_tierchange",
        CUSTOMERS,
        customer_id=PERSON,
        seq="1",
        on="current_date - 100",
        at="now() - interval '100 days'",
        rank_after="1",
        since="current_date - 100",
        rules_id="(SELECT max(id) FROM loyalty_tierrules)",
    )
    fill(
        "loyalty_coupon",
        CUSTOMERS,
        id=f"{FIRST} + i",
        code="'K' || i",
        customer_id=PERSON,
        campaign_id=str(campaign.pk),
        status="CASE WHEN i %% 10 = 0 THEN 'issued' ELSE 'redeemed' END",
        issued_at=MOMENT,
        expires_at="now() + interval '5 days'",
    )
    fill(
        "loyalty_couponredemption",
        CUSTOMERS,
        customer_id=PERSON,
        campaign_id=str(campaign.pk),
        coupon_id=f"{FIRST} + i",
        order_id=ORDER,
        order_ref="'shop:o-' || i",
        status="'redeemed'",
        discount="1000",
        worth="1000",
        reserved_at=MOMENT,
        reserved_until=f"now() + interval '{HOLD.seconds} seconds'",
        redeemed_at=MOMENT,
    )
    fill(
        "loyalty_lotteryticket",
        CUSTOMERS,
        customer_id=PERSON,
        lottery_id=str(lottery.pk),
        source="'order'",
        source_ref="'shop:o-' || i",
        order_id=ORDER,
        n="1",
        status="'used'",
    )


def _complaints(manager: User) -> None:
    category, policy = Category.objects.filter(parent__isnull=False)[0], SlaPolicy.objects.order_by("pk")[0]
    cases = CUSTOMERS // 2
    closed = "i %% 20 > 0"
    fill(
        "complaints_case",
        cases,
        id=f"{FIRST} + i",
        kind="'complaint'",
        channel="'phone'",
        customer_id=PERSON,
        category_id=str(category.pk),
        queue_id=str(Queue.objects.order_by("pk")[0].pk),
        policy_id=str(policy.pk),
        owner_id=f"CASE WHEN i %% 200 = 0 THEN {manager.pk} END",
        severity="2",
        priority="i %% 4 + 1",
        priority_reason="""'{"class": 1, "severity": 2, "value": "10.00", "recent": 0}'""",
        status=f"CASE WHEN {closed} THEN 'closed' ELSE 'in_progress' END",
        opened_at=MOMENT,
        received_at=MOMENT,
        resolved_at=f"CASE WHEN {closed} THEN {MOMENT} END",
        closed_at=f"CASE WHEN {closed} THEN {MOMENT} END",
        outcome=f"CASE WHEN {closed} THEN 'solved' ELSE '' END",
        resolution="'换新'",
        cycle="1",
        version="4",
    )
    fill("complaints_caseevent", cases * 4, case_id=f"{FIRST} + i %% {cases}", seq=f"1 + i / {cases}", at=MOMENT)
    fill("complaints_casemessage", cases * 2, case_id=f"{FIRST} + i %% {cases}", sent_at=MOMENT)
    target = "(SELECT min(id) FROM complaints_slatarget)"
    fill(
        "complaints_clock",
        cases * 2,
        case_id=f"{FIRST} + i %% {cases}",
        target_id=target,
        metric=f"CASE WHEN i < {cases} THEN 'response' ELSE 'resolution' END",
        cycle="1",
        generation="1",
        started_at=MOMENT,
        due_at=f"{MOMENT} + interval '9 days'",
        state=f"CASE WHEN {closed} THEN 'met' ELSE 'running' END",
        stopped_at=f"CASE WHEN {closed} THEN {MOMENT} END",
    )


def _told(manager: User, endpoint: int) -> None:
    waiting = "CASE WHEN i %% 200 = 0 THEN 'waiting' ELSE 'sent' END"
    fill(
        "outbox_message",
        CUSTOMERS * 2,
        recipient_id=f"CASE WHEN i %% 500 = 0 THEN {manager.pk} ELSE {FIRST} + i %% 50 END",
        channel="'in_app'",
        dedupe_key="'m-' || i",
        kind=f"'{notices.TAKEN.name}'",
        topic=f"'{notices.TAKEN.topic}'",
        params="""'{"number": "C-1", "name": "x"}'""",
        link="'/'",
        thread="'case:' || i",
        state="'sent'",
        queued_at=MOMENT,
        next_attempt_at=MOMENT,
        read_at="CASE WHEN i %% 1000 > 0 THEN now() END",
        settled_at="CASE WHEN i %% 1000 > 0 THEN now() END",
    )
    fill(
        "outbox_webhookevent",
        CUSTOMERS * 2,
        endpoint_id=str(endpoint),
        event_id="gen_random_uuid()",
        kind="'points.earned'",
        state=waiting,
        next_attempt_at=MOMENT,
    )
