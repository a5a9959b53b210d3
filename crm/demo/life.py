"""Days of the demo mall's customers beside their birthdays, defaults of a till, and three who are not to be reached."""

import random
from datetime import datetime, timedelta

from core.accounts.models import Role
from core.accounts.roles import holders
from core.lib.almanac.days import LifeDay
from core.lib.periods import mall_day
from crm.flows.record import stopping
from customers.models import ContactStop, Customer, LifeDate
from customers.record import life_dates
from customers.record.life_dates import Told

SEED = 58
PEOPLE, DEFAULTS = 60, 24
CHILDREN = ("小明", "朵朵", "安安", "小宝")


def load(*, at: datetime) -> int:
    """How many customers have days beside their birthday; nothing when some have already."""
    if ContactStop.objects.exists():
        return 0
    rng, today = random.Random(SEED), mall_day(at)  # noqa: S311 (made-up days)
    by = holders(Role.TEAM_LEAD).order_by("pk").first()
    if by is None:
        return 0
    everybody = Customer.objects.filter(merged_into=None, manager__isnull=False).order_by("-standing__value", "pk")
    people = list(everybody[: PEOPLE + 3])
    for number, customer in enumerate(people[:PEOPLE]):
        life_dates.put(customer, _day(number, rng, at), by=by, at=at - timedelta(days=30), today=today)
    _defaults()
    for customer, kind in zip(people[PEOPLE:], ContactStop.Kind.values, strict=False):
        stopping.say(customer, kind, since=today - timedelta(days=9), said_by="家人来电", note="", by=by, at=at)
    return len(people[:PEOPLE])


def _day(number: int, rng: random.Random, at: datetime) -> Told:
    """A child's birthday, a wedding, a founding day by the lunar calendar, a birthday in a leap month, a day of mourning."""
    soon = mall_day(at) + timedelta(days=rng.randrange(60))
    if number % 5 == 0:
        return Told(
            "birthday",
            LifeDay(soon.month, min(soon.day, 28), soon.year - rng.randrange(2, 15)),
            of_whom=rng.choice(CHILDREN),
        )
    if number % 5 == 1:
        return Told("wedding", LifeDay(soon.month, min(soon.day, 28), soon.year - rng.randrange(1, 30)))
    if number % 5 == 2:
        return Told("founding", LifeDay(rng.randrange(1, 13), rng.randrange(1, 31), is_lunar=True), of_whom="公司")
    if number % 5 == 3:
        return Told("birthday", LifeDay(6, rng.randrange(1, 30), 1979, is_lunar=True, is_leap=True))
    return Told("memorial", LifeDay(4, 5), of_whom="父亲")


def _defaults() -> None:
    """So many birthdays of the till fall on 1 January, that is on none."""
    rows = LifeDate.objects.filter(kind="birthday", of_whom="", certainty="said", calendar="solar").order_by("-pk")
    LifeDate.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:DEFAULTS])).update(
        month=1, day=1, year=1990, source="till"
    )
    life_dates.doubt()
