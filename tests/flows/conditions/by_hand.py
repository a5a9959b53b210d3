"""What a condition means, said once more in Python, of plain facts: nothing here knows how the database is asked."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from lunar_python import Solar

from core.lib.conditions.tree import All, Any_, Leaf, Node, Not
from tests.conftest import TODAY
from tests.flows.conditions.people import LEVELS, SEGMENTS, Bought, Person, World

NEVER = date(1, 1, 1)


def holds(node: Node, person: Person, world: World, today: date = TODAY, reader: int | None = None) -> bool:
    match node:
        case All(parts):
            return all(holds(part, person, world, today, reader) for part in parts)
        case Any_(parts):
            return any(holds(part, person, world, today, reader) for part in parts)
        case Not(part):
            return not holds(part, person, world, today, reader)
        case Leaf():
            return _FIELDS[node.field](node, person, world, today, reader)


Says = Callable[[Leaf, Person, World, date, int | None], bool]


def choice(value: Callable[[Person], Any]) -> Says:
    def says(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
        known = value(person)
        if leaf.op == "unknown":
            return known is None
        chosen = [str(reader) if text == "me" else text for text in leaf.values]
        return known is not None and (str(known) in chosen) is (leaf.op == "any")

    return says


def number(value: Callable[[Person, World, date], Any]) -> Says:
    def says(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
        known = value(person, world, today)
        if leaf.op == "unknown":
            return known is None
        if known is None:
            return False
        low = Decimal(leaf.values[0])
        return {
            "ge": known >= low,
            "gt": known > low,
            "le": known <= low,
            "lt": known < low,
            "between": low <= known <= Decimal(leaf.values[-1]),
        }[leaf.op]

    return says


def day(value: Callable[[Person], date | None]) -> Says:
    def says(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
        known = value(person)
        if leaf.op == "unknown":
            return known is None
        return known is not None and is_meant(leaf, known, today)

    return says


def any_day(values: Callable[[Person], Sequence[date]]) -> Says:
    def says(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
        days = values(person)
        return not days if leaf.op == "unknown" else any(is_meant(leaf, known, today) for known in days)

    return says


def is_meant(leaf: Leaf, known: date, today: date) -> bool:
    if leaf.op in ("from", "before"):
        bound = date.fromisoformat(leaf.values[0])
        return known >= bound if leaf.op == "from" else known < bound
    days, ago = int(leaf.values[0]), (today - known).days
    return {"last": 0 <= ago < days, "ago": ago > days, "next": -days < ago <= 0}[leaf.op]


def some(values: Callable[[Person, date], Iterable[Any]]) -> Says:
    def says(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
        known = {str(value) for value in values(person, today)}
        return {
            "any": bool(known & set(leaf.values)),
            "all": set(leaf.values) <= known,
            "none": not known & set(leaf.values),
        }[leaf.op]

    return says


Happened = tuple[date, str, Any, Decimal]


def happened(rows: Callable[[Person, World], Iterable[Happened]]) -> Says:
    """Rows of (day, what, which counts once, amount)."""

    def says(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
        meant = [
            row
            for row in rows(person, world)
            if (not leaf.values or row[1] in leaf.values)
            and (leaf.within is None or 0 <= (today - row[0]).days < leaf.within)
        ]
        if leaf.op == "never":
            return not meant
        enough = len({row[2] for row in meant}) >= (leaf.at_least or 1)
        return enough and (leaf.money is None or sum(row[3] for row in meant) >= Decimal(leaf.money))

    return says


def birthday(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
    if person.birthday is None or leaf.op == "unknown":
        return person.birthday is None and leaf.op == "unknown"
    if leaf.op == "next":
        days = [today + timedelta(days=number) for number in range(min(int(leaf.values[0]), 366))]
    else:
        days = [date(today.year, 1, 1) + timedelta(days=number) for number in range(366)]
        days = [known for known in days if known.year == today.year and known.month == int(leaf.values[0])]
    return any(is_birthday(person.birthday, known) for known in days)


def is_birthday(born: tuple[int, int, bool], on: date) -> bool:
    month, day_, lunar = born
    if not lunar:
        has_leap_day = on.year % 4 == 0 and (on.year % 100 != 0 or on.year % 400 == 0)
        kept = (2, 28) if (month, day_) == (2, 29) and not has_leap_day else (month, day_)
        return (on.month, on.day) == kept
    known, next_one = _lunar(on), _lunar(on + timedelta(days=1))
    if known == (month, day_):
        return True
    return day_ == 30 and known == (month, 29) and next_one[1] == 1


@cache
def _lunar(on: date) -> tuple[int, int]:
    lunar = Solar.fromYmd(on.year, on.month, on.day).getLunar()
    return lunar.getMonth(), lunar.getDay()


def rhythm(person: Person) -> str | None:
    if person.last is None or person.limit <= 0:
        return None
    quiet = (TODAY - person.last).days
    if quiet > person.limit:
        return "limit"
    return "usual" if person.usual > 0 and quiet > person.usual else "inside"


def paid_within(person: Person, days: int, today: date) -> Decimal:
    return sum((paid for on, paid in person.days.items() if (today - on).days < days), Decimal(0))


def trend(person: Person, world: World, today: date) -> Decimal | None:
    year = paid_within(person, 365, today)
    return 400 * paid_within(person, 90, today) / year if len(person.days) >= 4 and year > 0 else None


def orders_of(person: Person) -> list[Bought]:
    return [order for order in person.orders if order.counts]


def average(person: Person, world: World, today: date) -> Decimal | None:
    orders = orders_of(person)
    return sum(person.days.values(), Decimal(0)) / len(orders) if orders else None


def goods(of: Callable[[int, World], int]) -> Callable[[Person, World], Iterable[Happened]]:
    def rows(person: Person, world: World) -> Iterable[Happened]:
        for order in orders_of(person):
            for product, amount in order.lines:
                yield order.on, str(of(product, world)), order.on, amount

    return rows


def segment(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
    inside = [holds(SEGMENTS[code], person, world, today, reader) for code in leaf.values]
    return {"any": any(inside), "all": all(inside), "none": not any(inside)}[leaf.op]


def text(leaf: Leaf, person: Person, world: World, today: date, reader: int | None) -> bool:
    wanted = leaf.values[0]
    return wanted.lower() in person.name.lower() or wanted.upper() == person.number or wanted == person.city


_FIELDS: dict[str, Says] = {
    "class": choice(lambda p: p.customer_class),
    "type": choice(lambda p: p.matrix_type),
    "manager": choice(lambda p: p.manager),
    "manager_since": day(lambda p: p.manager_since),
    "province": choice(lambda p: p.region or None),
    "city": choice(lambda p: p.city or None),
    "registered": day(lambda p: p.registered),
    "birthday": birthday,
    "reseller": choice(lambda p: "yes" if p.reseller else "no"),
    "mindset": choice(lambda p: None if p.mindset == "unknown" else p.mindset),
    "channel": choice(lambda p: None if p.channel == "unknown" else p.channel),
    "interest": some(lambda p, today: p.interests),
    "source": some(lambda p, today: p.sources),
    "label": some(lambda p, today: p.labels),
    "reach": some(lambda p, today: p.reach),
    "text": text,
    "segment": segment,
    "entered": happened(lambda p, w: [(on, code, n, Decimal(0)) for n, (on, code) in enumerate(p.entered)]),
    "agreed": some(lambda p, today: p.agreed),
    "letters": happened(lambda p, w: [(on, purpose, n, Decimal(0)) for n, (on, purpose) in enumerate(p.letters)]),
    "stopped": choice(lambda p: p.stop),
    "next_contact": day(lambda p: p.next_contact),
    "last_contact": day(lambda p: max((on for on, _mood in p.talks), default=None)),
    "talked": happened(lambda p, w: [(on, mood, n, Decimal(0)) for n, (on, mood) in enumerate(p.talks)]),
    "promise": some(
        lambda p, today: {"open" for _due in p.promises} | {"overdue" for due in p.promises if due < today}
    ),
    "quiet": number(lambda p, w, today: (today - p.last).days if p.last else None),
    "first": day(lambda p: min(p.days, default=None)),
    "last": day(lambda p: p.last),
    "days": number(lambda p, w, today: len(p.days)),
    "orders": number(lambda p, w, today: len(orders_of(p))),
    "paid": number(lambda p, w, today: sum(p.days.values(), Decimal(0))),
    "paid_90": number(lambda p, w, today: paid_within(p, 90, today)),
    "paid_365": number(lambda p, w, today: paid_within(p, 365, today)),
    "days_365": number(lambda p, w, today: sum(1 for on in p.days if (today - on).days < 365)),
    "average": number(average),
    "trend": number(trend),
    "ordered": happened(lambda p, w: [(order.on, "", n, order.paid) for n, order in enumerate(orders_of(p))]),
    "bought.category": happened(goods(lambda product, world: world.categories[product])),
    "bought": happened(goods(lambda product, world: product)),
    "value": number(lambda p, w, today: p.value),
    "potential": number(lambda p, w, today: p.potential),
    "rhythm": choice(rhythm),
    "alert": choice(lambda p: p.alert),
    "lost": happened(lambda p, w: [(on, cause, n, Decimal(0)) for n, (on, cause) in enumerate(p.lost)]),
    "became": happened(lambda p, w: [(on, name, n, Decimal(0)) for n, (on, name) in enumerate(p.became)]),
    "level": choice(lambda p: LEVELS[p.rank or 0]),
    "next_level": number(lambda p, w, today: p.on_the_way),
    "level_review": day(lambda p: p.review if p.rank else None),
    "points": number(lambda p, w, today: p.points or 0),
    "points_expire": any_day(lambda p: p.expiring if p.points is not None else []),
    "coupons": number(lambda p, w, today: p.coupons),
    "used": happened(lambda p, w: [(on, code, n, off) for n, (on, code, off) in enumerate(p.used)]),
    "club": some(lambda p, today: p.clubs),
    "open_cases": number(lambda p, w, today: sum(1 for *_case, is_open in p.cases if is_open)),
    "last_case": day(lambda p: max((on for on, *_case in p.cases), default=None)),
    "complained": happened(
        lambda p, w: [(on, str(w.kinds[kind]), n, Decimal(0)) for n, (on, kind, *_case) in enumerate(p.cases)]
    ),
    "answered_late": happened(
        lambda p, w: [(on, "", n, Decimal(0)) for n, (on, _kind, late, _open) in enumerate(p.cases) if late]
    ),
    "satisfaction": number(lambda p, w, today: p.scores[-1] if p.scores else None),
}
