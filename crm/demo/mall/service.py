"""Draw the books of the four managers, what they promised and what was talked about."""

from datetime import date, timedelta

import numpy as np

from crm.demo.mall.paper import DAYS, PAID, Array, Group, Mall, Promise, Rng, Size, Talk
from crm.demo.tables.staff import MANAGERS
from crm.demo.tables.talks import BAD_NOTES, NOTES, PROMISES

SETTLED = 12
LATE_OF_TEN = 4


def books(rng: Rng, mall: Mall, size: Size) -> None:
    """The four managers look after those who brought most profit within two years and bought within one."""
    orders, refunds = mall.orders, mall.refunds
    count = len(mall.people)
    paid = orders["status"] == PAID
    recent = paid & (orders["day"] >= DAYS - 730)
    profit = np.bincount(orders["owner"][recent], (orders["paid"] - orders["cost"])[recent], count)
    profit += np.bincount(orders["owner"][refunds["order"]], refunds["effect"], count)
    last = np.full(count, -1)
    np.maximum.at(last, orders["owner"][paid], orders["day"][paid])
    first = np.full(count, DAYS)
    np.minimum.at(first, orders["owner"][paid], orders["day"][paid])
    candidates = np.flatnonzero((profit > 0) & (last >= DAYS - 365) & (first < DAYS - 90))
    ranked = candidates[np.argsort(-profit[candidates], kind="stable")][: sum(size.books)]
    seats = np.concatenate([np.full(places, i) for i, places in enumerate(size.books)])
    rng.shuffle(seats)
    for person, seat in zip(ranked, seats, strict=False):
        row = mall.people[person]
        known = int(DAYS - first[person])
        row.manager = MANAGERS[seat]
        row.manager_since = mall.today - timedelta(int(rng.integers(min(60, known - 1), known)))
        if rng.random() < 0.15:
            row.next_contact_on = mall.today + timedelta(int(rng.integers(-4, 22)))
    _promises(rng, mall, ranked, profit)


def _promises(rng: Rng, mall: Mall, ranked: Array, profit: Array) -> None:
    for manager in MANAGERS:
        book = [int(i) for i in ranked if mall.people[i].manager == manager]
        for person in rng.choice(book, min(7, len(book)), replace=False):
            due = int(rng.integers(-9, 10))
            made_on = mall.today + timedelta(min(due - int(rng.integers(2, 9)), -1))
            text = PROMISES[int(rng.integers(len(PROMISES)))]
            mall.promises.append(Promise(int(person), text, made_on, mall.today + timedelta(due)))
        mall.promises += _settled(book, mall.today)


def _settled(book: list[int], today: date) -> list[Promise]:
    """What was promised in the last months and is done: nine of ten in time."""
    rows = []
    for n, person in enumerate(book[:SETTLED]):
        due_on = today - timedelta(days=10 + 2 * n)
        late = n % 10 == LATE_OF_TEN
        done = (due_on + timedelta(days=1) if late else due_on, 10 + n % 6)
        rows.append(Promise(person, PROMISES[n % len(PROMISES)], due_on - timedelta(days=3), due_on, done))
    return rows


def talks(rng: Rng, mall: Mall) -> None:
    for i, person in enumerate(mall.people):
        if person.manager and person.manager_since:
            days = min((mall.today - person.manager_since).days, 540)
            for ago in rng.integers(1, days + 1, rng.poisson(days / 75)) if days > 0 else ():
                mall.talks.append(_talk(rng, mall, i, person.manager, int(ago), incoming=bool(rng.random() < 0.12)))
        elif person.group != Group.NEVER_BOUGHT and rng.random() < 0.1:
            known = (mall.today - person.registered_on).days
            if known > 1:
                mall.talks.append(
                    _talk(rng, mall, i, "agent", int(rng.integers(1, min(known, 540) + 1)), incoming=True)
                )
    for promise in mall.promises:
        by = mall.people[promise.person].manager
        mall.talks.append(
            Talk(
                promise.person,
                by,
                promise.made_on,
                10 * 3600,
                "phone",
                "out",
                "promised",
                "neutral",
                f"答应{promise.text}。",
            )
        )
    mall.talks.sort(key=lambda talk: (talk.day, talk.second, talk.person))


def _talk(rng: Rng, mall: Mall, person: int, by: str, ago: int, *, incoming: bool) -> Talk:
    outcomes = tuple(NOTES)
    outcome = "reached" if incoming else outcomes[int(rng.choice(len(outcomes), p=(0.6, 0.22, 0.13, 0.05)))]
    mood = ("good", "neutral", "bad")[int(rng.choice(3, p=(0.35, 0.53, 0.12)))]
    notes = BAD_NOTES if mood == "bad" and outcome == "reached" else NOTES[outcome]
    channel = ("phone", "wechat", "visit", "email", "sms")[int(rng.choice(5, p=(0.5, 0.3, 0.06, 0.06, 0.08)))]
    return Talk(
        person,
        by,
        mall.today - timedelta(ago),
        int(rng.integers(9 * 3600, 20 * 3600)),
        channel,
        "in" if incoming else "out",
        outcome,
        mood if outcome == "reached" else "neutral",
        notes[int(rng.integers(len(notes)))],
    )
