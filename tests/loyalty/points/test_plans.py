"""The index that stands for a question is found by whoever asks it: both are spelled once."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.models import PointAccount, PointLot
from loyalty.points import ledger
from tests.conftest import MakeCustomer

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 17, 4, tzinfo=UTC)


def plan_of(statement: str) -> str:
    """How PostgreSQL would answer where reading all is the last thing it does."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_the_open_lots_of_an_account_are_found_by_their_index(make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷")
    PointAccount.objects.create(customer=li_lei, available=30, settled_at=AT)
    with CaptureQueriesContext(connection) as asked:
        ledger.look(li_lei.pk, at=AT)

    [lots] = [query["sql"] for query in asked if re.search('FROM "loyalty_pointlot"', query["sql"])]
    assert "lot_open" in plan_of(lots)


def test_another_spelling_of_the_same_is_not_proved_to_be_the_same() -> None:
    """Why there is one spelling: the control of the test above."""
    other = PointLot.objects.filter(account=1).exclude(pending=0, available=0, held=0)

    assert "lot_open" not in plan_of(str(other.query))
