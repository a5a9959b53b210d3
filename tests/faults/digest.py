"""What the night writes: kept aside, put back, and boiled down to one hash."""

import hashlib
from collections.abc import Iterable

from django.db import connection, models, transaction

from care.models import Appointment, PlanDue
from complaints.models import ServicePrompt, SilentSign, Survey
from core.accounts.models import SentForm
from core.jobs.models import BrokenLaw, JobRun, LawState, Part
from core.outbox.models import Message, WebhookEvent
from customers.models import Bought, DirtyMark, LifeDate, PossibleDuplicate, Standing, Summary, SummaryState, Todo
from loyalty.models import (
    CampaignUsage,
    Coupon,
    CouponCampaign,
    CouponRedemption,
    CreditAccount,
    CreditAuthorisation,
    CreditEntry,
    Draw,
    Lottery,
    LotteryTicket,
    Membership,
    NextLevel,
    OrderPoints,
    PointAccount,
    PointLot,
    PointState,
    PointTxn,
    Posting,
    TierChange,
    TierState,
)
from segmentation.models import Alert, Change, Fit, Night, Rising, RuleSet, SegmentDay, SegmentMember

# Every table the night writes, and the columns that say which rows are meant. Parents first.
WRITTEN: dict[type[models.Model], tuple[str, ...]] = {
    JobRun: ("job", "business_date"),
    Part: ("first_id",),
    DirtyMark: ("customer_id",),
    SummaryState: ("id",),
    Summary: ("customer_id",),
    Bought: ("customer_id", "product_id"),
    RuleSet: ("version",),
    Fit: ("as_of",),
    Night: ("as_of",),
    Standing: ("customer_id",),
    LifeDate: ("id",),
    Change: ("customer_id", '"on"'),
    Alert: ("customer_id", "kind", "last_on"),
    Rising: ("customer_id", "quarter"),
    SegmentMember: ("segment_id", "customer_id", "entered_on"),
    SegmentDay: ("segment_id", '"on"'),
    Todo: ("dedupe_key",),
    PlanDue: ("customer_id",),
    Appointment: ("client_key",),
    Message: ("dedupe_key",),
    WebhookEvent: ("event_id", "endpoint_id"),
    TierState: ("id",),
    Membership: ("customer_id",),
    NextLevel: ("customer_id",),
    TierChange: ("customer_id", "seq"),
    PointState: ("id",),
    PointAccount: ("customer_id",),
    PointLot: ("account_id", "order_id"),
    PointTxn: ("account_id", "seq"),
    Posting: ("account_id", "bucket", "points", "id"),
    OrderPoints: ("order_id",),
    SilentSign: ("customer_id", "sign", "evidence"),
    CouponCampaign: ("id",),
    Coupon: ("id",),
    CouponRedemption: ("id",),
    CampaignUsage: ("id",),
    Lottery: ("id",),
    LotteryTicket: ("id",),
    Draw: ("id",),
    CreditAccount: ("customer_id",),
    CreditAuthorisation: ("id",),
    CreditEntry: ("id",),
    ServicePrompt: ("id",),
    Survey: ("id",),
    PossibleDuplicate: ("first_id", "second_id"),
    SentForm: ("key",),
    LawState: ("book",),
    BrokenLaw: ("book", "law"),
}
# Moments, row numbers and who did it differ from run to run, whatever the night says.
OF_THE_RUN = {
    JobRun: {"id", "attempts", "fence", "holder", "planned_at", "started_at", "heartbeat_at", "finished_at"},
    Part: {"id", "done_at", "run_id"},
    DirtyMark: {"id", "marked_at"},
    Bought: {"id"},
    RuleSet: {"id"},
    Fit: {"id"},
    Night: {"id", "fit_id", "rules_id"},
    Change: {"id"},
    Alert: {"id"},
    Rising: {"id"},
    SegmentMember: {"id", "entered_at", "left_at"},
    SegmentDay: {"id", "seconds"},
    Todo: {"id", "opened_at", "closed_at", "alert_id"},
    Message: {"id", "queued_at", "sent_at", "next_attempt_at"},
    TierChange: {"id", "at"},
    PointState: {"orders_until"},
    PointAccount: {"settled_at"},
    PointLot: {"id"},
    PointTxn: {"id", "at"},
    Posting: {"id", "txn_id", "lot_id"},
    LawState: {"seen_until"},
    BrokenLaw: {"id", "found_at"},
    SilentSign: {"id", "ref"},
}


def columns(model: type[models.Model]) -> list[str]:
    return [field.column for field in model._meta.concrete_fields if not field.generated]


def digest(tables: Iterable[type[models.Model]] = WRITTEN) -> str:
    """SHA-256 over all rows of these tables in the order of their keys."""
    total = hashlib.sha256()
    with connection.cursor() as cursor:
        for model in tables:
            told = [f'"{name}"' for name in columns(model) if name not in OF_THE_RUN.get(model, set())]
            order = ", ".join(WRITTEN[model])
            cursor.execute(f"SELECT ({', '.join(told)})::text FROM {model._meta.db_table} ORDER BY {order}")
            for (row,) in cursor.fetchall():
                total.update(f"{model._meta.db_table} {row}\n".encode())
    return total.hexdigest()[:16]


def keep() -> None:
    """Copy the tables aside, into a schema of their own."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
        for model in WRITTEN:
            cursor.execute(f"CREATE TABLE kept.{model._meta.db_table} AS TABLE {model._meta.db_table}")


@transaction.atomic
def put_back() -> None:
    """The tables are what they were when they were kept."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in WRITTEN)} CASCADE")
        for model in WRITTEN:
            told = ", ".join(f'"{name}"' for name in columns(model))
            table = model._meta.db_table
            cursor.execute(f"INSERT INTO {table} ({told}) SELECT {told} FROM kept.{table}")


def forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS kept CASCADE")
