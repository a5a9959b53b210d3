"""The small mall with all its rooms in use: what the demo makes, and one of what only people make."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from core.accounts import tokens
from core.accounts.models import User
from core.accounts.roles import ApiScope
from core.outbox import posting, webhooks
from core.rulebook import changes as rule_changes
from crm.demo import nights
from crm.desk.today import today
from customers.identity import CustomerRef
from customers.imports import runs as imports
from customers.intake import guests
from customers.models import Customer, GuestOrder, ImportProfile
from customers.orders import OrderFact
from customers.privacy import requests
from customers.promises import ledger
from customers.record import fields as custom_fields
from loyalty.notices import Kind
from loyalty.rulebook import RULES as POINTS
from loyalty.tiers import simulation


def furnish(monkeypatch: pytest.MonkeyPatch, *, at: datetime) -> None:
    """Complaints, points and campaigns are in the mall, and a webhook, a draft of the levels, a token and so on."""
    call_command("seed_complaints", "--demo")
    call_command("seed_points")
    call_command("seed_campaigns")
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    admin = User.objects.get(username="admin")
    webhooks.register("https://shop.example.com/hook", events=list(Kind.values), by=admin, at=at)
    draft = simulation.new_draft(by=admin, at=at)
    simulation.simulate(draft.pk, by=admin, at=at)
    tokens.issue(admin, name="till", scopes=[ApiScope.ORDERS_WRITE], at=at)
    rule_changes.propose(
        POINTS, {"rate": "2.00"}, starts_on=today() + timedelta(days=60), reason="fewer levels", by=admin, at=at
    )
    for n, username in enumerate(("agent", "service", "lead")):
        keeper, customer = User.objects.get(username=username), Customer.objects.filter(merged_into=None)[n]
        due = ledger.Due(at + timedelta(hours=1), "hour")
        ledger.make(
            customer, words="回电", due=due, owner=keeper, by=keeper, at=at, source="talk", source_id=-1, ordinal=n
        )
    nights.keep_segments(at)
    custom_fields.define(name="鞋码", kind="text", by=admin, at=at)
    nobody = OrderFact("shop", "G-1", 1, CustomerRef(source="shop"), at, Decimal(100))
    guests.write([guests.kept(nobody, GuestOrder.Why.NOBODY, None, at=at)])
    ImportProfile.objects.create(by=admin, at=at, name="till", source="till", choices={})
    file = b"order_no,customer,phone,date,paid\no-1,c-1,12,2026-11-01,80\no-2,c-1,,never,80\n"
    imports.check(imports.upload("orders.csv", file, source="till", by=admin, at=at), at=at)
    for kind, customer in zip(("see", "erase"), Customer.objects.filter(merged_into__isnull=True)[:2], strict=True):
        requests.register(customer, kind=kind, asked_on=today(), due_on=None, note="", by=admin, at=at, today=today())
