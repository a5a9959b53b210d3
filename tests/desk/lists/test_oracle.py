"""5: what a reader may not see changes not one byte of what the lists answer, whatever is asked of them."""

import os
import random
import re
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.db.models import F
from django.test import Client

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from core.views import saved
from customers.lists.record import CLASSES
from customers.models import Customer, LifeDate, Standing
from segmentation.models import Alert
from tests.conftest import NOW, TODAY, ApiFor, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
REQUESTS, PEOPLE = (2000, 60) if "LAOKE_MANY_TREES" in os.environ else (60, 8)
# What is another one in every answer.
CHANGING = re.compile(
    r'(csrfmiddlewaretoken|name="once|nonce|csrftoken|initial-once|X-CSRFToken)[^>]{0,200}|[0-9-]{10} [0-9]{2}:[0-9]{2}'
)
HIDDEN = ("value=ge.1", "birthday=next.30", "birthday=unknown", "potential=between.1,500", "value=lt.300")
SHOWN = (
    "class=big",
    "class=none.big",
    "quiet=gt.20",
    "province=浙江",
    "manager=unknown",
    "orders=ge.1",
    "open_cases=ge.1",
)
SORTS = ("", "value", "-value", "-potential", "last", "-last", "registered", "-paid")
DOORS = ("/customers/", "/customers/count/", "/alerts/", "/customers/?as=csv", "/api/v1/customers")


def queries(chance: random.Random, views: list[int]) -> Iterator[str]:
    """Addresses with hidden and shown conditions, alone, together and within groups; orders, views, cursors, columns."""
    for _n in range(REQUESTS):
        door = chance.choice(DOORS)
        told = chance.sample((*HIDDEN, *SHOWN, *SHOWN), chance.randint(0, 3))
        parts = [tuple(text.split("=", 1)) for text in told]
        if chance.random() < 0.3 and parts:
            inner = ";".join(f"{name}:{value}" for name, value in parts)
            parts = [("q", f"{chance.choice(['any', 'all'])}({inner};not(class:big))")]
        if sort := chance.choice(SORTS):
            parts.append(("sort", sort))
        if "api" not in door:
            parts += [("view", f"v{chance.choice(views)}")] if chance.random() < 0.2 else []
        yield f"{door}{'&' if '?' in door else '?'}{urlencode(parts)}"


def test_hidden_fields_change_no_byte(
    client: Client, api_for: ApiFor, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    lead, head = make_user(Role.TEAM_LEAD, "Qian", team="East"), make_user(Role.SERVICE_LEAD, "Zhao", team="East")
    chance = random.Random(5)
    for number in range(PEOPLE):
        person = make_customer(f"客户{number}", region=chance.choice(["浙江", "上海"]))
        make_order(person, TODAY, external_id=f"{number}")
        kind = chance.choice(list(CLASSES.values()))
        Standing.objects.filter(pk=person.pk).update(customer_class=kind, last_on=chance.choice([None, TODAY]))
        Alert.objects.create(
            customer=person, kind="quiet", severity=5, last_on=TODAY, opened_on=TODAY, window_ends_on=TODAY
        )
    views = []
    for name, tree in (("value", "ge"), ("birthday", "next")):
        look = saved.Look({"v": 1, "all": [{"field": name, "op": tree, "value": ["7"]}]}, ["value", "class"], "-value")
        view = saved.save(lead, "customers", name, look, at=NOW)
        saved.share(lead, view.pk, "all", at=NOW)
        views.append(view.pk)
    client.force_login(head)
    rest = api_for(ApiScope.CUSTOMERS_READ, user=head)
    asked = list(queries(random.Random(6), views))
    every = list(Customer.objects.values_list("pk", flat=True))
    asked += [f"/customers/{pk}/preview/" for pk in every[:5]]

    def answers() -> list[tuple[str, int, str]]:
        told = []
        for query in asked:
            answer = (rest if "api" in query else client).get(query)
            told.append((query, answer.status_code, CHANGING.sub("", answer.content.decode())))
        return told

    before = answers()
    Standing.objects.update(
        value=1000 - F("customer_id") % 7, potential=Decimal(77), birthday=F("customer_id") % 28 + 1201
    )
    LifeDate.objects.all().delete()
    LifeDate.objects.bulk_create(
        LifeDate(customer=customer, kind="birthday", month=12, day=3) for customer in Customer.objects.all()
    )
    Alert.objects.update(severity=F("customer_id") % 50 + 1)
    differ = [query for (query, *told), (_query, *now) in zip(before, answers(), strict=True) if told != now]

    assert {status for _query, status, _text in before} >= {200, 422}
    assert differ == []
