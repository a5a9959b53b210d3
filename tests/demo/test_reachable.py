"""Every page is reached by links: as each role, from the first page on, through the demo mall with all its rooms."""

import re
from collections import Counter, deque
from datetime import timedelta
from decimal import Decimal
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import Role, User
from core.accounts.roles import RIGHTS, ApiScope
from core.outbox import posting, webhooks
from crm.demo import mall as demo
from crm.desk.today import today
from crm.desk.urls import urlpatterns
from crm.flows import nightly
from customers.identity import CustomerRef
from customers.imports import runs as imports
from customers.intake import guests
from customers.models import Customer, GuestOrder, ImportProfile
from customers.orders import OrderFact
from customers.privacy import requests
from customers.record import fields as custom_fields
from loyalty.notices import Kind
from loyalty.tiers import simulation
from tests.desk.test_permissions import PAGES, POSTED

LEADS_TO = re.compile(r'\b(?:href|data-href|hx-get|action)="([^"#][^"]*)"')
# Of one page with many subjects (customers, cases, …) so many are opened.
OF_A_KIND = 2
# Opened by something else than a link of a page, or leads to what even this mall has none of: with the reason.
NO_LINK = {
    "complaint_logged": "the answer to a complaint that was logged",
    "bell_open": "on a message; whoever has none has nothing to open",
    "merge_undo": "on a record that another was merged into; none was",
    "tiers_moves": "in the table of a draft that moves somebody; this one says what is in force",
    "points_thaw": "on the page of a frozen account; none is frozen",
}
# Who sees only whom they look up by a whole number comes to a customer by the search, puts somebody new on record by
# the page of the call, and comes to the settings not at all.
NO_LINK_FOR = {
    (Role.SERVICE_AGENT, "customer"),
    (Role.SERVICE_AGENT, "customer_edit"),
    (Role.SERVICE_AGENT, "customer_orders"),
    (Role.SERVICE_AGENT, "order"),
    (Role.SERVICE_AGENT, "customer_new"),
    (Role.SERVICE_AGENT, "tiers_why"),
    (Role.SERVICE_AGENT, "points"),
    (Role.SERVICE_AGENT, "settings"),
    (Role.ASSISTANT, "settings"),
}


@pytest.fixture
def demo_mall(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small mall after a night, with complaints, points and campaigns, and one of what only people make."""
    demo.load(demo.imagine(today() - timedelta(days=1), demo.SMALL), at=timezone.now() - timedelta(days=1))
    nightly.run(today() - timedelta(days=1))
    call_command("seed_complaints", "--demo")
    call_command("seed_points")
    call_command("seed_campaigns")
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    admin, at = User.objects.get(username="admin"), timezone.now()
    webhooks.register("https://shop.example.com/hook", events=list(Kind.values), by=admin, at=at)
    draft = simulation.new_draft(by=admin, at=at)
    simulation.simulate(draft.pk, by=admin, at=at)
    tokens.issue(admin, name="till", scopes=[ApiScope.ORDERS_WRITE], at=at)
    custom_fields.define(name="鞋码", kind="text", by=admin, at=at)
    nobody = OrderFact("shop", "G-1", 1, CustomerRef(source="shop"), at, Decimal(100))
    guests.keep(nobody, GuestOrder.Why.NOBODY, at=at)
    ImportProfile.objects.create(by=admin, at=at, name="till", source="till", choices={})
    file = b"order_no,customer,phone,date,paid\no-1,c-1,12,2026-11-01,80\no-2,c-1,,never,80\n"
    imports.check(imports.upload("orders.csv", file, source="till", by=admin, at=at), at=at)
    asked = {"kind": "see", "asked_on": today(), "due_on": None, "note": "", "by": admin, "at": at, "today": today()}
    requests.register(Customer.objects.filter(merged_into__isnull=True)[0], **asked)


def route_of(address: str) -> str:
    try:
        return str(resolve(urlsplit(address).path).view_name)
    except Resolver404:
        return ""


def reached_by(client: Client) -> set[str]:
    """The names of the pages somebody comes to by following links, form addresses among them, from the first page."""
    named: set[str] = set()
    opened: Counter[str] = Counter()
    queue, known = deque(["/"]), {"/"}
    while queue:
        address = queue.popleft()
        route = route_of(address)
        name = route.removeprefix("desk:")
        if name in POSTED or opened[route] >= OF_A_KIND or not route.startswith("desk:"):
            continue
        opened[route] += 1
        answer = client.get(address)
        assert answer.status_code in (200, 302, 404, 409), f"{address} answers {answer.status_code}"
        if answer.status_code == 302:
            links = [answer["Location"]]
        elif "text/html" in answer["Content-Type"]:
            links = [unescape(link) for link in LEADS_TO.findall(answer.content.decode())]
        else:
            continue
        for link in links:
            target = urljoin(address, link)
            if urlsplit(target).netloc or not target.startswith("/"):
                continue
            named.add(route_of(target))
            path = urlsplit(target).path
            if path not in known:
                known.add(path)
                queue.append(target)
    return {name.removeprefix("desk:") for name in named}


def test_no_page_is_reached_only_by_knowing_its_address(demo_mall: None) -> None:
    missing: dict[str, list[str]] = {}
    for role in Role:
        user = User.objects.filter(roles__contains=[role], is_active=True).order_by("pk").first()
        if role == Role.CLIENT or user is None:
            continue
        client = Client()
        client.force_login(user)
        reached = reached_by(client)
        for route in urlpatterns:
            name, permission = str(route.name), PAGES[str(route.name)]
            may_open = permission is None or permission in RIGHTS[role].permissions
            if name not in POSTED and may_open and name not in reached and (role, name) not in NO_LINK_FOR:
                missing.setdefault(name, []).append(role.value)
    for name, roles in missing.items():
        print(f"{name}: {', '.join(roles)}")

    assert missing.keys() <= NO_LINK.keys()
