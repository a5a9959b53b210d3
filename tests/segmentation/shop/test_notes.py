"""What is unusual about a shop is found where it is so, nowhere else, and stands on the pages it touches."""

from datetime import date, timedelta

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role
from segmentation import rules
from segmentation.maths.histories import Histories
from segmentation.models import Alert, Fit, Night
from segmentation.shop import notes
from tests.conftest import MakeCustomer, MakeUser

EVERY_KIND = [
    {"kind": "dominates", "share": 0.61},
    {"kind": "season", "share": 0.6, "from": "2024-10-07", "until": "2024-10-20"},
    {"kind": "recall", "orders": 882, "on": "2024-11-02"},
    {"kind": "floor", "asked": 0.5, "right": 0.41},
    {"kind": "flood", "alerts": 42, "usual": 3},
]
SAID = {
    "dominates": "One customer holds 61 % of all value.",
    "season": "60 % of the purchases of the last year fell into two weeks (2024-10-07 to 2024-10-20).",
    "recall": "882 orders went back on 2024-11-02",
    "floor": "right as often as the rules ask (50 in 100)",
    "flood": "The last night opened 42 alerts; a usual one opens 3.",
}


def night(on: date, **figures: object) -> Night:
    fit, _made = Fit.objects.get_or_create(as_of=date(2024, 11, 2), defaults={"parameters": {}})
    return Night.objects.create(
        as_of=on,
        rules=rules.current(),
        fit=fit,
        value_bar=1.0,
        potential_bar=1.0,
        figures={"total_value": 1, **figures},
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("page", "role", "kinds"),
    [
        ("alerts", Role.TEAM_LEAD, {"season", "recall", "floor", "flood"}),
        ("matrix", Role.TEAM_LEAD, {"dominates", "season"}),
        ("nights", Role.ADMINISTRATOR, {"season", "recall", "floor", "flood"}),
    ],
)
def test_each_page_says_what_touches_it(
    client: Client, make_user: MakeUser, page: str, role: str, kinds: set[str]
) -> None:
    night(date(2024, 11, 2), notes=EVERY_KIND)
    client.force_login(make_user(role))

    text = client.get(reverse(f"desk:{page}")).content.decode()

    assert {kind for kind, words in SAID.items() if words in text} == kinds


@pytest.mark.django_db
def test_a_night_with_far_more_alerts_than_usual_says_so(make_customer: MakeCustomer) -> None:
    today = date(2024, 11, 2)
    for back in range(1, 11):
        night(today - timedelta(days=back))
    customer = make_customer("李雷")
    Alert.objects.create(
        customer=customer,
        kind=Alert.Kind.QUIET,
        last_on=today - timedelta(days=90),
        opened_on=today - timedelta(days=2),
        window_ends_on=today,
        severity=1,
    )

    assert notes.of_alerts(today, 19) == []
    assert notes.of_alerts(today, 30) == [{"kind": "flood", "alerts": 30, "usual": 0}]
    assert notes.of_alerts(today - timedelta(days=6), 30) == []  # four nights before it are no usual


def test_a_season_is_two_weeks_with_much_of_a_year() -> None:
    days = np.random.default_rng(1).integers(0, 365, 1000)
    rush = np.random.default_rng(1).integers(280, 294, 1500)

    assert notes.season(days, until=364) is None
    found = notes.season(np.append(days, rush), until=364)
    assert found is not None
    assert found["from"] == "1970-10-08"
    assert 0.55 < found["share"] < 0.65
    assert notes.season(rush, until=300) is None


def test_a_customer_who_is_most_of_the_value_is_said() -> None:
    even = np.full(50, 100.0)

    assert notes.of_values(even, one_dominates=False) == []
    assert notes.of_values(np.append(even, 5_000.0), one_dominates=False) == [{"kind": "dominates", "share": 0.5}]
    assert notes.of_values(np.array([5.0]), one_dominates=False) == []


def test_who_stands_alone_is_in_no_fit_and_a_good_customer_is() -> None:
    dice = np.random.default_rng(2)
    customer = np.repeat(np.arange(200), 10)
    day = np.tile(np.arange(0, 200, 20), 200)
    shop = Histories(customer, day, dice.uniform(50, 150, 2000), np.ones(2000, dtype=np.int64), 201)
    rich = Histories(
        np.append(customer, np.full(60, 200)),
        np.append(day, np.arange(0, 180, 3)),
        np.append(shop.profit, np.full(60, 20_000.0)),
        np.ones(2060, dtype=np.int64),
        201,
    )

    assert len(shop.ordinary().day) == 2000
    assert len(rich.ordinary().day) == 2000
