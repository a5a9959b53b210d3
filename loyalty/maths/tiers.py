"""Which tier a member holds: arrays of members in, arrays out. No Django, no database, no clock.

One definition for the night, the simulation, the explanation and one single customer (arrays of length one).

Days are numbers since 1970-01-01. A night of `day` counts what happened *before* that day: every window is
half-open, [start, day). Amounts are whole minor units, or orders, as the rule's basis says. Thresholds are
inclusive: whoever reaches the amount exactly is in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NEVER = 2_932_896  # 9999-12-31
ALWAYS = -25_567  # 1900-01-01, before any purchase


class Basis(StrEnum):
    NET_SPEND = "net_spend"
    ORDERS = "orders"


class Window(StrEnum):
    MONTHS = "months"
    CALENDAR_YEAR = "calendar_year"
    LIFETIME = "lifetime"


class Validity(StrEnum):
    MONTHS = "months"
    END_OF_NEXT_YEAR = "end_of_next_year"


class Downgrade(StrEnum):
    ONE_STEP = "one_step"
    TO_QUALIFIED = "to_qualified"
    NEVER = "never"


class Transition(StrEnum):
    """What becomes of those whom new rules would put lower."""

    KEEP = "keep"
    GRACE = "grace"
    NOW = "now"
    RESTORE = "restore"


class Reason(IntEnum):
    NONE = 0
    UPGRADE = 1
    RENEWED = 2
    GRACE = 3
    DOWNGRADE = 4
    RULES = 5
    REFUND = 6
    MERGE = 7


@dataclass(frozen=True)
class Level:
    """`qualify` lets in, `retain` (never more) keeps in at a review."""

    code: str
    name: str
    qualify: int
    retain: int


@dataclass(frozen=True)
class Rule:
    """What one version of the rules says, as far as the evaluation needs it. Levels rise; the first one is at 0."""

    levels: tuple[Level, ...]
    basis: Basis = Basis.NET_SPEND
    window: Window = Window.MONTHS
    window_months: int = 12
    validity: Validity = Validity.MONTHS
    validity_months: int = 12
    downgrade: Downgrade = Downgrade.ONE_STEP
    grace_days: int = 0
    undo_on_refund: bool = True
    upgrade_at_once: bool = True
    transition: Transition = Transition.KEEP

    @property
    def qualify(self) -> Array:
        return np.array([level.qualify for level in self.levels], dtype=np.int64)

    @property
    def retain(self) -> Array:
        return np.array([level.retain for level in self.levels], dtype=np.int64)


@dataclass(frozen=True)
class Held:
    """What each member holds. `review` and `grace` are NEVER when there is none.

    `since` is the first day with this tier. While the tier can still be undone by a refund, the amount of
    [earned_from, earned_to) was at least `earned_bar`; otherwise `earned_bar` is 0.
    """

    rank: Array
    since: Array
    review: Array
    grace: Array
    earned_from: Array
    earned_to: Array
    earned_bar: Array

    def __len__(self) -> int:
        return len(self.rank)

    def of(self, which: Any) -> "Held":
        return Held(*(getattr(self, field.name)[which] for field in fields(self)))

    def put(self, which: Any, other: "Held") -> "Held":
        """The same with the rows `which` replaced."""
        columns = []
        for field in fields(self):
            column = getattr(self, field.name).copy()
            column[which] = getattr(other, field.name)
            columns.append(column)
        return Held(*columns)

    def same(self, other: "Held") -> Array:
        equal = np.ones(len(self), dtype=bool)
        for field in fields(self):
            equal &= getattr(self, field.name) == getattr(other, field.name)
        return equal


def lowest(count: int) -> Held:
    """Members of the lowest level, which nobody reviews."""
    zero, never, always = np.zeros(count, np.int64), np.full(count, NEVER, np.int64), np.full(count, ALWAYS, np.int64)
    return Held(zero, always, never, never.copy(), always.copy(), always.copy(), zero.copy())


class Outcome(NamedTuple):
    held: Held
    reason: Array


# Days ---------------------------------------------------------------------------------------------------------------


def add_months(days: Array, months: int, *, late: bool = False) -> Array:
    """The same day of another month; 29 February falls on the 28th, or with `late` on 1 March."""
    day = np.asarray(days).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    in_month = (day - month.astype("datetime64[D]")).astype(np.int64)
    target = month + months
    first: Array = target.astype("datetime64[D]").astype(np.int64)
    length = (target + 1).astype("datetime64[D]").astype(np.int64) - first
    return first + np.minimum(in_month, length if late else length - 1)


def _first_of_year(days: Array, later: int = 0) -> Array:
    year = np.asarray(days).astype("datetime64[D]").astype("datetime64[Y]") + later
    return year.astype("datetime64[D]").astype(np.int64)


def window_start(rule: Rule, days: Array) -> Array:
    """The first day of the window that ends before each of these days."""
    days = np.asarray(days, dtype=np.int64)
    if rule.window == Window.LIFETIME:
        return np.full(days.shape, ALWAYS, np.int64)
    if rule.window == Window.CALENDAR_YEAR:
        return _first_of_year(days - 1)
    return add_months(days, -rule.window_months)


def review_day(rule: Rule, ranks: Array, days: Array) -> Array:
    """The night on which a tier that begins to count at `days` is looked at again.

    On that night, the purchase that earned the tier has left a window as long as the validity.
    """
    ranks, days = np.asarray(ranks), np.asarray(days, dtype=np.int64)
    if rule.downgrade == Downgrade.NEVER:
        return np.full(days.shape, NEVER, np.int64)
    if rule.validity == Validity.END_OF_NEXT_YEAR:
        due = _first_of_year(days - 1, later=2)
    else:
        due = add_months(days, rule.validity_months, late=True)
    return np.where(ranks > 0, due, NEVER)


# One night ----------------------------------------------------------------------------------------------------------


def qualified_rank(rule: Rule, amounts: Array) -> Array:
    """The highest rank whose threshold is reached. Whoever has less than nothing is of the lowest level."""
    return np.maximum(np.searchsorted(rule.qualify, amounts, side="right") - 1, 0)


def retaining_start(rule: Rule, held: Held, day: int) -> Array:
    """Where the window of the review begins: in grace it stays where it was on the day of the review."""
    return window_start(rule, np.minimum(held.review, day))


def step(
    rule: Rule, held: Held, qualifying: Array, retaining: Array, day: int, *, upgrades_only: bool = False
) -> Outcome:
    """The night of `day`: upgrades at once; whose review has come is renewed, or waits in grace, or falls.

    `qualifying` is the amount of the window before `day`, `retaining` that of `retaining_start`.
    Working the same night again changes nothing.
    """
    today = np.full(len(held), day, np.int64)
    target = qualified_rank(rule, qualifying)
    held, reason = _raise(rule, held, target, target > held.rank, today, Reason.UPGRADE)
    if upgrades_only or rule.downgrade == Downgrade.NEVER:
        return Outcome(held, reason)

    due = (reason == Reason.NONE) & (held.rank > 0) & (held.review <= day)
    enough = retaining >= rule.retain[held.rank]
    renewed, short = due & enough, due & ~enough
    grace_ends = np.where(held.grace == NEVER, held.review + rule.grace_days, held.grace)
    waits = short & (held.grace == NEVER) & (grace_ends > day)
    falls = short & (grace_ends <= day)

    below = held.rank - 1 if rule.downgrade == Downgrade.ONE_STEP else np.minimum(target, held.rank - 1)
    rank = np.where(falls, below, held.rank)
    anew = renewed | falls
    held = Held(
        rank=rank,
        since=np.where(falls, today, held.since),
        review=np.where(anew, review_day(rule, rank, today), held.review),
        grace=np.where(anew, NEVER, np.where(waits, grace_ends, held.grace)),
        earned_from=np.where(due, ALWAYS, held.earned_from),
        earned_to=np.where(due, ALWAYS, held.earned_to),
        earned_bar=np.where(due, 0, held.earned_bar),
    )
    for which, why in ((renewed, Reason.RENEWED), (waits, Reason.GRACE), (falls, Reason.DOWNGRADE)):
        reason = np.where(which, why, reason)
    return Outcome(held, reason)


def _raise(rule: Rule, held: Held, target: Array, up: Array, today: Array, why: Reason) -> Outcome:
    """The last day that counted is the day of the purchase: the tier is held since then."""
    by_purchase = up & (why == Reason.UPGRADE) & rule.undo_on_refund
    raised = Held(
        rank=np.where(up, target, held.rank),
        since=np.where(up, today - 1 if why == Reason.UPGRADE else today, held.since),
        review=np.where(up, review_day(rule, target, today), held.review),
        grace=np.where(up, NEVER, held.grace),
        earned_from=np.where(by_purchase, window_start(rule, today), np.where(up, ALWAYS, held.earned_from)),
        earned_to=np.where(by_purchase, today, np.where(up, ALWAYS, held.earned_to)),
        earned_bar=np.where(by_purchase, rule.qualify[target], np.where(up, 0, held.earned_bar)),
    )
    return Outcome(raised, np.where(up, why, Reason.NONE))


# New rules ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def same_level(before: Rule | None, after: Rule) -> Array:
    """For each rank under the old rules, the rank under the new: the level of the same code, else of the same rank."""
    if before is None:
        return np.zeros(1, np.int64)
    rank_of = {level.code: rank for rank, level in enumerate(after.levels)}
    top = len(after.levels) - 1
    return np.array([rank_of.get(old.code, min(rank, top)) for rank, old in enumerate(before.levels)], dtype=np.int64)


def _other_code(before: Rule | None, after: Rule, ranks: Array) -> Array:
    if before is None:
        return np.zeros(1, bool)
    return np.array([old.code != after.levels[rank].code for old, rank in zip(before.levels, ranks, strict=True)])


def transfer(before: Rule | None, rule: Rule, held: Held, qualifying: Array, day: int) -> Outcome:
    """The first night of new rules, before `step`: levels are matched, and those who would fall go the way it says.

    KEEP waits for each member's review, GRACE opens a grace of `grace_days` tonight, NOW lowers tonight.
    Whoever qualifies for more rises. RESTORE is KEEP here: whoever calls has put back what the old rules took.
    """
    today = np.full(len(held), day, np.int64)
    match = same_level(before, rule)
    rank, renamed = match[held.rank], _other_code(before, rule, match)[held.rank]
    review = np.where(held.review == NEVER, review_day(rule, rank, today), held.review)
    if rule.downgrade == Downgrade.NEVER:
        review = np.full(len(held), NEVER, np.int64)
    lowest_now = rank == 0
    held = replace(
        held,
        rank=rank,
        review=np.where(lowest_now, NEVER, review),
        grace=np.where(lowest_now | (review == NEVER), NEVER, held.grace),
    )
    target = qualified_rank(rule, qualifying)
    held, reason = _raise(rule, held, target, target > held.rank, today, Reason.RULES)
    lower = target < held.rank
    if rule.transition == Transition.NOW or (rule.transition == Transition.GRACE and not rule.grace_days):
        held = Held(
            rank=np.where(lower, target, held.rank),
            since=np.where(lower, today, held.since),
            review=np.where(lower, review_day(rule, target, today), held.review),
            grace=np.where(lower, NEVER, held.grace),
            earned_from=np.where(lower, ALWAYS, held.earned_from),
            earned_to=np.where(lower, ALWAYS, held.earned_to),
            earned_bar=np.where(lower, 0, held.earned_bar),
        )
        reason = np.where(lower, Reason.RULES, reason)
    elif rule.transition == Transition.GRACE and rule.downgrade != Downgrade.NEVER:
        short = (qualifying < rule.retain[held.rank]) & (held.rank > 0) & (held.grace == NEVER)
        held = replace(
            held,
            review=np.where(short, today, held.review),
            grace=np.where(short, today + rule.grace_days, held.grace),
        )
        reason = np.where(short, Reason.RULES, reason)
    return Outcome(held, np.where(renamed & (reason == Reason.NONE), Reason.RULES, reason))


# Events -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Events:
    """Purchases and what refunds take back. `owner` is the row of the member, `day` always that of the *purchase*,
    so that a refund leaves a window with the spend it undoes; `known` is the day of the refund itself."""

    owner: Array
    day: Array
    amount: Array
    known: Array

    def of(self, which: Array) -> "Events":
        return Events(self.owner[which], self.day[which], self.amount[which], self.known[which])


def totals(events: Events, starts: Array, ends: Array, known_before: Array) -> Array:
    """What each member has in [start, end), of what was known before that day."""
    owner = events.owner
    counts = (events.day >= starts[owner]) & (events.day < ends[owner]) & (events.known < known_before[owner])
    # Sums of whole minor units are exact in float64 up to 2**53.
    return np.bincount(owner[counts], weights=events.amount[counts], minlength=len(starts)).astype(np.int64)


def figures(rule: Rule, held: Held, events: Events, day: int, known_before: int) -> tuple[Array, Array]:
    """`qualifying` and `retaining` of the night of `day`, from events."""
    ends, known = np.full(len(held), day), np.full(len(held), known_before)
    return (
        totals(events, window_start(rule, ends), ends, known),
        totals(events, retaining_start(rule, held, day), ends, known),
    )


def unearned(held: Held, events: Events, day: int) -> Array:
    """Whose tier rests on purchases that have been refunded meanwhile."""
    known = np.full(len(held), day)
    return (held.earned_bar > 0) & (totals(events, held.earned_from, held.earned_to, known) < held.earned_bar)


def replay(
    rule: Rule, held: Held, events: Events, first: int, last: int, *, as_if_never_bought: bool
) -> Iterator[tuple[int, Outcome]]:
    """The nights after `first` up to `last` on which something happens to one member, worked one after the other.

    With `as_if_never_bought`, what is refunded before `last` never counted.
    """
    visits = np.unique(np.concatenate([events.day + 1, events.known + 1]))
    day = first
    while day < last:
        later = visits[visits > day]
        due = [int(d) for d in (held.review[0], held.grace[0]) if d > day]
        day = min([last, *due, *(later[:1].tolist())])
        known_before = last if as_if_never_bought else day
        outcome = step(rule, held, *figures(rule, held, events, day, known_before), day)
        if outcome.reason[0] != Reason.NONE:
            held = outcome.held
            yield day, outcome
