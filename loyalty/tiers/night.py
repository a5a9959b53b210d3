"""One night of the tiers: worked out on arrays, then written. The simulation works out the same night and stops there."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from django.utils.dateparse import parse_date
from numpy.typing import NDArray

from loyalty import notices
from loyalty.maths.tiers import (
    ALWAYS,
    NEVER,
    Basis,
    Held,
    Reason,
    Rule,
    Transition,
    replay,
    retaining_start,
    same_level,
    step,
    totals,
    transfer,
    unearned,
    window_start,
)
from loyalty.models import Membership, TierChange, TierRules
from loyalty.tiers import figures as facts
from loyalty.tiers.figures import People, Span
from segmentation.frames import day_number, from_day_number

Array = NDArray[Any]


class Line(NamedTuple):
    """One line of history to be. The ranks of `before` count in `rule_before`, those of `after` in `rule`."""

    reason: int
    rule_before: Rule
    before: Held
    rule: Rule
    after: Held


@dataclass(frozen=True)
class Worked:
    """What the night of `day` makes of `people`. `trails` holds the several lines of those whose tier was taken back."""

    day: int
    rule_before: Rule | None
    rule: Rule
    people: People
    after: Held
    reason: Array
    amount: Array
    trails: dict[int, list[Line]] = field(default_factory=dict)

    @property
    def rank_before(self) -> Array:
        """In the numbering of the rules of this night."""
        return same_level(self.rule_before, self.rule)[self.people.held.rank]

    def changed(self) -> list[int]:
        """Places of the members who hold something else after the night, if only another day of review."""
        return np.flatnonzero(~self.after.same(self.people.held) | (self.reason != Reason.NONE)).tolist()

    def lines(self) -> list[tuple[int, Line]]:
        """Every line of history this night writes, by place of the member, in the order they happened."""
        lines: list[tuple[int, Line]] = []
        for place in sorted({*np.flatnonzero(self.reason != Reason.NONE).tolist(), *self.trails}):
            trail = list(self.trails.get(place, []))
            if self.reason[place] != Reason.NONE:
                old = trail[-1].after if trail else self.people.held.of([place])
                trail.append(
                    Line(int(self.reason[place]), self.rule_before or self.rule, old, self.rule, self.after.of([place]))
                )
            lines += [(place, line) for line in trail]
        return lines


def span_of(rule: Rule, day: int, basis: Basis | None = None) -> Span:
    return Span(basis or rule.basis, int(window_start(rule, np.array([day]))[0]), day, day)


def work_out(
    day: int,
    people: People,
    amount: Array,
    *,
    before: Rule | None,
    rule: Rule,
    restores: TierRules | None = None,
    refunds: bool = True,
) -> Worked:
    """The night of `day`; `before` is None or another object than `rule` exactly on the first night of new rules.

    `amount` is what each member has in the window of `rule` before `day`. `refunds` looks for tiers that
    refunds have undone since.
    """
    held = people.held
    reason = np.zeros(len(people.ids), np.int64)
    trails: dict[int, list[Line]] = {}
    restored: Array | None = None
    if refunds and before is not None and before.undo_on_refund:
        held, trails = _undo(day, people, before)
    if before is not rule:
        if restores is not None and before is not None and rule.transition == Transition.RESTORE:
            lowered, held = held, _restore(people, held, before, restores)
            restored = ~held.same(lowered)
        if before is not None and before.basis != rule.basis:
            held = replace(held, earned_bar=np.zeros(len(people.ids), np.int64))
        held, reason = transfer(before, rule, held, amount, day)
    outcome = step(rule, held, amount, retaining(day, people.ids, held, amount, rule), day)
    reason = np.where(outcome.reason != Reason.NONE, outcome.reason, reason)
    if restored is not None:
        reason = np.where(restored & (reason == Reason.NONE), Reason.RULES, reason)
    return Worked(day, before, rule, people, outcome.held, reason, amount, trails)


def retaining(day: int, ids: Array, held: Held, amount: Array, rule: Rule) -> Array:
    """What counts for a review: in grace the window begins where it began on the day of the review."""
    earlier = np.flatnonzero((held.review < day) & (held.rank > 0))
    if not len(earlier):
        return amount
    counted = amount.copy()
    some = held.of(earlier)
    ends = np.full(len(earlier), day, np.int64)
    counted[earlier] = totals(facts.events(ids[earlier], rule.basis), retaining_start(rule, some, day), ends, ends)
    return counted


# Taken back ---------------------------------------------------------------------------------------------------------


def _undo(day: int, people: People, rule: Rule) -> tuple[Held, dict[int, list[Line]]]:
    """Tiers whose purchase was refunded, cancelled or corrected are as if it had never been bought: back to the line
    before, and on from there."""
    suspects = np.intersect1d(facts.no_longer_earned(rule.basis, day), people.ids)
    if not len(suspects):
        return people.held, {}
    places = np.searchsorted(people.ids, suspects)
    bought = facts.events(suspects, rule.basis)
    held, trails = people.held, {}
    for n in np.flatnonzero(unearned(held.of(places), bought, day)).tolist():
        place, own = int(places[n]), bought.of(bought.owner == n)
        own = replace(own, owner=np.zeros(len(own.owner), np.int64))
        start = now = held.of([place])
        first = day
        for change in TierChange.objects.filter(customer_id=int(suspects[n])).order_by("-seq"):
            if not unearned(now, own, day)[0]:
                break
            now, first = _before(change, rule), day_number(change.on) - 1
        trail = [Line(Reason.REFUND, rule, start, rule, now)]
        for _night, outcome in replay(rule, now, own, first, day, as_if_never_bought=True):
            trail.append(Line(int(outcome.reason[0]), rule, trail[-1].after, rule, outcome.held))
        trails[place] = trail
        held = held.put([place], trail[-1].after)
    return held, trails


def _before(change: TierChange, rule: Rule) -> Held:
    """What the member held before this line, in the ranks of `rule`."""
    was = change.before

    def day(name: str, missing: int) -> int:
        return facts.number_or(parse_date(was[name]) if was[name] else None, missing)

    codes = [level.code for level in rule.levels]
    rank = codes.index(change.level_before) if change.level_before in codes else min(was["rank"], len(codes) - 1)
    numbers = (
        rank,
        day("since", ALWAYS),
        day("review_on", NEVER),
        day("grace_until", NEVER),
        day("earned_from", ALWAYS),
        day("earned_to", ALWAYS),
        was["earned_bar"],
    )
    return Held(*(np.array([number], dtype=np.int64) for number in numbers))


def _restore(people: People, held: Held, before: Rule, taken_by: TierRules) -> Held:
    """Whoever lost a level to the first night of those rules, and to nothing since, holds again what they held."""
    lost = TierChange.objects.filter(rules=taken_by, reason=Reason.RULES, on=taken_by.starts_on).in_bulk()
    for change in lost.values():
        place = int(np.searchsorted(people.ids, change.customer_id))
        if place < len(people.ids) and people.ids[place] == change.customer_id and people.seq[place] == change.seq:
            then = _before(change, before)
            if then.rank[0] >= held.rank[place]:
                held = held.put([place], then)
    return held


# Writing ------------------------------------------------------------------------------------------------------------


def write(worked: Worked, rules: TierRules, *, at: datetime) -> dict[str, int]:
    """`store`; returns how many members rose and fell."""
    store(worked, rules, at=at)
    before = worked.rank_before
    return {
        "tiers_up": int((worked.after.rank > before).sum()),
        "tiers_down": int((worked.after.rank < before).sum()),
    }


def store(worked: Worked, rules: TierRules, *, at: datetime) -> list[TierChange]:
    """What changed is on record: the members, and a line of history, returned, for each change of level or validity."""
    ids, seq = worked.people.ids, worked.people.seq.copy()
    on = from_day_number(worked.day)
    changes = []
    for place, line in worked.lines():
        seq[place] += 1
        was, now = facts.row(line.before, 0), facts.row(line.after, 0)
        changes.append(
            TierChange(
                customer_id=int(ids[place]),
                seq=int(seq[place]),
                on=on,
                at=at,
                reason=line.reason,
                rules=rules,
                rank_before=int(same_level(line.rule_before, worked.rule)[was["rank"]]),
                rank_after=int(same_level(line.rule, worked.rule)[now["rank"]]),
                level_before=line.rule_before.levels[was["rank"]].code,
                level_after=line.rule.levels[now["rank"]].code,
                since=now["since"],
                review_on=now["review_on"],
                grace_until=now["grace_until"],
                amount=int(worked.amount[place]),
                before=plain(was),
            )
        )
    TierChange.objects.bulk_create(changes, batch_size=2000)
    notices.levels_changed(changes, at=at)
    members = [
        Membership(customer_id=int(ids[place]), seq=int(seq[place]), **facts.row(worked.after, place))
        for place in sorted({*worked.changed(), *worked.trails})
    ]
    Membership.objects.bulk_create(
        members,
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["customer"],
        update_fields=["rank", "since", "review_on", "grace_until", "earned_from", "earned_to", "earned_bar", "seq"],
    )
    return changes


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in fields.items()}
