"""The sources the shop's orders come from, and since when which of them says nothing: asked of the orders each night.

A night keeps what it found (`Night.figures["feeds"]`), so that what it wrote can be explained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Max
from numpy.typing import NDArray

from core.lib import sql
from core.lib.periods import mall_zone
from customers.models import Order
from segmentation.maths.arrays import Integers
from segmentation.shop import silence

_STEPS = sql.steps(__file__, "feeds")
EPOCH = date(1970, 1, 1)
# So far back silent days are known; a source without an order since has ended.
WINDOW, HOURS_WINDOW = timedelta(days=182), timedelta(days=28)
# Customers of a source: who bought from it this long ago or later.
CUSTOMERS_FOR = timedelta(days=400)
# A day on which sources with less than this share of the shop's orders are silent says enough about the shop.
SMALL_SHARE = 0.1
RECENT = timedelta(days=28)
MOST_SOURCES = 62


@dataclass(frozen=True)
class Feed:
    """A source with silent days: their numbers, sorted; its share of the shop's orders; what is missing since when.

    `ongoing`: the newest day that could be judged is silent, and `since` is the first day of that silence.
    `missing`: orders that should have come since; `told`: orders of these days that did.
    """

    source: str
    days: list[int]
    share: float
    ongoing: bool
    since: int
    missing: int
    told: int

    @property
    def since_on(self) -> date:
        return EPOCH + timedelta(days=self.since)


def to_json(feeds: Sequence[Feed]) -> list[dict[str, Any]]:
    return [asdict(feed) for feed in feeds]


def of_night(figures: Mapping[str, Any]) -> list[Feed]:
    """What the night with these figures had found."""
    return [Feed(**stored) for stored in figures.get("feeds", [])]


def with_silent_days(as_of: date, *, over: bool) -> list[Feed]:
    """The sources that have silent days within half a year up to `as_of`, by name.

    `over`: the day `as_of` itself is over and may be judged; else it is silent where it only goes on with a silence.
    """
    first = as_of - WINDOW
    orders = _per_day(first, as_of)
    judged = len(next(iter(orders.values()), [])) - (0 if over else 1)
    days = {source: silence.of_days(told[:judged]) for source, told in orders.items()}
    # Hours are looked at where a whole day of silence would be seen at once.
    busy = [source for source, found in days.items() if found.usual[-7:].max(initial=0) >= silence.LEAST_FOR_THIN]
    for source, hours in _per_hour(busy, as_of, judged, first).items():
        found = days[source]
        part = slice(max(judged - len(hours), 0), judged)
        inner = silence.Days(found.usual[part], found.silent[part])
        found.silent[part] |= silence.with_hours_missing(hours[-(part.stop - part.start) :], inner)
    shares = _shares(days)
    return [
        _feed(source, found, shares[source], orders[source], first)
        for source, found in sorted(days.items())
        if found.silent.any()
    ][:MOST_SOURCES]


def _feed(source: str, found: silence.Days, share: float, orders: Integers, first: date) -> Feed:
    start = (first - EPOCH).days + 1
    days = np.flatnonzero(found.silent)
    judged = len(found.silent)
    ongoing = bool(found.silent[-1])
    since = judged
    while since and found.silent[since - 1]:
        since -= 1
    if ongoing and judged < len(orders) and not orders[judged]:
        days = np.append(days, judged)
    missing = float((found.usual[since:] - orders[since:judged]).clip(0).sum())
    told = int(orders[since:].sum())
    return Feed(source, (days + start).tolist(), round(share, 4), ongoing, since + start, round(missing), told)


def _shares(days: Mapping[str, silence.Days]) -> dict[str, float]:
    """What each source usually brings, over what all do, in the last four weeks."""
    usual = {source: float(found.usual[-28:].sum()) for source, found in days.items()}
    total = sum(usual.values())
    return {source: amount / total if total else 0.0 for source, amount in usual.items()}


def _per_day(first: date, as_of: date) -> dict[str, Integers]:
    """Source → orders of each day after `first` up to `as_of`."""
    length = (as_of - first).days
    orders: dict[str, Integers] = {}
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["days"], {"after": first, "until": as_of})
        for source, on, count in cursor.fetchall():
            orders.setdefault(source, np.zeros(length, dtype=np.int64))[(on - first).days - 1] = count
    return orders


def _per_hour(sources: list[str], as_of: date, judged: int, first: date) -> dict[str, Integers]:
    """Source → orders by day (the last judged ones) and hour of the mall's clock."""
    last = first + timedelta(days=judged)
    after = last - HOURS_WINDOW
    orders = {source: np.zeros((HOURS_WINDOW.days, silence.HOURS), dtype=np.int64) for source in sources}
    if not sources:
        return {}
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"after": after, "until": last, "zone": str(mall_zone()), "sources": sources}
        cursor.execute(_STEPS["hours"], parameters)
        for source, on, hour, count in cursor.fetchall():
            orders[source][(on - after).days - 1, hour] = count
    return orders


