"""No page and no explanation tells a figure of value or margin to a role that does not see it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from core.accounts.models import Delegation, Role, User
from core.accounts.roles import RIGHTS, Field, Permission, Scope, rights_of
from crm.desk.today import today
from crm.desk.urls import urlpatterns
from crm.flows import nightly
from customers.models import Customer, Lookup, Standing, Todo
from segmentation import rules
from segmentation.models import Alert, Night
from segmentation.reading.explain import explain
from segmentation.reading.rhythm import sentence
from tests.conftest import TODAY, MakeCustomer, MakeOrder, MakeUser

READER_OF_ALL = User(roles=[Role.TEAM_LEAD])
STAFF = [role for role in Role.values if role != Role.CLIENT]
WITHOUT_VALUE = [role for role in STAFF if Field.VALUE in RIGHTS[role].hidden]
WITHOUT_MARGIN = [role for role in STAFF if Field.MARGIN in RIGHTS[role].hidden]


@pytest.fixture(autouse=True)
def _ids_like_no_amount(db: None) -> None:
    """A page names people and rows by their ids, and a small one could be written like an amount."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 70000000) FROM pg_sequences"
            " WHERE coalesce(last_value, 0) < 70000000 AND schemaname = 'public'"
        )


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="east")


@pytest.fixture
def mall(chen: User, make_customer: MakeCustomer, make_order: MakeOrder) -> list[Customer]:
    """Somebody big, somebody active, somebody gone quiet, somebody met once: every kind of reason."""
    habits = {
        "李雷": ([310, 280, 250, 220, 190, 160, 130, 100, 70], "48731.17"),  # gone quiet
        "韩梅梅": ([120, 100, 80, 60, 40, 20, 2], "7919.37"),
        "林涛": ([126, 105, 84, 63, 42, 21, 1], "1871.93"),
        "吉姆": ([170, 150, 130, 110, 90, 70, 50], "1523.77"),  # not active any more, by a little
        "露西": ([200], "6133.71"),
        "莉莉": ([400, 390, 380, 300], "2239.19"),
    }
    people = []
    for name, (days, paid) in habits.items():
        person = make_customer(name, manager=chen)
        for ago in days:
            make_order(person, today() - timedelta(days=ago), paid=paid, cost=round(Decimal(paid) * 2 / 5, 2))
        people.append(person)
    nightly.run(today())
    return people


def spellings(amount: object) -> list[str]:
    """How a page could write this amount; small ones with decimals only, as 12 may be a count of anything."""
    figure = Decimal(str(amount))
    if abs(figure) < 1000:
        return [f"{figure:.2f}"]
    return [f"{figure:,.2f}", f"{figure:.2f}", f"{figure:,.0f}", f"{figure:.0f}", f"{figure * 100:.0f}"]


def values_of(people: list[Customer]) -> set[str]:
    """Every way a figure of value of these customers could be written on a page."""
    bars = Night.objects.values_list("value_bar", flat=True)
    amounts = [amount for row in _figures_of_standings() for amount in row if amount is not None]
    amounts += [*Alert.objects.values_list("severity", flat=True), *Todo.objects.values_list("at_stake", flat=True)]
    amounts += [Decimal(bar) / 100 for bar in bars] + [Decimal(bar) * 3 / 400 for bar in bars]
    return {text for amount in amounts if abs(amount) >= 10 for text in spellings(amount)}


def _figures_of_standings() -> Iterator[tuple[Decimal | None, ...]]:
    return Standing.objects.values_list("value", "value_low", "value_high", "potential").iterator()


def margins_of(people: list[Customer]) -> set[str]:
    """Profit of single orders, profit per order, own profit a month, and what the alerts say of it."""
    found = set()
    for person in people:
        why = explain(person, reader=READER_OF_ALL, on=TODAY)
        assert why is not None
        for line in why.value_lines:
            is_range = " … " in line.figure  # of the value, and no margin
            if line.figure.startswith("¥") and line.sign not in ("=", "Σ") and not is_range:
                found |= {line.figure[1:], *spellings(line.figure[1:].replace(",", ""))}
        found |= {text for order in person.orders.all() for text in spellings(order.profit) + spellings(order.cost)}
    for alert in Alert.objects.all():
        found |= set(spellings(Decimal(alert.evidence["monthly_profit"]) / 100))
    return found


def shown_in(page: str, figures: set[str]) -> set[str]:
    """Those figures that stand on the page, as whole numbers and not as a part of others."""
    return set(re.findall(r"(?<![\w.,#/-])\d[\d,]*(?:\.\d+)?(?![\w%])", page)) & figures


