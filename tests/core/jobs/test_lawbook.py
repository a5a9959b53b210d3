"""The laws are asked each night of what has changed, whoever changed it, and of everything within a week."""

from datetime import timedelta

import pgtrigger
import pytest
from django.db import connection

from core.jobs import lawbook
from core.jobs.lawbook import Book, Outcome
from core.jobs.models import BrokenLaw
from customers.models import Order
from loyalty.campaigns import laws as campaign_laws
from loyalty.models import CampaignUsage, CouponCampaign, OrderPoints, PointAccount, PointTxn, Posting
from loyalty.points import accounts, holds
from loyalty.points import laws as point_laws
from tests.conftest import TODAY
from tests.loyalty.campaigns.stories import running
from tests.loyalty.points.stories import DAY, START, order, person, rules

AT = START + 30 * DAY


def sql(statement: str) -> None:
    """As somebody who owns the database does it, with the triggers switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")


def night(book: Book, number: int) -> Outcome:
    return lawbook.check(book, on=TODAY + timedelta(days=number), at=AT + timedelta(days=number))


# What somebody does to the tables, what mends it, and a law that is broken meanwhile.
TAMPERED = {
    "a posting": (
        "UPDATE loyalty_posting SET points = points + 1 WHERE id = (SELECT max(id) FROM loyalty_posting)",
        "UPDATE loyalty_posting SET points = points - 1 WHERE id = (SELECT max(id) FROM loyalty_posting)",
        "sums_to_zero",
    ),
    "a line of the statement": (
        "UPDATE loyalty_pointtxn SET balance = balance + 1 WHERE id = (SELECT min(id) FROM loyalty_pointtxn)",
        "UPDATE loyalty_pointtxn SET balance = balance - 1 WHERE id = (SELECT min(id) FROM loyalty_pointtxn)",
        "lines_of_the_statement",
    ),
    "a balance": (
        "UPDATE loyalty_pointaccount SET earned = earned + 1",
        "UPDATE loyalty_pointaccount SET earned = earned - 1",
        "account_balances",
    ),
    "a lot": (
        "UPDATE loyalty_pointlot SET available = available - 1, original = original - 1 WHERE available > 0",
        "UPDATE loyalty_pointlot SET available = available + 1, original = original + 1 WHERE original < 100",
        "lot_balances",
    ),
    "what an order was granted": (
        "UPDATE loyalty_orderpoints SET granted = granted + 1",
        "UPDATE loyalty_orderpoints SET granted = granted - 1",
        "order_granted",
    ),
    "a hold": (
        "UPDATE loyalty_pointhold SET points = points + 1",
        "UPDATE loyalty_pointhold SET points = points - 1",
        "held",
    ),
    "what a hold took": (
        "UPDATE loyalty_holdallocation SET points = points + 1",
        "UPDATE loyalty_holdallocation SET points = points - 1",
        "held",
    ),
}


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else works meanwhile: other tests keep transactions open in other databases of the server for minutes."""
    real = lawbook._transactions
    monkeypatch.setattr(lawbook, "_transactions", lambda: (real()[0],) * 2)


@pytest.fixture
def _a_mall(transactional_db: None) -> None:
    rules()
    for number in range(9):
        order(person(f"customer {number}"), "100", at=START + DAY, number=f"o-{number}")
    holds.hold(person("customer 3"), 10, purpose="order", ref="x", by=None, at=AT)


@pytest.mark.usefixtures("_a_mall", "_alone")
def test_what_was_changed_is_found_the_same_night_whoever_changed_it() -> None:
    book = point_laws.BOOK
    assert night(book, 0) == Outcome({}, None)  # nobody has looked before: at everything
    assert night(book, 0) == Outcome({}, 0)  # nothing has changed since

    for name, (break_it, mend_it, law) in TAMPERED.items():
        assert night(book, 0).looked_at == 0, name
        sql(break_it)
        found = night(book, 0)
        assert law in found.broken, name
        assert found.looked_at is not None
        assert found.looked_at > 0, name
        assert BrokenLaw.objects.filter(law=law, mended_at=None).exists(), name

        assert law in night(book, 0).broken, name  # not forgotten because it has not changed since
        sql(mend_it)
        mended = night(book, 0)
        assert (mended.broken, mended.looked_at, law in mended.mended) == ({}, None, True), name
        assert not BrokenLaw.objects.filter(mended_at=None).exists(), name
    assert point_laws.broken() == {}


@pytest.mark.usefixtures("_a_mall", "_alone")
def test_what_is_gone_is_found_within_a_week_and_each_seventh_has_its_night() -> None:
    book, people = point_laws.BOOK, PointAccount.objects.count()
    night(book, 0)
    looked = [night(book, number).looked_at for number in range(1, 8)]
    assert sum(count or 0 for count in looked) == people
    assert max(count or 0 for count in looked) < people / 2

    last = Posting.objects.latest("pk")
    sql(f"DELETE FROM loyalty_posting WHERE id = {last.pk}")
    assert [number for number in range(8, 15) if night(book, number).broken]

    with pgtrigger.ignore("loyalty.Posting:append_only"):
        last.save(force_insert=True)
    mended = night(book, 15)
    assert (mended.broken, mended.looked_at) == ({}, None)
    # Nights that were missed: all of it is due.
    assert night(book, 40) == Outcome({}, people)


@pytest.mark.usefixtures("_a_mall")
def test_points_of_an_order_that_came_by_two_accounts_are_not_called_wrong() -> None:
    """The first account was granted them, the one it was merged into has them taken back."""
    night(point_laws.BOOK, 0)
    gone, stays = person("customer 1"), person("customer 2")
    accounts.merge(gone, stays, by=None, at=AT)
    Order.objects.filter(customer=gone).update(customer=stays)
    assert night(point_laws.BOOK, 1).broken == {}

    order(stays, "100", at=START + DAY, number="o-1", version=2, back="100", seen=AT + DAY)
    assert PointTxn.objects.filter(order__external_id="o-1").values("account").distinct().count() == 2
    assert night(point_laws.BOOK, 2).broken == {}
    assert OrderPoints.objects.get(order__external_id="o-1").granted == 0


@pytest.mark.usefixtures("_alone")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("tamper", ["campaign", "usage"])
def test_campaigns_are_asked_by_difference_too(tamper: str) -> None:
    book = campaign_laws.BOOK
    campaign = running()
    night(book, 0)
    assert night(book, 0) == Outcome({}, 0)

    if tamper == "campaign":
        CouponCampaign.objects.filter(pk=campaign.pk).update(used=1)
    else:
        CampaignUsage.objects.create(campaign=campaign, customer=person(), used=1, most=2)

    found = night(book, 0)
    assert found.looked_at == 1
    assert "campaign_used" in found.broken
    assert campaign_laws.broken() != []