def days_without_news(
    feeds: Sequence[Feed], customer_id: Integers, since: Integers, *, as_of: date, one: int = 0
) -> Integers:
    """Per customer (sorted ids): days after `since` on which a source they buy from said nothing; `one` of them or all.

    A customer buys from a source they had a paid order of within 400 days.
    """
    days = np.zeros(len(customer_id), dtype=np.int64)
    if not feeds or not len(customer_id):
        return days
    buys = _sources_of(feeds, customer_id, as_of, one)
    for bought_from in np.unique(buys):
        silent = sorted({day for place, feed in enumerate(feeds) if bought_from >> place & 1 for day in feed.days})
        rows = buys == bought_from
        days[rows] = silence.days_after(np.array(silent, dtype=np.int64), since[rows])
    return days


def _sources_of(feeds: Sequence[Feed], customer_id: Integers, as_of: date, one: int) -> NDArray[np.int64]:
    """Per customer the places in `feeds` of the sources they buy from, as bits."""
    buys = np.zeros(len(customer_id), dtype=np.int64)
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "sources": [feed.source for feed in feeds],
            "after": as_of - CUSTOMERS_FOR,
            "until": as_of,
            "one": one,
        }
        cursor.execute(_STEPS["buyers"], parameters)
        told = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 2)
    row = np.minimum(np.searchsorted(customer_id, told[:, 0]), len(customer_id) - 1)
    known = customer_id[row] == told[:, 0]
    buys[row[known]] = told[known, 1]
    return buys


def says_too_little(feeds: Sequence[Feed], day: date) -> bool:
    """Whether sources that usually bring a tenth of the orders or more are silent on that day."""
    number = (day - EPOCH).days
    return sum(feed.share for feed in feeds if number in feed.days) >= SMALL_SHARE


@dataclass(frozen=True)
class Silent:
    """A source as a page names it: the time of its last order, and whether orders of the silence came in meanwhile.

    The next night counts those.
    """

    source: str
    since: date
    last_order_at: datetime | None
    missing: int
    is_incomplete: bool
    heard_since: bool


def silent_now(figures: Mapping[str, Any]) -> list[Silent]:
    """The sources that were silent when the night with these figures was worked, and what has been heard since."""
    return [_as_it_is(feed) for feed in of_night(figures) if feed.ongoing]


def _as_it_is(feed: Feed) -> Silent:
    paid = Order.objects.filter(source=feed.source, status=Order.Status.PAID)
    latest = paid.filter(ordered_on__gte=feed.since_on - RECENT).aggregate(at=Max("ordered_at"))["at"]
    heard = paid.filter(ordered_on__gte=feed.since_on).count() > feed.told
    return Silent(feed.source, feed.since_on, latest, feed.missing, feed.told > 0, heard)
