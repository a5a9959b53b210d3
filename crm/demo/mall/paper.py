"""The mall on paper: what is drawn before anything is stored. Days are offsets, money is in fen."""

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rng = np.random.Generator

SEED = 618_1111
DAYS = 3 * 365 + 1
SOURCE = "shop"


class Group(IntEnum):
    """What somebody was made to be; the CRM is not told."""

    ORDINARY = 0
    NEVER_BOUGHT = 1
    QUIET = 2
    RISING = 3
    WHOLESALER = 4
    LOSS_MAKER = 5


# Of every customer; the rest is ordinary.
SHARES = {
    Group.NEVER_BOUGHT: 0.05,
    Group.QUIET: 0.03,
    Group.RISING: 0.016,
    Group.WHOLESALER: 0.005,
    Group.LOSS_MAKER: 0.008,
}


@dataclass(frozen=True)
class Size:
    """How many people, how fast they buy, and how many customers the four managers look after."""

    customers: int
    pace: float
    books: tuple[int, int, int, int]


FULL = Size(customers=5000, pace=0.79, books=(300, 287, 262, 231))
SMALL = Size(customers=400, pace=0.62, books=(24, 23, 21, 18))
PAID, PENDING, CANCELLED = 0, 1, 2
STATUS = ("paid", "pending", "cancelled")


@dataclass
class Person:
    group: Group
    name: str
    region: str
    city: str
    registered_on: date
    birthday: date | None
    birthday_is_lunar: bool
    interests: list[str]
    mindset: str
    channel: str
    phone: str
    email: str
    address: str
    manager: str = ""
    manager_since: date | None = None
    next_contact_on: date | None = None


@dataclass
class Talk:
    person: int
    by: str
    day: date
    second: int
    channel: str
    direction: str
    outcome: str
    mood: str
    note: str


@dataclass
class Promise:
    person: int
    text: str
    made_on: date
    due_on: date
    # The day and the hour by the mall's clocks.
    done: tuple[date, int] | None = None


@dataclass
class Mall:
    """Everything that will be stored; days are offsets from `first_day`, money is in fen."""

    today: date
    people: list[Person]
    orders: dict[str, Array]
    lines: dict[str, Array]
    refunds: dict[str, Array]
    talks: list[Talk] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)

    @property
    def first_day(self) -> date:
        return self.today - timedelta(days=DAYS)

    def digest(self) -> str:
        """Equal for equal malls, on every machine."""
        sha = hashlib.sha256(repr((self.today, self.people, self.talks, self.promises)).encode())
        for table in (self.orders, self.lines, self.refunds):
            for name, values in table.items():
                sha.update(name.encode() + np.ascontiguousarray(values, dtype="<i8").tobytes())
        return sha.hexdigest()

    def members(self, group: Group) -> list[int]:
        return [i for i, person in enumerate(self.people) if person.group == group]
