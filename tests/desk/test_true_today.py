"""Every figure is true on the day it is read, and is made by the lines that explain it.

A mall of all kinds of customers is worked by real nights; then its pages are opened three days and three months later,
and whatever depends on the day is worked out once more from the orders alone.
"""

import html
import itertools
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker
from scipy.special import ndtr, ndtri

from core.accounts.models import Role, User
from crm.flows import nightly
from customers.identity import number_of
from customers.models import Customer, Order, Standing, Todo
from segmentation.models import Alert, Night
from segmentation.reading.explain import Explanation, explain
from segmentation.reading.rhythm import limits_of
from segmentation.reading.terms import Line
from tests.conftest import TODAY, MakeUser

KINDS = 8
NIGHTS = (TODAY - timedelta(days=9), *(TODAY - timedelta(days=days) for days in (6, 4, 2, 1, 0)))


def days_of(kind: int, dice: np.random.Generator) -> list[int]:
    """How many days before TODAY somebody of this kind bought."""
    every = float(dice.choice([6, 14, 30, 75]))
    gaps = np.maximum(dice.lognormal(np.log(every), 0.4, 60).round(), 1).cumsum()
    if kind == 0:  # once, at any time
        return [int(dice.integers(0, 500))]
    if kind == 1:  # gone for good
        return [int(day) for day in gaps + dice.integers(150, 300) if day < 700]
    if kind == 2:  # quiet for a little longer than usual
        return [int(day) for day in gaps + round(every * 3.5) if day < 700]
    if kind == 3:  # new
        return [int(day) for day in gaps if day < 60] or [3]
    return [int(day) for day in gaps - gaps[0] + dice.integers(0, round(every)) if day < 700]


def build(customers: int) -> None:
    dice = np.random.default_rng(13)
    people = [
        Customer(name=f"客户{n}", number=number_of(700_000 + n), registered_on=date(2024, 1, 1))
        for n in range(customers)
    ]
    Customer.objects.bulk_create(people)
    Standing.objects.bulk_create(Standing(customer=person) for person in people)
    orders = []
    for n, person in enumerate(people):
        usual = float(np.exp(dice.normal(5, 0.8))) * (40 if n == 11 else 1)
        for days in sorted(set(days_of(n % KINDS, dice))):
            at = datetime(TODAY.year, TODAY.month, TODAY.day, 4, tzinfo=UTC) - timedelta(days=days)
            paid = Decimal(f"{usual * dice.uniform(0.6, 1.4):.2f}")
            profit = round(-paid / 4 if n % 29 == 4 else paid / 3, 2)
            orders.append(
                Order(
                    source="shop",
                    external_id=f"{n}-{days}",
                    version=1,
                    customer=person,
                    status=Order.Status.PAID,
                    ordered_at=at,
                    ordered_on=at.date(),
                    paid=paid,
                    cost=paid - profit,
                    profit=profit,
                    category_mask=int(dice.integers(1, 1024)),
                    received_at=at,
                )
            )
    Order.objects.bulk_create(orders, batch_size=4000)