def reach_of(user: User, mall: list[Customer], chen: User) -> None:
    """Whatever lets this role see customers at all."""
    scopes = rights_of(user).scopes
    if Scope.DELEGATED in scopes:
        Delegation.objects.create(
            manager=chen, assistant=user, starts_on=today() - timedelta(days=1), ends_on=today() + timedelta(days=1)
        )
    if Scope.LOOKED_UP in scopes:
        Lookup.objects.bulk_create(Lookup(user=user, customer=person, on=today()) for person in mall)


def pages(client: Client, mall: list[Customer]) -> Iterator[tuple[str, str]]:
    """Every page with its text, as far as the user may open it."""
    addresses = [reverse(f"desk:{route.name}") for route in urlpatterns if "<" not in str(route.pattern)]
    addresses += [reverse("desk:long_absent") + "?list=never", reverse("desk:customers") + "?absent_days=1"]
    addresses += [reverse("desk:customer", args=[person.pk]) for person in mall]
    addresses += [reverse("desk:alert", args=[alert.pk]) for alert in Alert.objects.all()]
    for address in addresses:
        answer = client.get(address, follow=True)
        yield address, answer.content.decode()
    shown = {constant.name: constant.shown(constant.default) for constant in rules.CONSTANTS}
    draft = {**shown, "big_share": 95, "big_cap": 50, "big_enter": 100, "active_enter": 1, "active_leave": 0.5}
    yield "preview", client.post(reverse("desk:rules_preview"), draft).content.decode()
    yield "find", client.post(reverse("desk:find"), {"q": mall[0].number}, follow=True).content.decode()
    refused = client.post(reverse("desk:log_contact", args=[mall[0].pk]), {"outcome": "?"})
    yield "contact refused", refused.content.decode()


def test_the_search_finds_what_a_manager_is_shown(client: Client, mall: list[Customer], chen: User) -> None:
    client.force_login(chen)
    shown = {address: shown_in(page, values_of(mall)) for address, page in pages(client, mall)}
    margins = {address: shown_in(page, margins_of(mall)) for address, page in pages(client, mall)}

    assert Alert.objects.exists()
    assert {Standing.Class.BIG, Standing.Class.ACTIVE, Standing.Class.RANDOM} <= set(
        Standing.objects.values_list("customer_class", flat=True)
    )
    for person in mall:
        assert shown[reverse("desk:customer", args=[person.pk])]
        assert margins[reverse("desk:customer", args=[person.pk])]
    assert shown[reverse("desk:customers")]
    assert shown[reverse("desk:alerts")]
    assert shown[reverse("desk:my_day")]
    assert margins[reverse("desk:alert", args=[Alert.objects.get(customer=mall[0]).pk])]


@pytest.mark.parametrize("role", WITHOUT_VALUE)
def test_no_page_tells_a_value(
    client: Client, make_user: MakeUser, mall: list[Customer], chen: User, role: str
) -> None:
    user = make_user(role)
    reach_of(user, mall, chen)
    client.force_login(user)

    shown = dict(pages(client, mall))

    assert {address: leaks for address, page in shown.items() if (leaks := shown_in(page, values_of(mall)))} == {}
    if Permission.EDIT_RULES in RIGHTS[role].permissions:
        assert "Who moves" in shown["preview"]


@pytest.mark.parametrize("role", WITHOUT_MARGIN)
def test_no_page_tells_a_margin(
    client: Client, make_user: MakeUser, mall: list[Customer], chen: User, role: str
) -> None:
    user = make_user(role)
    reach_of(user, mall, chen)
    client.force_login(user)

    assert {
        address: leaks for address, page in pages(client, mall) if (leaks := shown_in(page, margins_of(mall)))
    } == {}


@pytest.mark.parametrize("role", STAFF)
def test_no_explanation_holds_what_its_reader_may_not_see(mall: list[Customer], role: str) -> None:
    reader, hidden = User(roles=[role]), RIGHTS[role].hidden
    values, margins = values_of(mall), margins_of(mall)
    for person in mall:
        why = explain(person, reader=reader, on=TODAY)
        assert why is not None
        assert why.class_reason
        text = str(why) + " ".join(sentence(alert, reader=reader, on=TODAY) for alert in person.alerts.all())
        assert not (Field.VALUE in hidden and shown_in(text, values))
        assert not (Field.MARGIN in hidden and shown_in(text, margins))
        assert (why.value is None) == (Field.VALUE in hidden)


def test_alerts_are_not_sorted_by_what_is_hidden(client: Client, make_user: MakeUser, mall: list[Customer]) -> None:
    """The largest loss first would tell who is worth most."""
    client.force_login(make_user(Role.SERVICE_LEAD))

    rows = client.get(reverse("desk:alerts")).context["page"].rows

    assert [row.pk for row in rows] == list(
        Alert.objects.filter(state="open").order_by("-opened_on", "pk").values_list("pk", flat=True)
    )
    assert {row.severity for row in rows} == {None}
