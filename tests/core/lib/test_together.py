"""Many lists read in one statement are what they are when each is read for itself."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Model, Q, QuerySet
from django.test.utils import CaptureQueriesContext

from core.accounts.models import AuditEntry, User
from core.lib.rows import together
from core.outbox.models import WebhookEndpoint, WebhookEvent
from customers.models import ContactPoint, Customer, Order, Standing
from loyalty.models import OrderPoints, PointAccount, PointLot
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def mall(make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder) -> None:
    """Texts, days, moments, amounts, lists, JSON, bytes, ids, figures with a comma; and what is missing of each."""
    chen = make_user(name="Chen Jing")
    told = {"custom": {"size": 1.5, "甲": ["乙", None]}, "interests": ["茶", 'a"b\\c']}
    li_lei = make_customer("李雷", manager=chen, phone="13800138000", **told)
    make_customer("韩梅梅")
    point_rules.save(
        {"rate": Decimal("1.5")}, starts_at=NOW - timedelta(90), by=None, reason="x", at=NOW - timedelta(90)
    )
    bought = [make_order(li_lei, TODAY - timedelta(days=n), "100.10") for n in (3, 2)]
    point_orders.reconcile([order.pk for order in bought], at=NOW)
    Standing.objects.filter(pk=li_lei.pk).update(usual_days=30.1, limit_days=1e-9, valued_on=TODAY)
    endpoint = WebhookEndpoint.objects.create(url="https://x", events=["a"], secret=b"\x00\xff", by=chen, at=NOW)
    WebhookEvent.objects.create(
        endpoint=endpoint,
        event_id="6f2b1f0e-54e5-5d0a-9d3c-5b8a4f0c7a11",
        kind="a",
        happened_at=NOW,
        data={"n": 0.1},
        next_attempt_at=NOW,
    )


def querysets() -> list[QuerySet[Any, Any]]:
    return [
        Customer.objects.select_related("manager", "standing").order_by("pk"),
        Customer.objects.filter(name="nobody"),
        Customer.objects.none(),
        Customer.objects.order_by("-pk")[:1],
        Customer.objects.defer("custom").order_by("pk"),
        Customer.objects.order_by("pk").values_list("number", flat=True),
        ContactPoint.objects.order_by("pk"),
        Standing.objects.order_by("pk"),
        Order.objects.order_by("-ordered_at", "pk").prefetch_related("lines"),
        Order.objects.values("customer").order_by().annotate(n=Count("pk", filter=Q(paid__gt=1))).values_list("n"),
        OrderPoints.objects.select_related("order", "rules").order_by("pk"),
        PointLot.objects.order_by("expires_at", "pk"),
        PointAccount.objects.select_related("customer"),
        AuditEntry.objects.select_related("actor").order_by("pk"),
        WebhookEvent.objects.select_related("endpoint"),
        User.objects.order_by("pk"),
    ]


def plain(row: Model) -> dict[str, Any]:
    return {name: bytes(v) if isinstance(v, memoryview) else v for name, v in vars(row).items() if name[0] != "_"}


def content(row: Any) -> Any:
    """A row, and the rows that were read along with it."""
    if not isinstance(row, Model):
        return row
    beside = {name: plain(other) for name, other in row._state.fields_cache.items() if isinstance(other, Model)}
    further = getattr(row, "_prefetched_objects_cache", {})
    return plain(row), beside, {name: [plain(other) for other in rows] for name, rows in further.items()}


def test_they_are_the_same_lists(mall: None) -> None:
    apart, asked = querysets(), querysets()

    with CaptureQueriesContext(connection) as statements:
        together(*asked)
        read = [list(rows) for rows in asked]

    assert len(statements) == 2  # and the lines of the orders
    assert [[content(row) for row in rows] for rows in read] == [[content(row) for row in rows] for rows in apart]


def test_of_nothing_nothing_is_asked(db: None) -> None:
    with CaptureQueriesContext(connection) as statements:
        together(Customer.objects.none(), Order.objects.filter(pk__in=[]))

    assert len(statements) == 0
