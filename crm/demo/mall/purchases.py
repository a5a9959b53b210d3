"""Draw what the customers buy and send back, with their habits and the season."""

from datetime import date, timedelta

import numpy as np

from core.lib.almanac import lunar
from crm.demo.mall.paper import CANCELLED, DAYS, PAID, PENDING, Array, Group, Person, Rng
from crm.demo.tables.goods import GOODS

# How many of a day's orders come in each hour.
HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 8, 11, 12, 12, 13, 11, 10, 10, 10, 10, 11, 14, 17, 17, 12, 5)


def season(first_day: date) -> Array:
    """How much is bought on each day, one on average: peaks at 618 and Double 11, a dip at Chinese New Year."""
    weights = np.ones(DAYS)
    new_years = {
        year: lunar.months(year)[0].first for year in range(first_day.year, (first_day + timedelta(DAYS)).year + 1)
    }
    for i in range(DAYS):
        day = first_day + timedelta(i)
        weights[i] = 1.15 if day.weekday() >= 5 else 1.0
        if (day.month, day.day) in ((6, 17), (6, 18), (11, 10), (11, 11)):
            weights[i] *= 4.0
        elif (day.month == 6 and 10 <= day.day <= 20) or (day.month == 11 and day.day <= 12):
            weights[i] *= 1.7
        elif (day.month, day.day) == (12, 12):
            weights[i] *= 2.0
        distance = (day - new_years[day.year]).days
        if -2 <= distance <= 7:
            weights[i] *= 0.35
        elif -20 <= distance < -6:
            weights[i] *= 1.35
    seasonal: Array = weights / weights.mean()
    return seasonal


def purchase_days(rng: Rng, first_day: date, groups: Array, registered: Array, pace: float) -> tuple[Array, Array]:
    """(customer, day) of every order: renewal processes on the shop's own clock, which runs faster in the season.

    Ordinary customers follow the assumptions of BG/NBD: gamma rates, and a chance to leave for good after each
    purchase; the regularity of the gaps differs from customer to customer.
    """
    ticks = np.concatenate([[0.0], np.cumsum(season(first_day))])
    owners: list[Array] = []
    days: list[Array] = []
    for i, group in enumerate(groups):
        if group == Group.NEVER_BOUGHT:
            continue
        start = ticks[max(0, int(registered[i]))]
        if group == Group.ORDINARY:
            gap = 1 / (rng.gamma(0.8, 1 / 20) * pace + 1 / 700)
            times = _renewals(rng, start, gap, float(rng.choice((1, 2, 4, 9))), DAYS)
            times = times[: rng.geometric(rng.beta(0.5, 4.6))]
            if not len(times):
                # Everybody but those who never bought has one first order.
                times = start + (DAYS - start) * rng.random(1)
        elif group == Group.QUIET:
            gap = rng.uniform(14, 40)
            silence = min(gap * rng.uniform(2.6, 5.0), 170)
            times = _renewals(rng, start, gap, 14.0, DAYS - silence)
        elif group == Group.RISING:
            turn = DAYS - rng.uniform(72, 88)
            slow = _renewals(rng, start, rng.uniform(130, 210), 3.0, turn - 20)
            times = np.concatenate([slow, _renewals(rng, turn, rng.uniform(7, 11), 8.0, DAYS)])
        elif group == Group.WHOLESALER:
            times = _renewals(rng, start, rng.uniform(9, 21), 8.0, DAYS)
        else:
            times = _renewals(rng, start, rng.uniform(18, 40), 3.0, DAYS)
        day = np.searchsorted(ticks, times, side="right") - 1
        day = day[day >= max(0, int(registered[i]))]
        owners.append(np.full(len(day), i))
        days.append(day)
    owner, day = np.concatenate(owners), np.minimum(np.concatenate(days), DAYS - 1)
    # Some come back the same day for what they forgot.
    again = rng.random(len(day)) < 0.02
    return np.concatenate([owner, owner[again]]), np.concatenate([day, day[again]])


def _renewals(rng: Rng, start: float, gap: float, regularity: float, end: float) -> Array:
    if end <= start:
        return np.empty(0)
    draws = int((end - start) / gap * 1.6) + 12
    gaps = rng.gamma(regularity, gap / regularity, draws)
    gaps[0] *= rng.random()
    times = start + np.cumsum(gaps)
    return times[times < end]


