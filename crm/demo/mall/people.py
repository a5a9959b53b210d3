"""Draw who the customers are: their group, when they registered, what is known of them."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from crm.demo.mall.paper import DAYS, SHARES, Array, Group, Person, Rng, Size
from crm.demo.tables.people import (
    BLOCKS,
    CITY_STATES,
    GIVEN_ONE,
    GIVEN_TWO,
    INTERESTS,
    PLACE_WEIGHTS,
    PLACES,
    STREETS,
    SURNAMES,
    WESTERN_FAMILY,
    WESTERN_GIVEN,
)


def groups(rng: Rng, size: Size) -> Array:
    """The group of each customer, in no order."""
    drawn = np.full(size.customers, Group.ORDINARY, dtype=np.int64)
    special = np.concatenate([np.full(round(size.customers * share), group) for group, share in SHARES.items()])
    drawn[: len(special)] = special
    return rng.permutation(drawn)


def registrations(rng: Rng, groups: Array) -> Array:
    """Days from `first_day`, in ascending order; a third had registered before the three years began."""
    count = len(groups)
    days = np.where(rng.random(count) < 0.34, -rng.integers(1, 700, count), (DAYS - 1) * rng.random(count) ** 0.9)
    days = np.sort(days.astype(np.int64))
    # The planted habits need a past.
    latest = {
        Group.QUIET: 500,
        Group.RISING: 650,
        Group.WHOLESALER: 600,
        Group.LOSS_MAKER: 700,
        Group.NEVER_BOUGHT: DAYS - 3,
    }
    for group, limit in latest.items():
        late = (groups == group) & (days > limit)
        for place in np.flatnonzero(late):
            # Somebody ordinary who registered in time changes places.
            swap = rng.choice(np.flatnonzero((groups == Group.ORDINARY) & (days <= limit)))
            groups[place], groups[swap] = groups[swap], groups[place]
    return days


def _pick(rng: Rng, options: Sequence[str], count: int, weights: Sequence[float] | None = None) -> list[str]:
    p = None if weights is None else np.asarray(weights, dtype=float) / np.sum(weights)
    return [options[i] for i in rng.choice(len(options), count, p=p)]


def draw(rng: Rng, today: date, groups: Array, registered: Array) -> list[Person]:
    count = len(groups)
    first_day = today - timedelta(days=DAYS)
    surnames = _pick(rng, SURNAMES, count, [1 / (i + 6) for i in range(len(SURNAMES))])
    one, two = _pick(rng, GIVEN_ONE, count), _pick(rng, GIVEN_TWO.split(), count)
    given, family = _pick(rng, WESTERN_GIVEN.split(), count), _pick(rng, WESTERN_FAMILY.split(), count)
    western, short = rng.random(count) < 0.08, rng.random(count) < 0.3
    regions = _pick(rng, tuple(PLACES), count, PLACE_WEIGHTS)
    phones, chance = rng.permutation(len(BLOCKS) * 10_000)[:count], rng.random((count, 6))
    years, days = rng.integers(20, 68, count), rng.integers(0, 365, count)
    mindsets = _pick(rng, ("unknown", "discount", "status"), count, (55, 30, 15))
    channels = _pick(rng, ("unknown", "phone", "sms", "email", "wechat"), count, (25, 17, 10, 8, 40))
    people = []
    for i in range(count):
        name = f"{given[i]} {family[i]}" if western[i] else surnames[i] + (one[i] if short[i] else two[i])
        region = regions[i]
        city = PLACES[region][int(rng.integers(len(PLACES[region])))]
        lunar = bool(chance[i, 0] < 0.13 + (years[i] > 45) * 0.3)
        birthday = None
        if chance[i, 1] < 0.62:
            birthday = _birthday(today.year - int(years[i]), int(days[i]), lunar=lunar)
        address = _address(rng, region, city)
        interests = rng.choice(INTERESTS, int(rng.integers(1, 4)), replace=False) if chance[i, 2] < 0.4 else ()
        people.append(
            Person(
                group=Group(int(groups[i])),
                name=name,
                region=region,
                city=city,
                registered_on=first_day + timedelta(int(registered[i])),
                birthday=birthday,
                birthday_is_lunar=lunar and birthday is not None,
                interests=[str(interest) for interest in interests],
                mindset=mindsets[i],
                channel=channels[i],
                phone=f"{BLOCKS[phones[i] // 10_000]}0000{phones[i] % 10_000:04d}" if chance[i, 3] < 0.97 else "",
                email=f"buyer{i + 1:05d}@example.com" if chance[i, 4] < 0.6 else "",
                address=address if chance[i, 5] < 0.35 else "",
            )
        )
    return people


def _birthday(year: int, day: int, *, lunar: bool) -> date:
    """A lunar birthday keeps its lunar month and day; day 29 and 30 do not exist every month."""
    return date(year, day // 31 + 1, day % 28 + 1) if lunar else date(year, 1, 1) + timedelta(day)


def _address(rng: Rng, region: str, city: str) -> str:
    province = "" if region in CITY_STATES else region if region == "广西" else f"{region}省"
    street = STREETS[int(rng.integers(len(STREETS)))]
    house, block, flat = int(rng.integers(1, 400)), int(rng.integers(1, 30)), int(rng.integers(101, 2605))
    return f"{province}{city}市{street}{house}号{block}幢{flat}室"
