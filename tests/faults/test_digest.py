"""The measure itself: it sees all the night writes, and nothing that is only of the run."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.jobs.models import JobRun
from crm.flows import nightly
from customers.models import Standing
from segmentation.models import Alert
from tests.faults import digest
from tests.faults.conftest import NIGHT, Digest, Eve

# Forty customers who never complained nor redeemed, on the first night of their levels: told in the desk's own tests.
NOTHING_OF = {
    "classes_followed",
    "closed",
    "prompts_expired",
    "surveys_expired",
    "years_to_confirm",
    "tiers_down",
    "tier_todos",
    "point_accounts",
    "rewards_freed",
    "coupons_followed",
    "tickets_followed",
    "credit_followed",
    "coupon_terms_begun",
    "credit_todos",
    "coupons_released",
    "credit_released",
    "coupons_expired",
    "draws_ended",
    "referrals_rewarded",
    "points_credited",
    "actions_overdue",
    "visits_rewarded",
    "possible_duplicates",
    "days_doubted",
    "orders_to_check",
    "alerts_stopped",
    "rising",
    "appointments_missed",
    "appointments_off",
    "files_forgotten",
    "promises_lent",
}


def test_the_night_is_eventful_enough_to_tell_a_fault(eve: Eve) -> None:
    eve()

    run = nightly.run(NIGHT)

    assert run is not None
    assert {name for name, count in run.counts.items() if not count} == NOTHING_OF


def test_the_digest_covers_every_table_the_night_writes(eve: Eve) -> None:
    known = {model._meta.db_table for model in digest.WRITTEN}
    written = set()
    for way in ("keeping up", "rebuilding"):
        eve(way)
        with CaptureQueriesContext(connection) as queries:
            nightly.run(NIGHT)
        for query in queries:
            written |= set(re.findall(r"(?:INSERT INTO|UPDATE|DELETE FROM) +\"?(\w+_\w+)\"?", query["sql"]))

    assert written <= known
    assert {"customers_summary", "customers_standing", "segmentation_alert", "outbox_message"} <= written


def test_the_same_evening_gives_the_same_digest(eve: Eve, undisturbed: Digest) -> None:
    expected = undisturbed("keeping up"), undisturbed("rebuilding")
    for way, one in zip(("keeping up", "rebuilding"), expected, strict=True):
        eve(way)
        nightly.run(NIGHT)
        assert digest.digest() == one


def test_one_changed_row_gives_another_digest(eve: Eve, undisturbed: Digest) -> None:
    expected = undisturbed()
    eve()
    nightly.run(NIGHT)
    assert digest.digest() == expected

    Alert.objects.filter(opened_on=NIGHT).update(severity=1)
    changed = digest.digest()
    Standing.objects.filter(value__gt=0).update(value=1)

    assert len({expected, changed, digest.digest()}) == 3


def test_the_row_of_the_run_itself_counts(eve: Eve, undisturbed: Digest) -> None:
    expected = undisturbed()
    eve()
    nightly.run(NIGHT)

    JobRun.objects.filter(business_date=NIGHT).update(counts={})

    assert digest.digest() != expected