def baskets(
    rng: Rng, first_day: date, people: list[Person], owner: Array, day: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Orders and their lines, in the order of time."""
    count = len(owner)
    hours = np.array(HOURS, dtype=float)
    second = rng.choice(24, count, p=hours / hours.sum()) * 3600 + rng.integers(0, 3600, count)
    order = np.lexsort((owner, second, day))
    owner, day, second = owner[order], day[order], second[order]
    group = np.array([person.group for person in people])[owner]
    mindset = np.array([person.mindset for person in people])[owner]
    discount = _discounts(rng, group, mindset, season(first_day)[day] > 1.6)
    lines = _lines(rng, len(people), owner, group == Group.WHOLESALER, discount)
    status = np.where(rng.random(count) < 0.025, CANCELLED, PAID)
    status = np.where((day >= DAYS - 2) & (rng.random(count) < 0.12), PENDING, status)
    # Whoever was made to buy has bought.
    status[group != Group.ORDINARY] = PAID
    orders = {
        "owner": owner,
        "day": day,
        "second": second,
        "status": status,
        "paid": np.bincount(lines["order"], lines["amount"], count).astype(np.int64),
        "cost": np.bincount(lines["order"], lines["cost"], count).astype(np.int64),
        "fully_refunded_day": np.full(count, -1),
        "changes": np.where(status == CANCELLED, 2, 1),
    }
    return orders, lines


def _discounts(rng: Rng, group: Array, mindset: Array, in_season: Array) -> Array:
    """What is taken off each order, as a share of its price."""
    count = len(group)
    discount = np.where(rng.random(count) < 0.35, rng.uniform(0.04, 0.16, count), 0.0)
    discount += np.where(in_season, rng.uniform(0.04, 0.12, count), 0.0)
    discount += np.where(mindset == "discount", 0.04, 0.0)
    discount = np.where(mindset == "status", discount * 0.4, discount)
    discount = np.where(group == Group.WHOLESALER, rng.uniform(0.12, 0.2, count), discount)
    return np.where(group == Group.LOSS_MAKER, rng.uniform(0.5, 0.64, count), discount)


def _lines(rng: Rng, people: int, owner: Array, big: Array, discount: Array) -> dict[str, Array]:
    """The lines of each order, mostly of the three categories its customer likes."""
    count = len(owner)
    line_count = 1 + np.minimum(rng.poisson(0.8, count), 4)
    line_count[big] = rng.integers(3, 7, int(big.sum()))
    order = np.repeat(np.arange(count), line_count)
    total = len(order)

    categories = list(GOODS.values())
    sizes = np.array([len(goods) for goods in categories])
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    favourites = np.array([rng.choice(len(categories), 3, replace=False) for _ in range(people)])
    liked = favourites[owner[order], rng.choice(3, total, p=(0.55, 0.3, 0.15))]
    category = np.where(rng.random(total) < 0.8, liked, rng.integers(0, len(categories), total))
    # The first goods of a category sell best.
    product = offsets[category] + (sizes[category] * rng.random(total) ** 1.4).astype(np.int64)

    prices = np.array([_fen(price) for goods in categories for _, price, _ in goods])
    costs = np.array([_fen(cost) for goods in categories for _, _, cost in goods])
    quantity = np.where(prices[product] < 12_000, 1 + rng.geometric(0.62, total) - 1, 1)
    quantity = np.where(prices[product] < 6_000, quantity + (rng.random(total) < 0.3), quantity)
    quantity = np.where(big[order], rng.integers(3, 15, total), quantity)
    # What is paid for a line is rounded to ten fen, as shops do.
    amount = np.rint(prices[product] * quantity * (1 - discount[order]) / 10).astype(np.int64) * 10
    return {
        "order": order,
        "product": product,
        "quantity": quantity,
        "amount": amount,
        "cost": costs[product] * quantity,
    }


def _fen(yuan: str) -> int:
    whole, _, part = yuan.partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def refunds(rng: Rng, people: list[Person], orders: dict[str, Array], lines: dict[str, Array]) -> dict[str, Array]:
    """Money back: all of it, the first line, or a part for goodwill; mostly within a fortnight, some late."""
    count = len(orders["day"])
    group = np.array([p.group for p in people])[orders["owner"]]
    chance = np.select(
        [group == Group.LOSS_MAKER, group == Group.WHOLESALER, group == Group.ORDINARY], [0.2, 0.02, 0.055], 0.02
    )
    chosen = np.flatnonzero((orders["status"] == PAID) & (rng.random(count) < chance))
    kind = rng.choice(3, len(chosen), p=(0.45, 0.3, 0.25))
    # A planted habit must not lose its purchase days.
    kind = np.where((kind == 0) & np.isin(group[chosen], (Group.QUIET, Group.RISING)), 2, kind)
    late = rng.random(len(chosen)) < 0.12
    day = orders["day"][chosen] + np.where(late, rng.integers(31, 120, len(chosen)), rng.integers(2, 15, len(chosen)))
    spoilt = rng.random(len(chosen)) < 0.25
    share = rng.uniform(0.1, 0.4, len(chosen))
    second = rng.integers(9 * 3600, 20 * 3600, len(chosen))

    starts = np.searchsorted(lines["order"], chosen)
    first_amount, first_cost = lines["amount"][starts], lines["cost"][starts]
    paid, cost = orders["paid"][chosen], orders["cost"][chosen]
    # An order of one line that comes back comes back as a whole.
    kind = np.where((kind == 1) & (first_amount == paid), 0, kind)
    amount = np.select([kind == 0, kind == 1], [paid, first_amount], np.rint(paid * share / 10).astype(np.int64) * 10)
    back = np.select([kind == 0, kind == 1], [cost, first_cost], 0)
    effect = np.where(spoilt, 0, back) - amount

    keep = (day < DAYS) & (amount > 0)
    chosen, kind, day = chosen[keep], kind[keep], day[keep]
    orders["changes"][chosen] += 1
    orders["fully_refunded_day"][chosen[kind == 0]] = day[kind == 0]
    return {"order": chosen, "day": day, "second": second[keep], "amount": amount[keep], "effect": effect[keep]}