@pytest.fixture(scope="module", params=[48, 300], ids=["young", "grown"])
def mall(request: Any, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[int]:
    """With and without enough customers for parameters of its own; how many there are."""
    with django_db_blocker.unblock(), transaction.atomic():
        build(request.param)
        for night in NIGHTS:
            nightly.run(night)
        yield request.param
        transaction.set_rollback(True)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    def travel(days: int) -> date:
        on = TODAY + timedelta(days=days)
        monkeypatch.setattr(timezone, "now", lambda: datetime(on.year, on.month, on.day, 3, tzinfo=UTC))
        return on

    return travel


class Rhythm(NamedTuple):
    quiet: int
    usual: int
    limit: int
    next_on: date


def rhythm_of(person: Customer, on: date) -> Rhythm:
    """From the orders and the parameters of the last night, by the formulas of the book."""
    bought = sorted(set(person.orders.filter(status="paid").values_list("ordered_on", flat=True)))
    night = Night.objects.select_related("fit", "rules").latest("as_of")
    gaps, a_max, dial = (night.fit.parameters[name] for name in ("gaps", "a_max", "dial"))
    m, s2, t2 = gaps["m"], gaps["s2"], gaps["t2"]
    logs = [math.log((after - before).days) for before, after in itertools.pairwise(bought)]
    n, mean = len(logs), m
    if n:
        w = t2 / (t2 + s2 / n)
        mean = w * sum(logs) / n + (1 - w) * m
    sd = math.sqrt(s2 + 1 / (1 / t2 + n / s2))
    level = min(a_max, max(dial * math.exp(mean + s2 / 2) / 365, 0.002))
    quiet = (on - bought[-1]).days
    expected = math.exp(mean)
    if quiet > expected:
        late = float(ndtr((mean - math.log(quiet)) / sd))
        expected = max(math.exp(mean - ndtri(max(late / 2, 1e-300)) * sd), quiet)
    limit = math.exp(mean - ndtri(level) * sd)
    half_up = (math.floor(figure + 0.5) for figure in (math.exp(mean), limit, expected))
    usual, until, ahead = half_up
    return Rhythm(quiet, usual, until, bought[-1] + timedelta(days=ahead))


def text_of(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return html.unescape(re.sub(r"\s+", " ", response.content.decode()))


def chart_of(page: str) -> dict[str, Any]:
    drawn: dict[str, Any] = json.loads(re.search(r'<script id="interval"[^>]*>(.*?)</script>', page)[1])  # type: ignore[index]
    return drawn


@pytest.mark.parametrize("days", [3, 90])
def test_what_depends_on_the_day_is_of_the_day_it_is_read(
    mall: int, db: None, client: Client, make_user: MakeUser, later: Any, days: int
) -> None:
    on = later(days)
    client.force_login(make_user(Role.TEAM_LEAD))
    figures, stale = 0, []

    def compare(where: str, shown: Any, right: Any) -> None:
        nonlocal figures
        figures += 1
        if shown != right:
            stale.append((where, shown, right))

    for person in Customer.objects.order_by("pk")[: 2 * KINDS]:
        page, right = text_of(client, "desk:customer", person.pk), rhythm_of(person, on)
        chart = chart_of(page)
        compare("quiet", re.search(r"<span>(\d+) d</span>", page)[1], str(right.quiet))  # type: ignore[index]
        compare("usual", re.search(r"usually (\d+), limit (\d+)", page).groups(), (str(right.usual), str(right.limit)))  # type: ignore[union-attr]
        compare("today", chart["today"]["on"], on.isoformat())
        compare("next", re.search(r"expected around (\S+)", page)[1], right.next_on.isoformat())  # type: ignore[index]
        compare("limit", chart["limit"]["on"], (on + timedelta(days=right.limit - right.quiet)).isoformat())
        for said in re.findall(r"(?:silence of|Quiet for) (\d+) days", page):
            compare("class", said, str(right.quiet))

    listed = text_of(client, "desk:alerts")
    for alert in Alert.objects.filter(state="open").select_related("customer")[:8]:
        right = rhythm_of(alert.customer, on)
        row = re.search(rf'<tr data-href="{reverse("desk:alert", args=[alert.pk])}">(.*?)</tr>', listed)[1]  # type: ignore[index]
        compare("alerts", re.search(r"> (\d+) d <", row)[1], str(right.quiet))  # type: ignore[index]
        night, quiet = re.search(r"([\d-]+): quiet (\d+) d", row).groups()  # type: ignore[union-attr]
        compare("alerts, night", (date.fromisoformat(night) - alert.last_on).days, int(quiet))
        compare("alerts, night", date.fromisoformat(night) in NIGHTS, True)
        page = text_of(client, "desk:alert", alert.pk)
        compare("alert", (f"it has been {right.quiet} days" in page or f"{right.quiet} days without" in page), True)
        compare("alert, today", chart_of(page)["today"]["on"], on.isoformat())

    queue = text_of(client, "desk:my_day")
    for todo in Todo.objects.filter(reason="alert", state="open").select_related("customer"):
        if reverse("desk:customer", args=[todo.customer_id]) in queue:
            quiet = rhythm_of(todo.customer, on).quiet
            compare("my day", f"quiet for {quiet}," in queue or f"{quiet} days without" in queue, True)

    print(f"{mall} customers, {days} days later: {figures} figures, {len(stale)} stale")
    assert figures > 90
    assert stale == []


def figure_of(line: Line) -> float:
    text = line.figure.replace("¥", "").replace(",", "")
    return float(text.removesuffix(" %")) / 100 if text.endswith("%") else float(text)


def worked_out(lines: list[Line]) -> dict[str, tuple[float, float]]:
    """Every = and Σ of the drawer: what is printed, and what the lines before it give to somebody with a calculator."""
    checked: dict[str, tuple[float, float]] = {}
    running, sums, base = 0.0, 0.0, 0.0
    pending = 1.0
    for line in lines:
        figure = figure_of(line)
        if line.sign == "":
            running, base = figure, figure
        elif line.sign == "×":
            running, base, pending = running * figure, figure, running
        elif line.sign == "^":
            running = pending * base**figure
        elif line.sign == "−":
            running -= figure
        elif line.sign == "=":
            checked[line.label] = (figure, running if running else figure)
            sums, running, pending = sums + figure, figure, 1.0
        elif line.sign == "Σ":
            checked[line.label] = (figure, sums or running)
            break
    return checked


def explained(reader: User) -> Iterator[tuple[Standing, Explanation]]:
    for standing in Standing.objects.filter(customer_class__gte=0).select_related("customer").order_by("pk"):
        why = explain(standing.customer, reader=reader, on=TODAY, standing=standing)
        assert why is not None
        yield standing, why


def test_the_lines_of_a_figure_give_the_figure(mall: int, db: None) -> None:
    reader = User(roles=[Role.ACCOUNT_MANAGER])
    largest = {"value": 0.0, "potential": 0.0, "limit": 0.0, "lines": 0.0}
    count, on_the_page = 0, {}
    for standing, why in explained(reader):
        count += 1
        on_the_page[standing.pk] = (why.rhythm.usual_days, why.rhythm.limit_days)
        assert not why.stale
        value, potential = worked_out(why.value_lines), worked_out(why.potential_lines)
        for printed, by_hand in [*value.values(), *potential.values(), *worked_out(why.class_lines).values()]:
            largest["lines"] = max(largest["lines"], abs(printed - by_hand))
        tile, by_hand = value["Present value of 24 months"]
        largest["value"] = max(
            largest["value"], abs(by_hand - float(standing.value)), abs(tile - float(standing.value))
        )
        tile, by_hand = potential.get("Growth potential of 24 months", (0.0, 0.0))
        gap = max(abs(by_hand - float(standing.potential)), abs(tile - float(standing.potential)))
        largest["potential"] = max(largest["potential"], gap)
        limit = worked_out(why.limit_lines)
        _usual, usual = limit["Usual interval, days"]
        _limit, until = limit["Personal limit, days"]
        largest["limit"] = max(largest["limit"], abs(usual - why.rhythm.usual_days), abs(until - why.rhythm.limit_days))
        assert_class(standing, why)
        assert_chance(why)
    assert limits_of(on_the_page.keys()) == on_the_page  # what a row of My day names
    print(f"{count} customers, largest differences: {largest}")
    assert count == mall
    assert max(largest["value"], largest["potential"], largest["lines"]) < 0.011
    assert largest["limit"] < 0.5 + 0.02


def assert_chance(why: Explanation) -> None:
    """The larger of what is worked out and of what the shop's past bears out; with trees the middle of both."""
    printed = [float(line.figure.removesuffix(" %")) / 100 for line in why.chance_lines]
    assert why.chance_reason
    formula, *windows, least, used = printed
    if windows:
        odds = [chance / (1 - chance) for chance in (formula, windows[0])]
        middle = math.sqrt(odds[0] * odds[1]) / (1 + math.sqrt(odds[0] * odds[1]))
        assert windows[1] == pytest.approx(middle, abs=0.002)
    assert used == pytest.approx(max(windows[1] if windows else formula, least), abs=1e-4)


def assert_class(standing: Standing, why: Explanation) -> None:
    """What was compared leads to the class on the tile."""
    signs = {line.label: line for line in why.class_lines}
    worth = signs["Value of that night"]
    threshold = figure_of(signs["Big from"])
    assert (figure_of(worth) >= threshold - 0.005) == (worth.sign == "≥")
    if worth.sign == "≥":
        assert standing.customer_class == Standing.Class.BIG
        return
    known = figure_of(signs["Own intervals known (active from 2)"])
    chance = figure_of(signs["Chance that night that the silence would last longer"])
    floor = figure_of(signs["Active while that chance is above"])
    assert standing.customer_class == (1 if known >= 2 and chance > floor else 0)
