"""A small desk behind a real server: two heads who take calls, customers, and a case of each but one."""

import random
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from complaints.cases import intake
from complaints.models import Case, Category, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import Role, User
from customers.models import Customer
from tests.browser.story.machine import Walk
from tests.conftest import MakeCustomer, MakeUser


@dataclass
class World:
    url: str
    browser: Browser
    users: list[User]
    customers: list[Customer]
    cases: list[Case]

    def walk(self, number: int) -> Walk:
        chance = random.Random(number)
        return Walk(self.url, self.browser, chance, self.users, self.customers, self.cases, number)


@pytest.fixture
def world(
    live_server: LiveServer,
    browser: Browser,
    make_user: MakeUser,
    make_customer: MakeCustomer,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    # A thread of the server that kept its connection would keep the test database from being dropped.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    at = timezone.now()
    defaults.install(at=at - timedelta(days=1))
    users = [make_user(Role.SERVICE_LEAD, name) for name in ("Wang Fang", "Zheng Kai")]
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=users[0], capacity=1000)
    customers = [make_customer(name) for name in ("李雷", "韩梅梅", "高女士", "冯振宇")]
    category = Category.objects.get(code="delivery-late")
    cases = [
        intake.log(customer, category=category, channel="phone", by=users[0], at=at, description="包裹没到").case
        for customer in customers[:3]
    ]
    return World(str(live_server.url), browser, users, customers, cases)
